"""`doctor`: what is installed, what is missing, and whether nano works."""

import json
from typing import Annotated

import typer

from samtok_bench.cli.options import option

app = typer.Typer()


@app.command()
def doctor(as_json: Annotated[bool, option("--json", "Print JSON.")] = False) -> None:
    """Check packages, threads, GPU and weights. The exit code is 1 if something is broken."""
    from samtok_bench.running.health import examine
    from samtok_bench.showing.tables import text_table

    findings = examine()
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in findings], indent=1))
    else:
        rows = [[finding.status, finding.name, finding.detail] for finding in findings]
        typer.echo(text_table(["status", "check", "detail"], rows))
    if any(finding.status == "broken" for finding in findings):
        raise typer.Exit(1)

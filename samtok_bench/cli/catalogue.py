"""`tasks`, `models` and `doctor`: what is installed, and whether it works."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from samtok_bench import registry
from samtok_bench.cli.options import option

app = typer.Typer()

Json = Annotated[bool, option("--json", "Print JSON.")]


@app.command()
def tasks(
    data_root: Annotated[
        Path | None, option("--data-root", "Folder with the official data; generated data by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the tasks with their data and metrics."""
    rows: list[dict[str, Any]] = []
    for name in registry.names("task"):
        plugin = registry.attempt("task", name)
        if plugin.problem:
            rows.append({"task": name, "problem": plugin.problem})
            continue
        task = plugin.value()
        data = task.data_status(data_root)
        rows.append(
            {
                "task": name,
                "group": task.group or None,
                "summary": task.summary,
                "splits": list(task.splits),
                "data": {"ready": data.ready, "detail": data.detail},
                "primary": task.primary,
                "metrics": [
                    {
                        **{name: getattr(info, name) for name in ("id", "version", "display", "direction")},
                        "description": info.description,
                        "source": info.source or task.source,
                    }
                    for info in task.metrics
                ],
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    from samtok_bench.showing.tables import text_table

    for row in rows:
        if "problem" in row:
            typer.echo(f"{row['task']}: broken: {row['problem']}\n")
            continue
        group = f" (group {row['group']})" if row["group"] else ""
        typer.echo(f"{row['task']}{group}: {row['summary']}; splits {', '.join(row['splits'])}")
        state = "ready" if row["data"]["ready"] else "not there"
        typer.echo(f"data {state}: {row['data']['detail']}\n")
        cells = [[m["display"], m["id"], f"{m['description']}"] for m in row["metrics"]]
        typer.echo(text_table(["metric", "id", "definition"], cells) + "\n")


@app.command()
def models(as_json: Json = False) -> None:
    """List the values that --model and --codec accept."""
    rows: list[dict[str, Any]] = []
    for name in registry.names("predictor"):
        plugin = registry.attempt("predictor", name)
        if plugin.problem:
            rows.append({"model": name, "status": "broken", "summary": plugin.problem})
            continue
        if name == registry.DEFAULT_PREDICTOR:
            takes = [*plugin.value.choices(), "FOLDER", "OWNER/NAME"]
        else:
            takes = [f"{name}:{choice}" if choice else name for choice in plugin.value.choices()] or [name]
        kind = plugin.value
        rows.append({"model": name, "takes": takes, "status": kind.status(), "summary": kind.summary})
    codecs = [_codec(name) for name in registry.names("codec")]
    if as_json:
        typer.echo(json.dumps({"models": rows, "codecs": codecs}, indent=1))
        return
    from samtok_bench.showing.tables import text_table

    cells = [[", ".join(row.get("takes", [row["model"]])), row["status"], row["summary"]] for row in rows]
    typer.echo(text_table(["--model", "status", "what it is"], cells) + "\n")
    cells = [[", ".join(row["takes"]), row["summary"]] for row in codecs]
    typer.echo(text_table(["--codec, --model oracle:CODEC", "what it is"], cells))


@app.command()
def doctor(as_json: Json = False) -> None:
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


def _codec(name: str) -> dict[str, Any]:
    plugin = registry.attempt("codec", name)
    if plugin.problem:
        return {"takes": [name], "needs_image": None, "summary": f"broken: {plugin.problem}"}
    kind = plugin.value
    takes = [f"{name}{choice}" for choice in kind.choices()]
    return {"takes": takes, "needs_image": kind.needs_image, "summary": kind.summary}

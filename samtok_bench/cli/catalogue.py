"""`tasks`, `models` and `doctor`: what is installed, and whether it works."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from samtok_bench import registry
from samtok_bench.cli.options import option
from samtok_bench.cli.output import say
from samtok_bench.interruption import in_one_line

if TYPE_CHECKING:
    from samtok_bench.codec import Codec
    from samtok_bench.predictor import Predictor
    from samtok_bench.task import Task

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
        row, problem = _described("task", name, partial(_task, data_root=data_root))
        rows.append({"task": name, "problem": problem} if problem else {"task": name, **row})
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    from samtok_bench.showing.tables import text_table

    for row in rows:
        if "problem" in row:
            say(f"{row['task']}: broken: {row['problem']}\n")
            continue
        group = f" (group {row['group']})" if row["group"] else ""
        say(f"{row['task']}{group}: {row['summary']}; splits {', '.join(row['splits'])}")
        state = "ready" if row["data"]["ready"] else "not there"
        say(f"data {state}: {row['data']['detail']}\n")
        cells = [[m["display"], m["id"], f"{m['description']}"] for m in row["metrics"]]
        say(text_table(["metric", "id", "definition"], cells) + "\n")


@app.command()
def models(as_json: Json = False) -> None:
    """List the values that --model and --codec accept."""
    rows: list[dict[str, Any]] = []
    for name in registry.names("predictor"):
        row, problem = _described("predictor", name, partial(_predictor, name))
        rows.append({"model": name, **(row if not problem else {"status": "broken", "summary": problem})})
    codecs = []
    for name in registry.names("codec"):
        row, problem = _described("codec", name, partial(_codec, name))
        codecs.append(row or {"takes": [name], "needs_image": None, "summary": f"broken: {problem}"})
    if as_json:
        typer.echo(json.dumps({"models": rows, "codecs": codecs}, indent=1))
        return
    from samtok_bench.showing.tables import text_table

    cells = [[", ".join(row.get("takes", [row["model"]])), row["status"], row["summary"]] for row in rows]
    say(text_table(["--model", "status", "what it is"], cells) + "\n")
    cells = [[", ".join(row["takes"]), row["summary"]] for row in codecs]
    say(text_table(["--codec, --model oracle:CODEC", "what it is"], cells))


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
        say(text_table(["status", "check", "detail"], rows))
    if any(finding.status == "broken" for finding in findings):
        raise typer.Exit(1)


def _described(
    kind: registry.Kind, name: str, describe: Callable[[Any], dict[str, Any]]
) -> tuple[dict[str, Any], str]:
    """What `describe` says of a plug-in, or {} and why it says nothing: one that fails leaves the others."""
    plugin = registry.attempt(kind, name)
    if plugin.problem:
        return {}, plugin.problem
    try:
        row = describe(plugin.value)
        json.dumps(row)
        return row, ""
    except Exception as error:  # other people's code
        return {}, f"{type(error).__name__}: {in_one_line(error)}"


def _task(kind: "type[Task]", data_root: Path | None) -> dict[str, Any]:
    task = kind()
    data = task.data_status(data_root)
    return {
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


def _predictor(name: str, kind: "type[Predictor]") -> dict[str, Any]:
    if name == registry.DEFAULT_PREDICTOR:
        takes = [*kind.choices(), "FOLDER", "OWNER/NAME"]
    else:
        takes = [f"{name}:{choice}" if choice else name for choice in kind.choices()] or [name]
    return {"takes": takes, "status": kind.status(), "summary": kind.summary}


def _codec(name: str, kind: "type[Codec]") -> dict[str, Any]:
    takes = [f"{name}{choice}" for choice in kind.choices()] or [f"{name}:FILE"]
    return {"takes": takes, "needs_image": kind.needs_image, "summary": kind.summary}

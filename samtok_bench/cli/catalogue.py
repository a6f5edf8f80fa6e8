"""`tasks`, `models` and `doctor`: what is installed, and whether it works."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from samtok_bench import registry
from samtok_bench.cli.options import complete_tasks, option
from samtok_bench.cli.output import say
from samtok_bench.errors import in_one_line

if TYPE_CHECKING:
    from samtok_bench.codec import Codec
    from samtok_bench.predictor import Predictor
    from samtok_bench.task import Task

app = typer.Typer()

Json = Annotated[bool, option("--json", "Print JSON.")]


@app.command()
def tasks(
    name: Annotated[
        str | None, typer.Argument(help="Show all of one task.", autocompletion=complete_tasks)
    ] = None,
    data_root: Annotated[
        Path | None, option("--data-root", "Folder with the official data; generated data by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the tasks and whether their data is there, or show one with its options, data and metrics."""
    known = registry.names("task")
    if name is not None and name not in known:
        raise ValueError(f"unknown task {name!r}{registry.suggestion(name, known)}")
    rows: list[dict[str, Any]] = []
    for each in known if name is None else [name]:
        row, problem = _described("task", each, partial(_task, data_root=data_root))
        rows.append({"task": each, "problem": problem} if problem else {"task": each, **row})
    if as_json:
        typer.echo(json.dumps(rows if name is None else rows[0], indent=1))
        return
    from samtok_bench.showing.tables import text_table

    if name is None:
        say(text_table(["task", "group", "data", "what it is"], [_listed(row) for row in rows]))
        say("\nsamtok-bench tasks NAME shows all of one task")
    elif "problem" in rows[0]:
        raise ValueError(f"{name} is broken: {rows[0]['problem']}")
    else:
        say(_shown(rows[0]))


def _listed(row: dict[str, Any]) -> list[str]:
    if "problem" in row:
        return [row["task"], "", "", f"broken: {row['problem']}"]
    state = "ready" if row["data"]["ready"] else "not there"
    return [row["task"], row["group"] or "", state, row["summary"]]


def _shown(row: dict[str, Any]) -> str:
    """All of a task."""
    from samtok_bench.showing.tables import text_table

    state = "ready" if row["data"]["ready"] else "not there"
    facts = {
        "group": row["group"],
        "splits": ", ".join(row["splits"]),
        "protocols": ", ".join(row["protocols"]),
        "--data": ", ".join(row["data_formats"]),
        **{f"--option {option}": ", ".join(values) for option, values in row["options"].items()},
        **{f"--option {option}": f"{text} (any text)" for option, text in row["texts"].items()},
        "answer": f"{row['answer']}, at most {row['max_new_tokens']} tokens",
        "data": f"{state}: {row['data']['detail']}",
        "fetched from": ", ".join(row["hub"]),
        "judged": "samtok-bench judge" if row["judged"] else "",
        "source": row["source"],
    }
    arrows = {"higher": "\u2191", "lower": "\u2193", "none": ""}
    metrics = []
    for info in row["metrics"]:
        first = ", ranks models" if info["id"] == row["primary"] else ""
        from_elsewhere = f" ({info['source']})" if info["source"] != row["source"] else ""
        said = f"{info['description']}{from_elsewhere}{first}"
        metrics.append([f"{info['display']} {arrows[info['direction']]}".rstrip(), info["id"], said])
    return "\n\n".join(
        [
            f"{row['task']}: {row['summary']}",
            text_table(["", "the default first"], [[label, said] for label, said in facts.items() if said]),
            text_table(["metric", "id", "definition"], metrics),
        ]
    )


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
    from samtok_bench.judging.contract import Judged

    task = kind()
    data = task.data_status(data_root)
    return {
        "group": task.group or None,
        "summary": task.summary,
        "source": task.source,
        "splits": list(task.splits),
        "protocols": list(task.protocols),
        "data_formats": list(task.data_formats),
        "options": {option: list(values) for option, values in task.option_values.items()},
        "texts": dict(task.option_texts),
        "answer": task.answer_form,
        "max_new_tokens": task.generation.max_new_tokens,
        "judged": isinstance(task, Judged),
        "hub": [source.id for source in task.hub.values()],
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

"""What lmms-eval logs of the tasks that we exported: `--log_samples`, a JSON line per sample.

A line's target is the sample's id. Answers are text, which is read afterwards as the export says.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from samtok_bench.exchange.answers import StatedAnswer
from samtok_bench.sample import Sample
from samtok_bench.strict_json import parse_json
from samtok_bench.task import Dropped
from samtok_bench.validation import first_fault

MARK = "_samples_"
"""Of the files' names, after their date and before the task."""
TWICE, DIFFERING = "answers that came twice", "further answers to a sample, which differ from its first"


class LoggedSample(BaseModel):
    """One line; what nobody asked for passes."""

    model_config = ConfigDict(strict=True, extra="ignore")

    target: str
    filtered_resps: str
    """What was scored."""


def samples_file(source: Path) -> Path:
    """The file itself, or the one that is below a folder.

    Raises:
        OSError: there is none.
        ValueError: there are several; names them.
    """
    if not source.is_dir():
        return source
    found = sorted(source.rglob(f"*{MARK}*.jsonl"))
    if not found:
        raise FileNotFoundError(f"no *{MARK}*.jsonl below {source}: lmms-eval writes it with --log_samples")
    if len(found) > 1:
        raise ValueError(
            f"{source} holds the samples of {len(found)} runs, name one: {', '.join(map(str, found))}"
        )
    return found[0]


def predictions_beside(samples: Path) -> Path:
    """Where the answers of a file of samples go by default: beside it, by its name."""
    name = samples.name.replace(MARK, "_predictions_")
    return samples.with_name(name if name != samples.name else f"{samples.stem}_predictions.jsonl")


def read_lmms(source: Path, samples: Sequence[Sample], dropped: Dropped) -> Iterator[StatedAnswer]:
    """The answers in a file of samples, or in the only one below a folder.

    Of several answers to a sample the first counts: lmms-eval asks some twice to keep its processes in step.

    Raises:
        ValueError: a malformed line, or one of another split; names the line.
        OSError: there is no such file.
    """
    path = samples_file(source)
    model, settings = _made_by(path)
    known = {sample.id for sample in samples}
    answers: dict[str, str] = {}
    for where, line in _lines(path):
        if line.target not in known:
            raise ValueError(f"{where}: no sample of this split has the id {line.target}, its target")
        if line.target in answers:
            same = answers[line.target] == line.filtered_resps
            dropped.add(TWICE if same else DIFFERING, where)
            continue
        answers[line.target] = line.filtered_resps
        yield StatedAnswer(id=line.target, text=line.filtered_resps, model=model, settings=settings)


def logged_settings(path: Path) -> str:
    """What was exported, as stands beside each metric; ValueError where it does not."""
    with path.open("rb") as file, suppress(ValueError, RecursionError):
        first = json.loads(next(filter(bytes.strip, file), b""))
        for value in first.values() if isinstance(first, dict) else ():
            if isinstance(value, dict) and isinstance(value.get("settings"), str):
                return str(value["settings"])
    raise ValueError(f"{path} is not of a task that `samtok-bench lmms export` wrote")


def _lines(path: Path) -> Iterator[tuple[str, LoggedSample]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path}: line {number}"
            try:
                yield where, LoggedSample.model_validate(parse_json(line))
            except ValidationError as error:
                raise ValueError(f"{where}: {first_fault(error)}") from None
            except ValueError as error:
                raise ValueError(f"{where} is not JSON: {error}") from None


def _made_by(path: Path) -> tuple[str, dict[str, Any]]:
    """The model's name and the run's settings, where a file of results is beside the samples."""
    results = path.with_name(f"{path.name.partition(MARK)[0]}_results.json")
    try:
        written = json.loads(results.read_bytes())
        config = written["config"]
        settings = {name: config[name] for name in ("model", "model_args", "batch_size", "gen_kwargs")}
        version = written["lmms_eval_version"]
    except OSError:
        return "", {}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{results} is malformed: {type(error).__name__} {error}") from None
    name = ", ".join(str(settings[key]) for key in ("model", "model_args") if settings[key])
    return f"{name} in lmms-eval", {**settings, "lmms_eval_version": version}

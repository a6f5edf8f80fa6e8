"""What runs there are, and single samples of a run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from samtok_bench import registry, rle
from samtok_bench.judging.transcript import JudgeSummary, read_judges
from samtok_bench.runs.folder import RunFolder, find_runs
from samtok_bench.runs.journal import Line
from samtok_bench.runs.reading import LoadedRun, samples_of
from samtok_bench.runs.step_times import StepTimes
from samtok_bench.runs.summary import MetricValue
from samtok_bench.sample import Sample, matching_id, prompt_text
from samtok_bench.showing.overlays import write_overlays
from samtok_bench.showing.run_tables import breakdown_table, judge_table, run_table, timing_line
from samtok_bench.showing.tables import minute, number, printable, text_table


class ListedRun(BaseModel):
    """A results folder at a glance; where `problem` says why it cannot be read, the rest is empty."""

    path: Path
    problem: str = ""
    task: str = ""
    split: str = ""
    protocol: str = ""
    model: str = ""
    data: str = ""
    """mini for the task's own data, else its folder."""
    samples: int = 0
    status: str = ""
    """complete, or running: also of a run that was killed."""
    started: str = ""
    """UTC, ISO 8601, of the first start."""
    primary: MetricValue | None = None
    """None until the run is complete."""
    judges: list[JudgeSummary] = []

    @property
    def result(self) -> str:
        """The primary metric, and that of each judge; the status of a run that is not complete."""
        if self.primary is None:
            return self.status
        judged = [f"{_shown(judge.headline)} by {judge.name}" for judge in self.judges]
        return ", ".join([_shown(self.primary), *judged])


def list_runs(folders: Sequence[Path]) -> list[ListedRun]:
    """The results folders in and below some folders; those that cannot be read come with their problem."""
    return [_listed(path) for path in find_runs(folders)]


def of_task(runs: Sequence[ListedRun], task: str) -> list[ListedRun]:
    """The runs of a task, and those that cannot be read and may be of it.

    Raises:
        ValueError: there is no such task, neither installed nor in these runs.
    """
    known = [*dict.fromkeys([*registry.names("task"), *(run.task for run in runs if run.task)])]
    if task not in known:
        raise ValueError(f"unknown task {task!r}{registry.suggestion(task, known)}")
    return [run for run in runs if run.problem or run.task == task]


def _listed(path: Path) -> ListedRun:
    folder = RunFolder(path)
    try:
        record = folder.record()
        summary = folder.summary() if record.status == "complete" else None
        judges = read_judges(path)
    except (OSError, ValueError) as error:
        return ListedRun(path=path, problem=str(error))
    return ListedRun(
        path=path,
        **record.settings.model_dump(include={"task", "split", "protocol", "model"}),
        data=record.data_root or "mini",
        samples=record.samples,
        status=record.status,
        started=record.sessions[0].started if record.sessions else "",
        primary=summary.headline if summary else None,
        judges=judges,
    )


def _shown(metric: MetricValue) -> str:
    return f"{metric.display} {number(metric.value, metric.unit)}"


def runs_text(runs: Sequence[ListedRun]) -> str:
    """A table of runs, then those that cannot be read."""
    rows = []
    for run in runs:
        if not run.problem:
            asked = [run.task, run.split, run.protocol, run.model, run.data, str(run.samples)]
            rows.append([str(run.path), *asked, run.result, minute(run.started)])
    headers = ["run", "task", "split", "protocol", "model", "data", "samples", "result", "started (UTC)"]
    table = [text_table(headers, rows, right=(6,))] if rows else []
    return "\n\n".join([*table, *(f"{run.path}: {run.problem}" for run in runs if run.problem)])


def run_text(run: LoadedRun) -> str:
    """The tables of a run as it ended, and what judges said of it."""
    tables = [
        run_table(run.summary),
        timing_line(StepTimes.of(line.prediction for line in run.lines.values())),
        breakdown_table(run.summary),
    ]
    return "\n\n".join(filter(None, [*tables, *map(judge_table, read_judges(run.path))]))


@dataclass(frozen=True)
class ShownSample:
    """A sample of a run with its answer."""

    line: Line
    sample: Sample | None
    """None where the run's data is not there."""
    picture: Path | None
    """The target and the answer drawn on the image."""

    def as_dict(self) -> dict[str, Any]:
        """JSON values: the journal's line, and what was asked and wanted."""
        line = asdict(self.line)
        asked: dict[str, Any] = {}
        if self.sample is not None:
            target = self.sample.target
            asked = {
                "image": str(self.sample.image),
                "prompt": prompt_text(self.sample.turns),
                "target": {"text": target.text, "masks": list(target.masks)},
            }
        return {**line, **asked, "picture": str(self.picture) if self.picture else None}


def shown_samples(
    run: LoadedRun, asked: Sequence[str], pictures: Path
) -> tuple[list[ShownSample], list[str]]:
    """Samples of a run, each with a picture.

    Args:
        run: complete.
        asked: ids, or unique beginnings of ids.
        pictures: the folder for them, made if needed.

    Returns:
        the samples, and why they come without question or picture, if they do.

    Raises:
        ValueError: no sample, or several, have such an id.
    """
    lines = [run.lines[matching_id(run.lines, beginning)] for beginning in asked]
    try:
        samples = samples_of(run)
        missing = [line.id for line in lines if line.id not in samples]
        if missing:
            raise ValueError(f"the data has no sample {missing[0]} (any more)")
    except (OSError, ValueError) as error:
        return [ShownSample(line, None, None) for line in lines], [f"answers alone: {error}"]
    shown, notes = [], []
    for line in lines:
        sample, picture = samples[line.id], pictures / f"{line.id}.png"
        notes += write_overlays(picture, [sample], {line.id: line})
        shown.append(ShownSample(line, sample, picture if picture.is_file() else None))
    return shown, notes


def sample_text(shown: ShownSample) -> str:
    """Everything known about a sample, one line per fact."""
    line, sample = shown.line, shown.sample
    answer = line.prediction
    rows = [
        ["sample", line.id],
        ["image", str(sample.image) if sample else line.cluster],
        ["tags", ", ".join(f"{name} {value}" for name, value in line.tags.items())],
    ]
    if sample is not None:
        rows += _rows("asked", prompt_text(sample.turns))
        rows.append(["target", _wanted(sample)])
    spent = f"{answer.new_tokens} tokens, {answer.seconds:.2f} s"
    detail = " ".join(answer.detail.split())
    rows.append(["outcome", ", ".join(filter(None, [str(answer.outcome), detail, spent]))])
    rows += _rows("answer", answer.text)
    rows += [["masks", _areas(answer.masks)], ["faults", ", ".join(answer.faults)]]
    rows.append(["scores", ", ".join(f"{name} {value:.4g}" for name, value in line.scores.items())])
    rows.append(["picture", str(shown.picture or "")])
    shown_rows = ([name, printable(said)] for name, said in rows if said or name == "answer")
    return "\n".join(f"{name:<8} {said}".rstrip() for name, said in shown_rows)


def _rows(name: str, text: str) -> list[list[str]]:
    """A text's lines, the first with the name."""
    return [[name if k == 0 else "", said] for k, said in enumerate(text.splitlines() or [""])]


def _wanted(sample: Sample) -> str:
    masks, text = sample.target.masks, " ".join(sample.target.text.split())
    return "; ".join(filter(None, [text, _areas(masks) if masks or not text else ""]))


def _areas(masks: Sequence[rle.RLE]) -> str:
    return f"{len(masks)}, of {', '.join(str(rle.area(mask)) for mask in masks)} pixels" if masks else "none"

"""From runs to plain data: what a page shows, nothing of how it looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench.report import facts, figures
from samtok_bench.report.facts import Fact
from samtok_bench.report.figures import Histogram, MetricRow, Slice
from samtok_bench.report.images import Pictures
from samtok_bench.report.samples import IMAGES, Events, detail, entry, plain
from samtok_bench.runs.comparable import comparability, joined
from samtok_bench.runs.reading import LoadedRun, agreed_values, from_scores, open_run, samples_of, tag_values
from samtok_bench.runs.summary import Summary
from samtok_bench.sample import Prediction, Sample

TITLE = 160
"""Characters of a sample's name in the list."""


@dataclass(frozen=True)
class Definition:
    """What a metric means."""

    display: str
    id: str
    description: str
    source: str


@dataclass(frozen=True)
class Report:
    """All that a page shows."""

    summary: Summary
    """Of the first run."""
    names: list[str]
    """Of the runs: A, B, ..."""
    provenance: list[Fact]
    packages: list[Fact]
    settings: list[Fact]
    metrics: list[MetricRow]
    definitions: list[Definition]
    ranked: bool
    """Whether samples have values of their own of the primary metric."""
    histograms: list[Histogram]
    breakdowns: dict[str, list[Slice]]
    index: dict[str, Any]
    """What filters and sorting look at."""
    details: list[dict[str, Any]]
    """What is shown of each sample, in the order of the index."""
    pictures: Pictures
    """Not encoded yet."""
    events: Events
    problem: str
    """Why there is nothing but the answers; empty where the data was found."""
    differing: list[str]
    """What else differs between the runs than what is compared, in the words of `comparability`."""


def collect(paths: Sequence[Path]) -> Report:
    """Read runs and their data.

    Raises:
        NotComparable: no complete run, a summary that is not that of its journal, runs that do
            not compare.
    """
    runs = [open_run(path) for path in paths]
    for run in runs:
        agreed_values(run, from_scores(run.metrics), run.lines)
    differing = _differing(runs)
    samples, problem = _data(runs)
    common = [id for id in runs[0].lines if all(id in run.lines for run in runs)]
    ids = [id for id in samples if id in set(common)] + [id for id in common if id not in samples]
    ordered = [[run.lines[id] for id in ids] for run in runs]
    info = figures.sample_metric(runs[0])
    names = [chr(ord("A") + k) if k < 26 else str(k + 1) for k in range(len(runs))]
    keys = list(dict.fromkeys(key for lines in ordered for line in lines for key in line.scores))
    pictures, events = Pictures(), Events()
    index, details = [], []
    questions = []
    for id in ids:
        lines = [run.lines[id] for run in runs]
        sample = samples.get(id)
        if problem:
            shown = detail(None, lines, [], runs[0].task, pictures, Events())
        else:
            shown = detail(sample, lines, _earlier(sample, runs), runs[0].task, pictures, events)
        index.append(entry(lines, info, keys) | {"text": _searched(shown)})
        questions.append(_names(shown))
        details.append(shown)
    titles = _titles(questions, ids)
    index = [one | {"title": title} for one, title in zip(index, titles, strict=True)]
    return Report(
        summary=runs[0].summary,
        names=names,
        provenance=facts.provenance(runs),
        packages=facts.packages(runs),
        settings=facts.settings(runs),
        metrics=figures.metric_rows(runs, ordered),
        definitions=[
            Definition(one.display, f"{one.id}, version {one.version}", one.description, one.source)
            for one in runs[0].metrics
        ],
        ranked=info is not None,
        histograms=figures.histograms(info, ordered) if info else [],
        breakdowns=figures.breakdowns(runs),
        index={
            "runs": [{"name": n, "label": r.summary.model} for n, r in zip(names, runs, strict=True)],
            "metric": {"display": info.display, "unit": info.unit, "sign": info.sign} if info else None,
            "keys": keys,
            "tags": {
                tag: values for tag, values in tag_values(runs[0], ordered[0]).items() if len(values) > 1
            },
            "outcomes": [name for name, count in _outcomes(runs).items() if count],
            "masks": any(_has_masks(one) for one in details),
            "samples": index,
        },
        details=details,
        pictures=pictures,
        events=events,
        problem=problem,
        differing=differing,
    )


def count_unread(report: Report) -> None:
    """Once pictures are encoded: count those that stay grey."""
    for picture in report.pictures.found:
        if picture.note:
            report.events.add(IMAGES, picture.note)


def _differing(runs: Sequence[LoadedRun]) -> list[str]:
    """What differs between the runs; NotComparable where they cannot be shown side by side."""
    lines = []
    for run in runs[1:]:
        found = comparability(runs[0], run)
        found.require(insist=True)
        if found.grave:
            lines.append(f"{found.where}: {joined(found.grave)}")
        if found.notes:
            lines.append(f"{run.path} unlike {runs[0].path}: {joined(found.notes)}")
        left_out = len(runs[0].lines.keys() ^ run.lines.keys())
        if left_out:
            lines.append(f"{left_out} samples are in one of the two runs only and are not shown")
    return lines


def _data(runs: Sequence[LoadedRun]) -> tuple[dict[str, Sample], str]:
    """The samples from the first run whose data can be read here, or why none can."""
    problem = ""
    for run in runs:
        try:
            return samples_of(run), ""
        except (OSError, ValueError) as error:
            problem = problem or " ".join(str(error).split())
    return {}, problem


def _earlier(sample: Sample | None, runs: Sequence[LoadedRun]) -> list[list[Prediction] | None]:
    """For each run the answers that the question needs; None where it needs none or has not all of them."""
    after = sample.after if sample else ()
    return [
        [run.lines[id].prediction for id in after] if after and run.lines.keys() >= set(after) else None
        for run in runs
    ]


def _searched(shown: Mapping[str, Any]) -> str:
    """All texts of a sample."""
    asked = [plain(pieces) for turns in shown["prompts"] for _, pieces in turns]
    target = [plain(shown["target"]["pieces"])] if shown["target"] else []
    return "\n".join([*asked, *target, *(plain(one["pieces"]) for one in shown["answers"])])


def _names(shown: Mapping[str, Any]) -> tuple[str, str]:
    """What a sample may be called: its question, or its target."""
    question = plain(shown["prompts"][0][-1][1]) if shown["prompts"] else ""
    target = plain(shown["target"]["pieces"]) if shown["target"] else ""
    return question, target


def _titles(names: Sequence[tuple[str, str]], ids: Sequence[str]) -> list[str]:
    """The question of each sample, or what else tells samples apart: the target, then the id."""
    for some in zip(*names, strict=True):
        if len(set(some)) > len(some) / 2:
            return [" ".join(one.split())[:TITLE] or id for one, id in zip(some, ids, strict=True)]
    return list(ids)


def _outcomes(runs: Sequence[LoadedRun]) -> dict[str, int]:
    names = dict.fromkeys(name for run in runs for name in run.summary.outcomes)
    return {name: sum(run.summary.outcomes.get(name, 0) for run in runs) for name in names}


def _has_masks(shown: Mapping[str, Any]) -> bool:
    target = shown["target"]
    return bool(target and target["masks"]) or any(one["masks"] for one in shown["answers"])

"""From runs to plain data: what a page shows, but not how it looks."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from samtok import colours
from samtok.colours import hexed
from samtok_bench.errors import in_one_line
from samtok_bench.judging.transcript import read_judges, read_transcript
from samtok_bench.metric import MetricInfo
from samtok_bench.report import facts, figures
from samtok_bench.report.facts import Fact
from samtok_bench.report.figures import Histogram, MetricRow, Slice
from samtok_bench.report.images import Pictures
from samtok_bench.report.judges import JudgeRows, judge_rows
from samtok_bench.report.samples import Judged, detail, entry, plain
from samtok_bench.report.titles import titles
from samtok_bench.runs.comparable import comparability, joined
from samtok_bench.runs.reading import LoadedRun, agreed_values, from_scores, open_run, samples_of, tag_values
from samtok_bench.runs.summary import Summary
from samtok_bench.sample import Prediction, Sample
from samtok_bench.task import Dropped

REGION = re.compile(r"\[(?:region|mask) \d+\]")
"""As `plain` spells it."""
COLOURS = {
    "masks": [hexed(colour) for colour in colours.MASKS],
    "target": hexed(colours.TARGET),
    **{name: hexed(getattr(colours, name.upper())) for name in ("both", "missed", "beyond", "ignored")},
}
"""As the page's scripts read them."""
WORDLESS = frozenset(".,;:!?\u2026 ")


@dataclass(frozen=True)
class Report:
    """Everything that a page shows."""

    summary: Summary
    """Of the first run."""
    names: list[str]
    """Of the runs: A, B, ..."""
    provenance: list[Fact]
    packages: list[Fact]
    settings: list[Fact]
    metrics: list[MetricRow]
    judges: list[JudgeRows]
    definitions: Sequence[MetricInfo]
    source: str
    """Of the definitions that name none."""
    ranked: bool
    """Whether single samples have a value of the primary metric."""
    histograms: list[Histogram]
    breakdowns: dict[str, list[Slice]]
    index: dict[str, Any]
    """What filters and sorting use."""
    details: list[dict[str, Any]]
    """What is shown of each sample, in the order of the index."""
    pictures: Pictures
    """Not encoded yet."""
    events: Dropped
    """What cannot be shown."""
    problem: str
    """Why only the answers can be shown; empty if the data was found."""
    warnings: list[str]
    """What makes the runs hard to compare, in the words of `comparability`."""
    notes: list[str]
    """What else differs between the runs and might matter."""


def collect(paths: Sequence[Path], data_root: Path | None = None) -> Report:
    """Read runs and their data; `data_root` as `open_run`.

    Raises:
        NotComparable: an incomplete run, a summary that does not agree with its journal, or runs that were
            asked different things.
    """
    runs = [open_run(path, data_root) for path in paths]
    warnings, notes = _differing(runs)
    for run in runs:
        agreed_values(run, from_scores(run.metrics), run.lines)
    samples, problem = _data(runs)
    common = dict.fromkeys(_common(runs))
    # in the order of the data; samples that left the data come last
    ids = [*(id for id in samples if id in common), *(id for id in common if id not in samples)]
    ordered = [[run.lines[id] for id in ids] for run in runs]
    info = figures.sample_metric(runs[0])
    names = [chr(ord("A") + k) if k < 26 else str(k + 1) for k in range(len(runs))]
    outcomes = dict.fromkeys(name for run in runs for name in run.summary.outcomes)
    keys = list(dict.fromkeys(key for lines in ordered for line in lines for key in line.scores))
    task, pictures, events = runs[0].task, Pictures(), Dropped()
    judged = [_judged(run.path) for run in runs]
    entries, details = [], []
    for id, *lines in zip(ids, *ordered, strict=True):
        said = [of_run.get(id, []) for of_run in judged]
        if problem:  # that no sample is in the data is said once
            shown = detail(None, lines, [], said, task, pictures, Dropped())
        else:
            sample = samples.get(id)
            shown = detail(sample, lines, _earlier(sample, runs), said, task, pictures, events)
        entries.append(entry(lines, info, keys) | {"text": _searched(shown)})
        details.append(shown)
    shown_titles = titles(_told(details), _names(ids, samples))
    return Report(
        summary=runs[0].summary,
        names=names,
        provenance=facts.provenance(runs),
        packages=facts.packages(runs),
        settings=facts.settings(runs),
        metrics=figures.metric_rows(runs, ordered),
        judges=judge_rows([run.path for run in runs]),
        definitions=runs[0].metrics,
        source=task.source,
        ranked=info is not None,
        histograms=figures.histograms(info, ordered) if info else [],
        breakdowns=figures.breakdowns(runs),
        index={
            "runs": [{"name": n, "label": r.summary.model} for n, r in zip(names, runs, strict=True)],
            "metric": {"display": info.display, "unit": info.unit, "sign": info.sign} if info else None,
            "keys": keys,
            "colours": COLOURS,
            "tags": {
                tag: values for tag, values in tag_values(runs[0], ordered[0]).items() if len(values) > 1
            },
            "outcomes": [name for name in outcomes if any(run.summary.outcomes.get(name) for run in runs)],
            "masks": task.answer_form not in ("text", "letter")
            and any(own["masks"] for shown in details for own in (shown["target"], *shown["answers"]) if own),
            "regions": any(shown["regions"] for shown in details),
            "samples": [about | {"title": title} for about, title in zip(entries, shown_titles, strict=True)],
        },
        details=details,
        pictures=pictures,
        events=events,
        problem=problem,
        warnings=warnings,
        notes=notes,
    )


def _differing(runs: Sequence[LoadedRun]) -> tuple[list[str], list[str]]:
    """Warnings and notes on what differs; NotComparable if the runs cannot be shown side by side."""
    warnings, notes = [], []
    for first, second in combinations(runs, 2):
        found = comparability(first, second)
        found.require(insist=True)
        if found.grave:
            warnings.append(f"{found.where}: {joined(found.grave)}")
        if found.notes and first is runs[0]:
            notes.append(f"{second.path} differs from {first.path}: {joined(found.notes)}")
    common = len(_common(runs))
    partial = [run for run in runs if len(run.lines) > common]
    if partial:
        lost = [f"{len(run.lines) - common} of the {len(run.lines)} samples of {run.path}" for run in partial]
        warnings.append(
            f"{' and '.join(lost)} are left out: values are those of all samples of a run, differences and"
            " answers those of the samples in common"
        )
    return warnings, notes


def _common(runs: Sequence[LoadedRun]) -> list[str]:
    """The samples that all runs have, in the order of the first run."""
    return [id for id in runs[0].lines if all(id in run.lines for run in runs)]


def _judged(folder: Path) -> dict[str, list[Judged]]:
    """By sample, what each judge of a run said of it.

    Raises:
        NotComparable: its files are malformed.
    """
    names = {judge.judge: judge.name for judge in read_judges(folder)}
    found: dict[str, dict[str, Judged]] = {}
    for one in read_transcript(folder) if names else ():
        if one.judge in names:
            replies = [exchange.reply for exchange in one.exchanges]
            said = {"by": names[one.judge], "scores": one.scores, "replies": replies}
            found.setdefault(one.sample, {})[one.judge] = said  # the last: of the present answer
    return {sample: [*by_judge.values()] for sample, by_judge in found.items()}


def _data(runs: Sequence[LoadedRun]) -> tuple[dict[str, Sample], str]:
    """The samples of the first run whose data can be read here, or why none can."""
    problem = ""
    for run in runs:
        try:
            return samples_of(run), ""
        except (OSError, ValueError) as error:
            problem = problem or in_one_line(error)
    return {}, problem


def _earlier(sample: Sample | None, runs: Sequence[LoadedRun]) -> list[list[Prediction] | None]:
    """For each run, the earlier answers that the question contains; None if it needs none or lacks some."""
    after = sample.after if sample else ()
    return [
        [run.lines[id].prediction for id in after] if after and run.lines.keys() >= set(after) else None
        for run in runs
    ]


def _searched(shown: Mapping[str, Any]) -> str:
    """The texts of a sample that the search looks at."""
    asked = [plain(pieces) for turns in shown["prompts"] for _, pieces in turns]
    target = [plain(shown["target"]["pieces"])] if shown["target"] else []
    answers = [plain(answer["pieces"]) for answer in shown["answers"]]
    return "\n".join([*asked, *target, *answers])


def _told(details: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Texts that may tell samples apart: as the task shows them, the last questions, the targets."""
    shown = [
        next((a["view"]["title"] for a in one["answers"] if a["view"] and "title" in a["view"]), "")
        for one in details
    ]
    questions = [plain(one["prompts"][0][-1][1]) if one["prompts"] else "" for one in details]
    targets = [plain(one["target"]["pieces"]) if one["target"] else "" for one in details]
    return [[_worded(text) for text in texts] for texts in (shown, questions, targets)]


def _worded(text: str) -> str:
    """A text with an ellipsis for regions and masks; empty if nothing else is in it."""
    told = REGION.sub("\u2026", text)
    return "" if WORDLESS.issuperset(told) else told


def _names(ids: Sequence[str], samples: Mapping[str, Sample]) -> list[str]:
    """The image's name, numbered where it has several samples; the id where the data is gone."""
    seen = Counter[str]()
    names = []
    for id in ids:
        if id not in samples:
            names.append(id)
            continue
        name = samples[id].image.stem
        seen[name] += 1
        names.append(f"{name}, {seen[name]}" if seen[name] > 1 else name)
    return names

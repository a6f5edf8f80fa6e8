"""What is compared: runs with their answers, or summaries alone; and whether two of them compare at all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from samtok_bench.judging.judge import JUDGE, as_judged, judgement
from samtok_bench.runs.folder import (
    JOURNAL,
    RUN,
    SUMMARY,
    Line,
    RunFolder,
    RunRecord,
    Summary,
    differences,
    model_name,
)
from samtok_bench.runs.reading import COMPARED, LoadedRun, NotComparable, open_run

NEVER = (*(name for name in COMPARED if name != "data"), "data_format", JUDGE)
"""Settings without which two runs do not compare, whatever the user says. Other data can share samples."""
ARITHMETIC = ("backend", "device", "dtype")
"""Of a predictor that has weights: what changes its answers and is not what one compares."""
FORCED = ("batch_size", "max_new_tokens", "policy")
"""Settings that change the answers of a predictor that has weights and are not what one compares."""
COMPARED_THINGS = {"model", "predictor"}
"""Settings that are what one compares."""
OF_DATA = {"data", "limit", "sample"}
"""Settings that say which samples there are, which is looked at by their ids."""


@dataclass(frozen=True)
class Source:
    """One run as far as its files are there."""

    path: Path
    label: str
    """Names it in tables; no other source of a comparison has it."""
    summary: Summary
    record: RunRecord | None
    """None for a summary that stands alone."""
    run: LoadedRun | None
    """None where there are no answers of single samples: such a run cannot be paired."""


def open_sources(paths: Sequence[Path], judge: str | None = None) -> list[Source]:
    """Read runs.

    Args:
        paths: results folders, with or without the journal, or summary.json files.
        judge: a judge's model, whose metrics and scores take the place of the runs' own.

    Raises:
        ValueError: fewer than two, one twice, an incomplete run or a malformed file.
        OSError: no such file, or a folder that is no results folder.
    """
    if len(paths) < 2:
        raise ValueError("give two runs or more to compare")
    path, times = Counter(_folder(path).resolve() for path in paths).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{path} is given {times} times")
    read = [_read(path) if judge is None else _read_judged(path, judge) for path in paths]
    labels = _labels(paths, [summary for summary, _, _ in read])
    return [Source(path, label, *parts) for path, label, parts in zip(paths, labels, read, strict=True)]


def _folder(path: Path) -> Path:
    """The results folder that a path means."""
    return path.parent if path.name == SUMMARY and not path.is_dir() else path


def _read(path: Path) -> tuple[Summary, RunRecord | None, LoadedRun | None]:
    if _folder(path) != path:
        path = _folder(path)
    elif (path / JOURNAL).exists() or not (path / SUMMARY).exists():
        run = open_run(path)
        return run.summary, run.record, run
    folder = RunFolder(path)
    record = folder.record() if folder.exists() else None
    if record is not None and record.status != "complete":
        raise NotComparable(f"{path} is incomplete: run its command again")
    return folder.summary(), record, None


def _read_judged(path: Path, judge: str) -> tuple[Summary, RunRecord, LoadedRun]:
    run = open_run(path)
    run = as_judged(run, judgement(run, judge))
    return run.summary, run.record, run


def _labels(paths: Sequence[Path], summaries: Sequence[Summary]) -> list[str]:
    """The models' names as far as they tell the runs apart, else the folders'."""
    choices = (
        [model_name(summary.model) for summary in summaries],
        [path.resolve().name for path in paths],
    )
    return next((labels for labels in choices if len(set(labels)) == len(labels)), [str(p) for p in paths])


@dataclass(frozen=True)
class Terms:
    """On what terms runs compare."""

    ids: list[str]
    """The samples in common, sorted; none where no run has a journal."""
    forced: list[str]
    """What differs and forbids a comparison, but for `--force`."""
    notes: list[str]
    """What else differs and may matter."""


def terms(sources: Sequence[Source], force: bool) -> Terms:
    """Whether runs compare.

    Args:
        sources: two or more.
        force: compare in spite of another device, dtype or batch size, and of other data the common samples.

    Raises:
        NotComparable: they do not; names what differs.
    """
    forced: list[str] = []
    judge = sources[0].record.settings.get(JUDGE) if sources[0].record else None
    notes = [f"metrics and scores of the judge {judge['model']}"] if judge else []
    for first, second in combinations(sources, 2):
        forced += _conditions(first, second, force)
        notes += _remarks(first, second) if first is sources[0] else []
    paired = [source for source in sources if source.run is not None]
    ids = _common(paired)
    for source in paired:
        left_out = len(_lines(source)) - len(ids)
        if left_out:
            forced.append(f"{left_out} of the {len(_lines(source))} samples of {source.label} are left out")
    notes += [note for source in paired[1:] for note in _descriptions(paired[0], source, ids)]
    return Terms(ids, forced, notes)


def _conditions(first: Source, second: Source, force: bool) -> list[str]:
    """What differs although it must not, in words; NotComparable unless the user forces it and it can be."""
    where = f"{second.path} does not compare with {first.path}"
    fatal = differences(_identity(first, second), _identity(second, first))
    if fatal:
        raise NotComparable(f"{where}: {'; '.join(fatal)}")
    grave = differences(*_arithmetic(first, second))
    other_data = _other_data(first, second, where)
    if (grave or other_data) and not force:
        raise NotComparable(f"{where}: {'; '.join([*other_data, *grave])} (--force compares them anyway)")
    return [f"{second.label} and {first.label} differ: {one}" for one in [*other_data, *grave]]


def _other_data(first: Source, second: Source, where: str) -> list[str]:
    """How the data differ, in words; NotComparable where they share no samples that could be compared."""
    differing = differences(_data(first, second), _data(second, first))
    if first.run is None or second.run is None:
        if differing:
            raise NotComparable(f"{where}: {'; '.join(differing)}, and which samples is not known")
        return []
    ours, theirs = _lines(first).keys(), _lines(second).keys()
    if ours == theirs and not differing:
        return []
    common = len(ours & theirs)
    if not differing:  # one set of samples by its hash, another by its ids
        raise NotComparable(f"{where}: samples differ, {common} in common, although the data are the same")
    if not common:
        raise NotComparable(f"{where}: {'; '.join(differing)}, and no sample in common")
    return [f"{'; '.join(differing)}, {common} samples in common"]


def _common(paired: Sequence[Source]) -> list[str]:
    if not paired:
        return []
    ids = sorted(set.intersection(*(set(_lines(source)) for source in paired)))
    if not ids:
        raise NotComparable("no sample is common to all runs")
    return ids


def _descriptions(first: Source, second: Source, ids: Sequence[str]) -> list[str]:
    """Where two runs do not say the same of a sample: that decides groups and intervals."""
    pairs = [(_lines(first)[id], _lines(second)[id]) for id in ids]
    count = sum((one.tags, one.cluster) != (other.tags, other.cluster) for one, other in pairs)
    what = f"tags or image of {count} of {len(ids)} samples; those of the run that is subtracted count"
    return [f"{second.label} unlike {first.label}: {what}"] if count else []


def _lines(source: Source) -> dict[str, Line]:
    assert source.run is not None
    return source.run.lines


def _identity(source: Source, other: Source) -> dict[str, Any]:
    """What must be equal, as far as both runs know."""
    summary = source.summary
    found = {name: getattr(summary, name) for name in ("task", "protocol", "split")}
    found["level of intervals"] = summary.interval.level
    if source.record and other.record:
        found |= {name: source.record.settings.get(name) for name in NEVER}
    return found


def _data(source: Source, other: Source) -> dict[str, Any]:
    """Which data, as far as both runs know."""
    if source.record and other.record:
        return {"data": source.record.settings.get("data")}
    return {"samples": source.summary.samples, "clusters": source.summary.clusters}


def _arithmetic(first: Source, second: Source) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both runs state of how they computed; nothing where one has no weights to compute with."""
    records = [source.record.settings for source in (first, second) if source.record]
    stated = [_stated(settings) for settings in records]
    if len(records) < 2 or not all("weights" in one for one in stated):
        return {}, {}
    both = [name for name in ARITHMETIC if all(name in one for one in stated)]
    here, there = (
        {**{name: one[name] for name in both}, **{name: settings.get(name) for name in FORCED}}
        for one, settings in zip(stated, records, strict=True)
    )
    return here, there


def _stated(settings: dict[str, Any]) -> dict[str, Any]:
    """The identity of a predictor, or of the codec that it sends masks through."""
    predictor = settings.get("predictor")
    if not isinstance(predictor, dict):
        return {}
    codec = predictor.get("codec")
    return {**(codec if isinstance(codec, dict) else {}), **predictor}


def _remarks(first: Source, second: Source) -> list[str]:
    """What else is not alike and may matter."""
    pair = (first, second)
    bare = [source.label for source in pair if source.record is None]
    if bare:
        unknown = "whether data, options and device are those of the other run is not known"
        return [f"{label} has no {RUN}: {unknown}" for label in bare]
    there, here = _rest(first), _rest(second)
    decodings = [_stated(one.record.settings).get("decoding") for one in pair if one.record]
    if None not in decodings:  # a constant answer decodes nothing
        there["decoding"], here["decoding"] = decodings
    found = differences(there, here)
    return [f"{second.label} unlike {first.label}: {'; '.join(found)}"] if found else []


def _rest(source: Source) -> dict[str, Any]:
    """What is neither compared like with like nor the thing that one compares."""
    assert source.record is not None
    settings, sessions = source.record.settings, source.record.sessions
    known = {*NEVER, *FORCED, *COMPARED_THINGS, *OF_DATA}
    rest = {name: value for name, value in settings.items() if name not in known}
    return {**rest, "packages": sessions[-1].packages if sessions else {}}

"""Judging a finished run: a language model scores its answers afterwards.

Two files join the results folder. judge.jsonl has a line for each judged sample with all that was said,
synced as it comes: the same command continues where it stopped, and nothing is asked twice. judge.json has
the metrics of each judge. A judge that does not answer ends the command with an error; there is no other
judge in its place.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError, model_validator

from samtok_bench import metric, registry, statistics
from samtok_bench.judging.client import JudgeClient, JudgeSettings, Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import Line, MetricValue, RunFolder, append_lines, whole_lines
from samtok_bench.runs.reading import LoadedRun, NotComparable
from samtok_bench.sample import Sample, Scores
from samtok_bench.task import Task
from samtok_bench.validation import first_fault

if TYPE_CHECKING:
    from samtok_bench.running.run import Reporter

TRANSCRIPT, SUMMARY = "judge.jsonl", "judge.json"
JUDGE = "judge"
"""Setting of a run that is looked at as judged."""
SCHEMA = 1


class Judged(ABC):
    """What a task has besides, whose answers a judge scores. `samples` was called before any of it."""

    @property
    @abstractmethod
    def judge_metrics(self) -> tuple[MetricInfo, ...]:
        """Over the scores of `judge_scores`, the one that ranks models first; none without a judge."""

    @property
    @abstractmethod
    def judge_settings(self) -> JudgeSettings:
        """Those of the official script."""

    @abstractmethod
    def judge_prompts(self, sample: Sample, answer: str) -> list[Messages]:
        """What the judge is asked about an answer, in order. An answer that failed is judged as "".

        Raises:
            ValueError: malformed files for judging; names the file and the record.
            OSError: missing ones; names them and the expected layout.
        """

    @abstractmethod
    def judge_scores(self, sample: Sample, replies: Sequence[str]) -> Scores:
        """What one sample adds to the metrics; `replies` are to `judge_prompts`. Does not raise."""

    def judge_totals(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        """The metrics of aggregate "corpus" by id, from the values of the others."""
        return {}


class Exchange(BaseModel):
    """One question to the judge."""

    messages: list[dict[str, Any]]
    """As sent, with the hash of each picture in its place."""
    reply: str


class Verdict(BaseModel):
    """One line of judge.jsonl: a sample, judged."""

    sample: str
    judge: str
    """Hash of the judge's identity."""
    url: str
    model: str
    settings: dict[str, Any]
    prompt_hash: str
    """sha256 over all messages as sent."""
    asked: str
    """UTC, ISO 8601."""
    exchanges: list[Exchange]
    scores: dict[str, float]
    """Read from the replies when they came; judge.json is computed from the replies anew."""


class JudgeSummary(BaseModel):
    """The metrics of one judge over all samples of a run."""

    url: str
    model: str
    settings: dict[str, Any]
    judge: str
    """Hash of the three."""
    prompts: str
    """sha256 over the prompt hashes of all samples: equal for equal answers and questions."""
    first_asked: str
    last_asked: str
    samples: int
    primary: str
    metrics: list[MetricValue]

    @model_validator(mode="after")
    def _has_its_primary(self) -> "JudgeSummary":
        if all(metric.id != self.primary for metric in self.metrics):
            raise ValueError(f"there is no metric {self.primary!r}, which should be the primary one")
        return self

    @property
    def headline(self) -> MetricValue:
        """The primary metric."""
        return next(metric for metric in self.metrics if metric.id == self.primary)


class JudgeFile(BaseModel):
    """judge.json."""

    schema_version: int = SCHEMA
    task: str
    data_format: str | None
    protocol: str
    judges: list[JudgeSummary]


@dataclass(frozen=True)
class _Judge:
    """A client with the task's settings."""

    client: JudgeClient
    settings: JudgeSettings

    @property
    def identity(self) -> dict[str, Any]:
        return {"url": self.client.url, "model": self.client.model, "settings": asdict(self.settings)}

    @property
    def hash(self) -> str:
        return _hash(self.identity)[:16]


def judge(path: Path, client: JudgeClient, reporter: "Reporter", *, jobs: int = 4) -> JudgeSummary:
    """Judge all answers of a complete run.

    Args:
        path: the results folder.
        client: the judge.
        reporter: told how far it is.
        jobs: samples that are judged at once.

    Raises:
        ValueError: a run that is not complete, a task without a judge, changed data, a broken transcript.
        OSError: no results folder, missing files for judging, or a judge that fails (JudgeError).
    """
    if jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {jobs}")
    folder = RunFolder(path)
    record = folder.record()
    asked = record.settings
    task = registry.task_class(asked["task"])(asked["protocol"], asked["data_format"], asked.get("options"))
    metrics = task.judge_metrics if isinstance(task, Judged) else ()
    if not metrics:
        shown = f"{asked['task']} --data {asked['data_format']}" if asked["data_format"] else asked["task"]
        raise ValueError(f"the answers of {shown} are not for a judge")
    if record.status != "complete":
        raise ValueError(f"{path} is not complete: run its command again first")
    with folder.locked():
        lines = folder.journal.read()
        samples = _samples(task, record.root(task), asked["split"], lines, path)
        one = _Judge(client, cast(Judged, task).judge_settings)
        verdicts = _verdicts(path, cast(Judged, task), one, samples, lines, reporter, jobs)
        summary = _summary(cast(Judged, task), one, samples, verdicts, asked["seed"])
        _store(path / SUMMARY, task, summary)
    return summary


def read_judges(folder: Path) -> list[JudgeSummary]:
    """What judges said of a run, as far as they came; none where it was not judged.

    Raises:
        ValueError: judge.json is malformed.
    """
    path = folder / SUMMARY
    try:
        return JudgeFile.model_validate_json(path.read_bytes()).judges
    except FileNotFoundError:
        return []
    except ValidationError as error:
        raise ValueError(f"{path} is malformed: {first_fault(error)}") from None


def read_transcript(path: Path) -> list[Verdict]:
    """All whole lines of a transcript; a torn last line, which a kill leaves, is none.

    Raises:
        ValueError: a malformed line elsewhere; names it.
    """
    verdicts = []
    for number, line in enumerate(whole_lines(path), start=1):
        try:
            verdicts.append(Verdict.model_validate_json(line))
        except ValidationError as error:
            raise ValueError(f"{path}: line {number} is malformed ({first_fault(error)})") from None
    return verdicts


def judgement(run: LoadedRun, model: str) -> JudgeSummary:
    """What a judge said of a run, by the judge's model.

    Raises:
        NotComparable: this judge did not judge all of the run, or two of this name did; says who judged it.
        ValueError: judge.json is malformed.
    """
    judges = read_judges(run.path)
    found = [one for one in judges if one.model == model and one.samples == run.record.samples]
    if len(found) != 1:
        there = ", ".join(f"{one.model} ({one.samples} samples)" for one in judges) or "nobody"
        raise NotComparable(f"{run.path}: {len(found)} judges {model} of all samples; judged by {there}")
    return found[0]


def as_judged(run: LoadedRun, judge: JudgeSummary) -> LoadedRun:
    """A run with the metrics and scores of a judge in place of its own.

    Raises:
        NotComparable: the transcript is malformed, or lacks samples.
    """
    try:
        verdicts = read_transcript(run.path / TRANSCRIPT)
    except ValueError as error:
        raise NotComparable(str(error)) from None
    scores = {verdict.sample: verdict.scores for verdict in verdicts if verdict.judge == judge.judge}
    lacking = len(run.lines.keys() - scores.keys())
    if lacking:
        raise NotComparable(
            f"{run.path}: {TRANSCRIPT} lacks {lacking} of {len(run.lines)} samples: judge it again"
        )
    settings = {**run.record.settings, JUDGE: {"model": judge.model, "settings": judge.settings}}
    return replace(
        run,
        record=run.record.model_copy(update={"settings": settings}),
        summary=run.summary.model_copy(
            update={"primary": judge.primary, "metrics": judge.metrics, "breakdown": {}}
        ),
        lines={id: replace(line, scores=scores[id]) for id, line in run.lines.items()},
        metrics=cast(Judged, run.task).judge_metrics,
        files=f"{SUMMARY} and {TRANSCRIPT}",
        mend="judge it again",
    )


def _samples(task: Task, root: Path, split: str, lines: Mapping[str, Line], path: Path) -> list[Sample]:
    """The run's samples. Their ids are made of their content, so changed data shows as missing ids."""
    samples = [sample for sample in task.samples(root, split).samples if sample.id in lines]
    if len(samples) != len(lines):
        raise ValueError(f"the data in {root} changed since {path} was run")
    return samples


def _verdicts(
    path: Path,
    task: Judged,
    one: _Judge,
    samples: Sequence[Sample],
    lines: Mapping[str, Line],
    reporter: "Reporter",
    jobs: int,
) -> dict[str, Verdict]:
    """A verdict for each sample: those of the transcript, the others are asked for."""
    known = {
        (verdict.sample, verdict.prompt_hash): verdict
        for verdict in read_transcript(path / TRANSCRIPT)
        if verdict.judge == one.hash
    }
    found: dict[str, Verdict] = {}
    missing: list[Sample] = []
    for sample in samples:
        prompts = task.judge_prompts(sample, lines[sample.id].prediction.text)
        verdict = known.get((sample.id, _hash(prompts)))
        if verdict is None:
            missing.append(sample)
        else:
            found[sample.id] = verdict
    if not missing:
        return found

    def ask(sample: Sample) -> Verdict:
        prompts = task.judge_prompts(sample, lines[sample.id].prediction.text)
        replies = [one.client.ask(messages, one.settings) for messages in prompts]
        return Verdict(
            sample=sample.id,
            judge=one.hash,
            **one.identity,
            prompt_hash=_hash(prompts),
            asked=datetime.now(UTC).isoformat(timespec="seconds"),
            exchanges=[
                Exchange(messages=[_without_pictures(part) for part in messages], reply=reply)
                for messages, reply in zip(prompts, replies, strict=True)
            ],
            scores=task.judge_scores(sample, replies),
        )

    reporter.start("judge", len(samples), len(found))
    try:
        for verdict in _as_they_come(ask, missing, jobs):
            append_lines(path / TRANSCRIPT, [verdict.model_dump_json().encode() + b"\n"])
            found[verdict.sample] = verdict
            reporter.advance(1)
    finally:
        reporter.stop()
    return found


def _as_they_come(ask: Any, samples: Sequence[Sample], jobs: int) -> Iterable[Verdict]:
    """Verdicts in the order in which they are ready; after a failure no further sample is begun."""
    left = iter(samples)
    with ThreadPoolExecutor(jobs) as pool:
        running: set[Future[Verdict]] = {pool.submit(ask, sample) for sample in islice(left, jobs)}
        failure: BaseException | None = None
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                failure = failure or future.exception()
                if future.exception() is None:
                    yield future.result()
                if failure is None and (sample := next(left, None)) is not None:
                    running.add(pool.submit(ask, sample))
        if failure is not None:
            raise failure


def _summary(
    task: Judged, one: _Judge, samples: Sequence[Sample], verdicts: Mapping[str, Verdict], seed: int
) -> JudgeSummary:
    ordered = [verdicts[sample.id] for sample in samples]
    scores = [
        task.judge_scores(sample, [exchange.reply for exchange in verdict.exchanges])
        for sample, verdict in zip(samples, ordered, strict=True)
    ]
    clusters = [sample.cluster for sample in samples]
    rows, count = statistics.numbered(clusters)
    values = {info.id: metric.value(info, scores, rows, count) for info in task.judge_metrics}
    values |= task.judge_totals(values)
    bounds = statistics.intervals(task.judge_metrics, scores, clusters, seed=seed)
    return JudgeSummary(
        **one.identity,
        judge=one.hash,
        prompts=_hash([verdict.prompt_hash for verdict in ordered]),
        first_asked=min(verdict.asked for verdict in ordered),
        last_asked=max(verdict.asked for verdict in ordered),
        samples=len(samples),
        primary=task.judge_metrics[0].id,
        metrics=[_value(info, values[info.id], bounds[info.id]) for info in task.judge_metrics],
    )


def _value(info: MetricInfo, value: float | None, bounds: statistics.Interval | None) -> MetricValue:
    return MetricValue(
        id=info.id,
        version=info.version,
        display=info.display,
        unit=info.unit,
        direction=info.direction,
        value=value,
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        floor=None,
        floor_by=None,
        ceiling=None,
    )


def _store(path: Path, task: Task, summary: JudgeSummary) -> None:
    """Add a judge to judge.json, in place of what it said before."""
    judges = [one for one in read_judges(path.parent) if one.judge != summary.judge]
    content = JudgeFile(
        task=task.name, data_format=task.data, protocol=task.protocol, judges=[*judges, summary]
    )
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content.model_dump_json(indent=1).encode() + b"\n")
    part.replace(path)


def _without_pictures(message: dict[str, Any]) -> dict[str, Any]:
    """A message with the hash of each picture in its place."""
    if isinstance(message["content"], str):
        return dict(message)
    return {**message, "content": [_without_picture(part) for part in message["content"]]}


def _without_picture(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") != "image_url":
        return part
    digest = hashlib.sha256(part["image_url"]["url"].encode()).hexdigest()
    return {**part, "image_url": {**part["image_url"], "url": f"sha256:{digest}"}}


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

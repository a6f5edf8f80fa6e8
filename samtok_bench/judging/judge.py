"""Judging a finished run: a language model scores its answers afterwards.

The same command continues where it stopped, and nothing is asked twice (see `transcript`). A judge that does
not answer ends the command with an error; no other judge takes its place.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from copy import deepcopy
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from samtok_bench import metric, statistics
from samtok_bench.interruption import keeping
from samtok_bench.judging.client import JudgeClient
from samtok_bench.judging.contract import Judged, Messages
from samtok_bench.judging.transcript import (
    TRANSCRIPT,
    Exchange,
    Judgement,
    JudgeSummary,
    read_transcript,
    store,
)
from samtok_bench.progress import Reporter
from samtok_bench.runs.folder import RunFolder
from samtok_bench.runs.journal import Line, append_lines
from samtok_bench.runs.reading import task_of
from samtok_bench.runs.summary import MetricValue
from samtok_bench.sample import Sample


def judge(path: Path, client: JudgeClient, reporter: Reporter, *, jobs: int = 4) -> JudgeSummary:
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
    record, task = folder.record(), task_of(folder)
    if not isinstance(task, Judged):
        raise ValueError(f"the answers of {record.settings.task} are not for a judge")
    if record.status != "complete":
        raise ValueError(f"{path} is not complete: run its command again first")
    with folder.locked():
        root, lines = record.root(task), folder.journal.read()
        samples = [
            sample for sample in task.samples(root, record.settings.split).samples if sample.id in lines
        ]
        if len(samples) != len(lines):  # ids are made of content
            raise ValueError(f"the data in {root} changed since {path} was run")
        judging = _Judging(path, task, client, task.judge_files(root))
        judgements = judging.fill(samples, lines, reporter, jobs)
        summary = judging.summarize(samples, judgements, record.settings.seed)
        store(path, task.name, task.protocol, summary)
    return summary


@dataclass(frozen=True)
class _Judging:
    """A judge at work on a run."""

    path: Path
    task: Judged
    client: JudgeClient
    files: Any
    """Of `Judged.judge_files`."""

    @property
    def identity(self) -> dict[str, Any]:
        settings = asdict(self.task.judge_settings)
        return {"url": self.client.url, "model": self.client.model, "settings": settings}

    @property
    def hash(self) -> str:
        return _hash(self.identity)[:16]

    def fill(
        self, samples: Sequence[Sample], lines: Mapping[str, Line], reporter: Reporter, jobs: int
    ) -> dict[str, Judgement]:
        """A judgement of each sample: those of the transcript, the others are asked for."""
        known = {
            (judged.sample, judged.prompt_hash): judged
            for judged in read_transcript(self.path)
            if judged.judge == self.hash
        }

        def prompts(sample: Sample) -> list[Messages]:
            return self.task.judge_prompts(sample, lines[sample.id].prediction.text, self.files)

        found = {
            sample.id: judged
            for sample in samples
            if (judged := known.get((sample.id, _hash(prompts(sample))))) is not None
        }
        missing = [sample for sample in samples if sample.id not in found]
        if not missing:
            return found
        reporter.start("judge", len(samples), len(found))
        try:
            with keeping(lambda: self._kept(len(found), len(samples))):
                for judged in _as_they_come(lambda sample: self.ask(sample, prompts(sample)), missing, jobs):
                    append_lines(self.path / TRANSCRIPT, [judged.model_dump_json().encode() + b"\n"])
                    found[judged.sample] = judged
                    reporter.advance(1)
        finally:
            reporter.stop()
        return found

    def _kept(self, judged: int, samples: int) -> str:
        place = self.path / TRANSCRIPT
        return f"what was said of {judged} of {samples} samples is kept in {place}: the same command goes on"

    def ask(self, sample: Sample, prompts: Sequence[Messages]) -> Judgement:
        """What the judge says of one sample."""
        replies = [self.client.ask(messages, self.task.judge_settings) for messages in prompts]
        return Judgement(
            sample=sample.id,
            judge=self.hash,
            **self.identity,
            prompt_hash=_hash(prompts),
            asked=datetime.now(UTC).isoformat(timespec="seconds"),
            exchanges=[
                Exchange(messages=[_without_pictures(message) for message in messages], reply=reply)
                for messages, reply in zip(prompts, replies, strict=True)
            ],
            scores=self.task.judge_scores(sample, replies, self.files),
        )

    def summarize(
        self, samples: Sequence[Sample], judgements: Mapping[str, Judgement], seed: int
    ) -> JudgeSummary:
        """The judge's metrics, from its replies."""
        metrics = self.task.judge_metrics
        ordered = [judgements[sample.id] for sample in samples]
        scores = [
            self.task.judge_scores(sample, [exchange.reply for exchange in judged.exchanges], self.files)
            for sample, judged in zip(samples, ordered, strict=True)
        ]
        clusters = [sample.cluster for sample in samples]
        values = metric.values(metrics, scores, clusters)
        values |= self.task.judge_totals(values)
        bounds = statistics.intervals(metrics, scores, clusters, seed=seed)
        return JudgeSummary(
            **self.identity,
            judge=self.hash,
            prompts=_hash([judged.prompt_hash for judged in ordered]),
            first_asked=min(judged.asked for judged in ordered),
            last_asked=max(judged.asked for judged in ordered),
            samples=len(samples),
            primary=metrics[0].id,
            metrics=[MetricValue.of(info, values[info.id], bounds[info.id]) for info in metrics],
        )


def _as_they_come(
    ask: Callable[[Sample], Judgement], samples: Sequence[Sample], jobs: int
) -> Iterable[Judgement]:
    """Judgements in the order in which they are ready; after a failure no further sample is begun."""
    left = iter(samples)
    with ThreadPoolExecutor(jobs) as pool:
        running: set[Future[Judgement]] = {pool.submit(ask, sample) for sample in islice(left, jobs)}
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


def _without_pictures(message: dict[str, Any]) -> dict[str, Any]:
    """A message with the hash of each picture in its place."""
    copy = deepcopy(message)
    for part in copy["content"] if isinstance(copy["content"], list) else ():
        if part.get("type") == "image_url":
            digest = hashlib.sha256(part["image_url"]["url"].encode()).hexdigest()
            part["image_url"]["url"] = f"sha256:{digest}"
    return copy


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

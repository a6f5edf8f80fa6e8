"""Judging a finished run: a language model scores its answers afterwards.

The same command continues where it stopped, and nothing is asked twice (see `transcript`). A judge that does
not answer ends the command with an error; no other judge takes its place.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from samtok_bench import metric, statistics
from samtok_bench.interruption import keeping
from samtok_bench.judging.client import JudgeClient
from samtok_bench.judging.contract import OFFICIAL, Judged, Messages
from samtok_bench.judging.replies import Replies
from samtok_bench.judging.transcript import (
    READING,
    TRANSCRIPT,
    Exchange,
    Judgement,
    JudgeSummary,
    read_transcript,
    served,
    store,
)
from samtok_bench.progress import Reporter
from samtok_bench.runs.folder import RunFolder
from samtok_bench.runs.journal import Line, append_lines
from samtok_bench.runs.reading import task_of
from samtok_bench.runs.summary import MetricValue
from samtok_bench.sample import Sample
from samtok_bench.serving.asking import ask_all


def judge(
    path: Path, client: JudgeClient, reporter: Reporter, *, jobs: int = 4, reading: str = OFFICIAL
) -> JudgeSummary:
    """Judge all answers of a complete run.

    Args:
        path: the results folder.
        client: the judge.
        reporter: told how far it is.
        jobs: samples that are judged at once.
        reading: how replies are read that the official script cannot read, of `Judged.judge_readings`. All
            readings share the replies.

    Raises:
        ValueError: a run that is not complete, a task without a judge or this reading, changed data, a broken
            transcript.
        OSError: no results folder, missing files for judging, or a judge that fails (JudgeError).
    """
    if jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {jobs}")
    folder = RunFolder(path)
    record, task = folder.record(), task_of(folder)
    if not isinstance(task, Judged):
        raise ValueError(f"the answers of {record.settings.task} are not for a judge")
    if reading not in (OFFICIAL, *task.judge_readings):
        known = ", ".join((OFFICIAL, *task.judge_readings))
        raise ValueError(f"{record.settings.task} has no reading {reading!r} of replies, but: {known}")
    if record.status != "complete":
        raise ValueError(f"{path} is not complete: run its command again first")
    with folder.locked():
        root, lines = record.root(task), folder.journal.read()
        samples = [
            sample for sample in task.samples(root, record.settings.split).samples if sample.id in lines
        ]
        if len(samples) != len(lines):  # ids are made of content
            raise ValueError(f"the data in {root} changed since {path} was run")
        judging = _Judging(path, task, client, Replies(task, task.judge_files(root), reading))
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
    replies: Replies

    @cached_property
    def identity(self) -> dict[str, Any]:
        return self._identity(self.replies.reading)

    @cached_property
    def hash(self) -> str:
        return _short_hash(self.identity)

    def _identity(self, reading: str) -> dict[str, Any]:
        settings = asdict(self.task.judge_settings) | ({} if reading == OFFICIAL else {READING: reading})
        return {"url": self.client.url, "model": self.client.model, "settings": settings}

    def fill(
        self, samples: Sequence[Sample], lines: Mapping[str, Line], reporter: Reporter, jobs: int
    ) -> dict[str, Judgement]:
        """A judgement of each sample: those of the transcript, the others are asked for."""
        readings = (
            reading for reading in (OFFICIAL, *self.task.judge_readings) if reading != self.replies.reading
        )
        hashes = [*(_short_hash(self._identity(reading)) for reading in readings), self.hash]
        said = sorted(
            (judged for judged in read_transcript(self.path) if judged.judge in hashes),
            key=lambda judged: judged.judge == self.hash,
        )
        known = {(judged.sample, judged.prompt_hash): judged for judged in said}  # the last: of this reading

        def prompts(sample: Sample) -> list[Messages]:
            return self.task.judge_prompts(sample, lines[sample.id].prediction.text, self.replies.files)

        found = {
            sample.id: judged
            for sample in samples
            if (judged := known.get((sample.id, _hash(prompts(sample))))) is not None
        }
        if again := self._read_again(samples, found, {judged.sample: judged for judged in said}):
            self._keep(*again)
        missing = [sample for sample in samples if sample.id not in found]
        if not missing:
            return found
        reporter.start("judge", len(samples), len(found))

        def keep(judged: Judgement) -> None:
            self._keep(judged)
            found[judged.sample] = judged
            reporter.advance(1)

        try:
            with keeping(lambda: self._kept(len(found), len(samples))):
                ask_all(lambda sample: self.ask(sample, prompts(sample)), missing, jobs, keep)
        finally:
            reporter.stop()
        return found

    def _kept(self, judged: int, samples: int) -> str:
        place = self.path / TRANSCRIPT
        return f"what was said of {judged} of {samples} samples is kept in {place}: the same command goes on"

    def _read_again(
        self, samples: Sequence[Sample], found: dict[str, Judgement], last: Mapping[str, Judgement]
    ) -> list[Judgement]:
        """Put judgements as they are read now in their places; those that are not the last of their samples.

        Another reading made them, or other code, or the answers before the present ones have newer ones.
        """
        again = []
        for sample in samples:
            if (judged := found.get(sample.id)) is None:
                continue
            scores = self.replies.scores(sample, [exchange.reply for exchange in judged.exchanges])
            own = {"judge": self.hash, "settings": self.identity["settings"], "scores": scores}
            found[sample.id] = judged.model_copy(update=own)
            if found[sample.id] != last[sample.id]:
                again.append(found[sample.id])
        return again

    def _keep(self, *judgements: Judgement) -> None:
        append_lines(
            self.path / TRANSCRIPT, (f"{judged.model_dump_json()}\n".encode() for judged in judgements)
        )

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
                Exchange(
                    messages=[_without_pictures(message) for message in messages],
                    reply=reply.text,
                    model=reply.model,
                    system_fingerprint=reply.system_fingerprint,
                )
                for messages, reply in zip(prompts, replies, strict=True)
            ],
            scores=self.replies.scores(sample, [reply.text for reply in replies]),
        )

    def summarize(
        self, samples: Sequence[Sample], judgements: Mapping[str, Judgement], seed: int
    ) -> JudgeSummary:
        """The judge's metrics, from its replies."""
        metrics = self.task.judge_metrics
        ordered = [judgements[sample.id] for sample in samples]
        replies = [[exchange.reply for exchange in judged.exchanges] for judged in ordered]
        scores = [self.replies.scores(sample, said) for sample, said in zip(samples, replies, strict=True)]
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
            unread=self.replies.unread(samples, replies),
            served=served(exchange for judged in ordered for exchange in judged.exchanges),
        )


def _without_pictures(message: dict[str, Any]) -> dict[str, Any]:
    """A message with the hash of each picture in its place."""
    copy = deepcopy(message)
    for part in copy["content"] if isinstance(copy["content"], list) else ():
        if part.get("type") == "image_url":
            digest = hashlib.sha256(part["image_url"]["url"].encode()).hexdigest()
            part["image_url"]["url"] = f"sha256:{digest}"
    return copy


def _short_hash(content: Any) -> str:
    return _hash(content)[:16]


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

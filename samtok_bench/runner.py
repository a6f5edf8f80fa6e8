"""One run: a task's samples through a predictor into a results folder."""

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from samtok_bench import preview, provenance, registry
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.results import (
    OVERLAYS,
    Journal,
    Line,
    RunFolder,
    RunRecord,
    Session,
    Summary,
    settings_hash,
)
from samtok_bench.sample import Outcome, Prediction, Sample, prompt_text
from samtok_bench.summary import summarize
from samtok_bench.task import Protocol as TaskProtocol
from samtok_bench.task import SampleSet, Task


class Reporter(Protocol):
    """Where a run says how far it is."""

    def start(self, what: str, total: int, done: int) -> None:
        """A stretch of work begins; `done` of `total` samples are already there."""

    def advance(self, count: int) -> None:
        """So many more samples are done."""

    def stop(self) -> None:
        """The stretch is over."""

    def note(self, text: str) -> None:
        """One line that a user should see."""


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for."""

    task: str
    model: str = "nano"
    data_root: Path | None = None
    split: str | None = None
    limit: int | None = None
    sample: tuple[str, ...] = ()
    """Ids, or unique beginnings of ids."""
    out: Path | None = None
    protocol: TaskProtocol = "standard"
    data: str | None = None
    """Format of the data, for tasks that read several."""
    batch_size: int = 16
    constrained: bool = False
    seed: int = 0
    threads: int | None = None
    device: str = "auto"
    ceiling: bool | None = None
    """None computes it where it is cheap."""
    command: tuple[str, ...] = ()
    """For the record."""


@dataclass(frozen=True)
class RunResult:
    """A finished run."""

    folder: Path
    summary: Summary
    lines: dict[str, Line]
    """The journal by sample id."""


def run(options: RunOptions, reporter: Reporter) -> RunResult:
    """Run, or continue where the same command was interrupted.

    Raises:
        ValueError: unknown names, malformed data, a folder of another configuration.
        OSError: missing data or weights, a folder that cannot be written.
    """
    for name, count in (("batch-size", options.batch_size), ("limit", options.limit)):
        if count is not None and count < 1:
            raise ValueError(f"--{name} must be at least 1, got {count}")
    task = registry.task_class(options.task)(options.protocol, options.data)
    predictor = _predictor(options, task)
    root = options.data_root or task.default_root()
    split = options.split or task.default_split(root)
    read = task.samples(root, split)
    for reason, count in read.dropped.items():
        first = f", the first: {read.first[reason]}" if reason in read.first else ""
        reporter.note(f"left out by the reader: {count} {reason}{first}")
    chosen = _choose(read, options)
    settings = _settings(options, task, split, predictor, chosen.samples)
    folder = RunFolder(options.out or _default_folder(settings))
    if not folder.exists():
        predictor.prepare()  # a model that cannot be loaded leaves no folder behind
    session = _session(options)
    with folder.locked():
        record = folder.create_or_resume(
            RunRecord(
                status="running",
                settings=settings,
                data_root=str(options.data_root.resolve()) if options.data_root else None,
                samples=len(chosen.samples),
                sessions=[session],
            )
        )
        session = record.sessions[-1]
        session.answered, session.seconds = _answer(
            "predict", task, predictor, chosen.samples, folder.journal, options, reporter
        )
        ceiling = predictor.ceiling(forced=bool(options.ceiling)) if options.ceiling is not False else None
        if ceiling is not None:
            _answer("ceiling", task, ceiling, chosen.samples, folder.ceiling, options, reporter)
        folder.write_record(record.model_copy(update={"status": "complete"}))
        return _finish(
            folder, task, split, options.model, chosen, options.seed, ceiling is not None, reporter
        )


def rescore(path: Path, reporter: Reporter) -> RunResult:
    """Score a complete run's journal again, without the model.

    Raises:
        ValueError: an incomplete run, or data that changed since.
        OSError: not a results folder.
    """
    folder = RunFolder(path)
    record = folder.record()
    asked = record.settings
    task = registry.task_class(asked["task"])(asked["protocol"], asked["data_format"])
    options = RunOptions(
        task=asked["task"],
        limit=asked["limit"],
        sample=tuple(asked["sample"]),
        seed=asked["seed"],
    )
    chosen = _choose(task.samples(record.root(task), asked["split"]), options)
    if data_hash(chosen.samples) != asked["data"]:
        raise ValueError(f"the data in {record.root(task)} changed since {path} was run")
    with folder.locked():
        for journal in (folder.journal, folder.ceiling):
            lines = journal.read()
            missing = len(chosen.samples) - len(lines)
            if missing and journal is folder.journal:
                raise ValueError(
                    f"{path} is not complete, {missing} of {len(chosen.samples)} samples are missing:"
                    " run its command again first"
                )
            by_id = {sample.id: sample for sample in chosen.samples}
            journal.replace(
                replace(line, scores=task.score(by_id[id], line.prediction)) for id, line in lines.items()
            )
        with_ceiling = len(folder.ceiling.read()) == len(chosen.samples)
        return _finish(
            folder, task, asked["split"], asked["model"], chosen, asked["seed"], with_ceiling, reporter
        )


def data_hash(samples: Sequence[Sample]) -> str:
    """sha256 over ids, prompts, targets and image bytes."""
    digest = hashlib.sha256()
    for sample in samples:
        targets = "|".join(mask["counts"] for mask in sample.target.masks)
        fields = (sample.id, prompt_text(sample.turns), targets, sample.target.text, str(sample.size))
        digest.update("\x1f".join(fields).encode())
    digest.update(provenance.file_hash(dict.fromkeys(sample.image for sample in samples)).encode())
    return digest.hexdigest()


def _predictor(options: RunOptions, task: Task) -> Predictor:
    kind, argument = registry.predictor_class(options.model, task.answered_by)
    if options.constrained and not kind.capabilities.constrained:
        raise ValueError(f"the model {options.model!r} has no constrained decoding")
    return kind(
        argument,
        PredictorOptions(
            generation=task.generation,
            batch_size=options.batch_size,
            constrained=options.constrained,
            device=options.device,
            threads=options.threads,
            seed=options.seed,
        ),
    )


def _choose(read: SampleSet, options: RunOptions) -> SampleSet:
    samples = read.samples
    by_id: dict[str, Sample] = {}
    for sample in samples:
        if sample.id in by_id:
            raise ValueError(
                f"two samples have the id {sample.id}: {prompt_text(sample.turns)!r} on {sample.image}"
            )
        by_id[sample.id] = sample
    if options.sample:
        samples = [_one(by_id, asked) for asked in dict.fromkeys(options.sample)]
    if options.limit is not None:
        samples = samples[: options.limit]
    if not samples:
        raise ValueError("the split has no samples")
    return replace(read, samples=samples)


def _one(by_id: dict[str, Sample], asked: str) -> Sample:
    found = [id for id in by_id if id.startswith(asked)]
    if len(found) != 1:
        known = f"; the first ids are {', '.join(list(by_id)[:3])}" if not found else ""
        raise ValueError(f"--sample {asked}: {len(found)} of {len(by_id)} samples have such an id{known}")
    return by_id[found[0]]


def _settings(
    options: RunOptions, task: Task, split: str, predictor: Predictor, samples: Sequence[Sample]
) -> dict[str, Any]:
    plugins = (type(task), type(predictor))
    packages = {"samtok", "samtok_bench", *(kind.__module__.split(".")[0] for kind in plugins)}
    return {
        "task": task.name,
        "protocol": task.protocol,
        "data_format": task.data,
        "split": split,
        "limit": options.limit,
        "sample": list(options.sample),
        "model": options.model,
        "predictor": predictor.identity(),
        "max_new_tokens": task.generation.max_new_tokens,
        "policy": task.generation.policy,
        "batch_size": options.batch_size,
        "constrained": options.constrained,
        "seed": options.seed,
        "data": data_hash(samples),
        "code": provenance.source_hash(packages),
    }


def _default_folder(settings: dict[str, Any]) -> Path:
    # of a path its last part is enough, the hash tells the rest
    shown = settings["model"].rstrip("/").rsplit("/", 1)[-1]
    model = re.sub(r"[^A-Za-z0-9.]+", "-", shown).strip("-.") or "model"
    return Path("runs") / f"{settings['task']}-{model}-{settings['split']}-{settings_hash(settings)}"


def _session(options: RunOptions) -> Session:
    commit, dirty = provenance.git_state()
    return Session(
        command=list(options.command),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        git_commit=commit,
        git_dirty=dirty,
        packages=provenance.package_versions(),
        machine=provenance.machine(),
        threads=options.threads,
    )


def _answer(
    what: str,
    task: Task,
    predictor: Predictor,
    samples: Sequence[Sample],
    journal: Journal,
    options: RunOptions,
    reporter: Reporter,
) -> tuple[int, float]:
    """Fill a journal up to all samples; how many it lacked, and the predictions' wall time in seconds."""
    done = journal.read()
    known = {sample.id for sample in samples}
    strangers = [id for id in done if id not in known]
    if strangers:
        raise ValueError(f"{journal.path} holds the sample {strangers[0]}, which this run does not have")
    pending = [sample for sample in _grouped(samples) if sample.id not in done]
    if not pending:
        return 0, 0.0
    seconds = 0.0
    predictor.prepare()
    reporter.start(what, len(samples), len(done))
    try:
        for start in range(0, len(pending), options.batch_size):
            batch = pending[start : start + options.batch_size]
            began = time.perf_counter()
            made = _predict(predictor, batch)
            seconds += time.perf_counter() - began
            journal.append(
                Line(sample.id, sample.cluster, sample.tags, prediction, task.score(sample, prediction))
                for sample, prediction in zip(batch, made, strict=True)
            )
            reporter.advance(len(batch))
    finally:
        reporter.stop()
    return len(pending), seconds


def _grouped(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Samples of one image after each other, so that a batch embeds few images."""
    groups: dict[Path, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.image, []).append(sample)
    for group in groups.values():
        yield from group


def _predict(predictor: Predictor, batch: Sequence[Sample]) -> list[Prediction]:
    """One prediction a sample, whatever the predictor does; Ctrl-C still ends the run."""
    try:
        made = predictor.predict(batch)
        if len(made) != len(batch):
            raise RuntimeError(f"{len(made)} predictions for {len(batch)} samples")
        for sample, prediction in zip(batch, made, strict=True):
            sizes = {tuple(mask["size"]) for mask in prediction.masks} - {sample.size}
            if sizes:
                raise RuntimeError(f"a mask of size {list(sizes.pop())} on an image of {list(sample.size)}")
        return made
    except Exception as error:
        if len(batch) > 1:
            # one bad sample must not take the others of its batch with it
            return [_predict(predictor, [sample])[0] for sample in batch]
        reason = f"{type(error).__name__}: {str(error).strip().split(chr(10))[0]}"
        return [Prediction(outcome=Outcome.MODEL_ERROR, detail=reason)]


def _finish(
    folder: RunFolder,
    task: Task,
    split: str,
    model: str,
    chosen: SampleSet,
    seed: int,
    with_ceiling: bool,
    reporter: Reporter,
) -> RunResult:
    lines = folder.journal.read()
    ceiling = folder.ceiling.read() if with_ceiling else None
    summary = summarize(task, split, model, chosen, lines, ceiling, seed)
    folder.write_summary(summary)
    preview.write_overlays(folder.path / OVERLAYS, chosen.samples, lines)
    for outcome in (Outcome.SKIPPED, Outcome.MODEL_ERROR):
        details = [line.prediction.detail for line in lines.values() if line.prediction.outcome is outcome]
        if details:
            reporter.note(f"{len(details)} samples ended as {outcome}, the first: {details[0]}")
    return RunResult(folder.path, summary, lines)

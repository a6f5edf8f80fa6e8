"""One run: a task's samples through a predictor into a results folder."""

import hashlib
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from samtok_bench import provenance, registry
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.runs.folder import (
    OVERLAYS,
    Journal,
    Line,
    RunFolder,
    RunRecord,
    Session,
    Summary,
    model_name,
    settings_hash,
)
from samtok_bench.runs.summary import summarize
from samtok_bench.sample import ImagePart, Outcome, Prediction, Region, Sample, matching_id, prompt_text
from samtok_bench.showing import overlays as preview
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
    option: tuple[str, ...] = ()
    """NAME=VALUE, for tasks that have options."""
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
    task = registry.task_class(options.task)(options.protocol, options.data, task_options(options.option))
    predictor = _predictor(options, task)
    root = options.data_root or task.default_root()
    split = options.split or task.default_split(root)
    read = task.samples(root, split)
    for reason, count in read.dropped.items():
        first = f", the first: {read.first[reason]}" if reason in read.first else ""
        reporter.note(f"left out by the reader: {count} {reason}{first}")
    chosen = _choose(read, options, reporter)
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
    task = registry.task_class(asked["task"])(asked["protocol"], asked["data_format"], asked.get("options"))
    options = RunOptions(
        task=asked["task"],
        limit=asked["limit"],
        sample=tuple(asked["sample"]),
        seed=asked["seed"],
    )
    chosen = _choose(task.samples(record.root(task), asked["split"]), options, reporter)
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


def task_options(given: Sequence[str]) -> dict[str, str]:
    """The options of a task by name, from NAME=VALUE.

    Raises:
        ValueError: one is not of this form, or a name comes twice.
    """
    options: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"--option takes NAME=VALUE, got {text!r}")
        if name in options:
            raise ValueError(f"--option sets {name} twice")
        options[name] = value
    return options


def data_hash(samples: Sequence[Sample]) -> str:
    """sha256 over ids, prompts with their regions and views, targets and image bytes."""
    digest = hashlib.sha256()
    for sample in samples:
        parts = [part for turn in sample.turns for part in turn.parts]
        masks = [part.rle for part in parts if isinstance(part, Region)] + list(sample.target.masks)
        masks += [sample.target.ignore] if sample.target.ignore else []
        views = [str(part.view) for part in parts if isinstance(part, ImagePart) and part.view]
        prompt = prompt_text(sample.turns)
        fields = (sample.id, prompt, *(mask["counts"] for mask in masks), *views, sample.target.text)
        digest.update("\x1f".join([*fields, str(sample.size)]).encode())
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


def _choose(read: SampleSet, options: RunOptions, reporter: Reporter) -> SampleSet:
    samples = read.samples
    by_id: dict[str, Sample] = {}
    for sample in samples:
        if sample.id in by_id:
            raise ValueError(
                f"two samples have the id {sample.id}: {prompt_text(sample.turns)!r} on {sample.image}"
            )
        by_id[sample.id] = sample
    if options.sample:
        samples = [by_id[matching_id(by_id, asked)] for asked in dict.fromkeys(options.sample)]
    if options.limit is not None:
        samples = samples[: options.limit]
    if not samples:
        raise ValueError("the split has no samples")
    earlier = _earlier(samples, by_id)
    if earlier:
        reporter.note(f"{len(earlier)} more samples are run, those that the ones asked for come after")
    return replace(read, samples=[*earlier, *samples])


def _earlier(chosen: Sequence[Sample], by_id: Mapping[str, Sample]) -> list[Sample]:
    """The samples that the chosen ones come after, and those that these come after, as far as not chosen."""
    wanted: set[str] = set()
    left = list(chosen)
    while left:
        sample = left.pop()
        for id in sample.after:
            if id not in by_id:
                raise ValueError(f"the sample {sample.id} comes after {id}, which the split does not have")
        left += [by_id[id] for id in sample.after if id not in wanted]
        wanted.update(sample.after)
    wanted -= {sample.id for sample in chosen}
    return [sample for id, sample in by_id.items() if id in wanted]


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
        **({"options": task.options} if task.options else {}),
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
    model = re.sub(r"[^A-Za-z0-9.]+", "-", model_name(settings["model"])).strip("-.") or "model"
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
    followed = {id for sample in pending for id in sample.after}
    answers = {id: done[id].prediction for id in followed if id in done}
    if not pending:
        return 0, 0.0
    seconds = 0.0
    predictor.prepare()
    reporter.start(what, len(samples), len(done))
    try:
        for batch in _batches(pending, answers, options.batch_size):
            asked = [
                task.with_history(sample, [answers[id] for id in sample.after]) if sample.after else sample
                for sample in batch
            ]
            began = time.perf_counter()
            made = _predict(predictor, asked)
            seconds += time.perf_counter() - began
            answered = list(zip(batch, made, strict=True))
            answers.update((sample.id, one) for sample, one in answered if sample.id in followed)
            journal.append(
                Line(sample.id, sample.cluster, sample.tags, one, task.score(sample, one))
                for sample, one in answered
            )
            reporter.advance(len(batch))
    finally:
        reporter.stop()
    return len(pending), seconds


def _batches(
    samples: Sequence[Sample], answers: Mapping[str, Prediction], size: int
) -> Iterator[list[Sample]]:
    """Samples in batches, each of them when those of its `after` are in `answers`, which the caller fills."""
    left = list(samples)
    while left:
        ready = [sample for sample in left if all(id in answers for id in sample.after)]
        if not ready:
            raise ValueError(f"{len(left)} samples wait for each other, one is {left[0].id}")
        # what fills no batch waits for the samples that these answers make ready
        count = len(ready) - len(ready) % size or len(ready)
        for start in range(0, count, size):
            yield ready[start : min(start + size, count)]
        asked = {sample.id for sample in ready[:count]}
        left = [sample for sample in left if sample.id not in asked]


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
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        summary = summarize(task, split, model, chosen, lines, ceiling, seed)
    for text in dict.fromkeys(str(one.message) for one in caught if one.category is UserWarning):
        reporter.note(text)
    folder.write_summary(summary)
    preview.write_overlays(folder.path / OVERLAYS, chosen.samples, lines)
    for outcome in (Outcome.SKIPPED, Outcome.MODEL_ERROR):
        details = [line.prediction.detail for line in lines.values() if line.prediction.outcome is outcome]
        if details:
            reporter.note(f"{len(details)} samples ended as {outcome}, the first: {details[0]}")
    return RunResult(folder.path, summary, lines)

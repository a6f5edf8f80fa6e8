"""One run: a task's samples through a predictor into a results folder."""

import re
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from samtok_bench import provenance, registry
from samtok_bench.images import max_pixels
from samtok_bench.interruption import keeping
from samtok_bench.predictor import OF_LANGUAGE_MODEL, Predictor, PredictorOptions, Unfit, check_taken
from samtok_bench.progress import Reporter
from samtok_bench.python_files import is_from_file
from samtok_bench.running.answering import fill
from samtok_bench.running.engines.choose import choose_engine
from samtok_bench.running.engines.local import LocalEngine
from samtok_bench.running.engines.workers import WorkerModel
from samtok_bench.running.options import RunOptions
from samtok_bench.running.retry import forget_errors
from samtok_bench.running.samples import choose, data_hash, read_split, truth_hash
from samtok_bench.running.summarize import summarize
from samtok_bench.running.tally import Tally, tally
from samtok_bench.runs.folder import RunFolder, RunRecord, Session
from samtok_bench.runs.journal import Line
from samtok_bench.runs.settings import RunSettings, short_name
from samtok_bench.runs.step_times import StepTimes
from samtok_bench.runs.summary import Summary
from samtok_bench.sample import Outcome, Sample
from samtok_bench.task import Generation, SampleSet, Task


@dataclass(frozen=True)
class RunResult:
    """A finished run."""

    folder: Path
    summary: Summary
    lines: Mapping[str, Line]
    """The journal by sample id."""
    times: StepTimes
    """Of the steps of the predictor."""
    samples: list[Sample]


def run(options: RunOptions, reporter: Reporter) -> RunResult:
    """Run, or continue where the same command was interrupted.

    Raises:
        ValueError: unknown names, malformed data, a folder of another configuration.
        OSError: missing data or weights, a folder that cannot be written.
    """
    for name, count in (
        ("batch-size", options.batch_size),
        ("limit", options.limit),
        ("workers", options.workers),
        ("threads", options.threads),
        ("max-new-tokens", options.max_new_tokens),
        ("min-pixels", options.elsewhere.get("min_pixels")),
        ("max-pixels", options.elsewhere.get("max_pixels")),
    ):
        if count is not None and count < 1:
            raise ValueError(f"--{name} must be at least 1, got {count}")
    if options.max_failures < 0:
        raise ValueError(f"--max-failures must not be negative, got {options.max_failures}")
    if options.seed < 0:
        raise ValueError(f"--seed must not be negative, got {options.seed}")
    if options.shuffle is not None and (options.limit is None or options.shuffle < 0 or options.sample):
        raise ValueError("--shuffle takes a seed from 0, and draws the samples of a --limit, not of --sample")
    if options.stratify is not None and (options.limit is None or options.sample):
        raise ValueError("--stratify spreads the samples of a --limit, not those of --sample")
    task = options.make_task()
    model = _model(options, task)
    predictor = model.make()
    split = read_split(task, options, reporter.note)
    predictor.accept(split.read.samples)
    chosen = choose(split.read, options, reporter)
    settings = _settings(options, task, split.name, predictor, chosen)
    folder = RunFolder(options.out or _default_folder(settings))
    with ExitStack() as opened:
        engine = opened.enter_context(choose_engine(predictor, model, options.workers, options.ray))
        if not folder.exists():
            engine.prepare()  # a model that cannot be loaded leaves no folder behind
        opened.enter_context(folder.locked())
        record = folder.create_or_resume(
            RunRecord(
                status="running",
                settings=settings,
                data_root=str(options.data_root.resolve()) if options.data_root else None,
                samples=len(chosen.samples),
                sessions=[_session(options)],
            )
        )
        session = record.sessions[-1]
        opened.enter_context(keeping(lambda: _kept(folder, len(chosen.samples))))
        if options.retry_errors:
            again = forget_errors(folder.journal, chosen.samples)
            forget_errors(folder.ceiling, chosen.samples)
            if again and folder.forget_judges():
                reporter.note("what judges made of the old answers is removed: judge the run again")
            session.kept = folder.journal.count()
            folder.write_record(record)
            reporter.note(f"{again} samples are asked again: they or what they come after had no answer")
        session.answered, session.seconds = fill(
            "predict",
            task,
            engine,
            chosen.samples,
            folder.journal,
            options.batch_size,
            reporter,
            0 if predictor.recorded else options.max_failures * options.batch_size,
        )
        engine.close()
        ceiling = predictor.ceiling(forced=bool(options.ceiling)) if options.ceiling is not False else None
        if ceiling is not None:
            above = LocalEngine(ceiling)
            fill("ceiling", task, above, chosen.samples, folder.ceiling, options.batch_size, reporter)
        result = finish(folder, settings, task, chosen, ceiling is not None, reporter)
        folder.write_record(record.model_copy(update={"status": "complete"}))
        return result


def _kept(folder: RunFolder, samples: int) -> str:
    answered = folder.journal.count()
    return f"{answered} of {samples} answers are kept in {folder.path}: the same command goes on from there"


def finish(
    folder: RunFolder,
    settings: RunSettings,
    task: Task,
    chosen: SampleSet,
    with_ceiling: bool,
    reporter: Reporter,
) -> RunResult:
    """Summarize a folder whose journal has all samples, and report what failed."""
    told = tally(folder.journal, chosen.samples, task)
    ceiling = tally(folder.ceiling, chosen.samples, task) if with_ceiling else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        summary = summarize(settings, task, chosen, told, ceiling)
    for text in dict.fromkeys(str(warning.message) for warning in caught if warning.category is UserWarning):
        reporter.note(text)
    folder.write_summary(summary)
    _tell_failures(told, "", reporter)
    if ceiling:
        _tell_failures(ceiling, "ceiling: ", reporter)
    return RunResult(folder.path, summary, told.lines, told.times, chosen.samples)


def _tell_failures(told: Tally, whose: str, reporter: Reporter) -> None:
    for outcome in (Outcome.SKIPPED, Outcome.MODEL_ERROR):
        if count := told.outcomes[outcome]:
            reporter.note(f"{whose}{count} samples ended as {outcome}, the first: {told.details[outcome]}")


def _model(options: RunOptions, task: Task) -> WorkerModel:
    kind, _ = registry.predictor_class(options.model, task.answered_by)
    if task.answered_by == "codec" and kind.needs_question:
        raise Unfit(
            f"the task {task.name!r} asks no question, so the model {options.model!r} cannot answer it: it "
            "sends masks through a codec, see --codec"
        )
    if options.constrained and not kind.can_constrain:
        raise ValueError(f"the model {options.model!r} has no constrained decoding")
    given = dict(options.elsewhere)
    if task.answered_by == "codec":
        for name in OF_LANGUAGE_MODEL & registry.predictor_class(options.model)[0].takes:
            given.pop(name, None)
    check_taken(kind, options.model, given)
    return WorkerModel(
        options.model,
        task.answered_by,
        PredictorOptions(
            generation=_generation(options, task),
            batch_size=options.batch_size,
            constrained=options.constrained,
            device=options.device,
            threads=options.threads,
            seed=options.seed,
            answer_form=task.answer_form,
            **given,
        ),
        trusted=registry.trusts_model(options.model),
    )


def _generation(options: RunOptions, task: Task) -> Generation:
    limit = options.max_new_tokens
    if limit is None or task.answered_by == "codec":
        return task.generation
    return replace(task.generation, max_new_tokens=limit)


def _settings(
    options: RunOptions, task: Task, split: str, predictor: Predictor, chosen: SampleSet
) -> RunSettings:
    plugins = (type(task), type(predictor))
    packages = {"samtok", "samtok_bench", *(kind.__module__.split(".")[0] for kind in plugins)}
    return RunSettings(
        task=task.name,
        task_in_file=is_from_file(type(task)),
        protocol=task.protocol,
        data_format=task.data,
        split=split,
        limit=options.limit,
        shuffle=options.shuffle,
        stratify=options.stratify,
        sample=options.sample,
        options=task.options,
        model=options.model,
        revision=options.elsewhere.get("revision"),
        predictor=predictor.identity(),
        max_new_tokens=_generation(options, task).max_new_tokens,
        reading=task.generation.reading.name,
        batch_size=options.batch_size,
        constrained=options.constrained,
        seed=options.seed,
        max_image_pixels=max_pixels(),
        data=data_hash(chosen.samples),
        truth=truth_hash(chosen),
        code=provenance.source_hash(packages),
    )


def _default_folder(settings: RunSettings) -> Path:
    # of a path its last part is enough, the hash tells the rest
    model = re.sub(r"[^A-Za-z0-9.]+", "-", short_name(settings.model)).strip("-.") or "model"
    return Path("runs") / f"{settings.task}-{model}-{settings.split}-{settings.hash}"


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

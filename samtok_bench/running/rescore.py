"""Scoring a run's stored answers again."""

from dataclasses import replace
from pathlib import Path

from samtok_bench.interruption import keeping
from samtok_bench.progress import Reporter
from samtok_bench.running.run import RunResult, finish
from samtok_bench.running.samples import choose, data_hash, truth_hash
from samtok_bench.running.stored import read_answers
from samtok_bench.runs.folder import RunFolder
from samtok_bench.runs.journal import Line
from samtok_bench.runs.reading import task_of
from samtok_bench.sample import Sample
from samtok_bench.task import Task


def rescore(path: Path, reporter: Reporter) -> RunResult:
    """Score the journal of a complete run again, without the model.

    What its answers are scored against may have changed, as it does where a task reads more of its files than
    before: that is told, and the run is then of the new data.

    Raises:
        ValueError: an incomplete run, or data that changed since.
        OSError: not a results folder.
    """
    folder = RunFolder(path)
    record = folder.record()
    settings, task = record.settings, task_of(folder)
    root = record.root(task)
    chosen = choose(task.samples(root, settings.split), settings, reporter)
    if data_hash(chosen.samples) != settings.data:
        raise ValueError(f"the data in {root} changed since {path} was run")
    truth = truth_hash(chosen)
    by_id = {sample.id: sample for sample in chosen.samples}
    with folder.locked(), keeping(lambda: f"the answers in {path} are kept: the same command scores them"):
        for journal in (folder.journal, folder.ceiling):
            missing = len(by_id) - sum(1 for _ in read_answers(journal, by_id))
            if missing and journal is folder.journal:
                raise ValueError(
                    f"{path} is not complete, {missing} of {len(by_id)} samples are missing: run its command "
                    "again first"
                )
            if journal is folder.ceiling and missing == len(by_id):
                continue  # a run without a ceiling gets no empty file
            journal.replace(_rescored(line, by_id[line.id], task) for line in journal.lines())
        if truth != settings.truth:
            if settings.truth is not None:
                reporter.note(f"what the answers are scored against changed since {path} was scored")
            settings = settings.model_copy(update={"truth": truth})
            folder.write_record(record.model_copy(update={"settings": settings}))
        with_ceiling = folder.ceiling.count() == len(by_id)
        return finish(folder, settings, task, chosen, with_ceiling, reporter)


def _rescored(line: Line, sample: Sample, task: Task) -> Line:
    """The line as a run would write it now; image and tags decide intervals and groups."""
    scores = task.score(sample, line.prediction)
    return replace(line, cluster=sample.cluster, tags=sample.tags, scores=scores)

"""Samples through an engine into a journal: batches, and waves of dependent samples."""

import time
from collections.abc import Iterator, Mapping, Sequence

from samtok_bench.progress import Reporter
from samtok_bench.running.engines.engine import Answered, Engine
from samtok_bench.running.stored import read_answers
from samtok_bench.runs.journal import Journal, Line
from samtok_bench.sample import Outcome, Prediction, Sample
from samtok_bench.task import Task


def fill(
    what: str,
    task: Task,
    engine: Engine,
    samples: Sequence[Sample],
    journal: Journal,
    batch_size: int,
    reporter: Reporter,
    most_failures: int = 0,
) -> tuple[int, float]:
    """Fill a journal up to all samples.

    Args:
        most_failures: so many samples, the first ones of an empty journal, may not all end as model errors; 0
            for any number.

    Returns:
        how many it lacked, and the wall time of the predictions in seconds.

    Raises:
        ValueError: the journal is not of these samples, or samples wait for each other.
        OSError: the first samples all failed, of which none is kept.
    """
    by_id = {sample.id: sample for sample in samples}
    followed = {id for sample in samples for id in sample.after}
    done: set[str] = set()
    answers: dict[str, Prediction] = {}
    for line in read_answers(journal, by_id):
        done.add(line.id)
        if line.id in followed:
            answers[line.id] = line.prediction
    # samples of one image after each other, so that a batch embeds few images
    place = {image: k for k, image in enumerate(dict.fromkeys(sample.image for sample in samples))}
    grouped = sorted(samples, key=lambda sample: place[sample.image])
    pending = [sample for sample in grouped if sample.id not in done]
    if not pending:
        return 0, 0.0
    engine.prepare()
    reporter.start(what, len(samples), len(done))
    scoring = 0.0
    waiting: list[tuple[Sample, Prediction]] = []
    sound = bool(done) or not most_failures

    def keep(answered: Sequence[Answered]) -> None:
        nonlocal scoring, sound
        began = time.perf_counter()
        made = [pair for part in answered for pair in zip(part.samples, part.predictions, strict=True)]
        answers.update((sample.id, answer) for sample, answer in made if sample.id in followed)
        waiting.extend(made)
        reporter.advance(len(made))
        sound = sound or any(answer.outcome is not Outcome.MODEL_ERROR for _, answer in made)
        if sound:
            write()
        elif len(waiting) >= most_failures:
            raise OSError(
                f"stopped: the first {len(waiting)} samples all ended as model_error, the first: "
                f"{waiting[0][1].detail}; none of them is kept, the same command asks again "
                "(--max-failures 0 does not stop)"
            )
        scoring += time.perf_counter() - began

    def write() -> None:
        journal.append(_line(task, by_id[sample.id], answer) for sample, answer in waiting)
        waiting.clear()

    began = time.perf_counter()
    try:
        for wave in _waves(pending, answers, batch_size):
            asked = [[_asked(task, sample, answers) for sample in batch] for batch in wave]
            engine.answer(asked, keep)
        write()
    finally:
        reporter.stop()
    return len(pending), time.perf_counter() - began - scoring


def _asked(task: Task, sample: Sample, answers: Mapping[str, Prediction]) -> Sample:
    return task.with_history(sample, [answers[id] for id in sample.after]) if sample.after else sample


def _line(task: Task, sample: Sample, prediction: Prediction) -> Line:
    return Line(sample.id, sample.cluster, sample.tags, prediction, task.score(sample, prediction))


def _waves(
    samples: Sequence[Sample], answers: Mapping[str, Prediction], size: int
) -> Iterator[list[list[Sample]]]:
    """Samples in batches that do not wait for each other, in waves.

    Each sample comes when those of its `after` are in `answers`, which the caller fills in between. The
    batches are the same wherever they are answered: answers may depend on what they are padded to.
    """
    left = list(samples)
    while left:
        ready = [sample for sample in left if all(id in answers for id in sample.after)]
        if not ready:
            raise ValueError(f"{len(left)} samples wait for each other, one is {left[0].id}")
        # what fills no batch waits for the samples that these answers make ready
        count = len(ready) - len(ready) % size or len(ready)
        yield [ready[start : min(start + size, count)] for start in range(0, count, size)]
        asked = {sample.id for sample in ready[:count]}
        left = [sample for sample in left if sample.id not in asked]

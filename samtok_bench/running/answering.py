"""Samples through a predictor into a journal: batches, waves of dependent samples, failures one by one."""

import time
from collections.abc import Iterator, Mapping, Sequence

from samtok_bench import rle
from samtok_bench.predictor import Predictor
from samtok_bench.progress import Reporter
from samtok_bench.runs.journal import Journal, Line
from samtok_bench.sample import Outcome, Prediction, Sample
from samtok_bench.task import Task


def fill(
    what: str,
    task: Task,
    predictor: Predictor,
    samples: Sequence[Sample],
    journal: Journal,
    batch_size: int,
    reporter: Reporter,
) -> tuple[int, float]:
    """Fill a journal up to all samples.

    Returns:
        how many it lacked, and the wall time of the predictions in seconds.

    Raises:
        ValueError: the journal holds a sample of another run, or samples wait for each other.
    """
    done = journal.read()
    known = {sample.id for sample in samples}
    strangers = [id for id in done if id not in known]
    if strangers:
        raise ValueError(f"{journal.path} holds the sample {strangers[0]}, which this run does not have")
    # samples of one image after each other, so that a batch embeds few images
    place = {image: k for k, image in enumerate(dict.fromkeys(sample.image for sample in samples))}
    grouped = sorted(samples, key=lambda sample: place[sample.image])
    pending = [sample for sample in grouped if sample.id not in done]
    followed = {id for sample in pending for id in sample.after}
    answers = {id: done[id].prediction for id in followed if id in done}
    if not pending:
        return 0, 0.0
    seconds = 0.0
    predictor.prepare()
    reporter.start(what, len(samples), len(done))
    try:
        for batch in _batches(pending, answers, batch_size):
            asked = [
                task.with_history(sample, [answers[id] for id in sample.after]) if sample.after else sample
                for sample in batch
            ]
            began = time.perf_counter()
            made = _predict(predictor, asked)
            seconds += time.perf_counter() - began
            answered = list(zip(batch, made, strict=True))
            answers.update((sample.id, answer) for sample, answer in answered if sample.id in followed)
            journal.append(
                Line(sample.id, sample.cluster, sample.tags, answer, task.score(sample, answer))
                for sample, answer in answered
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


def _predict(predictor: Predictor, batch: Sequence[Sample]) -> list[Prediction]:
    """One prediction per sample, whatever the predictor does; Ctrl-C still ends the run."""
    try:
        made = predictor.predict(batch)
        if len(made) != len(batch):
            raise RuntimeError(f"{len(made)} predictions for {len(batch)} samples")
        for sample, prediction in zip(batch, made, strict=True):
            for mask in prediction.masks:
                if tuple(rle.validate(mask)["size"]) != sample.size:
                    raise RuntimeError(f"a mask of size {mask['size']} on an image of {list(sample.size)}")
        return made
    except Exception as error:
        if len(batch) > 1:
            # one bad sample must not take the others of its batch with it
            return [_predict(predictor, [sample])[0] for sample in batch]
        reason = f"{type(error).__name__}: {str(error).strip().split(chr(10))[0]}"
        return [Prediction(outcome=Outcome.MODEL_ERROR, detail=reason)]

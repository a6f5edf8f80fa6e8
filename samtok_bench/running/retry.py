"""Samples of a kept run that are asked again, because the model failed and not its answer."""

from collections.abc import Sequence

from samtok_bench.runs.journal import Journal
from samtok_bench.sample import Sample


def forget_errors(journal: Journal, samples: Sequence[Sample]) -> int:
    """Take the lines without an answer out of a journal, and those of samples that come after one of them.

    Returns:
        how many there were; ValueError as `Journal.read`.
    """
    forgotten = {line.id for line in journal.lines() if not line.prediction.answered}
    if not forgotten:
        return 0
    before = 0
    while len(forgotten) > before:  # an answer to a dialogue depends on the ones before
        before = len(forgotten)
        forgotten |= {sample.id for sample in samples if forgotten.intersection(sample.after)}
    whole = journal.count()
    journal.replace(line for line in journal.lines() if line.id not in forgotten)
    return whole - journal.count()

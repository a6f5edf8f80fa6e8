"""Answers that are stored already: whether they are of the samples at hand."""

from collections.abc import Iterator, Mapping

from samtok_bench.runs.journal import Journal, Line
from samtok_bench.sample import Sample


def read_answers(journal: Journal, samples: Mapping[str, Sample]) -> Iterator[Line]:
    """The lines of a journal.

    Args:
        journal: may lack samples.
        samples: of the run, by id.

    Raises:
        ValueError: a malformed line, a sample that the run does not have, or a mask that does not fit.
    """
    for line in journal.lines():
        if line.id not in samples:
            raise ValueError(f"{journal.path} holds the sample {line.id[:60]}, which this run does not have")
        size = list(samples[line.id].size)
        for mask in line.prediction.masks:
            if list(mask["size"]) != size:
                raise ValueError(
                    f"{journal.path}: the sample {line.id} has a mask of size {mask['size']}, not {size}"
                )
        yield line

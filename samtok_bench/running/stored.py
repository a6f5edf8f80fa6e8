"""Answers that are stored already: whether they are of the samples at hand."""

from collections.abc import Mapping

from samtok_bench.runs.journal import Journal, Line
from samtok_bench.sample import Sample


def read_answers(journal: Journal, samples: Mapping[str, Sample]) -> dict[str, Line]:
    """The lines of a journal by sample id.

    Args:
        journal: may lack samples.
        samples: of the run, by id.

    Raises:
        ValueError: a malformed line, a sample that the run does not have, or a mask that does not fit.
    """
    lines = journal.read()
    for id, line in lines.items():
        if id not in samples:
            raise ValueError(f"{journal.path} holds the sample {id[:60]}, which this run does not have")
        size = list(samples[id].size)
        for mask in line.prediction.masks:
            if list(mask["size"]) != size:
                raise ValueError(
                    f"{journal.path}: the sample {id} has a mask of size {mask['size']}, not {size}"
                )
    return lines

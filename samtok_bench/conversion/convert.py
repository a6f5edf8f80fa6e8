"""Answers that others wrote down, as a predictions file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from samtok_bench.conversion.coco_results import read_coco_results
from samtok_bench.conversion.lmms import read_lmms
from samtok_bench.conversion.released_results import read_released_results
from samtok_bench.conversion.runs import read_run
from samtok_bench.exchange.answers import StatedAnswer
from samtok_bench.files import write_whole
from samtok_bench.sample import Sample
from samtok_bench.task import Dropped

Source = Callable[[Path, Sequence[Sample], Dropped], Iterator[StatedAnswer]]
SOURCES: Mapping[str, Source] = {
    "run": read_run,
    "released": read_released_results,
    "lmms": read_lmms,
    "coco": read_coco_results,
}
"""By the name given to --from."""


def convert(kind: str, source: Path, samples: Sequence[Sample], out: Path) -> tuple[int, Dropped]:
    """Write a predictions file.

    Args:
        kind: one of SOURCES.
        source: the file or folder.
        samples: all of the split.
        out: the predictions file; its folder is made if needed.

    Returns:
        the number of answers, and what was left out.

    Raises:
        ValueError: an unknown kind, a malformed source, answers to other samples, or `out` is the source
            or in that results folder.
        OSError: a file that cannot be read or written.
    """
    if kind not in SOURCES:
        raise ValueError(f"unknown source {kind!r}; there are {', '.join(SOURCES)}")
    real = out.resolve()
    # a results folder holds nothing else
    if source.resolve() in ((real, *real.parents) if kind == "run" else (real,)):
        raise ValueError(f"{out} is where the answers are: write the predictions to another place")
    dropped = Dropped()
    answers = SOURCES[kind](source, samples, dropped)
    lines = [answer.model_dump_json(exclude_defaults=True) for answer in answers]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, "".join(f"{line}\n" for line in lines).encode())
    return len(lines), dropped

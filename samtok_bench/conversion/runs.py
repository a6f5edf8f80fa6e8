"""The answers of a run."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from samtok_bench.exchange.answers import StatedAnswer
from samtok_bench.runs.folder import RunFolder
from samtok_bench.sample import Sample
from samtok_bench.task import Dropped

LEFT_OUT = ("codes", "timings")
"""What only codecs write."""


def read_run(source: Path, samples: Sequence[Sample], dropped: Dropped) -> Iterator[StatedAnswer]:
    """The journal of a results folder; ValueError where it is none, or not of these samples."""
    folder = RunFolder(source)
    model = folder.record().settings.label
    known = {sample.id for sample in samples}
    for line in folder.journal.read().values():
        if line.id not in known:
            raise ValueError(f"{folder.journal.path}: the sample {line.id} is not in this split")
        answer = {name: value for name, value in asdict(line.prediction).items() if name not in LEFT_OUT}
        yield StatedAnswer.model_validate({"id": line.id, "model": model, **answer}, strict=False)

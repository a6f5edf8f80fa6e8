"""Runs on generated data (mini) or of the small model nano, which say nothing about photographs.

Generated data is recognized by a run's own record (no data root), by the marker that mini's writer leaves in
a data root, or by the hash of the data if another run shows that it is generated; nano by its name, or by the
hash of its weights.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from samtok_bench.runs.folder import RunFolder, RunRecord

NANO = "nano"
MINI_MARKER = "mini.json"
"""In every data root that mini's writer makes."""


@dataclass(frozen=True)
class Toys:
    """What identifies such runs."""

    data: Collection[str]
    """Hashes of generated data."""
    weights: Collection[str]
    """Hashes of nano's weights."""

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "Toys":
        """What some results folders show."""
        data, weights = set(), set()
        for path in paths:
            with suppress(OSError, ValueError):  # reading the run will say so
                record = RunFolder(path).record()
                if _is_generated(record):
                    data.add(record.settings.data)
                if _is_nano(record) and (own := _weights(record)):
                    weights.add(own)
        return cls(data, weights)

    def has(self, record: RunRecord) -> bool:
        """Whether a run is one of them."""
        return (
            _is_generated(record)
            or _is_nano(record)
            or record.settings.data in self.data
            or _weights(record) in self.weights
        )


def _is_generated(record: RunRecord) -> bool:
    return record.data_root is None or (Path(record.data_root) / MINI_MARKER).is_file()


def _is_nano(record: RunRecord) -> bool:
    return Path(record.settings.model.rpartition(":")[2]).name == NANO


def _weights(record: RunRecord) -> str | None:
    return record.settings.predictor.get("weights")

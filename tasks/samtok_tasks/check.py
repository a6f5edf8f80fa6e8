"""Is a data root complete? Counts per split, missing images, the first problem."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from samtok_tasks.formats.grefcoco import read_grefcoco
from samtok_tasks.formats.refer import PARTITIONS, ReferringData, read_refer


@dataclass(frozen=True)
class SplitCount:
    """What one split holds."""

    images: int
    sentences: int
    no_target: int
    one_target: int
    several_targets: int
    missing_images: int


@dataclass(frozen=True)
class CheckReport:
    """What was found of one data set."""

    dataset: str
    root: Path
    splits: dict[str, SplitCount] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    """Parts of records that readers leave out, as the official loaders do."""
    problem: str | None = None
    """The first thing that keeps the data set from being used; None if all is there."""

    @property
    def ok(self) -> bool:
        """Whether a task can run on it."""
        return self.problem is None

    def to_json(self) -> str:
        """All fields, and `ok`, as one JSON object."""
        return json.dumps(asdict(self) | {"root": str(self.root), "ok": self.ok}, indent=1)


READERS: dict[str, Callable[[Path], ReferringData]] = {
    "grefcoco": read_grefcoco,
    **{name: partial(read_refer, dataset=name) for name in PARTITIONS},
}


def check(root: Path, dataset: str = "grefcoco") -> CheckReport:
    """Read a data set completely and look for its images.

    Args:
        root: the data root.
        dataset: a key of READERS.

    Raises:
        ValueError: an unknown data set. Problems with the data are in the report instead.
    """
    if dataset not in READERS:
        raise ValueError(f"unknown data set {dataset!r}; there are {', '.join(READERS)}")
    try:
        data = READERS[dataset](root)
        splits = {name: _count(data.split(name)) for name in data.splits}
    except (ValueError, OSError) as error:
        return CheckReport(dataset, root, problem=str(error))
    problem = None
    missing = [path for path in dict.fromkeys(one.image_path for one in data) if not path.is_file()]
    if not splits:
        problem = f"{dataset} in {root} holds no sentence"
    elif missing:
        problem = f"{len(missing)} images are missing, the first is {missing[0]}"
    return CheckReport(dataset, root, splits, dict(data.dropped), problem)


def _count(data: ReferringData) -> SplitCount:
    for one in data:
        _ = one.targets  # raises for a mask that cannot be read
    sizes = [len(one.annotation_ids) for one in data]
    images = {one.image_path for one in data}
    return SplitCount(
        images=len(images),
        sentences=len(data),
        no_target=sizes.count(0),
        one_target=sizes.count(1),
        several_targets=sum(size > 1 for size in sizes),
        missing_images=sum(not path.is_file() for path in images),
    )

"""Is a data root complete? Counts per split, missing images, the first problem."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from samtok_bench.sample import Sample
from samtok_bench.task import Task
from samtok_tasks.formats.files import NoSplitError

NO_IMAGE = "without a readable image"
"""How the reasons end by which readers leave out what they need an image's size for."""


@dataclass(frozen=True)
class SplitCount:
    """What one split holds."""

    images: int
    samples: int
    no_target: int
    """Samples with no mask to find; so for the others."""
    one_target: int
    several_targets: int
    missing_images: int


@dataclass(frozen=True)
class CheckReport:
    """What was found of one task's data."""

    task: str
    root: Path
    splits: dict[str, SplitCount] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Splits that are not there, with the reason."""
    dropped: dict[str, int] = field(default_factory=dict)
    """What the reader leaves out, as the official loaders do, or because it cannot be used."""
    first: dict[str, str] = field(default_factory=dict)
    """For a reason, the first that was left out."""
    problem: str | None = None
    """The first thing that keeps the data from being used; None if all is there."""

    @property
    def ok(self) -> bool:
        """Whether the task can run on it."""
        return self.problem is None

    def to_json(self) -> str:
        """All fields, and `ok`, as one JSON object."""
        return json.dumps(asdict(self) | {"root": str(self.root), "ok": self.ok}, indent=1)


def check(task: Task, root: Path, splits: Sequence[str]) -> CheckReport:
    """Read a task's data completely and look for its images.

    One of the splits must be there; one that is broken, or lacks an image, is a problem.

    Args:
        task: with its data format.
        root: the data root.
        splits: those to look for.
    """
    found = CheckReport(task.name, root)
    missing: dict[Path, None] = {}
    for split in splits:
        try:
            read = task.samples(root, split)
        except (FileNotFoundError, NoSplitError) as error:
            found.absent[split] = str(error)
            continue
        except (ValueError, OSError) as error:
            return _with(found, str(error))
        found.splits[split] = _count(read.samples)
        found.dropped.update(read.dropped)
        found.first.update(read.first)
        missing |= dict.fromkeys(s.image for s in read.samples if not s.image.is_file())
    for reason in found.dropped:
        if reason.endswith(NO_IMAGE):
            place = found.first.get(reason, "its place is not known")
            return _with(found, f"{found.dropped[reason]} {reason}, the first: {place}")
    if not any(one.samples for one in found.splits.values()):
        return _with(found, next(iter(found.absent.values()), f"{root} holds no sample"))
    if missing:
        return _with(found, f"{len(missing)} images are missing, the first is {next(iter(missing))}")
    return found


def _with(report: CheckReport, problem: str) -> CheckReport:
    return CheckReport(
        report.task, report.root, report.splits, report.absent, report.dropped, report.first, problem
    )


def _count(samples: Sequence[Sample]) -> SplitCount:
    sizes = [len(sample.target.masks) for sample in samples]
    images = {sample.image for sample in samples}
    return SplitCount(
        images=len(images),
        samples=len(samples),
        no_target=sizes.count(0),
        one_target=sizes.count(1),
        several_targets=sum(size > 1 for size in sizes),
        missing_images=sum(not path.is_file() for path in images),
    )

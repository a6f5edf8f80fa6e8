"""Is a data root complete? Counts per split, missing images, the first problem."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from samtok_bench.images import ImageFileError, open_image
from samtok_bench.leaderboard.published import shipped
from samtok_bench.task import Dropped, SampleSet, Task
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.mini.writer import MARKER


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
    dropped: Dropped
    """What the reader leaves out, as the official loaders do, or because it cannot be used."""


@dataclass
class CheckReport:
    """What was found of one task's data."""

    task: str
    root: Path
    splits: dict[str, SplitCount] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Splits that are not there, with the reason."""
    default_split: str = ""
    """What a run takes when no split is named."""
    unofficial: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Official numbers of samples of the splits that have another one; a run of them is in no leaderboard."""
    problem: str | None = None
    """The first thing that keeps the data from being used; None if all is there."""

    @property
    def ok(self) -> bool:
        """Whether the task can run on it."""
        return self.problem is None

    @property
    def verdict(self) -> str:
        """The last line of what a user is told."""
        if self.problem is not None:
            return self.problem
        others = [
            f"{name} has {self.splits[name].samples} samples, officially {' or '.join(map(str, counts))}"
            for name, counts in self.unofficial.items()
        ]
        return f"can be run, but {'; '.join(others)}" if others else "complete"

    def to_json(self) -> str:
        """All fields, and `ok`, as one JSON object."""
        return json.dumps(asdict(self) | {"root": str(self.root), "ok": self.ok}, indent=1, default=vars)


def check(
    task: Task, root: Path, splits: Sequence[str], decode: bool = False, *, every: bool = False
) -> CheckReport:
    """Read a task's data completely and look for its images.

    One of the splits must be there; one that is broken, or lacks an image, is a problem.

    Args:
        task: with its data format.
        root: the data root.
        splits: those to look for.
        decode: also read each image whole, which finds files that are cut.
        every: all of the splits must be there.
    """
    report = CheckReport(task.name, root, default_split=task.default_split(root))
    generated = (root / MARKER).is_file()
    missing: dict[Path, None] = {}
    seen: dict[Path, None] = {}
    for split in splits:
        try:
            read = task.samples(root, split)
        except (FileNotFoundError, NoSplitError) as error:
            report.absent[split] = str(error)
            continue
        except (ValueError, OSError) as error:
            report.problem = str(error)
            return report
        images = dict.fromkeys(sample.image for sample in read.samples)
        lacking = [image for image in images if not image.is_file()]
        report.splits[split] = _count(read, len(images), len(lacking))
        official = () if generated else shipped()[0].official(task.name, split, task.data)
        if official and len(read.samples) not in official:
            report.unofficial[split] = official
        missing |= dict.fromkeys(lacking)
        seen |= images
    report.problem = _unreadable(report)
    lacks = every and report.absent
    if not report.problem and (lacks or not any(split.samples for split in report.splits.values())):
        report.problem = next(iter(report.absent.values()), f"{root} holds no sample")
    if missing and not report.problem:
        report.problem = f"{len(missing)} images are missing, the first is {next(iter(missing))}"
    if decode and not report.problem and (faults := [fault for image in seen if (fault := _fault(image))]):
        report.problem = f"{len(faults)} of {len(seen)} images cannot be read, the first: {faults[0]}"
    return report


def _fault(image: Path) -> str:
    """Why an image cannot be decoded, or ""."""
    try:
        open_image(image)
    except ImageFileError as error:
        return str(error)
    return ""


def _count(read: SampleSet, images: int, missing_images: int) -> SplitCount:
    targets = [len(sample.target.masks) for sample in read.samples]
    return SplitCount(
        images=images,
        samples=len(targets),
        no_target=targets.count(0),
        one_target=targets.count(1),
        several_targets=sum(count > 1 for count in targets),
        missing_images=missing_images,
        dropped=read.dropped,
    )


def _unreadable(report: CheckReport) -> str | None:
    """What was left out for want of a file."""
    for split in report.splits.values():
        for reason, line in zip(split.dropped.counts, split.dropped.lines(), strict=True):
            if reason in split.dropped.lost:
                return line
    return None

"""Writes mini: generated scenes in the official files of benchmarks."""

import csv
import hashlib
import json
import pickle
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from samtok_bench.files import naming, write_whole
from samtok_tasks.formats.parquet import write_parquet
from samtok_tasks.mini.contents import MINI_VERSION, SCENES, benchmarks, combined
from samtok_tasks.mini.expressions import make_expressions
from samtok_tasks.mini.picture import IMAGE_FOLDER, SIZE, MiniPicture
from samtok_tasks.mini.scene import draw_scene

OBJECTS = (1, 7)
MARKER = "mini.json"


@dataclass(frozen=True)
class SplitPlan:
    """How a split is made."""

    first_seed: int
    images: int
    expressions: int


# Seeds of different splits never meet, and training starts far above all of them.
SPLITS = {
    "train": SplitPlan(first_seed=1_000_000, images=100, expressions=240),
    "val": SplitPlan(first_seed=2_000_000, images=100, expressions=240),
    "testA": SplitPlan(first_seed=3_000_000, images=40, expressions=96),
    "testB": SplitPlan(first_seed=4_000_000, images=40, expressions=96),
}


@dataclass(frozen=True)
class SplitReport:
    """What a split of gRefCOCO's form holds."""

    images: int
    expressions: int
    no_target: int
    one_target: int
    several_targets: int

    @property
    def no_target_share(self) -> float:
        """0 to 1; also the gIoU of a model that always refuses."""
        return self.no_target / self.expressions


@dataclass(frozen=True)
class MiniReport:
    """What was written."""

    root: Path
    splits: dict[str, SplitReport]
    hashes: dict[str, str]
    """By benchmark, and for the images; see `write_files`."""

    @property
    def content_hash(self) -> str:
        """One for all of them."""
        return combined(self.hashes)


def write_mini(
    root: Path, *, only: Collection[str] | None = None, plans: Mapping[str, SplitPlan] | None = None
) -> MiniReport:
    """Write mini below a folder: the same scenes in the official files of all benchmarks, exact masks.

    Args:
        root: made if needed; files of the same names are overwritten.
        only: names of splits; all by default.
        plans: the splits, for data that is like mini; SPLITS by default.

    Raises:
        ValueError: an unknown split.
        OSError: the folder cannot be written.
    """
    plans = SPLITS if plans is None else plans
    names = list(plans) if only is None else [name for name in plans if name in only]
    unknown = sorted(set(only or ()) - set(plans))
    if unknown or not names:
        raise ValueError(f"unknown splits: {', '.join(unknown)}; there are {', '.join(plans)}")
    by_split = {name: list(pictures_of(name, plans)) for name in names}
    pictures = [picture for split in by_split.values() for picture in split]
    hashes = {name: write_files(root, module.files(pictures)) for name, module in benchmarks().items()}
    images = {f"{IMAGE_FOLDER}/{picture.file_name}": picture.scene.image for picture in pictures}
    hashes[SCENES] = write_files(root, images)
    report = MiniReport(root, {name: _counted(split) for name, split in by_split.items()}, hashes)
    marker = {
        "version": MINI_VERSION,
        "content_hash": report.content_hash,
        "hashes": hashes,
        "splits": {name: asdict(split) for name, split in report.splits.items()},
    }
    write_whole(root / MARKER, (json.dumps(marker, indent=1) + "\n").encode())
    return report


def read_marker(root: Path) -> dict[str, Any]:
    """What `write_mini` noted below a folder: version, content_hash and the counts of each split.

    Raises:
        OSError, ValueError: the folder does not hold mini.
    """
    content: dict[str, Any] = json.loads((root / MARKER).read_bytes())
    return content


def pictures_of(split: str, plans: Mapping[str, SplitPlan] | None = None) -> Iterator[MiniPicture]:
    """The pictures of a split of SPLITS, or of other plans, in order."""
    plans = SPLITS if plans is None else plans
    plan = plans[split]
    offset = 1 + sum(plans[name].images for name in list(plans)[: list(plans).index(split)])
    seed = plan.first_seed
    missing = plan.expressions
    for number in range(plan.images):
        count = -(-missing // (plan.images - number))  # an even share of what is left, rounded up
        while True:  # passes by the few scenes that allow too little
            scene = draw_scene(seed, size=SIZE, objects=OBJECTS)
            expressions = make_expressions(np.random.default_rng((seed, 1)), scene, count)
            seed += 1
            if len(expressions) == count:
                break
        missing -= count
        yield MiniPicture(offset + number, split, scene, expressions)


def _counted(pictures: Sequence[MiniPicture]) -> SplitReport:
    targets = [len(expression.targets) for picture in pictures for expression in picture.expressions]
    return SplitReport(
        images=len(pictures),
        expressions=len(targets),
        no_target=targets.count(0),
        one_target=targets.count(1),
        several_targets=sum(count > 1 for count in targets),
    )


def write_files(root: Path, files: Mapping[str, Any]) -> str:
    """Write files below a folder.

    Args:
        root: made if needed.
        files: contents by path, see `MiniBenchmark.files`.

    Returns:
        sha256 over their paths and contents, before any compression.
    """
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\n".encode() + write_file(root / path, content) + b"\n")
    return digest.hexdigest()


def write_file(path: Path, content: Any) -> bytes:
    """Write a file, its folders too; returns what it holds in a form that does not depend on libraries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path):
        if isinstance(content, np.ndarray):
            options: dict[str, Any] = {"quality": 95, "subsampling": 0} if path.suffix == ".jpg" else {}
            Image.fromarray(content).save(path, **options)
            return bytes(content.tobytes())
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=_digest)
        if path.suffix == ".parquet":
            write_parquet(path, content)
        elif path.suffix == ".p":
            path.write_bytes(pickle.dumps(content, protocol=2))
        elif path.suffix == ".csv":
            with path.open("w", newline="") as file:
                csv.writer(file).writerows(content)
        elif path.suffix == ".jsonl":
            path.write_text("".join(f"{json.dumps(record)}\n" for record in content))
        else:
            path.write_text(canonical)
        return canonical.encode()


def _digest(array: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()

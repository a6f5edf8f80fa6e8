"""Writes mini: generated scenes in the official files of benchmarks.

A benchmark whose folder has a `mini.py` is written: its `files(pictures)` gives contents by path below the
root, JSON, or for a picture an array (H, W) or (H, W, 3) uint8; its `HASH` is the sha256 of all of them.
"""

import hashlib
import json
import os
import pickle
import pkgutil
import shutil
import tempfile
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import samtok_tasks
from samtok_tasks.mini.expressions import make_expressions
from samtok_tasks.mini.picture import IMAGE_FOLDER, SIZE, Picture
from samtok_tasks.mini.scene import draw_scene


class Official(Protocol):
    """A benchmark's `mini.py`."""

    HASH: str

    def files(self, pictures: Sequence[Picture]) -> dict[str, Any]:
        """Contents by path."""


SCENES = "scenes"
"""Stands for the images among the benchmarks."""
SCENES_HASH = "80f66ec2a2a23a0774b62c80f48fefa5c1e27949dc725620bac2e2db73bf827c"

MINI_VERSION = "3"
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
    """By benchmark, and for the images: sha256 over the content of its files, before any compression."""

    @property
    def content_hash(self) -> str:
        """One for all of them."""
        return combined(self.hashes)


@cache
def benchmarks() -> dict[str, Official]:
    """The benchmarks that mini is written for, by the name of their folder."""
    folders = [found.name for found in pkgutil.iter_modules(samtok_tasks.__path__) if found.ispkg]
    modules = [(name, f"{samtok_tasks.__name__}.{name}.mini") for name in sorted(folders)]
    return {name: cast(Official, import_module(module)) for name, module in modules if find_spec(module)}


def expected_hashes() -> dict[str, str]:
    """Those of this version of mini. A changed scene changes all of them."""
    return {SCENES: SCENES_HASH} | {name: module.HASH for name, module in benchmarks().items()}


def combined(hashes: Mapping[str, str]) -> str:
    """sha256 over the hashes of all parts."""
    text = "".join(f"{name} {hashes[name]}\n" for name in sorted(hashes))
    return hashlib.sha256(text.encode()).hexdigest()


def write_mini(
    root: Path, *, only: Collection[str] | None = None, plans: Mapping[str, SplitPlan] | None = None
) -> MiniReport:
    """Write mini below a folder: the same scenes in the official files of all `benchmarks`, exact masks.

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
    pictures = [picture for name in names for picture in pictures_of(name, plans)]
    hashes = {name: _write_all(root, module.files(pictures)) for name, module in benchmarks().items()}
    images = {f"{IMAGE_FOLDER}/{picture.file_name}": picture.scene.image for picture in pictures}
    hashes[SCENES] = _write_all(root, images)
    report = MiniReport(
        root, {name: _report([one for one in pictures if one.split == name]) for name in names}, hashes
    )
    marker = {
        "version": MINI_VERSION,
        "content_hash": report.content_hash,
        "hashes": hashes,
        "splits": {name: asdict(split) for name, split in report.splits.items()},
    }
    (root / MARKER).write_text(json.dumps(marker, indent=1) + "\n")
    return report


def read_marker(root: Path) -> dict[str, Any]:
    """What `write_mini` noted below a folder: version, content_hash and the counts of each split.

    Raises:
        OSError, ValueError: the folder does not hold mini.
    """
    content: dict[str, Any] = json.loads((root / MARKER).read_bytes())
    return content


def mini_cache(cache: Path | None = None) -> Path:
    """The folder of this version of mini below the cache.

    The cache is the argument, else the environment's SAMTOK_BENCH_CACHE, else ~/.cache/samtok-bench.
    """
    if cache is None:
        cache = Path(os.environ.get("SAMTOK_BENCH_CACHE") or Path.home() / ".cache" / "samtok-bench")
    return cache / f"mini-{MINI_VERSION}-{combined(expected_hashes())[:8]}"


def has_mini(cache: Path | None = None) -> bool:
    """Whether `ensure_mini` has nothing to write."""
    return (mini_cache(cache) / MARKER).is_file()


def ensure_mini(cache: Path | None = None) -> Path:
    """The data root of mini, written at the first call (some seconds) and used again later.

    Raises:
        OSError: the cache cannot be written.
    """
    folder = mini_cache(cache)
    written, expected = ensure_written(folder), expected_hashes()
    differing = [name for name, found in (written or {}).items() if found != expected[name]]
    if differing:
        warnings.warn(
            f"mini came out different from version {MINI_VERSION} in {', '.join(differing)}: figures are not "
            "comparable with published ones",
            stacklevel=2,
        )
    return folder


def ensure_written(folder: Path, plans: Mapping[str, SplitPlan] | None = None) -> dict[str, str] | None:
    """Write a folder of mini's kind unless it is there; its hashes where it was written now.

    It appears whole or not at all, also when two processes write it at once.

    Raises:
        OSError: it cannot be written.
    """
    if (folder / MARKER).is_file():
        return None
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as temporary:
        report = write_mini(Path(temporary) / "root", plans=plans)
        if folder.exists() and not (folder / MARKER).is_file():
            shutil.rmtree(folder)
        try:
            report.root.rename(folder)
        except OSError:
            if not (folder / MARKER).is_file():  # otherwise another process was first
                raise
    return report.hashes


def pictures_of(split: str, plans: Mapping[str, SplitPlan] | None = None) -> Iterator[Picture]:
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
        yield Picture(offset + number, split, scene, expressions)


def _report(pictures: list[Picture]) -> SplitReport:
    sizes = [len(one.targets) for picture in pictures for one in picture.expressions]
    return SplitReport(
        images=len(pictures),
        expressions=len(sizes),
        no_target=sizes.count(0),
        one_target=sizes.count(1),
        several_targets=sum(size > 1 for size in sizes),
    )


def _write_all(root: Path, files: Mapping[str, Any]) -> str:
    """Write files; the sha256 over their paths and contents."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\n".encode() + _write(root / path, content) + b"\n")
    return digest.hexdigest()


def _save_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    if path.suffix == ".jpg":
        Image.fromarray(pixels).save(path, quality=95, subsampling=0)
    else:
        Image.fromarray(pixels).save(path)


def _write(path: Path, content: Any) -> bytes:
    """Write a file; returns what it holds in a form that does not depend on libraries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, np.ndarray):
        _save_image(path, content)
        return bytes(content.tobytes())
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    if path.suffix == ".p":
        path.write_bytes(pickle.dumps(content, protocol=2))
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(record)}\n" for record in content))
    else:
        path.write_text(canonical)
    return canonical.encode()

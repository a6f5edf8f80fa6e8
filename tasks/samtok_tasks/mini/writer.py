"""Writes mini: generated scenes in the official files of benchmarks (one module of `official` each)."""

import hashlib
import json
import os
import pickle
import shutil
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samtok_bench.task import DataStatus
from samtok_tasks.gar_bench import mini as gar_bench
from samtok_tasks.gcg import mini as grandf
from samtok_tasks.grounding_suite import mini as grounding_suite
from samtok_tasks.mini.expressions import make_expressions
from samtok_tasks.mini.picture import IMAGE_FOLDER, SIZE, Picture
from samtok_tasks.mini.scene import draw_scene
from samtok_tasks.multi_round import mini as segllm
from samtok_tasks.reasonseg import mini as reasonseg
from samtok_tasks.reconstruction import mini as coco
from samtok_tasks.referring import mini as referring
from samtok_tasks.scene_graph import mini as psg
from samtok_tasks.vg_caption import mini as visual_genome
from samtok_tasks.vip_bench import mini as vip_bench
from samtok_tasks.visual7w import mini as visual7w

FILES: tuple[Callable[[Sequence[Picture]], dict[str, Any]], ...] = (
    coco.files,
    referring.files,
    grandf.files,
    grounding_suite.files,
    reasonseg.files,
    psg.files,
    segllm.files,
    gar_bench.files,
    visual_genome.files,
    visual7w.files,
    vip_bench.files,
)
"""Each gives contents by path below the root: JSON, or for a picture an array (H, W) or (H, W, 3) uint8."""

MINI_VERSION = "3"
MINI_HASH = "f97ad081d71c38c61a79e49f70f8556c44b04090bbabc97861629b5afde32418"
"""sha256 of the content of all splits of this version. A changed scene is a new version."""

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
    content_hash: str
    """sha256 over the annotations and the drawn pixels of what was written."""


def write_mini(
    root: Path, *, only: Collection[str] | None = None, plans: Mapping[str, SplitPlan] | None = None
) -> MiniReport:
    """Write mini below a folder: the same scenes in all official files of FILES, masks exact to the pixel.

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
    digest = hashlib.sha256()
    for path, content in sorted(
        (path, content) for files in FILES for path, content in files(pictures).items()
    ):
        digest.update(f"{path}\n".encode() + _write(root / path, content) + b"\n")
    folder = root / IMAGE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        digest.update(f"{picture.file_name}\n".encode() + picture.scene.image.tobytes())
        _save_image(folder / picture.file_name, picture.scene.image)
    report = MiniReport(
        root,
        {name: _report([one for one in pictures if one.split == name]) for name in names},
        digest.hexdigest(),
    )
    marker = {
        "version": MINI_VERSION,
        "content_hash": report.content_hash,
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
    return cache / f"mini-{MINI_VERSION}-{MINI_HASH[:8]}"


def has_mini(cache: Path | None = None) -> bool:
    """Whether `ensure_mini` has nothing to write."""
    return (mini_cache(cache) / MARKER).is_file()


def mini_status(cache: Path | None = None) -> DataStatus:
    """Whether mini is there, for the list of tasks."""
    if has_mini(cache):
        return DataStatus(True, f"mini, in {mini_cache(cache)}")
    return DataStatus(False, "mini; the first run writes it in some seconds")


def ensure_mini(cache: Path | None = None) -> Path:
    """The data root of mini, written at the first call (some seconds) and used again later.

    Raises:
        OSError: the cache cannot be written.
    """
    folder = mini_cache(cache)
    content_hash = ensure_written(folder)
    if content_hash not in (None, MINI_HASH):
        warnings.warn(
            f"mini came out different from version {MINI_VERSION} (hash {content_hash[:12]}, "
            f"expected {MINI_HASH[:12]}): figures are not comparable with published ones",
            stacklevel=2,
        )
    return folder


def ensure_written(folder: Path, plans: Mapping[str, SplitPlan] | None = None) -> str | None:
    """Write a folder of mini's kind unless it is there; its hash where it was written now.

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
    return report.content_hash


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

"""Writes mini: generated scenes in the official files of gRefCOCO and the refer family."""

import hashlib
import json
import os
import pickle
import shutil
import tempfile
import warnings
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from samtok_bench.metrics import rle
from samtok_bench.task import DataStatus
from samtok_tasks.mini.expressions import Expression, make_expressions
from samtok_tasks.mini.regions import KINDS, scene_regions
from samtok_tasks.mini.scene import SHAPES, Mask, Scene, draw_scene

MINI_VERSION = "2"
MINI_HASH = "930f22daa328f7e90ddf6113dabf2475cd48d1d3925a6b986d23a77ff45ba675"
"""sha256 of the content of all splits of this version. A changed scene is a new version."""

SIZE = 192
OBJECTS = (1, 7)
IMAGE_FOLDER = "images/train2014"
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


@dataclass(frozen=True)
class _Picture:
    image_id: int
    split: str
    scene: Scene
    expressions: list[Expression]

    @property
    def file_name(self) -> str:
        return f"COCO_train2014_{self.image_id:012d}.jpg"

    def annotation_id(self, index: int) -> int:
        return self.image_id * 10 + index


def write_mini(root: Path, *, only: Collection[str] | None = None) -> MiniReport:
    """Write mini below a folder.

    `grefcoco/` holds single, multiple and no-target expressions; `refcoco/`, `refcoco+/` (no words for
    places) and `refcocog/` hold the single-target ones of the same scenes in the refer family's form.
    `annotations/instances_SPLIT.json` holds regions of every kind in COCO's form. Masks are uncompressed COCO
    RLE, exact to the pixel.

    Args:
        root: made if needed; files of the same names are overwritten.
        only: names of SPLITS; all by default.

    Raises:
        ValueError: an unknown split.
        OSError: the folder cannot be written.
    """
    names = list(SPLITS) if only is None else [name for name in SPLITS if name in only]
    unknown = sorted(set(only or ()) - set(SPLITS))
    if unknown or not names:
        raise ValueError(f"unknown splits: {', '.join(unknown)}; there are {', '.join(SPLITS)}")
    pictures = [picture for name in names for picture in _pictures(name)]
    annotations = _annotations(pictures)
    digest = hashlib.sha256()
    for path, content in sorted(annotations.items()):
        digest.update(f"{path}\n{_json(content)}\n".encode())
        _write_annotations(root / path, content)
    folder = root / IMAGE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        digest.update(f"{picture.file_name}\n".encode() + picture.scene.image.tobytes())
        Image.fromarray(picture.scene.image).save(folder / picture.file_name, quality=95, subsampling=0)
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

    It appears whole or not at all, also when two processes write it at once.

    Raises:
        OSError: the cache cannot be written.
    """
    folder = mini_cache(cache)
    if has_mini(cache):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as temporary:
        report = write_mini(Path(temporary) / "root")
        if report.content_hash != MINI_HASH:
            warnings.warn(
                f"mini came out different from version {MINI_VERSION} (hash {report.content_hash[:12]}, "
                f"expected {MINI_HASH[:12]}): figures are not comparable with published ones",
                stacklevel=2,
            )
        if folder.exists() and not has_mini(cache):
            shutil.rmtree(folder)
        try:
            report.root.rename(folder)
        except OSError:
            if not has_mini(cache):  # otherwise another process was first
                raise
    return folder


def _pictures(split: str) -> Iterator[_Picture]:
    plan = SPLITS[split]
    offset = 1 + sum(SPLITS[name].images for name in list(SPLITS)[: list(SPLITS).index(split)])
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
        yield _Picture(offset + number, split, scene, expressions)


def _annotations(pictures: list[_Picture]) -> dict[str, Any]:
    """The content of every annotation file by its path."""
    instances = _instances(pictures)
    files: dict[str, Any] = {
        "grefcoco/grefs(unc).json": _grefs(pictures),
        "grefcoco/instances.json": instances,
    }
    for dataset, by in (("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")):
        files[f"{dataset}/refs({by}).p"] = _refs(pictures, dataset)
        files[f"{dataset}/instances.json"] = instances
    for split in dict.fromkeys(picture.split for picture in pictures):
        files[f"annotations/instances_{split}.json"] = _regions([p for p in pictures if p.split == split])
    return files


def _instances(pictures: list[_Picture]) -> dict[str, Any]:
    """Every object, of its shape's category."""
    annotations = [
        _annotation(picture.annotation_id(item.index), picture, _category(item.shape), item.mask)
        for picture in pictures
        for item in picture.scene.objects
    ]
    categories = [{"id": _category(name), "name": name, "supercategory": "shape"} for name in SHAPES]
    return _coco(pictures, annotations, categories)


def _regions(pictures: list[_Picture]) -> dict[str, Any]:
    """Regions of every kind, of their kind's category."""
    annotations = []
    for picture in pictures:
        rng = np.random.default_rng((picture.scene.seed, 2))
        for place, (kind, mask) in enumerate(scene_regions(rng, picture.scene)):
            annotations.append(
                _annotation(picture.annotation_id(place), picture, 1 + KINDS.index(kind), mask)
            )
    categories = [{"id": 1 + k, "name": kind, "supercategory": "region"} for k, kind in enumerate(KINDS)]
    return _coco(pictures, annotations, categories)


def _coco(
    pictures: list[_Picture], annotations: list[dict[str, Any]], categories: list[dict[str, Any]]
) -> dict[str, Any]:
    images = [
        {"id": picture.image_id, "file_name": picture.file_name, "height": SIZE, "width": SIZE}
        for picture in pictures
    ]
    return {
        "info": {"description": "mini, generated scenes", "version": MINI_VERSION},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def _annotation(id: int, picture: _Picture, category: int, mask: Mask) -> dict[str, Any]:
    packed = rle.encode(mask)
    x0, y0, x1, y1 = rle.box(packed)
    return {
        "id": id,
        "image_id": picture.image_id,
        "category_id": category,
        "iscrowd": 0,
        "area": rle.area(packed),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "segmentation": {"size": list(mask.shape), "counts": rle.run_lengths(packed).tolist()},
    }


def _grefs(pictures: list[_Picture]) -> list[dict[str, Any]]:
    """References of gRefCOCO's form: sentences with the same targets share one."""
    refs: list[dict[str, Any]] = []
    sentences = _Sentences()
    for picture in pictures:
        for targets, expressions in _by_targets(picture.expressions).items():
            shapes = [picture.scene.objects[index].shape for index in targets]
            refs.append(
                {
                    "ref_id": len(refs),
                    "ann_id": [picture.annotation_id(index) for index in targets] or [-1],
                    "category_id": [_category(shape) for shape in shapes] or [-1],
                    "image_id": picture.image_id,
                    "file_name": picture.file_name,
                    "split": picture.split,
                    "no_target": not targets,
                    **sentences.of(expressions),
                }
            )
    return refs


def _refs(pictures: list[_Picture], dataset: str) -> list[dict[str, Any]]:
    """References of the refer family's form: one object each."""
    refs: list[dict[str, Any]] = []
    sentences = _Sentences()
    for picture in pictures:
        split = "test" if dataset == "refcocog" and picture.split.startswith("test") else picture.split
        usable = [one for one in picture.expressions if dataset != "refcoco+" or not _tells_place(one)]
        for targets, expressions in _by_targets(usable).items():
            if len(targets) != 1:
                continue
            annotation_id = picture.annotation_id(targets[0])
            refs.append(
                {
                    "ref_id": len(refs),
                    "ann_id": annotation_id,
                    "category_id": _category(picture.scene.objects[targets[0]].shape),
                    "image_id": picture.image_id,
                    "file_name": picture.file_name.replace(".jpg", f"_{annotation_id}.jpg"),
                    "split": split,
                    **sentences.of(expressions),
                }
            )
    return refs


class _Sentences:
    """Numbers the sentences of a file."""

    def __init__(self) -> None:
        self.next_id = 0

    def of(self, expressions: list[Expression]) -> dict[str, Any]:
        """The two fields of a reference that hold its sentences."""
        records = [
            {
                "sent_id": self.next_id + place,
                "raw": one.text,
                "sent": one.text,
                "tokens": one.text.split(),
                "kind": one.kind,  # official readers pass over it
            }
            for place, one in enumerate(expressions)
        ]
        self.next_id += len(records)
        return {"sent_ids": [record["sent_id"] for record in records], "sentences": records}


def _by_targets(expressions: list[Expression]) -> dict[tuple[int, ...], list[Expression]]:
    groups: dict[tuple[int, ...], list[Expression]] = {}
    for one in expressions:
        groups.setdefault(one.targets, []).append(one)
    return groups


def _tells_place(expression: Expression) -> bool:
    return expression.kind in ("position", "relation") or "most" in expression.text


def _category(shape: str) -> int:
    return SHAPES.index(shape) + 1


def _report(pictures: list[_Picture]) -> SplitReport:
    sizes = [len(one.targets) for picture in pictures for one in picture.expressions]
    return SplitReport(
        images=len(pictures),
        expressions=len(sizes),
        no_target=sizes.count(0),
        one_target=sizes.count(1),
        several_targets=sum(size > 1 for size in sizes),
    )


def _json(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _write_annotations(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".p":
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        path.write_text(_json(content))

"""One rule for polygons, whatever task reads them: what is drawn, and what is told of the rest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import caption_samples
import pytest
import refer_samples
import vip_samples
from json_fuzz import changed
from pycocotools import mask as coco
from segllm_samples import instances, ready_rounds, write_root, write_rounds

from samtok_bench import rle
from samtok_bench.task import SampleSet
from samtok_tasks.dlc_bench.task import DLCBench
from samtok_tasks.ferret_bench.task import FerretBench
from samtok_tasks.gcg.task import GCG
from samtok_tasks.gres.task import GRES
from samtok_tasks.multi_round.task import MultiRound
from samtok_tasks.referring.task import RefCOCO
from samtok_tasks.vip_bench.task import ViPBench

GOOD, HALF = [0, 0, 2, 0, 2, 2, 0, 2], [0, 2, 4, 2, 4, 4, 1]
POLYGONS: list[Any] = [GOOD, HALF, [1, 1, 3, 3], [0, 0, float("nan"), 2, 2, 2], [0, 0, "4", 0, 4, 4], None]


def refer(root: Path, polygons: Any) -> Path:
    content = changed(refer_samples.INSTANCES, ("annotations", 0, "segmentation"), polygons)
    return refer_samples.grefcoco(root, instances=content)


def refcoco(root: Path, polygons: Any) -> Path:
    folder = refer_samples.refcoco(root) / "refcoco"
    refer(root, polygons)
    (root / "grefcoco" / "instances.json").rename(folder / "instances.json")
    return root


def dlc(root: Path, polygons: Any) -> Path:
    path = "annotations/annotations.json"
    content = changed(caption_samples.DLC, (path, "annotations", 0, "segmentation"), polygons)
    return caption_samples.write(root, "dlc", content)


def ferret(root: Path, polygons: Any) -> Path:
    place = ("annotations/box_refer_caption.json", 0, "annotation", "segmentation")
    return caption_samples.write(root, "ferret", changed(caption_samples.FERRET, place, polygons))


def dialogues(root: Path, polygons: Any) -> Path:
    return write_root(root, content=changed(instances(), ("annotations", 0, "segmentation"), polygons))


def rounds(root: Path, polygons: Any) -> Path:
    return write_rounds(root, changed(ready_rounds(), ("1", 0, "target_masks", 0), polygons))


def captions(root: Path, polygons: Any) -> Path:
    images = [{"id": "sa_1", "height": 6, "width": 8}]
    caption = {"image_id": "sa_1", "caption": "A dog and a cat.", "labels": ["dog"]}
    mask = {"image_id": "sa_1", "segmentation": polygons}
    folder = root / "GranDf" / "annotations" / "val_test"
    folder.mkdir(parents=True)
    for kind, record in (("caption", caption), ("mask", mask)):
        content = {"images": images, "annotations": [record]}
        (folder / f"val_gcg_coco_{kind}_gt.json").write_text(json.dumps(content))
    return root


READERS: dict[str, tuple[Callable[[Path, Any], Path], Callable[[Path], SampleSet], str]] = {
    "gres": (refer, lambda root: GRES().samples(root, "val"), "grefcoco/instances.json: annotation 50"),
    "refcoco": (refcoco, lambda root: RefCOCO().samples(root, "val"), "instances.json: annotation 50"),
    "dlc": (dlc, lambda root: DLCBench().samples(root, "test"), "annotations.json: annotation 11"),
    "ferret": (ferret, lambda root: FerretBench().samples(root, "test"), "caption.json: record 0"),
    "dialogues": (
        dialogues,
        lambda root: MultiRound().samples(root, "refcoco_val"),
        "refcoco/instances.json: annotation 11",
    ),
    "rounds": (
        rounds,
        lambda root: MultiRound(data="rounds").samples(root, "refcoco_val"),
        "sampled.json: round 1, item 0, mask 0",
    ),
    "gcg": (captions, lambda root: GCG().samples(root, "val"), "mask_gt.json: annotation 0"),
}


@pytest.mark.parametrize("name", READERS)
def test_polygons_beside_good_ones_are_drawn_or_counted(tmp_path: Path, name: str) -> None:
    write, read, where = READERS[name]
    found = read(write(tmp_path, POLYGONS))
    dropped = {reason: found.dropped.counts[reason] for reason in (rle.UNDRAWN, rle.HALF_POINTS)}
    assert dropped == {rle.UNDRAWN: 4, rle.HALF_POINTS: 1}, "once, however many samples share the mask"
    assert f"{where}: polygon 2: " in found.dropped.first[rle.UNDRAWN]
    assert f"{where}: polygon 1 has 7 numbers" in found.dropped.first[rle.HALF_POINTS]
    masks = [mask for sample in found.samples for mask in sample.masks]
    assert any(
        mask["counts"] == coco.merge(coco.frPyObjects([GOOD, HALF], *mask["size"]))["counts"].decode()
        for mask in masks
    )


@pytest.mark.parametrize("name", READERS)
def test_nothing_is_said_of_good_polygons(tmp_path: Path, name: str) -> None:
    write, read, _ = READERS[name]
    dropped = read(write(tmp_path, [GOOD])).dropped
    assert not dropped.counts.keys() & {rle.UNDRAWN, rle.HALF_POINTS}


def test_shapes_of_labelme_too(tmp_path: Path) -> None:
    line = {"label": "obj1", "points": [[1, 1], [5, 5]], "shape_type": "polygon"}
    shapes = (vip_samples.SHAPES, "shapes")
    files = changed(vip_samples.FILES, shapes, [*vip_samples.FILES[vip_samples.SHAPES]["shapes"], line])
    dropped = ViPBench().samples(vip_samples.write(tmp_path, files), "test").dropped
    assert dropped.counts == {rle.UNDRAWN: 1}
    assert "shape obj1 in " in dropped.first[rle.UNDRAWN]

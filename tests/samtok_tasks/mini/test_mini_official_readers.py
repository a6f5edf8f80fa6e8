"""mini's files under the rules of the official readers, which are written out here."""

import json
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

from samtok_tasks.mini.picture import MiniPicture
from samtok_tasks.mini.writer import SplitPlan, pictures_of, write_mini

PLANS = {
    name: SplitPlan(first_seed=9_000 + 1_000 * number, images=6, expressions=15)
    for number, name in enumerate(("train", "val", "testA", "testB"))
}
REFER = {"refcoco": "refs(unc).p", "refcoco+": "refs(unc).p", "refcocog": "refs(umd).p"}

Mask = NDArray[np.bool_]
Record = dict[str, Any]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mini(tmp_path_factory.mktemp("mini"), plans=PLANS).root


@pytest.fixture(scope="module")
def pictures() -> dict[str, MiniPicture]:
    """By the names of their files."""
    made = [picture for name in PLANS for picture in pictures_of(name, PLANS)]
    return {picture.file_name: picture for picture in made}


@pytest.fixture(scope="module")
def objects(pictures: Mapping[str, MiniPicture]) -> dict[int, Mask]:
    """The masks of all objects, by the ids of their annotations."""
    return {
        picture.annotation_id(item.index): item.mask
        for picture in pictures.values()
        for item in picture.scene.objects
    }


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def by_id(records: list[Record]) -> dict[int, Record]:
    return {record["id"]: record for record in records}


def refer_mask(annotation: Record, images: Mapping[int, Record]) -> tuple[NDArray[np.uint8], int]:
    """refer's and G_REFER's: polygons, or else a list of run lengths; what each one covers is added up."""
    assert not annotation["iscrowd"], "G_REFER refuses crowds"
    image, parts = images[annotation["image_id"]], annotation["segmentation"]
    if type(parts[0]) is list:
        parts = coco.frPyObjects(parts, image["height"], image["width"])
    return coco.decode(parts).sum(axis=2).astype(np.uint8), sum(coco.area(parts))


@pytest.mark.parametrize("dataset", REFER)
def test_refer_reads_every_reference(root: Path, objects: Mapping[int, Mask], dataset: str) -> None:
    instances = read(root / dataset / "instances.json")
    images, annotations = by_id(instances["images"]), by_id(instances["annotations"])
    refs = pickle.loads((root / dataset / REFER[dataset]).read_bytes(), fix_imports=True)
    assert {ref["split"] for ref in refs} >= {"train", "val"}
    for ref in refs:
        annotation = annotations[ref["ann_id"]]
        mask, area = refer_mask(annotation, images)
        assert np.array_equal(mask, objects[ref["ann_id"]]), "each pixel is counted once"
        assert area == annotation["area"] == mask.sum()
        assert (annotation["image_id"], annotation["category_id"]) == (ref["image_id"], ref["category_id"])
        assert all({"sent_id", "sent", "tokens"} <= set(sentence) for sentence in ref["sentences"])


def rela_mask(annotation: Record, height: int, width: int) -> Mask:
    """ReLA's: no crowd; polygons of three points and more, scaled in place, here to their own size."""
    assert annotation["iscrowd"] == 0
    polygons = [np.asarray(polygon).reshape(-1, 2) for polygon in annotation["segmentation"]]
    assert all(polygon.dtype == np.float64 for polygon in polygons), "whole numbers would be cut"
    assert all(len(polygon) >= 3 for polygon in polygons)
    drawn = coco.frPyObjects([polygon.ravel() for polygon in polygons], height, width)
    return coco.decode(drawn).any(axis=2)


def test_g_refer_and_rela_read_every_reference(root: Path, objects: Mapping[int, Mask]) -> None:
    instances = read(root / "grefcoco/instances.json")
    images, annotations = by_id(instances["images"]), by_id(instances["annotations"])
    counts = set()
    for ref in read(root / "grefcoco/grefs(unc).json"):
        ids = [id for id in ref["ann_id"] if id != -1]
        counts.add(len(ids))
        assert ref["no_target"] == (ref["ann_id"] == [-1])
        image = images[ref["image_id"]]
        for id in ids:
            assert annotations[id]["image_id"] == ref["image_id"]
            assert np.array_equal(refer_mask(annotations[id], images)[0], objects[id])
            assert np.array_equal(rela_mask(annotations[id], image["height"], image["width"]), objects[id])
    assert {0, 1, 2} <= counts


def coco_files(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*/instances.json"))
    yield root / "segllm/annotations_folder/refcoco/instances.json"
    yield from sorted(root.glob("annotations/instances_*.json"))
    yield from sorted(root.glob("GranDf/annotations/val_test/*_mask_gt.json"))


def test_pycocotools_reads_every_file_of_masks(root: Path, objects: Mapping[int, Mask]) -> None:
    paths = list(coco_files(root))
    assert len(paths) == 4 + 1 + len(PLANS) + 2
    for path in paths:
        data = COCO(str(path))
        for annotation in data.loadAnns(data.getAnnIds()):
            mask = data.annToMask(annotation)
            x, y, width, height = (int(value) for value in annotation["bbox"])
            assert annotation["iscrowd"] == 0
            assert mask.sum() == annotation["area"] == mask[y : y + height, x : x + width].sum() > 0
            assert all(
                side.any() for side in (mask[y], mask[y + height - 1], mask[:, x], mask[:, x + width - 1])
            )
            own_numbers = path.parent.name == "annotations" or annotation["id"] not in objects
            assert own_numbers or np.array_equal(mask, objects[annotation["id"]])


def test_glamm_decodes_its_masks_as_they_are(root: Path, objects: Mapping[int, Mask]) -> None:
    for split in ("val", "test"):
        content = read(root / f"GranDf/annotations/val_test/{split}_gcg_coco_mask_gt.json")
        assert content["annotations"]
        for annotation in content["annotations"]:
            assert type(annotation["segmentation"]["counts"]) is str
            assert np.array_equal(coco.decode(annotation["segmentation"]), objects[annotation["id"]])


def test_masks_of_single_records_are_decoded_as_they_are(
    root: Path, pictures: Mapping[str, MiniPicture]
) -> None:
    """GroundingSuite-Eval's and GAR-Bench's."""
    lines = (root / "GroundingSuite-Eval.jsonl").read_text().splitlines()
    for record in map(json.loads, lines):
        mask = coco.decode(record["segmentation"])
        x0, y0, x1, y1 = (int(value) for value in record["box"])
        assert mask.sum() == mask[y0:y1, x0:x1].sum() > 0
    questions = read(root / "GAR-Bench-VQA.json")
    assert min(len(lines), len(questions)) > 0
    for question in questions:
        scene = pictures[Path(question["image"]).name].scene
        for packed in question["mask_rles"]:
            mask = coco.decode(packed)
            assert any(np.array_equal(mask, item.mask) for item in scene.objects)


def test_panopticapi_reads_every_segment(root: Path, pictures: Mapping[str, MiniPicture]) -> None:
    data = read(root / "psg/psg.json")["data"]
    assert len(data) == len(pictures)
    for record in data:
        with Image.open(root / "annotations" / record["pan_seg_file_name"]) as file:
            colours = np.asarray(file).astype(int)
        ids = colours[..., 0] + 256 * colours[..., 1] + 256**2 * colours[..., 2]
        masks = [ids == segment["id"] for segment in record["segments_info"]]
        assert [mask.sum() for mask in masks] == [segment["area"] for segment in record["segments_info"]]
        scene = pictures[Path(record["file_name"]).name].scene
        assert all(
            np.array_equal(*pair) for pair in zip(masks, (o.mask for o in scene.objects), strict=False)
        )


def lisa_labels(shapes: list[Record], height: int, width: int) -> NDArray[np.uint8]:
    """LISA's: outlines from the largest to the smallest, 1 for targets and 255 for what is ignored."""
    drawn = []
    for shape in shapes:
        points = np.array([shape["points"]], dtype=np.int32)
        alone = np.zeros((height, width), dtype=np.uint8)
        cv2.polylines(alone, points, True, 1, 1)
        cv2.fillPoly(alone, points, 1)
        drawn.append((alone > 0, 255 if "ignore" in shape["label"].lower() else 1))
    labels = np.zeros((height, width), dtype=np.uint8)
    for mask, label in sorted(drawn, key=lambda pair: -int(pair[0].sum())):
        labels[mask] = label
    return labels


def test_lisa_paints_what_was_meant(root: Path, pictures: Mapping[str, MiniPicture]) -> None:
    found = sorted((root / "reason_seg/ReasonSeg").rglob("*.json"))
    assert len(found) > 12
    by_number = {picture.image_id: picture for picture in pictures.values()}
    for path in found:
        picture = by_number[int(path.stem)]
        targets = next(said.targets for said in picture.expressions if said.targets)
        meant = np.any([picture.scene.objects[index].mask for index in targets], axis=0)
        labels = lisa_labels(read(path)["shapes"], *meant.shape)
        assert np.array_equal(labels == 1, meant)

"""What all readers of masks have in common."""

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places
from region_samples import (
    COCO,
    ENTITY_LIST,
    GAR,
    GROUNDING,
    IDS,
    LVIS,
    PANOPTIC,
    SA1B,
    coco,
    entityseg,
    gar,
    grounding,
    lvis,
    panoptic,
    sa1b,
)

from samtok_bench import rle
from samtok_tasks.formats.annotated_masks import AnnotatedMasks
from samtok_tasks.reconstruction.data_formats import DATA_FORMATS, read_masks

REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))


def masks_of_panoptic(content: Any) -> int:
    listed = [{segment["id"] for segment in image["segments_info"]} for image in content["annotations"]]
    return sum(map(len, listed)) + sum(len(set(np.unique(IDS).tolist()) - {0} - ids) for ids in listed)


SAMPLES: dict[str, tuple[str, Callable[..., Path], Any, Callable[[Any], int]]] = {
    "coco": ("coco", coco, COCO, lambda content: len(content["annotations"])),
    "lvis": ("lvis", lvis, LVIS, lambda content: len(content["annotations"])),
    "entityseg list": ("entityseg", entityseg, ENTITY_LIST, len),
    "entityseg": ("entityseg", entityseg, COCO, lambda content: len(content["annotations"])),
    "panoptic": ("panoptic", panoptic, PANOPTIC, masks_of_panoptic),
    "sa1b": ("sa1b", sa1b, SA1B, lambda content: len(content["annotations"])),
    "grounding-suite": ("grounding-suite", grounding, GROUNDING, len),
    "gar-bench": (
        "gar-bench",
        gar,
        GAR,
        lambda content: sum(len(record["mask_rles"]) for part in content.values() for record in part),
    ),
}
"""Format, writer, content and the number of masks in such a content."""


def check_contract(data: AnnotatedMasks) -> None:
    """What holds of every result of a reader."""
    assert len({(found.image, found.key) for found in data.masks}) == len(data.masks)
    for found in data.masks:
        assert rle.decode(found.mask).shape == found.size
        assert not rle.is_empty(found.mask)
    assert data.dropped.first.keys() == data.dropped.counts.keys()
    assert all(data.dropped.counts.values())
    assert not any("\n" in text for text in data.dropped.first.values())


def test_every_format_has_its_splits() -> None:
    assert DATA_FORMATS.keys() == {name for name, *_ in SAMPLES.values()} | {"png"}
    assert all(data_format.splits for data_format in DATA_FORMATS.values())


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples(tmp_path: Path, sample: str) -> None:
    name, write, content, count = SAMPLES[sample]
    data = read_masks(name, write(tmp_path, content), DATA_FORMATS[name].splits[0])
    check_contract(data)
    assert data.dropped.counts == ({"crowds": 1} if name == "panoptic" else {})
    assert len(data.masks) + data.dropped.counts.total() == count(content)


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gar-bench has no split 'val'; it has all, VQA, Caption-Simple"):
        read_masks("gar-bench", tmp_path, "val")
    with pytest.raises(ValueError, match="png has no split 'val'; it has all"):
        read_masks("png", tmp_path, "val")
    for split in ("../val", "", "..", "/"):
        with pytest.raises(ValueError, match=f"a split is a plain name, got '{split}'"):
            read_masks("coco", tmp_path, split)


@pytest.mark.parametrize(
    ("name", "missing", "source"),
    [
        ("coco", "annotations/instances_val2017.json", "cocodataset.org"),
        ("lvis", "annotations/lvis_v1_val.json", "lvisdataset.org"),
        ("panoptic", "annotations/panoptic_val2017.json", "cocodataset.org"),
        ("sa1b", "", "ai.meta.com/datasets/segment-anything"),
        ("entityseg", "entityseg_val_lr.json", "adobe-research/EntitySeg-Dataset"),
        ("png", "images", "masks/NAME.png"),
        ("grounding-suite", "GroundingSuite-Eval.jsonl", "hustvl/GroundingSuite"),
        ("gar-bench", "GAR-Bench-VQA.json", "Haochen-Wang409/Grasp-Any-Region"),
    ],
)
def test_missing_files_show_the_layout(tmp_path: Path, name: str, missing: str, source: str) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="Expected") as error:
            read_masks(name, root, DATA_FORMATS[name].splits[0])
        assert str(root / missing) in str(error.value)
        assert source in str(error.value)
        assert "{" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "7", "[]", "[7]", "{}", "null"], ids=lambda text: text[:9]
)
@pytest.mark.parametrize("sample", ["coco", "lvis", "entityseg", "panoptic", "sa1b", "grounding-suite"])
def test_what_is_no_annotation_file(tmp_path: Path, sample: str, text: str) -> None:
    name, write, _, _ = SAMPLES[sample]
    root = write(tmp_path, text)
    if (name, text) in (("entityseg", "[]"), ("grounding-suite", "")):
        assert read_masks(name, root, DATA_FORMATS[name].splits[0]).masks == []
        return
    with pytest.raises(ValueError, match=r"\.jsonl?") as error:
        read_masks(name, root, DATA_FORMATS[name].splits[0])
    assert "\n" not in str(error.value)


PARTS = (rle.UNDRAWN, rle.HALF_POINTS)
"""Parts of masks that are left out."""
SEGMENTATIONS: dict[str, Any] = {
    "masks of another size": {"size": [6, 4], "counts": [0, 24]},
    "empty masks": {"size": [4, 6], "counts": [24]},
    "broken masks": {"size": [4, 6], "counts": [1, 2]},
    "broken masks, counts": {"size": [4, 6], "counts": "~~"},
    "broken masks, no counts": {"size": [4, 6]},
    "broken masks, size": {"size": [4, 1 << 40], "counts": [24]},
    "broken masks, 32 bits": {"size": [1 << 16, 1 << 16], "counts": [1 << 32]},
    "broken masks, text": "mask",
    "broken masks, null": None,
    "empty masks, no polygon": [],
    "empty masks, outside": [[10, 10, 12, 10, 12, 12]],
}
PLACES = {
    "coco": ("annotations", 0, "segmentation"),
    "lvis": ("annotations", 0, "segmentation"),
    "entityseg list": (0, "segmentation"),
    "entityseg": ("annotations", 0, "segmentation"),
    "sa1b": ("annotations", 0, "segmentation"),
    "grounding-suite": (0, "segmentation"),
    "gar-bench": ("VQA", 0, "mask_rles", 0),
}
WHERE = {
    "coco": "instances_val2017.json: annotation 1",
    "lvis": "lvis_v1_val.json: annotation 1",
    "entityseg list": "entityseg_val_lr.json: record 0",
    "entityseg": "entityseg_val_lr.json: annotation 1",
    "sa1b": "sa_5.json: annotation 50",
    "grounding-suite": "GroundingSuite-Eval.jsonl: idx 0",
    "gar-bench": "GAR-Bench-VQA.json: record 0: mask 0",
}


@pytest.mark.parametrize("fault", SEGMENTATIONS)
@pytest.mark.parametrize("sample", PLACES)
def test_an_unusable_mask_is_counted(tmp_path: Path, sample: str, fault: str) -> None:
    name, write, content, count = SAMPLES[sample]
    segmentation, reason = SEGMENTATIONS[fault], fault.split(",")[0]
    if sample in ("grounding-suite", "gar-bench"):  # what RLE states is the size, and there are no polygons
        if reason == "masks of another size":
            segmentation, reason = {"size": [4, 0], "counts": [24]}, "broken masks"
        elif isinstance(segmentation, list):
            reason = "broken masks"
    if sample == "entityseg list" and reason == "masks of another size":
        segmentation, reason = {"size": [4, 0], "counts": [24]}, "broken masks"
    content = changed(content, PLACES[sample], segmentation)
    data = read_masks(name, write(tmp_path, content), DATA_FORMATS[name].splits[0])
    check_contract(data)
    assert data.dropped.counts == {reason: 1}
    assert WHERE[sample] in data.dropped.first[reason]
    assert len(data.masks) == count(content) - 1


WHOLE = [0, 0, 4, 0, 4, 4, 0, 4]
POLYGONS: dict[str, tuple[Any, dict[str, int], int]] = {
    "two points beside four": ([[0, 0, 2, 4], WHOLE], {rle.UNDRAWN: 1}, 16),
    "half a point": ([[*WHOLE, 1]], {rle.HALF_POINTS: 1}, 16),
    "not finite beside finite": ([WHOLE, [0, 0, float("nan"), 4, 4, 4]], {rle.UNDRAWN: 1}, 16),
    "nothing": ([[0, 0, float("inf"), 4, 4, 4], [1], None], {rle.UNDRAWN: 3, "empty masks": 1}, 0),
}


@pytest.mark.parametrize("fault", POLYGONS)
@pytest.mark.parametrize("sample", ["coco", "lvis", "entityseg list", "entityseg", "sa1b"])
def test_what_can_be_drawn_is_and_the_rest_is_counted(tmp_path: Path, sample: str, fault: str) -> None:
    name, write, content, count = SAMPLES[sample]
    polygons, dropped, pixels = POLYGONS[fault]
    content = changed(content, PLACES[sample], polygons)
    data = read_masks(name, write(tmp_path, content), DATA_FORMATS[name].splits[0])
    check_contract(data)
    assert data.dropped.counts == dropped
    for reason in dropped.keys() & set(PARTS):
        assert f"{WHERE[sample]}: polygon " in data.dropped.first[reason]
    assert len(data.masks) == count(content) - (not pixels)
    if pixels:
        assert rle.area(data.masks[0].mask) == pixels


def test_the_first_place_says_what_is_wrong(tmp_path: Path) -> None:
    content = changed(COCO, ("annotations", 1, "segmentation"), {"size": [4, 6], "counts": [1, 2]})
    content = changed(content, ("annotations", 2, "segmentation"), {"size": [4, 6], "counts": [9]})
    data = read_masks("coco", coco(tmp_path, content), "val2017")
    assert data.dropped.counts == {"broken masks": 2}
    assert data.dropped.first["broken masks"] == (
        f"{tmp_path / 'annotations/instances_val2017.json'}: annotation 2: "
        "RLE counts cover 3 pixels, its size [4, 6] has 24"
    )


JSON = json_values("size", "counts", "id", "segmentation")


@pytest.mark.parametrize("sample", SAMPLES)
def test_any_change_is_read_or_refused_cleanly(tmp_path: Path, sample: str) -> None:
    name, write, content, count = SAMPLES[sample]

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120, deadline=None)
    @given(
        place=st.sampled_from(places(content)), value=JSON | st.sampled_from([0, 1, 2, 7, 300, "..", "/a"])
    )
    def check(place: tuple[Any, ...], value: Any) -> None:
        broken = changed(content, place, value)
        refusal = ""
        try:
            data = read_masks(name, write(tmp_path, broken), DATA_FORMATS[name].splits[0])
        except (ValueError, OSError) as error:
            refusal = str(error)
        if refusal:
            assert ".json" in refusal
            assert "\n" not in refusal
        else:
            check_contract(data)
            left_out = sum(number for reason, number in data.dropped.counts.items() if reason not in PARTS)
            assert len(data.masks) + left_out == count(broken), "nothing is lost silently"

    check()


@pytest.mark.skipif(
    not (REAL_DATA / "grounding-suite").is_dir(),
    reason=f"no real data: no grounding-suite in {REAL_DATA} (set SAMTOK_BENCH_REAL_DATA)",
)
def test_real_grounding_suite() -> None:
    data = read_masks("grounding-suite", REAL_DATA / "grounding-suite", "all")
    assert data.dropped.counts == {}
    assert Counter(found.kind for found in data.masks) == {
        "stuff": 1011,
        "part": 455,
        "group": 769,
        "object": 1480,
    }
    assert len({found.image for found in data.masks}) == 2727
    lines = (REAL_DATA / "grounding-suite/GroundingSuite-Eval.jsonl").read_text().splitlines()
    for line, found in zip(lines, data.masks, strict=True):
        record = json.loads(line)
        assert found.key == str(record["idx"])
        assert found.mask == record["segmentation"]


@pytest.mark.skipif(
    not (REAL_DATA / "gar-bench").is_dir(),
    reason=f"no real data: no gar-bench in {REAL_DATA} (set SAMTOK_BENCH_REAL_DATA)",
)
def test_real_gar_bench() -> None:
    data = read_masks("gar-bench", REAL_DATA / "gar-bench", "all")
    check_contract(data)
    assert (len(data.masks), data.dropped.counts) == (209, {})
    assert len({found.image for found in data.masks}) == 116
    splits = DATA_FORMATS["gar-bench"].splits[1:]
    parts = [read_masks("gar-bench", REAL_DATA / "gar-bench", split) for split in splits]
    assert [len(part.masks) for part in parts] == [117, 60, 32]

"""SA-1B, GroundingSuite-Eval and GAR-Bench, from small files written by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from json_fuzz import changed
from region_samples import (
    GAR,
    GROUNDING,
    LEFT,
    RIGHT,
    RING,
    SA1B,
    gar,
    grounding,
    packed,
    pixels,
    sa1b,
    shown,
    write_picture,
    write_text,
)

from samtok_tasks.gar_bench.reader import PARTS, GarRecord, read_gar_bench
from samtok_tasks.grounding_suite.reader import GroundingRecord, read_grounding_suite
from samtok_tasks.reconstruction.data_formats import read_regions


def test_sa1b(tmp_path: Path) -> None:
    sa1b(tmp_path / "sa_000000")
    other = changed(SA1B, ("image", "file_name"), "sa_4.jpg")
    write_text(tmp_path / "sa_000000/sa_4.json", changed(other, ("annotations",), SA1B["annotations"][:1]))
    data = read_regions("sa1b", tmp_path, "sa_000000")
    expected = {
        ("sa_4.jpg", "50"): (None, pixels(LEFT)),
        ("sa_5.jpg", "50"): (None, pixels(LEFT)),
        ("sa_5.jpg", "51"): (None, pixels(RING)),
    }
    assert shown(data, tmp_path / "sa_000000") == expected
    assert shown(read_regions("sa1b", tmp_path / "sa_000000", "all"), tmp_path / "sa_000000") == expected
    with pytest.raises(
        FileNotFoundError, match=r"holds no JSON file\. Expected.* There are folders: sa_000000"
    ):
        read_regions("sa1b", tmp_path, "all")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("image",), None, "'image' must be dict, got NoneType"),
        (("image", "file_name"), "../sa_5.jpg", "image: 'file_name' must be a path below the folder"),
        (("image", "width"), -1, "image: impossible size, height 4, width -1"),
        (("annotations", 1, "id"), 50, "two annotations have the id 50"),
        (("annotations", 1), {"id": 3}, "annotation 3: the field 'segmentation' is missing"),
    ],
)
def test_broken_files_of_sa1b(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"sa_5\.json: ") as error:
        read_regions("sa1b", sa1b(tmp_path, changed(SA1B, place, value)), "all")
    assert message in str(error.value)


def test_two_files_about_an_image_of_sa1b(tmp_path: Path) -> None:
    write_text(sa1b(tmp_path) / "sa_6.json", SA1B)
    with pytest.raises(ValueError, match=r"sa_6\.json: sa_5\.jpg is the image of .*sa_5\.json too"):
        read_regions("sa1b", tmp_path, "all")


def test_records_of_grounding_suite(tmp_path: Path) -> None:
    records = read_grounding_suite(grounding(tmp_path))
    assert [record.idx for record in records] == [0, 3, 2, 1]
    assert records[1] == GroundingRecord(
        idx=3,
        image=tmp_path / "unlabeled2017/3.jpg",
        class_id=2,
        label="thing",
        caption="A thing.",
        box=(0.5, 0.0, 2.0, 4.0),
        segmentation=packed(RIGHT),
    )


def test_regions_of_grounding_suite(tmp_path: Path) -> None:
    data = read_regions("grounding-suite", grounding(tmp_path), "all")
    assert shown(data, tmp_path) == {
        ("unlabeled2017/0.jpg", "0"): ("stuff", pixels(LEFT)),
        ("unlabeled2017/3.jpg", "3"): ("part", pixels(RIGHT)),
        ("unlabeled2017/2.jpg", "2"): ("group", pixels(RING)),
        ("unlabeled2017/1.jpg", "1"): ("object", pixels(LEFT | RIGHT)),
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("idx", 0, "two records have the idx 0"),
        ("idx", "3", "'idx' must be int, got str"),
        ("class_id", 5, "'class_id' must be one of 1, 2, 3, 4, got 5"),
        ("image_path", "/data/3.jpg", "'image_path' must be a path below the folder, got '/data/3.jpg'"),
        ("caption", None, "'caption' must be str, got NoneType"),
        ("label", 1, "'label' must be str, got int"),
        ("box", [0, 0, 1], "'box' must be four numbers x0, y0, x1, y1, got [0, 0, 1]"),
        ("box", [0, 0, 1, float("nan")], "'box' must be four numbers"),
        ("box", [0, 0, 1, True], "'box' must be four numbers"),
        ("box", [0, 0, 1, 10**400], "'box' must be four numbers"),
    ],
)
def test_broken_records_of_grounding_suite(tmp_path: Path, name: str, value: Any, message: str) -> None:
    root = grounding(tmp_path, changed(GROUNDING, (1, name), value))
    with pytest.raises(ValueError, match=r"GroundingSuite-Eval\.jsonl: line 2") as error:
        read_grounding_suite(root)
    assert message in str(error.value)


def test_torn_lines_of_grounding_suite(tmp_path: Path) -> None:
    line = json.dumps(GROUNDING[0])
    with pytest.raises(ValueError, match="line 2 is not JSON: "):
        read_grounding_suite(grounding(tmp_path, f"{line}\n{line[:50]}"))
    with pytest.raises(ValueError, match="line 2 is not JSON: "):
        read_grounding_suite(grounding(tmp_path, f"{line}\n\n{json.dumps(GROUNDING[1])}\n"))


def test_records_of_gar_bench(tmp_path: Path) -> None:
    gar(tmp_path)
    assert read_gar_bench(tmp_path, "VQA") == (
        GarRecord(
            part="VQA",
            place=0,
            image=tmp_path / "images/vqa_0.png",
            masks=(packed(LEFT), packed(RIGHT)),
            question="What is <Prompt0>?",
            choices=("A. a cat", "B. a dog"),
            answer="A",
            type="color",
        ),
    )
    (simple,) = read_gar_bench(tmp_path, "Caption-Simple")
    assert (simple.question, simple.answer, simple.choices, simple.type) == (
        "Where?",
        "Beside <Prompt0>.",
        (),
        None,
    )
    (detailed,) = read_gar_bench(tmp_path, "Caption-Detailed")
    named = detailed.subject_name, detailed.predicate_name, detailed.object_name
    assert (named, detailed.question) == (("cat", "beside", "dog"), None)
    with pytest.raises(ValueError, match="unknown part 'vqa' of GAR-Bench; there are VQA, Caption-Simple, "):
        read_gar_bench(tmp_path, "vqa")


def test_regions_of_gar_bench(tmp_path: Path) -> None:
    expected = {
        ("images/vqa_0.png", "VQA/0/0"): (None, pixels(LEFT)),
        ("images/vqa_0.png", "VQA/0/1"): (None, pixels(RIGHT)),
        ("images/simple_0.png", "Caption-Simple/0/0"): (None, pixels(RING)),
        ("images/detailed_0.png", "Caption-Detailed/0/0"): (None, pixels(LEFT)),
        ("images/detailed_0.png", "Caption-Detailed/0/1"): (None, pixels(RIGHT)),
    }
    root = gar(tmp_path)
    assert shown(read_regions("gar-bench", root, "all"), root) == expected
    for part in set(PARTS) - {"VQA"}:
        (root / f"GAR-Bench-{part}.json").unlink()
    assert [one.key for one in read_regions("gar-bench", root, "VQA").regions] == ["VQA/0/0", "VQA/0/1"]
    with pytest.raises(FileNotFoundError, match=r"GAR-Bench-Caption-Simple\.json is missing"):
        read_regions("gar-bench", root, "all")


def test_a_mask_of_gar_bench_without_a_size(tmp_path: Path) -> None:
    root = gar(tmp_path, changed(GAR, ("VQA", 0, "mask_rles", 1), {"counts": packed(RIGHT)["counts"]}))
    data = read_regions("gar-bench", root, "VQA")
    assert data.dropped == {"masks without a readable image": 1}
    assert "record 0: mask 1: " in data.first["masks without a readable image"]
    write_picture(root / "images/vqa_0.png")
    assert shown(read_regions("gar-bench", root, "VQA"), root)["images/vqa_0.png", "VQA/0/1"][1] == pixels(
        RIGHT
    )
    write_picture(root / "images/vqa_0.png", height=5)
    assert read_regions("gar-bench", root, "VQA").dropped == {"broken masks": 1}


@pytest.mark.parametrize(
    ("part", "place", "value", "message"),
    [
        ("VQA", (0, "image"), "a/../../b.png", "record 0: 'image' must be a path below the folder"),
        ("VQA", (0, "choices"), ["A", 2], "record 0: 'choices' must list texts, got ['A', 2]"),
        ("VQA", (0, "answer"), None, "record 0: 'answer' must be str"),
        ("Caption-Simple", (0, "mask_rles"), {}, "record 0: 'mask_rles' must be list, got dict"),
        ("Caption-Detailed", (0,), {"image": "a.png"}, "record 0: the field 'subject_name' is missing"),
    ],
)
def test_broken_records_of_gar_bench(
    tmp_path: Path, part: str, place: tuple[Any, ...], value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"GAR-Bench-{part}\.json: ") as error:
        read_regions("gar-bench", gar(tmp_path, changed(GAR, (part, *place), value)), "all")
    assert message in str(error.value)
    with pytest.raises(ValueError, match=r"GAR-Bench-VQA\.json: expected a list of records, got dict"):
        read_gar_bench(gar(tmp_path, {"VQA": {}}), "VQA")

"""The masks of GAR-Bench's three files, from small files written by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
import region_samples
from json_fuzz import changed
from PIL import Image
from region_samples import HEIGHT, WIDTH

from samtok_bench import rle
from samtok_tasks.gar_bench.reader import PARTS, GarQuestion, read_gar_bench_questions, read_gar_bench_regions

LEFT, RIGHT, RING = map(rle.encode, (region_samples.LEFT, region_samples.RIGHT, region_samples.RING))
GAR: dict[str, list[Any]] = json.loads(json.dumps(region_samples.GAR))
GAR["VQA"][0]["image"] = "images/./vqa_0.png"


def write(root: Path, content: Any = GAR) -> Path:
    for part, records in content.items():
        (root / f"GAR-Bench-{part}.json").write_text(json.dumps(records))
    return root


def picture(path: Path, height: int) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (WIDTH, height)).save(path)


def test_questions(tmp_path: Path) -> None:
    assert list(read_gar_bench_questions(write(tmp_path))) == [
        (
            f"{tmp_path}/GAR-Bench-VQA.json: record 0",
            GarQuestion(
                image="images/vqa_0.png",
                mask_rles=[LEFT, RIGHT],
                question="What is <Prompt0>?",
                choices=["A. a cat", "B. a dog"],
                answer="A",
                type="color",
            ),
        )
    ]


def test_masks(tmp_path: Path) -> None:
    root = write(tmp_path)
    data = read_gar_bench_regions(root, "all")
    assert {(mask.image.relative_to(root).as_posix(), mask.key): mask.mask for mask in data.masks} == {
        ("images/vqa_0.png", "VQA/0/0"): LEFT,
        ("images/vqa_0.png", "VQA/0/1"): RIGHT,
        ("images/simple_0.png", "Caption-Simple/0/0"): RING,
        ("images/detailed_0.png", "Caption-Detailed/0/0"): LEFT,
        ("images/detailed_0.png", "Caption-Detailed/0/1"): RIGHT,
    }
    assert {mask.kind for mask in data.masks} == {None}
    for part in set(PARTS) - {"VQA"}:
        (root / f"GAR-Bench-{part}.json").unlink()
    assert [mask.key for mask in read_gar_bench_regions(root, "VQA").masks] == ["VQA/0/0", "VQA/0/1"]
    with pytest.raises(FileNotFoundError, match=r"GAR-Bench-Caption-Simple\.json is missing"):
        read_gar_bench_regions(root, "all")


def test_a_mask_without_a_size(tmp_path: Path) -> None:
    root = write(tmp_path, changed(GAR, ("VQA", 0, "mask_rles", 1), {"counts": RIGHT["counts"]}))
    data = read_gar_bench_regions(root, "VQA")
    assert data.dropped.counts == {"masks without a readable image": 1}
    assert "record 0: mask 1: " in data.dropped.first["masks without a readable image"]
    picture(root / "images/vqa_0.png", HEIGHT)
    assert [mask.mask for mask in read_gar_bench_regions(root, "VQA").masks] == [LEFT, RIGHT]
    picture(root / "images/vqa_0.png", HEIGHT + 1)
    assert read_gar_bench_regions(root, "VQA").dropped.counts == {"broken masks": 1}


@pytest.mark.parametrize(
    ("part", "place", "value", "message"),
    [
        ("VQA", (0, "image"), "a/../../b.png", "record 0: image: must be a path below the folder"),
        ("Caption-Simple", (0, "mask_rles"), {}, "record 0: mask_rles: Input should be a valid list, got {}"),
        ("Caption-Detailed", (0,), {"image": "a.png"}, "record 0: mask_rles: Field required"),
        ("Caption-Detailed", (0,), "a.png", "record 0: expected a dictionary, got str"),
        ("Caption-Detailed", (), {}, "expected a list, got dict"),
    ],
)
def test_broken_records_of_any_part(
    tmp_path: Path, part: str, place: tuple[Any, ...], value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"GAR-Bench-{part}\.json: ") as error:
        read_gar_bench_regions(write(tmp_path, changed(GAR, (part, *place), value)), "all")
    assert message in str(error.value)

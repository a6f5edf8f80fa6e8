"""Images with masks for the tokenizer, of every format that `reconstruction` reads."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from json_fuzz import changed
from region_samples import (
    COCO,
    LEFT,
    SA1B,
    coco,
    entityseg,
    lvis,
    panoptic,
    sa1b,
    write_picture,
    write_png,
    write_text,
)
from typer.testing import CliRunner

from samtok.training.recipe import DataSource
from samtok.training.tokenizer import Regions
from samtok_bench import rle
from samtok_tasks.data.cli import app
from samtok_tasks.reconstruction.data_formats import DATA_FORMATS, read_masks
from samtok_tasks.training.regions import Drawing, regions


def png_pairs(root: Path) -> Path:
    write_png(root / "masks" / "a.png", LEFT.astype(np.uint8))
    return root


FORMATS: dict[str, Callable[[Path], Path]] = {
    "coco": coco,
    "lvis": lvis,
    "entityseg": entityseg,
    "panoptic": panoptic,
    "sa1b": sa1b,
    "png": png_pairs,
}


def with_pictures(name: str, root: Path) -> Path:
    """The small data set of a format with its images."""
    FORMATS[name](root)
    if name == "png":
        write_picture(root / "images" / "a.png")
    for annotated in read_masks(name, root, DATA_FORMATS[name].splits[0]).masks:
        write_picture(annotated.image)
    return root


def drawn(count: int, **options: Any) -> list[Any]:
    return list(islice(regions(1, **{"least_area": 0, **options}), count))


def content(found: Any) -> set[tuple[bytes, ...]]:
    return {tuple(sorted(mask.tobytes() for mask in masks)) for _, masks in found}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_masks_directly_and_by_shards(tmp_path: Path, name: str) -> None:
    root = with_pictures(name, tmp_path / "data")
    known = {mask.mask["counts"] for mask in read_masks(name, root, DATA_FORMATS[name].splits[0]).masks}
    out = tmp_path / "shards"
    result = CliRunner().invoke(
        app, ["data", "masks", "--data", name, "--data-root", str(root), "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert f"{len(known)} masks of " in result.output
    direct = drawn(6, sets=[{"data": name, "folder": str(root)}], masks=8)
    stored = drawn(6, sets=[{"data": "shards", "folder": str(out)}], masks=8)
    for found in (direct, stored):
        assert all(image.shape == (4, 6, 3) and masks.shape == (8, 4, 6) for image, masks in found)
        assert {rle.encode(mask)["counts"] for _, masks in found for mask in masks} == known
    assert content(direct) == content(stored)


def test_folders_of_sa1b_are_read_when_their_images_are_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(3):
        folder = tmp_path / f"sa_00000{k}"
        for number in range(4):
            name = f"sa_{k}{number}"
            write_text(folder / f"{name}.json", changed(SA1B, ("image", "file_name"), f"{name}.jpg"))
            write_picture(folder / f"{name}.jpg")
    (tmp_path / "sa_000002" / "sa_21.json").write_text("{")
    found = drawn(12, sets=[{"data": "sa1b", "folder": str(tmp_path)}])
    assert len(found) == 12
    assert "1 files that cannot be read, the first:" in capsys.readouterr().err
    some = [{"data": "sa1b", "folder": str(tmp_path), "split": ["sa_000000", "sa_000001"]}]
    assert len(drawn(8, sets=some)) == 8
    assert capsys.readouterr().err == ""


def test_data_sets_come_by_weight(tmp_path: Path) -> None:
    root = with_pictures("coco", tmp_path / "coco")
    pairs = with_pictures("png", tmp_path / "png")
    write_png(pairs / "masks" / "a.png", np.eye(4, 6, dtype=np.uint8))
    sets = [{"data": "coco", "folder": str(root), "weight": 4}, {"data": "png", "folder": str(pairs)}]
    of_pairs = [masks[0].sum() == 4 and masks[0][3, 3] for _, masks in drawn(100, sets=sets)]
    assert np.mean(of_pairs) == pytest.approx(0.2, abs=0.02)


def rectangles(*pixels: int) -> list[Any]:
    """Masks of so many pixels of an image of 1,000."""
    return [rle.rectangle(0, 0, 1, count, 1000, 1) for count in pixels]


def test_masks_are_drawn_by_area() -> None:
    """One large mask among many small ones comes as often as all of them together."""
    found = rectangles(*range(1, 11), 500)
    rng = np.random.default_rng(0)
    drawing = Drawing(masks=1, areas={"small": 1, "large": 1}, least_area=0)
    areas = Counter(rle.area(drawing.chosen(found, rng)[0]) for _ in range(400))
    assert areas[500] / 400 == pytest.approx(0.5, abs=0.08)
    assert len(areas) == 11
    assert {rle.area(mask) for mask in Drawing(masks=30, least_area=0).chosen(found, rng)} == {
        *range(1, 11),
        500,
    }
    small = Drawing(masks=2, areas={"medium": 1, "small": 1}, least_area=0.005).chosen(found, rng)
    assert all(5 <= rle.area(mask) <= 10 for mask in small)
    assert Drawing(areas={"medium": 1}).chosen(found, rng) == []
    alike = Drawing(masks=1, areas=None, least_area=0)
    large = sum(rle.area(alike.chosen(found, rng)[0]) == 500 for _ in range(1100))
    assert large / 1100 == pytest.approx(1 / 11, abs=0.03)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"areas": {"tiny": 1}}, "areas: positive weights of small, medium, large are expected"),
        ({"areas": {"small": 0}}, "positive weights of small, medium, large"),
        ({"sets": []}, "sets: List should have at least 1 item"),
        ({"sets": [{"data": "cocoa", "folder": "."}]}, "unknown data format 'cocoa'; there are coco, lvis"),
        ({"sets": [{"data": "coco", "folder": "nowhere"}]}, "instances_val2017.json is missing"),
        ({"sets": [{"data": "sa1b", "folder": "nowhere"}]}, "holds no JSON file"),
        (
            {"sets": [{"data": "shards", "folder": "nowhere"}]},
            "masks.json is missing. .*data masks` writes it",
        ),
        (
            {"sets": [{"data": "shards", "folder": "nowhere", "split": "val"}]},
            "sets.0: split: shards are of one split",
        ),
        (
            {"sets": [{"data": "coco", "folder": ".", "data_root": "elsewhere"}]},
            "sets.0: data_root is of shards: the folder of coco is its data root",
        ),
    ],
)
def test_wrong_options_are_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, OSError), match=message) as caught:
        drawn(1, **{"sets": [{"data": "coco", "folder": "."}], **options})
    assert "\n" not in str(caught.value)


def test_what_a_reader_leaves_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = with_pictures("coco", tmp_path)
    broken = changed(COCO, ("annotations", 0, "segmentation"), {"size": [4, 6], "counts": "~"})
    coco(root, broken)
    drawn(1, sets=[{"data": "coco", "folder": str(root)}])
    assert "left out of the training data so far: 1 broken masks, the first:" in capsys.readouterr().err


def test_a_shard_that_lost_a_line_is_refused(tmp_path: Path) -> None:
    root = with_pictures("coco", tmp_path / "data")
    out = tmp_path / "shards"
    command = ["data", "masks", "--data", "coco", "--data-root", str(root), "--out", str(out)]
    assert CliRunner().invoke(app, command).exit_code == 0
    again = CliRunner().invoke(app, command)
    assert isinstance(again.exception, FileExistsError)
    shard = out / "shard-00000.jsonl"
    shard.write_text("".join(shard.read_text().splitlines(keepends=True)[1:]))
    images = json.loads((out / "masks.json").read_text())["images"]
    with pytest.raises(ValueError, match=rf"has {images - 1} images, .*masks\.json says {images}"):
        drawn(1, sets=[{"data": "shards", "folder": str(out)}])


def test_a_tokenizers_training_reads_them_from_any_number_on(tmp_path: Path) -> None:
    root = with_pictures("sa1b", tmp_path)
    options = {"sets": [{"data": "sa1b", "folder": str(root)}], "masks": 2, "least_area": 0}
    data = DataSource(source="samtok_tasks.training.regions:regions", options=options)
    whole = list(islice(Regions(data, 3, 32, 16), 5))
    late = [Regions(data, 3, 32, 16)[number] for number in (2, 3, 4)]
    assert whole[0]["pixel_values"].shape == (3, 32, 32)
    assert whole[0]["masks"].shape == (2, 16, 16)
    assert all((one["masks"] == other["masks"]).all() for one, other in zip(whole[2:], late, strict=True))

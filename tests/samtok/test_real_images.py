"""nano's words on real photographs and real masks, through the command line.

The files are no part of the project: SAMTOK_BENCH_REAL_DATA, or ../shared/data beside the checkout. nano saw
generated scenes only, so nothing here asks for a good IoU, only for a true one.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from samtok import parse_words
from samtok.locate import TOKENIZER, has_weights, nano_folder
from samtok.mask_files import read_mask, write_mask
from samtok.pictures import CAPTION, SIDE
from samtok_bench import rle
from samtok_bench.cli.main import build_app

REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
PHOTOS, GAR = REAL_DATA / "photos", REAL_DATA / "gar-bench"
# a side window of the truck, a paper bag: drawn by eye
POLYGONS = {
    "truck.jpg": [(954, 316), (1100, 312), (1245, 380), (1240, 440), (975, 440)],
    "groceries.jpg": [(373, 200), (445, 206), (430, 340), (378, 338), (367, 300)],
}
GAR_ITEMS = [("Caption-Simple", 0), ("Caption-Detailed", 3), ("VQA", 0)]
FACES_RIGHT = 6  # EXIF: to be shown turned by 90 degrees

pytestmark = [
    pytest.mark.skipif(not has_weights(nano_folder() / TOKENIZER), reason="nano's tokenizer is not there"),
    pytest.mark.skipif(
        not (PHOTOS.is_dir() and GAR.is_dir()),
        reason=f"no real data: no photos and gar-bench in {REAL_DATA} (set SAMTOK_BENCH_REAL_DATA)",
    ),
]


@pytest.fixture(scope="module")
def call() -> Callable[..., Any]:
    """Run `samtok-bench ... --json`."""
    app = build_app()

    def call(*arguments: object) -> Any:
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        assert result.exit_code == 0, result.exception
        return json.loads(result.stdout)

    return call


@pytest.fixture(params=[*POLYGONS, *(f"{name} {index}" for name, index in GAR_ITEMS)])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[Path]]:
    """An image and its mask files."""
    if request.param in POLYGONS:
        image = PHOTOS / request.param
        with Image.open(image) as opened:
            drawn = Image.new("1", opened.size)
        ImageDraw.Draw(drawn).polygon(POLYGONS[request.param], fill=1)
        masks = [np.asarray(drawn)]
    else:
        name, index = request.param.split()
        record = json.loads((GAR / f"GAR-Bench-{name}.json").read_text())[int(index)]
        image, masks = GAR / record["image"], [rle.decode(mask) for mask in record["mask_rles"]]
    files = [tmp_path / f"mask-{number}.png" for number in range(len(masks))]
    for file, mask in zip(files, masks, strict=True):
        write_mask(file, mask)
    return image, files


def test_decode_gives_back_what_encode_measured(
    call: Callable[..., Any], case: tuple[Path, list[Path]], tmp_path: Path
):
    image, files = case
    with Image.open(image) as opened:
        width, height = opened.size
    options = [part for file in files for part in ("--mask", file)]
    encoded = call("encode", image, *options, "--picture", tmp_path / "out.png")["masks"]
    assert [row["mask"] for row in encoded] == list(map(str, files))
    text = "".join(row["words"] for row in encoded)
    parsed = parse_words(text)
    assert parsed.faults == []
    assert [list(pair) for pair in parsed.codes] == [row["codes"] for row in encoded]

    out = tmp_path / "back.png"
    decoded = call("decode", image, text, "--out", out, "--picture", tmp_path / "back-picture.png")
    assert decoded["faults"] == []
    assert len(decoded["masks"]) == len(files)
    for file, row, back in zip(files, encoded, decoded["masks"], strict=True):
        mask = rle.encode(read_mask(file, width, height))
        with Image.open(back["file"]) as opened:
            assert (opened.mode, opened.size) == ("L", (width, height))
            pixels = np.asarray(opened)
        assert set(np.unique(pixels)) <= {0, 255}
        inter, union = rle.intersection_union(mask, rle.encode(pixels))
        assert row["iou"] == pytest.approx(inter / union, abs=1e-6)
        assert back["area"] == pytest.approx((pixels > 0).mean())

    scale = min(1, SIDE / max(width, height))
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (3 * round(scale * width), round(scale * height) + CAPTION)
    with Image.open(tmp_path / "back-picture.png") as picture:
        assert picture.size == (width, height)


def test_words_depend_on_the_image(call: Callable[..., Any], tmp_path: Path):
    """One place on two photographs of a size, so nothing but the content differs."""
    with Image.open(PHOTOS / "truck.jpg") as truck, Image.open(PHOTOS / "groceries.jpg") as bags:
        size = bags.size
        truck.resize(size).save(tmp_path / "truck.png")
    mask = np.zeros(size[::-1], bool)
    mask[150:350, 300:450] = True
    write_mask(tmp_path / "mask.png", mask)
    rows = [
        call("encode", image, "--mask", tmp_path / "mask.png")["masks"][0]
        for image in (tmp_path / "truck.png", PHOTOS / "groceries.jpg")
    ]
    assert rows[0]["codes"] != rows[1]["codes"]


def test_pixels_count_as_stored(call: Callable[..., Any], tmp_path: Path):
    """An EXIF orientation changes neither the mask's size nor the words."""
    plain, turned = PHOTOS / "groceries.jpg", tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x112] = FACES_RIGHT
    tag, jpeg = exif.tobytes(), plain.read_bytes()
    # behind the start marker, so that only the tag differs
    turned.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + jpeg[2:])
    with Image.open(turned) as image:
        assert image.getexif()[0x112] == FACES_RIGHT
        width, height = image.size
    mask = np.zeros((height, width), bool)
    mask[200:340, 370:440] = True
    write_mask(tmp_path / "mask.png", mask)
    rows = [call("encode", image, "--mask", tmp_path / "mask.png")["masks"][0] for image in (plain, turned)]
    assert rows[0] == rows[1]


def test_every_kind_of_photograph(call: Callable[..., Any], tmp_path: Path):
    """Greyscale, RGBA and 16-bit copies of a photograph are encoded; an opaque alpha changes nothing."""
    with Image.open(PHOTOS / "groceries.jpg") as opened:
        colour = opened.convert("RGB")
    grey = colour.convert("L")
    copies = {
        "RGB": colour,
        "RGBA": colour.convert("RGBA"),
        "L": grey,
        "I;16": Image.fromarray(np.asarray(grey).astype(np.uint16) * 257),
    }
    mask = np.zeros((colour.height, colour.width), bool)
    mask[200:340, 370:440] = True
    write_mask(tmp_path / "mask.png", mask)
    rows = {}
    for mode, image in copies.items():
        path = tmp_path / f"{mode.replace(';', '')}.png"
        image.save(path)
        with Image.open(path) as stored:
            assert stored.mode == mode
        rows[mode] = call("encode", path, "--mask", tmp_path / "mask.png")["masks"][0]
    assert rows["RGBA"] == rows["RGB"]
    assert rows["I;16"] == rows["L"]

"""encode, decode and convert from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from samtok import SAMTok, format_words, parse_words
from samtok.cli import app
from samtok.mask_files import read_mask, write_mask
from samtok.pictures import BEYOND, BOTH, MISSED, SIDE, difference, outlined, overlay, round_trip

WORD = "<|mt_start|><|mt_0001|><|mt_0258|><|mt_end|>"
REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="module")
def model(tiny: SAMTok, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny")
    tiny.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def files(tmp_path: Path, photo: np.ndarray, masks: np.ndarray) -> Path:
    """photo.png with mask-0.png to mask-2.png."""
    Image.fromarray(photo).save(tmp_path / "photo.png")
    for index, mask in enumerate(masks):
        write_mask(tmp_path / f"mask-{index}.png", mask)
    return tmp_path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def error_of(*arguments: object) -> str:
    """The message of the error that main() prints as one line."""
    result = invoke(*arguments)
    assert isinstance(result.exception, ValueError | OSError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_encode_prints_words_and_round_trip(
    tiny: SAMTok, model: str, files: Path, photo: np.ndarray, masks: np.ndarray
):
    result = invoke(
        "encode", files / "photo.png", "--mask", files / "mask-0.png", "--mask", files / "mask-2.png",
        "--model", model, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.exception
    rows = json.loads(result.stdout)["masks"]
    embedding = tiny.embed(photo)
    codes = tiny.encode(embedding, masks[[0, 2]])
    decoded = tiny.decode(embedding, codes).numpy()
    assert [row["words"] for row in rows] == format_words(codes)
    for row, mask, other in zip(rows, masks[[0, 2]], decoded, strict=True):
        assert row["iou"] == pytest.approx((mask & other).sum() / (mask | other).sum())


def test_encode_writes_lines_and_a_picture(model: str, files: Path):
    picture = files / "picture.png"
    result = invoke(
        "encode", files / "photo.png", "--mask", files / "mask-0.png", "--model", model, "--picture", picture
    )
    assert result.exit_code == 0, result.exception
    line = result.stdout.strip()
    assert len(parse_words(line).words) == 1
    assert " IoU 0." in line
    assert line.endswith("mask-0.png")
    with Image.open(picture) as image:
        assert image.width == 3 * 60


def test_decode_writes_the_masks(tiny: SAMTok, model: str, files: Path, photo: np.ndarray):
    text = f"a {WORD} and {WORD.replace('0258', '0257')}"
    out, picture = files / "out.png", files / "picture.png"
    result = invoke(
        "decode", files / "photo.png", text, "--model", model, "--out", out, "--picture", picture, "--json"
    )
    assert result.exit_code == 0, result.exception
    report = json.loads(result.stdout)
    assert [row["codes"] for row in report["masks"]] == [[1, 2], [1, 1]]
    assert report["faults"] == []
    expected = tiny.decode(tiny.embed(photo), np.array([[1, 2], [1, 1]])).numpy()
    for row, mask in zip(report["masks"], expected, strict=True):
        with Image.open(row["file"]) as image:
            np.testing.assert_array_equal(np.asarray(image) == 255, mask)
        assert row["area"] == pytest.approx(mask.mean())
    assert not out.exists()
    assert picture.exists()


def test_decode_reports_malformed_groups(model: str, files: Path):
    result = invoke(
        "decode", files / "photo.png", f"{WORD} <|mt_start|><|mt_0001|><|mt_end|>", "--model", model
    )
    assert result.exit_code == 0, result.exception
    assert "1 malformed: too_few at 45.." in result.stderr
    assert "of the image" in result.stdout


def test_errors_are_one_clear_line(model: str, files: Path):
    photo, mask = files / "photo.png", files / "mask-0.png"
    use = ("--model", model)
    assert "no image file at" in error_of("encode", files / "absent.jpg", "--mask", mask, *use)
    assert "no image file at" in error_of("encode", photo, "--mask", files / "absent.png", *use)
    Image.new("L", (7, 5), 255).save(files / "small.png")
    assert "small.png is 7 x 5 pixels, the image is 60 x 40" in error_of(
        "encode", photo, "--mask", files / "small.png", *use
    )
    for name in ("photo.png", "mask-0.png"):
        (files / f"torn-{name}").write_bytes((files / name).read_bytes()[:-30])
    assert "torn-photo.png is damaged or truncated" in error_of(
        "encode", files / "torn-photo.png", "--mask", mask, *use
    )
    assert "torn-mask-0.png is damaged or truncated" in error_of(
        "encode", photo, "--mask", files / "torn-mask-0.png", *use
    )
    assert "no mask words in the text" in error_of("decode", photo, "nothing here", *use)
    assert "found instead: too_few at 0..22" in error_of("decode", photo, "<|mt_start|><|mt_end|>", *use)
    assert "no folder" in error_of("decode", photo, WORD, "--out", files / "absent" / "mask.png", *use)
    assert "not a known image type" in error_of("decode", photo, WORD, "--picture", files / "p.xyz", *use)
    assert "absent-model" in error_of("decode", photo, WORD, "--model", files / "absent-model")
    # the tiny codebooks have 8 codes
    assert "codes must lie in [0, 8)" in error_of("decode", photo, WORD.replace("0001", "0200"), *use)


@pytest.mark.parametrize(("mode", "value"), [("1", 1), ("L", 1), ("P", 3), ("I", 70000), ("I;16", 300)])
def test_masks_of_one_channel_are_read(tmp_path: Path, mode: str, value: int):
    image = Image.new(mode, (3, 2), 0)
    image.putpixel((2, 1), value)
    path = tmp_path / ("mask.tiff" if mode == "I" else "mask.png")
    image.save(path)
    np.testing.assert_array_equal(read_mask(path, 3, 2), [[False] * 3, [False, False, True]])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_masks_of_several_channels_are_refused(tmp_path: Path, mode: str):
    Image.new(mode, (3, 2), "white").save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=f"mask.png has mode {mode}: a mask has one channel"):
        read_mask(tmp_path / "mask.png", 3, 2)


def test_empty_masks_are_refused(tmp_path: Path):
    Image.new("L", (3, 2), 0).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=r"mask\.png is empty"):
        read_mask(tmp_path / "mask.png", 3, 2)


def test_pictures():
    image = Image.new("RGB", (4, 2), (100, 100, 100))
    masks = np.zeros((1, 2, 4), bool)
    masks[0, 0, :2] = True
    tinted = np.asarray(overlay(image, masks, [(200, 0, 0)]))
    assert tinted[0, 0].tolist() == [155, 45, 45]
    assert tinted[1].tolist() == [[100, 100, 100]] * 4
    outline = np.asarray(outlined(image, masks))
    assert (outline[0, 0] == np.asarray(overlay(image, masks))[0, 0]).all()
    assert (outline == 255).all(-1).tolist() == [[False, False, True, False], [True, True, True, False]]
    others = np.roll(masks, 1, axis=2)  # pixel 0 is missing, 1 shared, 2 too much
    shown = np.asarray(difference(image, masks, others)).astype(int)
    for pixel, colour in ((0, MISSED), (1, BOTH), (2, BEYOND)):
        np.testing.assert_allclose(shown[0, pixel], 0.45 * 35 + 0.55 * np.array(colour), atol=1)
    assert shown[0, 3].tolist() == [35, 35, 35]
    large = np.ones((1, SIDE, 2 * SIDE), bool)
    assert round_trip(Image.new("RGB", (2 * SIDE, SIDE)), large, large, [1.0]).width == 3 * SIDE


def test_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("sam2", reason="the sam2 package is not installed")
    from published_pair import small_config, write_pair

    config, load = small_config(), SAMTok.from_published
    monkeypatch.setattr(SAMTok, "from_published", lambda sam2, pth: load(sam2, pth, config))
    pair = write_pair(tmp_path, config)
    result = invoke("convert", *pair, tmp_path / "out", "--verify")
    assert result.exit_code == 0, result.exception
    assert "best mask" in result.stdout
    model = SAMTok.from_pretrained(tmp_path / "out")
    assert (model.quantizer.codebooks[0].weight == load(*pair, config).quantizer.codebooks[0].weight).all()
    assert "not an empty folder" in error_of("convert", *pair, tmp_path / "out")


def test_convert_writes_nothing_when_the_check_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("sam2", reason="the sam2 package is not installed")
    from published_pair import small_config, write_pair

    config, load = small_config(), SAMTok.from_published

    def broken(sam2: Path, pth: Path) -> SAMTok:
        model = load(sam2, pth, config)
        model.sam2.mask_decoder.iou_token.weight.data += 1
        return model

    monkeypatch.setattr(SAMTok, "from_published", broken)
    message = error_of("convert", *write_pair(tmp_path, config), tmp_path / "out", "--verify")
    assert "not converted: mask logits" in message
    assert not (tmp_path / "out").exists()


def test_without_the_sam2_package_verify_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    from samtok.config import SAMTokConfig
    from samtok.verification import ReleasedSAMTok

    monkeypatch.setitem(sys.modules, "sam2.modeling.sam.transformer", None)
    with pytest.raises(
        ValueError, match=r"samtok-bench\[sam2\].*--no-deps --no-build-isolation sam2==1\.1\.0"
    ):
        ReleasedSAMTok(SAMTokConfig())


def test_the_commands_import_nothing_heavy():
    heavy = ("torch", "numpy", "PIL", "transformers")
    script = f"import samtok.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


@pytest.mark.parametrize("name", ["truck.jpg", "groceries.jpg"])
def test_real_photographs(model: str, tmp_path: Path, name: str):
    path = REAL_DATA / "photos" / name
    if not path.is_file():
        pytest.skip(f"real photographs are not there: {path} (set SAMTOK_BENCH_REAL_DATA)")
    with Image.open(path) as image:
        mask = np.zeros(image.size[::-1], bool)
    mask[100:300, 200:500] = True
    write_mask(tmp_path / "mask.png", mask)
    result = invoke("encode", path, "--mask", tmp_path / "mask.png", "--model", model, "--json")
    assert result.exit_code == 0, result.exception
    assert 0 <= json.loads(result.stdout)["masks"][0]["iou"] <= 1

"""The reconstruction task: tags, formats, codecs through the command line, faults."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from samtok_bench.cli.main import build_app
from samtok_bench.sample import Prediction
from samtok_bench.task import DataStatus
from samtok_tasks.mini.scene_masks import KINDS, blob
from samtok_tasks.mini.writer import write_mini
from samtok_tasks.reconstruction.data_formats import DATA_FORMATS
from samtok_tasks.reconstruction.task import Reconstruction

REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))


def frame(side=100) -> np.ndarray:
    """A thin ring that touches the left edge."""
    mask = np.zeros((side, side), bool)
    mask[10:90, 0:80] = True
    mask[11:89, 1:79] = False
    return mask


@pytest.fixture
def pairs(tmp_path) -> Path:
    """Two images with three masks, and three faults."""
    root = tmp_path / "pairs"
    (root / "images").mkdir(parents=True)
    (root / "masks" / "a").mkdir(parents=True)
    for name in "ab":
        Image.new("RGB", (100, 100), "grey").save(root / "images" / f"{name}.jpg")
    dot, square = np.zeros((2, 100, 100), bool)
    dot[50, 50] = True
    square[20:60, 20:60] = True
    for name, mask in {"a/ring": frame(), "a/dot": dot, "b": square}.items():
        Image.fromarray(mask.astype(np.uint8) * 255).save(root / "masks" / f"{name}.png")
    Image.fromarray(np.zeros((100, 100), np.uint8)).save(root / "masks" / "a" / "empty.png")
    Image.fromarray(square[:50].astype(np.uint8)).save(root / "masks" / "a" / "half.png")
    Image.fromarray(np.arange(10_000, dtype=np.uint16).reshape(100, 100).astype(np.uint8)).save(
        root / "masks" / "a" / "shades.png"
    )
    return root


@pytest.fixture
def command(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    app = build_app()

    def call(*arguments):
        return CliRunner().invoke(app, [*map(str, arguments)])

    return call


def test_tags_tell_what_makes_a_mask_hard(pairs):
    samples = {s.tags["area"]: s for s in Reconstruction(data="png").samples(pairs, "all").samples}
    assert set(samples) == {"< 0.2 %", "3 to 10 %", "> 10 %"}
    assert samples["3 to 10 %"].tags == {
        "area": "3 to 10 %",
        "COCO area": "small",
        "parts": "1",
        "holes": "1",
        "outline": "thin",
        "border": "touching",
    }
    assert samples["> 10 %"].tags["outline"] == "compact"
    assert samples["< 0.2 %"].tags["border"] == "inside"
    for sample in samples.values():
        for tag, value in sample.tags.items():
            assert value in Reconstruction.tag_values[tag]


def test_what_cannot_be_used_is_reported_with_its_first_place(pairs, command):
    result = command(
        "run", "--task", "reconstruction", "--data", "png", "--data-root", pairs, "--codec", "coco-rle"
    )
    assert result.exit_code == 0
    for text in ("1 empty masks, the first:", "1 masks of another size", "1 non-binary masks"):
        assert text in result.stderr
    assert "shades.png: has more than two values" in result.stderr
    assert "3 of 3" in result.stdout


def test_a_lossless_codec_reaches_100_and_empty_classes_are_shown(pairs, command):
    root = ("--data", "png", "--data-root", pairs)
    result = command("run", "--task", "reconstruction", *root, "--model", "oracle:rle-text")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["mean", "IoU", "100.00"] in [line[:3] for line in lines]
    assert ["0.2", "to", "0.5", "%", "0", "n/a", "0", "images"] in lines
    assert "milliseconds a mask: embed" in result.stdout
    summary = json.loads(
        command("run", "--task", "reconstruction", *root, "--model", "oracle:rle-text", "--json").stdout
    )
    assert summary["breakdown"]["holes"]["2 or more"]["samples"] == 0
    assert "embed" not in json.dumps(summary)  # no times: equal runs have equal summaries


def test_codecs_side_by_side(pairs, command, tmp_path):
    out = tmp_path / "codecs"
    options = ("--task", "reconstruction", "--data", "png", "--data-root", pairs, "--out", out)
    result = command("run", *options, "--codec", "box", "--codec", "grid16", "--codec", "coco-rle")
    assert result.exit_code == 0
    rows = list(csv.DictReader((out / "rate_distortion.csv").open()))
    assert [row["codec"] for row in rows] == ["box", "grid16", "coco-rle"]  # by tokens
    assert float(rows[-1]["value"]) == 1
    # by hand: the box of the ring holds 6,400 pixels, 316 of them are the ring; the others are their boxes
    assert float(rows[0]["value"]) == pytest.approx((316 / 6400 + 1 + 1) / 3, abs=0.02)
    for name in ("rate_distortion", "codecs_by_group"):
        with Image.open(out / f"{name}.png") as picture:
            assert picture.width > 600
        assert (out / f"{name}.svg").read_text().rstrip().endswith("</svg>")
    assert [row["family"] for row in rows] == ["box", "grid", "coco-rle"]
    assert (out / "grid16" / "summary.json").is_file()


def test_missing_images_matter_only_to_codecs_that_look(pairs, command):
    for image in (pairs / "images").iterdir():
        image.rename(image.with_suffix(".png"))
    read = ("--task", "reconstruction", "--data", "png", "--data-root", pairs)
    assert command("run", *read, "--codec", "box").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "cocoo"), "unknown data format 'cocoo'"),
        (("--data", "sa1b"), "--data sa1b needs a --data-root"),
        (("--codec", "grid1"), "a grid has 2 to 512 cells"),
        (("--codec", "griid"), "griid"),
        (("--data-root", "nowhere"), "nowhere"),
    ],
)
def test_mistakes_are_one_line(command, options, message):
    result = command("run", "--task", "reconstruction", *options)
    assert result.exit_code
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


def test_other_tasks_have_one_format(command):
    result = command("run", "--task", "gres", "--data", "coco")
    assert "unknown data format 'coco' of the task 'gres'" in str(result.exception)


def test_every_outcome_is_scored(pairs):
    task = Reconstruction(data="png")
    (sample, *_) = task.samples(pairs, "all").samples
    assert task.score(sample, Prediction())["iou"] == 0
    assert task.score(sample, Prediction(masks=sample.target.masks))["iou"] == 1


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    return write_mini(tmp_path_factory.mktemp("mini"), only=["testA"]).root


def test_mini_has_regions_of_every_kind(mini):
    samples = Reconstruction().samples(mini, "testA").samples
    kinds = [sample.tags["kind"] for sample in samples]
    for kind in KINDS:
        assert kinds.count(kind) >= 20, kind
    assert len({sample.id for sample in samples}) == len(samples)
    keys = {(sample.image, sample.target.masks[0]["counts"]) for sample in samples}
    assert len(keys) == len(samples), "no mask twice"
    assert all(sample.image.is_file() for sample in samples)


def test_blobs_are_sometimes_cut_and_never_missing():
    rng = np.random.default_rng(0)
    blobs = [blob(rng, 192, 192) for _ in range(50)]
    assert all(mask.shape == (192, 192) for mask in blobs)
    assert sum(mask.sum() >= 40 for mask in blobs) > 45


def test_data_status_is_a_glance(pairs, tmp_path):
    assert Reconstruction(data="png").data_status(pairs) == DataStatus(True, f"png, in {pairs}")
    assert not Reconstruction(data="sa1b").data_status(pairs).ready
    missing = tmp_path / "annotations/instances_val2017.json"
    assert Reconstruction().data_status(tmp_path).detail.startswith(f"{missing} is missing. Expected")
    missing.parent.mkdir()
    (tmp_path / "annotations/instances_val.json").touch()
    assert Reconstruction().data_status(tmp_path).ready, "mini's name for the split"
    assert Reconstruction().data_status(None).ready
    assert "needs a --data-root" in Reconstruction(data="png").data_status(None).detail


def test_formats_are_listed():
    assert Reconstruction.data_formats[0] == "coco"
    assert set(Reconstruction.data_formats) == set(DATA_FORMATS)


@pytest.mark.skipif(not (REAL_DATA / "grounding-suite").is_dir(), reason=f"no grounding-suite in {REAL_DATA}")
def test_classic_codecs_on_real_masks(command, tmp_path):
    """Reference points that others measured on every third of these masks, IoU and boundary IoU."""
    name = "GroundingSuite-Eval.jsonl"
    lines = (REAL_DATA / "grounding-suite" / name).read_text().splitlines(keepends=True)
    (tmp_path / name).write_text("".join(lines[::3]))
    read = ("--task", "reconstruction", "--data", "grounding-suite", "--data-root", tmp_path)
    result = command("run", *read, "--codec", "box", "--codec", "contour10", "--codec", "grid32", "--json")
    points = {point["codec"]: point for point in json.loads(result.stdout)}
    for codec, iou, boundary in (
        ("box", 0.606, 0.355),
        ("grid32", 0.755, 0.631),
        ("contour10", 0.852, 0.784),
    ):
        assert points[codec]["value"] == pytest.approx(iou, abs=0.003), codec
        assert points[codec]["boundary_iou"] == pytest.approx(boundary, abs=0.006), codec
    assert points["contour10"]["bits"] == pytest.approx(279, abs=15)

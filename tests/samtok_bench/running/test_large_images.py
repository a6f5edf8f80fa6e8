"""Images above the limit, and annotations that state such: counted, shown, and never the end of a run."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_runs import PLAIN, Synthetic, write_run

from samtok.colours import mask_colour
from samtok.locate import nano_is_installed
from samtok_bench import rle
from samtok_bench.images import DEFAULT_MAX_PIXELS, max_pixels
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.running.engines.workers import WorkerModel
from samtok_bench.runs.folder import JOURNAL
from samtok_bench.runs.journal import Line
from samtok_bench.sample import ImagePart, Prediction, Sample, Target, Text, Turn
from samtok_bench.showing.overlays import write_changes, write_overlays
from samtok_bench.task import Generation, SampleSet
from samtok_tasks.formats.region_captions import CaptionRegions

LIMIT = "at most 178,956,970 are read; --max-image-pixels N changes that"


def stated(image: Path, side: int) -> Sample:
    """A sample whose annotation states a square of `side` pixels, with a beam of one column as its target."""
    turns = (Turn("user", (ImagePart(image), Text("the beam"))),)
    beam = rle.rectangle(side // 2, 0, side // 2 + 1, side, side, side)
    return Sample(f"s-{side}", image, (side, side), turns, image.name, Target((beam,)))


def test_a_picture_never_fails_a_run(command, data, vast):
    for k in range(8):
        (data / f"image{k}.png").unlink()
    vast("work/data/image0.png", 60_000, 60_000)
    run = ("run", "--task", "squares", "--model", "perfect", "--data-root", str(data), "--out")
    code, out, err = command(*run, "answered")
    assert code == 0
    assert "24 samples on 8 images: 24 ok" in out
    assert f"overlays.png: 8 images cannot be read, the first: {data}/image0.png has 3600000000 pixels" in err
    assert Path("answered/overlays.png").is_file()
    Path("answered/overlays.png").unlink()
    Path("answered/overlays.png").mkdir()  # as unwritable as a full disk
    code, out, err = command("rescore", "answered")
    assert (code, "24 ok" in out) == (0, True)
    assert "overlays.png: no overlays.png: IsADirectoryError: " in err


def test_show_and_report_say_which_image_is_not_read(command, data, vast):
    vast("work/data/image3.png", 60_000, 60_000)
    write_run(Path("run"), PLAIN, data_root=data)
    code, out, err = command("show", "run", "--sample", "s03")
    assert (code, err.count("\n")) == (0, 1)
    assert err.startswith("1 images cannot be read, the first: ")
    assert err.endswith(f"image3.png has 3600000000 pixels: {LIMIT}\n")
    assert "picture  runs/show/run/s03.png" in out
    out = command("report", "run")[1]
    assert f"note: 1 images cannot be read, the first: image3.png has 3600000000 pixels: {LIMIT}" in out


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_limit_is_an_option_of_the_program_and_of_the_command(command, data, limit, place):
    write_run(Path("run"), PLAIN, data_root=data)
    option = ("--max-image-pixels", "119")
    out = command(*option, "report", "run")[1] if place == "before" else command("report", "run", *option)[1]
    assert "note: 40 images cannot be read, the first: image0.png is 12 x 10 pixels: at most 119 are" in out


@pytest.mark.skipif(not nano_is_installed(), reason="nano's weights are not there: train them first")
def test_a_bomb_is_one_skipped_sample(data, vast):
    bomb = vast("work/data/image1.png", 60_000, 60_000)
    good = stated(data / "image0.png", 12)
    Image.new("RGB", (12, 12)).save(good.image)
    oracle = OraclePredictor("samtok", PredictorOptions(Generation(8), device="cpu"))
    first, second = oracle.predict([stated(bomb, 12), good])
    assert (first.outcome, second.outcome) == ("skipped", "ok")
    assert first.detail == f"{bomb} has 3600000000 pixels: {LIMIT}"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_reader_counts_what_is_too_large(data, limit):
    limit(2000)
    polygon = [1, 1, 30, 1, 30, 30]
    Image.new("RGB", (50, 41)).save(data / "b.png")
    regions = CaptionRegions()
    for k, size in enumerate(((40, 50), (40, 51), (60_000, 60_000), None)):
        regions.add(f"record {k}", str(k), data / "b.png", size, [polygon])
    assert [region.key for region in regions.regions] == ["0"]
    assert regions.dropped.lines() == [
        "2 masks of images that are too large, the first: record 1: the image is 51 x 40 pixels: at most"
        " 2,000 are read; --max-image-pixels N changes that",
        f"1 masks without a readable image, the first: record 3: {data}/b.png is 50 x 41 pixels: at most"
        " 2,000 are read; --max-image-pixels N changes that",
    ]


def test_annotations_that_state_too_many_pixels_are_skipped(command, data, monkeypatch):
    found = [stated(data / "image0.png", side) for side in (10, 20_000, 60_000)]
    monkeypatch.setattr(Synthetic, "samples", lambda self, root, split: SampleSet(found))
    monkeypatch.setattr(
        Synthetic, "score", lambda self, sample, prediction: {"x": len(prediction.masks), "y": 1}
    )
    code, out, err = command(
        "run", "--task", "synthetic", "--model", "oracle:box", "--data-root", str(data), "--out", "run"
    )
    assert code == 0, err
    assert "3 samples on 1 images: 1 ok, 2 skipped" in out
    assert f"2 samples ended as skipped, the first: by its annotation {data}/image0.png is 20000 x 2" in err
    lines = [json.loads(line) for line in Path("run", JOURNAL).read_text().splitlines()]
    assert [line["outcome"] for line in lines] == ["ok", "skipped", "skipped"]


def test_workers_have_the_limit_of_their_driver(limit):
    limit(2000)
    model = WorkerModel("constant:refuse", "model", PredictorOptions(Generation(8)))
    limit(DEFAULT_MAX_PIXELS)  # as in a process of its own
    model.make()
    assert max_pixels() == 2000


def test_pictures_of_any_stated_size_take_little_memory(tmp_path):
    sample = stated(tmp_path / "none.png", 60_000)
    line = Line(sample.id, "none.png", {}, Prediction(masks=(rle.full(60_000, 60_000),)), {})
    tracemalloc.start()
    notes = write_overlays(tmp_path / "a.png", [sample], {sample.id: line})
    by_id = {sample.id: line}
    write_changes(tmp_path / "b.png", {sample.id: sample}, by_id, by_id, {sample.id: "beam"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6
    assert notes == [f"1 images cannot be read, the first: no image file at {tmp_path}/none.png"]
    with Image.open(tmp_path / "a.png") as picture:
        target = np.asarray(picture)[34:290, 4:260]
    assert (target == mask_colour(0)).all(-1).sum() == 256, "one column of 60,000 is still seen"

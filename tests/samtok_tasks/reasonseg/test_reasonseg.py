"""The task reasonseg and its reader, on small files and on mini."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values
from PIL import Image

from samtok_bench import rle
from samtok_bench.codecs.run_length import RunCodec
from samtok_bench.exchange.questions import RegionForms, questions
from samtok_bench.images import open_image
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors import pictures as seen_by_models
from samtok_bench.predictors.constant import ConstantPredictor
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.report.images import Pictures
from samtok_bench.sample import ImagePart, Prediction, prompt_text
from samtok_bench.task import DataStatus
from samtok_tasks.mini.writer import pictures_of
from samtok_tasks.reasonseg import mini as official
from samtok_tasks.reasonseg.reader import FOLDER, IGNORE, TARGET, Outline, paint, read_reasonseg
from samtok_tasks.reasonseg.task import ReasonSeg

TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image of each EXIF orientation upright; but for 6 and 8 also what undoes it."""
GOLDEN = Path(__file__).parents[2] / "golden" / "reasonseg_prompts.txt"


def shape(label: str, x0: int, y0: int, x1: int, y1: int) -> dict[str, object]:
    """A rectangle with both corners inside."""
    return {"label": label, "points": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]}


CONTENT = {
    "text": [" the thing that keeps rain off ", "another wording"],
    "is_sentence": False,
    "shapes": [shape("ignore", 4, 4, 6, 6), shape("flag", 0, 0, 29, 19), shape("target", 2, 2, 9, 9)],
}
LONG = {"text": ["Which thing keeps rain off?"], "is_sentence": True, "shapes": [shape("target", 0, 0, 3, 3)]}


class Sees(RunCodec):
    """Says the red pixels of the image, whatever it is given."""

    def embed(self, image, size, upright=False):
        return np.asarray(open_image(image, upright))[..., 0] > 128

    def encode(self, embedding, masks):
        return super().encode(embedding.shape, [rle.encode(embedding)] * len(masks))

    def decode(self, embedding, codes):
        return super().decode(embedding.shape, codes)


def write(root: Path, contents: dict[str, object], split: str = "val") -> Path:
    folder = root / FOLDER / split
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in contents.items():
        (folder / f"{stem}.json").write_text(json.dumps(content))
        Image.new("RGB", (30, 20)).save(folder / f"{stem}.jpg")
    return folder


@pytest.fixture(scope="module")
def mini(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("mini")
    pictures = [*pictures_of("val"), *list(pictures_of("testA"))[:10]]
    for name, content in official.files(pictures).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".jpg"):
            Image.fromarray(content).save(root / name)
        else:
            (root / name).write_text(json.dumps(content))
    return root


def test_prompts_match_the_snapshot(tmp_path):
    write(tmp_path, {"a": CONTENT, "b": LONG})
    samples = ReasonSeg().samples(tmp_path, "val").samples
    assert "\n".join(prompt_text(s.turns) for s in samples) + "\n" == GOLDEN.read_text()


def test_samples_carry_ignored_pixels_and_tags(tmp_path):
    folder = write(tmp_path, {"a": CONTENT, "b": LONG})
    first, second = ReasonSeg().samples(tmp_path, "val").samples
    assert (first.tags, second.tags) == ({"query": "short"}, {"query": "long"})
    assert (first.image, first.size) == (folder / "a.jpg", (20, 30))
    # 8 x 8 pixels, of which 3 x 3 are ignored, although they come first in the file
    assert (rle.area(first.target.masks[0]), rle.area(first.target.ignore)) == (64 - 9, 9)
    assert (rle.area(second.target.masks[0]), second.target.ignore) == (16, None)
    assert [s.id for s in ReasonSeg("released").samples(tmp_path, "val").samples] == [first.id, second.id]
    all_of_it = Prediction(masks=(rle.rectangle(2, 2, 10, 10, 20, 30),))
    assert ReasonSeg().score(first, all_of_it)["iou"] == 1, "the ignored pixels are no error"


def test_smaller_shapes_are_painted_over_larger_ones():
    def outline(label, points):
        return Outline(label=label, points=points)

    small, large = [[2, 2], [5, 2], [5, 5], [2, 5]], [[0, 0], [9, 0], [9, 9], [0, 9]]
    expected = np.full((10, 10), TARGET, np.uint8)
    expected[2:6, 2:6] = IGNORE
    for order in ([0, 1], [1, 0]):
        shapes = [outline("Ignored area", small), outline("target", large)]
        assert np.array_equal(paint([shapes[k] for k in order], 10, 10), expected)
    # of equal areas the first in the file is on top, as LISA's reversed sort has it
    labels = paint([outline("ignore", small), outline("target", small)], 10, 10)
    assert (labels == IGNORE).sum() == 16
    # what is outside of the image counts for nothing
    far = [[-50, -50], [3, -50], [3, 3], [-50, 3]]
    assert (paint([outline("target", far)], 10, 10) == TARGET).sum() == 16
    assert not paint([], 4, 4).any()


def test_points_are_cut_towards_zero(tmp_path):
    content = LONG | {
        "shapes": [{"label": "target", "points": [[0.9, 0.9], [2.99, 0], [2.2, 2.7], [-0.9, 2]]}]
    }
    write(tmp_path, {"a": content})
    ((image,), _) = read_reasonseg(tmp_path, "val")
    assert np.array_equal(np.argwhere(rle.decode(image.target)), np.argwhere(np.ones((3, 3))))


def drawn(kind: str | None, *points: tuple[float, float], label: str = "target") -> dict[str, object]:
    return {"label": label, "shape_type": kind, "points": [list(point) for point in points]}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        # both corners are inside, whichever two they are
        (drawn("rectangle", (3, 2), (12, 8)), (slice(2, 9), slice(3, 13))),
        (drawn("rectangle", (12.9, 2.2), (3.4, 8.8)), (slice(2, 9), slice(3, 13))),
        (drawn("rectangle", (3, 2), (12, 2), (12, 8), (3, 8)), (slice(2, 9), slice(3, 13))),
        (drawn("rectangle", (-5, -5), (40, 40)), (slice(None), slice(None))),
        # as LISA paints them: a line, a strip that is closed and filled, single pixels
        (drawn("line", (3, 2), (12, 2)), (slice(2, 3), slice(3, 13))),
        (drawn("linestrip", (3, 2), (12, 2), (12, 8), (3, 8)), (slice(2, 9), slice(3, 13))),
        (drawn("point", (3.9, 2)), (slice(2, 3), slice(3, 4))),
        (drawn(None, (3, 2), (12, 2), (12, 8), (3, 8), label=" Target"), (slice(2, 9), slice(3, 13))),
    ],
)
def test_shapes_are_what_labelme_means(tmp_path, shape, expected):
    write(tmp_path, {"a": LONG | {"shapes": [shape]}})
    ((image,), dropped) = read_reasonseg(tmp_path, "val")
    pixels = np.zeros((20, 30), bool)
    pixels[expected] = True
    assert np.array_equal(rle.decode(image.target), pixels)
    assert not dropped.counts
    strokes = {"line", "linestrip", "point"}
    assert dropped.kept == ({"outlines that enclose nothing": 1} if shape["shape_type"] in strokes else {})


def test_a_polygon_of_two_points_is_a_line_and_counted(tmp_path):
    folder = write(tmp_path, {"a": LONG | {"shapes": [drawn(None, (3, 2), (12, 2))]}})
    ((image,), dropped) = read_reasonseg(tmp_path, "val")
    assert rle.area(image.target) == 10
    assert dropped.kept_lines() == [
        f"1 outlines that enclose nothing, the first: {folder / 'a.json'}: shape 0"
    ]


def test_a_circle_is_its_centre_and_a_point_on_its_rim(tmp_path):
    write(
        tmp_path,
        {
            "a": LONG
            | {
                "shapes": [
                    drawn("circle", (10, 9), (13, 5)),
                    drawn("circle", (10, 9), (10, 9), label="ignore"),
                ]
            }
        },
    )
    ((image,), _) = read_reasonseg(tmp_path, "val")
    # 81 lattice points lie within a distance of 5; the smaller circle is on top
    assert (rle.area(image.target), rle.area(image.ignore)) == (80, 1)
    assert rle.box(image.target) == (5, 4, 16, 15)


LABEL, FORM = "images with an unknown label", "images with an outline of unknown form"
TRIANGLE = ((0, 0), (5, 0), (5, 5))


@pytest.mark.parametrize(
    ("shape", "reason", "details"),
    [
        (drawn("polygon", *TRIANGLE, label="tragedy"), LABEL, "'tragedy' is none of target, ignore, flag"),
        (drawn("mask", *TRIANGLE[:2]), FORM, "a shape must be a rectangle or a polygon, got 'mask'"),
        (drawn("rectangle", *TRIANGLE), FORM, "a rectangle has two points, got 3"),
        (drawn("circle", (0, 0)), FORM, "a circle has two points, got 1"),
    ],
)
def test_an_outline_that_cannot_be_read_takes_its_image_away(tmp_path, shape, reason, details):
    """The target is not known then: with it, or without it, the mask would be wrong."""
    folder = write(tmp_path, {"a": LONG, "b": LONG | {"shapes": [*LONG["shapes"], shape]}})
    read = ReasonSeg().samples(tmp_path, "val")
    assert [sample.image.stem for sample in read.samples] == ["a"]
    assert read.dropped.counts == {reason: 1}
    assert read.dropped.first[reason] == f"{folder / 'b.json'}: shape 1: {details}"


def test_two_encodings(tmp_path):
    folder = write(tmp_path, {"a": LONG})
    text = "What’s the café’s sign?"
    raw = json.dumps(LONG | {"text": [text]}, ensure_ascii=False)
    for encoding in ("utf-8", "cp1252"):
        (folder / "a.json").write_bytes(raw.encode(encoding))
        assert read_reasonseg(tmp_path, "val")[0][0].text == text
    (folder / "a.json").write_bytes(raw.encode("utf-8-sig"))
    assert read_reasonseg(tmp_path, "val")[0][0].text == text
    for other, encoding in (("左边的伞", "gbk"), ("かさ", "shift_jis"), ("зонт", "cp1251")):
        foreign = json.dumps(LONG | {"text": [other]}, ensure_ascii=False).encode(encoding)
        (folder / "a.json").write_bytes(foreign)
        with pytest.raises(ValueError, match=r"a\.json .* in UTF-8: byte 0x.. at position 11; save it"):
            read_reasonseg(tmp_path, "val")
    (folder / "a.json").write_bytes(b'{"text": "\x81"}')  # in neither
    with pytest.raises(ValueError, match=r"a\.json is not a JSON file in UTF-8: byte 0x81 at position 10"):
        read_reasonseg(tmp_path, "val")


def test_what_cannot_be_used_is_counted(tmp_path):
    empty = {"label": "target", "points": []}
    folder = write(tmp_path, {"a": LONG | {"shapes": [empty, shape("target", 0, 0, 3, 3)]}})
    Image.new("RGB", (3, 3)).save(folder / "lonely.jpg")
    for stem in ("no_image", "torn"):
        (folder / f"{stem}.json").write_text(json.dumps(LONG))
    (folder / "torn.jpg").write_bytes(b"nothing")
    read = ReasonSeg().samples(tmp_path, "val")
    assert len(read.samples) == 1
    assert read.dropped.counts == {
        "outlines without a point": 1,
        "images without a JSON file": 1,
        "JSON files without an image": 1,
        "images that cannot be opened": 1,
    }
    assert read.dropped.lost == {"JSON files without an image": 1, "images that cannot be opened": 1}
    assert read.dropped.first["images without a JSON file"].endswith("lonely")
    assert read.dropped.first["outlines without a point"].endswith("a.json: shape 0")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": []}, "text: List should have at least 1 item"),
        ({"text": "a"}, "text: Input should be a valid list, got 'a'"),
        ({"is_sentence": 1}, "is_sentence: Input should be a valid boolean, got 1"),
        ({"shapes": [{"label": "target"}]}, "shapes.0.points: Field required"),
        ({"shapes": [{"label": "target", "points": [[1, float("nan")]]}]}, "points.0.1: Input should be"),
        ({"shapes": [{"label": "target", "points": [[1, 2, 3]]}]}, "points.0: List should have at most 2"),
        (
            {"shapes": [{"label": "target", "points": [[1, 1 << 40]]}]},
            "points.0.1: Input should be less than",
        ),
    ],
)
def test_broken_files_are_named(tmp_path, change, message):
    write(tmp_path, {"a": LONG | change})
    with pytest.raises(ValueError, match=r"a\.json: ") as error:
        read_reasonseg(tmp_path, "val")
    assert message in str(error.value)


def test_missing_folders_show_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"val holds no JSON files. Expected below .*LISA"):
        read_reasonseg(tmp_path, "val")
    with pytest.raises(ValueError, match="a split is a plain name"):
        read_reasonseg(tmp_path, "../val")
    task = ReasonSeg()
    assert task.data_status(tmp_path).detail.startswith(f"no JSON files below {tmp_path / FOLDER}. Expected")
    write(tmp_path, {"a": LONG}, "test")
    assert task.data_status(tmp_path) == DataStatus(True, f"ReasonSeg (test), in {tmp_path}")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_image_is_what_lisa_reads(tmp_path, orientation):
    """OpenCV turns it, and the outlines are on that: a red square in the shown image's corner."""
    folder = write(tmp_path, {"a": LONG | {"shapes": [shape("target", 0, 0, 7, 7)]}})
    upright = np.full((24, 40, 3), 40, np.uint8)
    upright[:8, :8] = (220, 30, 30)
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}.get(orientation, TURNS[orientation])
    stored = Image.fromarray(upright) if back is None else Image.fromarray(upright).transpose(back)
    exif = Image.Exif()
    exif[274] = orientation
    stored.save(folder / "a.jpg", exif=exif, quality=100, subsampling=0)
    (sample,) = ReasonSeg().samples(tmp_path, "val").samples
    theirs = cv2.imread(str(folder / "a.jpg"))
    assert sample.size == theirs.shape[:2] == (24, 40)
    assert rle.box(sample.target.masks[0]) == (0, 0, 8, 8)
    red = np.asarray(open_image(sample.image, sample.upright))[..., 0] > 128
    assert np.array_equal(red, rle.decode(sample.target.masks[0]))
    # so do the model, the codec and the pictures of a report see it
    seen = seen_by_models.pictures_of(ImagePart(sample.image), sample)["image"]
    assert np.array_equal(np.asarray(seen)[..., 0] > 128, red)
    codec = Sees("", PredictorOptions(ReasonSeg().generation))
    (made,) = OraclePredictor("", codec.options, codec).predict([sample])
    assert made.masks == sample.target.masks
    pictures = Pictures()
    pictures.number(sample.image, None, sample.size, sample.upright)
    assert (pictures.found[0].height, pictures.found[0].width) == sample.size
    (line,) = questions(ReasonSeg(), [sample], tmp_path, RegionForms())
    assert json.loads(line)["upright"] is True


def test_mini_paints_back_what_was_drawn(mini):
    pictures = {f"{picture.image_id:08d}.jpg": picture for picture in pictures_of("val")}
    samples = ReasonSeg().samples(mini, "val").samples
    assert len(samples) > 60
    for sample in samples:
        picture = pictures[sample.image.name]
        targets = next(said for said in picture.expressions if said.targets).targets
        masks = [picture.scene.objects[index].mask for index in targets]
        assert sample.target.masks == (rle.encode(np.any(masks, axis=0)),)
    assert {s.tags["query"] for s in samples} == {"short", "long"}
    assert 0 < sum(s.target.ignore is not None for s in samples) < len(samples)
    assert ReasonSeg().samples(mini, "test").samples


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_constants_and_oracle_on_mini_have_the_values_they_must(mini, protocol):
    task = ReasonSeg(protocol)
    samples = task.samples(mini, "val").samples
    options = PredictorOptions(task.generation)

    def values(predictor):
        made = predictor.predict(samples)
        scores = [task.score(s, p) for s, p in zip(samples, made, strict=True)]
        return task.summarize(scores, [s.cluster for s in samples])

    assert set(values(OraclePredictor("", options)).values()) == {1}
    assert set(values(ConstantPredictor("refuse", options)).values()) == {0}
    whole = values(ConstantPredictor("whole", options))
    left = [np.prod(s.size) - (rle.area(s.target.ignore) if s.target.ignore else 0) for s in samples]
    fractions = [rle.area(s.target.masks[0]) / pixels for s, pixels in zip(samples, left, strict=True)]
    assert whole["giou"] == pytest.approx(np.mean(fractions))


VALUES = json_values("label", "points")
SHAPE = ("shapes", 0)
PLACES = [("text",), ("is_sentence",), ("shapes",), SHAPE, (*SHAPE, "label"), (*SHAPE, "points"),
          (*SHAPE, "points", 1)]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_any_change_is_read_or_refused_cleanly(tmp_path, place, value):
    write(tmp_path, {"a": changed(CONTENT, place, value)})
    samples, refusal = [], "a.json"
    try:
        samples = ReasonSeg().samples(tmp_path, "val").samples
    except ValueError as error:
        refusal = str(error)
    assert "a.json" in refusal
    for sample in samples:
        assert ReasonSeg().score(sample, Prediction(masks=sample.target.masks))["iou"] == 1

"""Visual Genome's region captions: GLaMM's file, mini's, and the scores."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places
from PIL import Image

from samtok_bench import rle
from samtok_bench.measures import captions
from samtok_bench.measures.captions import CaptionScores
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.sample import Prediction, prompt_text
from samtok_tasks.data.check import check
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.mini.writer import pictures_of
from samtok_tasks.vg_caption import mini as visual_genome
from samtok_tasks.vg_caption.reader import read_visual_genome
from samtok_tasks.vg_caption.task import VGCaption

GOLDEN = Path(__file__).parents[2] / "golden" / "visual_genome_prompts.txt"
HEIGHT, WIDTH = 40, 60
CONTENT = {
    "info": {},
    "images": [
        {"id": 7, "file_name": "1.jpg", "height": HEIGHT, "width": WIDTH},
        {"id": 8, "file_name": "1.jpg", "height": HEIGHT, "width": WIDTH},
        {"id": 9, "file_name": "2.jpg"},
    ],
    "annotations": [
        {"id": 7, "image_id": 7, "bbox": [10, 5, 20, 30], "caption": "a red  bus"},
        {"id": 8, "image_id": 8, "bbox": [50.0, -2.0, 30.0, 12.0], "caption": "Sky."},
        {"id": 9, "image_id": 9, "bbox": [0, 0, 60, 40], "caption": "the man's hat"},
    ],
}


def write(root: Path, content=CONTENT, folder="images") -> Path:
    (root / "visual_genome" / folder).mkdir(parents=True, exist_ok=True)
    (root / "visual_genome/test_caption.json").write_text(json.dumps(content))
    for name in ("1.jpg", "2.jpg"):
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / "visual_genome" / folder / name)
    return root


def test_regions_are_filled_boxes(tmp_path):
    data = read_visual_genome(write(tmp_path))
    assert [(region.key, region.reference) for region in data.regions] == [
        ("7", "a red bus"), ("8", "Sky."), ("9", "the man's hat"),
    ]  # fmt: skip
    boxes = [(10, 5, 30, 35), (50, 0, 60, 10), (0, 0, 60, 40)]
    assert [region.mask for region in data.regions] == [rle.rectangle(*box, HEIGHT, WIDTH) for box in boxes]
    assert data.regions[2].image == tmp_path / "visual_genome/images/2.jpg"
    assert data.dropped.counts == {}


@pytest.mark.parametrize("folder", ["VG_100K", "VG_100K_2"])
def test_images_may_lie_as_visual_genome_has_them(tmp_path, folder):
    regions = read_visual_genome(write(tmp_path, folder=folder)).regions
    assert {region.image.parent.name for region in regions} == {folder}


def test_a_mask_in_the_file_comes_first(tmp_path):
    content = copy.deepcopy(CONTENT)
    content["annotations"][0]["segmentation"] = [[10, 5, 20, 5, 20, 15, 10, 15]]
    content["annotations"][1]["segmentation"] = []
    regions = read_visual_genome(write(tmp_path, content)).regions
    assert [rle.area(region.mask) for region in regions] == [100, 100, 2400]
    assert rle.box(regions[0].mask) == (10, 5, 20, 15)


def test_what_has_no_pixel_or_no_size_is_counted(tmp_path):
    content = copy.deepcopy(CONTENT)
    content["annotations"][0]["bbox"] = [70, 5, 20, 30]
    content["annotations"][1]["bbox"] = [10, 5, -4, 30]
    content["images"][2]["file_name"] = "gone.jpg"
    data = read_visual_genome(write(tmp_path, content))
    assert data.regions == []
    assert data.dropped.counts == {"empty masks": 2, "masks without a readable image": 1}
    report = check(VGCaption(), tmp_path, ("test",))
    assert not report.ok
    assert str(report.problem).startswith("1 masks without a readable image, the first: ")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("annotations", 0, "image_id"), 70, "annotation 0: image 70 is not listed"),
        (("annotations", 0, "caption"), 3, "annotation 0: caption: Input should be a valid string"),
        (("annotations", 0, "bbox"), "no", "annotation 0: bbox: Input should be a valid list"),
        (("annotations", 1, "id"), 7, "annotation 1: two regions are named 7"),
        (("images", 1, "id"), 7, "two images have the id 7"),
        (("images", 0, "file_name"), "../a", "image 0: file_name: must be a path below the folder"),
        (("images", 0, "height"), 0, "image 0: impossible size, height 0"),
        (("images", 2), {"id": 9, "file_name": "2.jpg", "width": 3}, "image 2: the field 'height' is"),
        (("images",), 5, "'images' must be list"),
    ],
)  # fmt: skip
def test_broken_records_are_named(tmp_path, path, value, message):
    content = copy.deepcopy(CONTENT)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=r"test_caption\.json") as error:
        read_visual_genome(write(tmp_path, content))
    assert message in str(error.value)


def test_missing_files_and_other_splits(tmp_path):
    task = VGCaption()
    with pytest.raises(
        FileNotFoundError, match=r"test_caption\.json is missing\. Expected below the data root"
    ):
        task.samples(tmp_path, "test")
    with pytest.raises(NoSplitError, match="vg-caption has no split 'val'; it has test"):
        task.samples(tmp_path, "val")
    assert task.default_split(tmp_path) == "test"
    assert check(task, write(tmp_path), task.splits).ok


def test_samples(tmp_path):
    write(tmp_path)
    samples = VGCaption().samples(tmp_path, "test").samples
    assert "\n".join(prompt_text(sample.turns) for sample in samples) + "\n" == GOLDEN.read_text()
    assert len({sample.id for sample in samples}) == 3
    assert [sample.cluster for sample in samples] == [f"visual_genome/images/{k}.jpg" for k in (1, 1, 2)]
    assert [sample.target.text for sample in samples] == ["a red bus", "Sky.", "the man's hat"]


def test_captions_are_scored_against_one_reference_each(tmp_path, monkeypatch):
    task = VGCaption()
    samples = task.samples(write(tmp_path), "test").samples
    made = OraclePredictor("", PredictorOptions(task.generation)).predict(samples)
    given = []

    def scores(pairs):
        given.append(pairs)
        return CaptionScores(meteor=0.5, cider=2.0)

    monkeypatch.setattr(captions, "caption_scores", scores)
    captions.scores_or_none.cache_clear()
    answers = [*made[:2], Prediction(text="a <|mt_start|><|mt_0001|><|mt_end|> hat.")]
    assert task.corpus(samples, answers, None) == {"cider": 2.0, "meteor": 0.5}
    assert given == [(("a red bus", "a red bus"), ("Sky.", "Sky."), ("the man's hat", "a hat."))]
    assert [info.id for info in task.metrics] == ["cider", "meteor", "captioned", "words"]
    assert task.primary == "cider"


def test_mini_has_true_boxes(tmp_path):
    pictures = list(pictures_of("val"))[:30]
    content = visual_genome.files(pictures)["visual_genome/test_caption.json"]
    assert [image["id"] for image in content["images"]] == [
        annotation["image_id"] for annotation in content["annotations"]
    ]
    by_name = {f"train2014/{picture.file_name}": picture for picture in pictures}
    write(tmp_path, content)
    regions = read_visual_genome(tmp_path).regions
    assert len(regions) == len(content["images"]) > 20
    for image, region in zip(content["images"], regions, strict=True):
        picture = by_name[image["file_name"]]
        (meant,) = {
            expression.targets for expression in picture.expressions if expression.text == region.reference
        }
        packed = rle.encode(picture.scene.objects[meant[0]].mask)
        assert rle.box(packed) == rle.box(region.mask)
        assert rle.intersection_union(packed, region.mask)[0] == rle.area(packed)
    assert visual_genome.files(list(pictures_of("testA"))[:3]) == {}


JSON = json_values("id", "counts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.sampled_from(places(CONTENT)), value=JSON)
def test_any_change_is_read_or_refused_cleanly(tmp_path, place, value):
    content = changed(CONTENT, place, value)
    said = "test_caption.json"
    try:
        read_visual_genome(write(tmp_path, content))
    except (ValueError, OSError) as error:
        said = str(error)
    assert "test_caption.json" in said


def test_an_empty_caption_is_counted_and_kept(tmp_path):
    content = changed(CONTENT, ("annotations", 1, "caption"), " ")
    read = VGCaption().samples(write(tmp_path, content), "test")
    (line,) = read.dropped.kept_lines()
    assert line == f"1 empty references, the first: {tmp_path}/visual_genome/test_caption.json: annotation 1"
    assert [sample.target.text for sample in read.samples] == ["a red bus", "", "the man's hat"]
    report = check(VGCaption(), tmp_path, ("test",))
    assert report.ok

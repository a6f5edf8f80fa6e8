"""Visual7W's pointing questions: the official file, mini's, and their samples."""

import copy
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places
from PIL import Image

from samtok_bench import rle
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.sample import Prediction, Region, prompt_text
from samtok_tasks.data.check import check
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.mini.writer import pictures_of
from samtok_tasks.multiple_choice import LETTERS, read_answer
from samtok_tasks.visual7w import mini as visual7w
from samtok_tasks.visual7w.reader import FILES, read_visual7w
from samtok_tasks.visual7w.task import Visual7W

GOLDEN = Path(__file__).parents[2] / "golden" / "visual7w_prompts.txt"
HEIGHT, WIDTH = 40, 60
BOXES = {
    1: (2, 3, 10, 8),
    2: (20, 3, 5, 5),
    3: (-1, -1, 12, 12),
    4: (50, 30, 30, 30),
    5: (70, 3, 5, 5),
}
CONTENT = {
    "dataset": "visual7w",
    "boxes": [
        {"box_id": id, "name": "thing", "x": x, "y": y, "width": w, "height": h}
        for id, (x, y, w, h) in BOXES.items()
    ],
    "images": [
        {
            "image_id": 1,
            "split": "test",
            "filename": "v7w_1.jpg",
            "qa_pairs": [
                {
                    "image_id": 1,
                    "qa_id": 101,
                    "question": "Which cup is  nearest?",
                    "answer": 2,
                    "multiple_choices": [1, 3, 4],
                    "type": "which",
                },
                {
                    "image_id": 1,
                    "qa_id": 102,
                    "question": "Which is a toilet?",
                    "answer": 3,
                    "multiple_choices": [4, 1, 2],
                    "type": "which",
                },
            ],
        },
        {
            "image_id": 2,
            "split": "val",
            "filename": "v7w_2.jpg",
            "qa_pairs": [
                {
                    "qa_id": 201,
                    "question": "Which is a sink?",
                    "answer": 1,
                    "multiple_choices": [2, 3, 4],
                    "type": "which",
                }
            ],
        },
    ],
}


def write(root: Path, content=CONTENT, file=FILES[0], images="visual7w/images") -> Path:
    for path in (root / file, root / images / "x"):
        path.parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(content))
    for name in ("v7w_1.jpg", "v7w_2.jpg"):
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / images / name)
    return root


def test_boxes_are_regions_cut_off_at_the_image(tmp_path):
    first, second = read_visual7w(write(tmp_path), "test").questions
    assert (first.qa_id, first.question, first.type) == (101, "Which cup is nearest?", "which")
    assert first.image == tmp_path / "visual7w/images/v7w_1.jpg"
    assert first.right == (2, rle.rectangle(20, 3, 25, 8, HEIGHT, WIDTH))
    assert first.wrong == (
        (1, rle.rectangle(2, 3, 12, 11, HEIGHT, WIDTH)),
        (3, rle.rectangle(0, 0, 11, 11, HEIGHT, WIDTH)),
        (4, rle.rectangle(50, 30, 60, 40, HEIGHT, WIDTH)),
    )
    assert second.right[0] == 3
    assert [asked.qa_id for asked in read_visual7w(tmp_path, "val").questions] == [201]


@pytest.mark.parametrize(("file", "images"), [(FILES[1], "images"), (FILES[2], "visual7w/images")])
def test_files_may_lie_elsewhere(tmp_path, file, images):
    task = Visual7W()
    assert not task.data_status(tmp_path).ready
    write(tmp_path, file=file, images=images)
    assert task.data_status(tmp_path).ready
    assert check(task, tmp_path, task.splits).ok


def test_samples_by_hand(tmp_path):
    task = Visual7W()
    samples = task.samples(write(tmp_path), "test").samples
    assert "\n".join(prompt_text(sample.turns) for sample in samples) + "\n" == GOLDEN.read_text()
    for sample, right in zip(samples, (2, 3), strict=True):
        regions = [part.rle for part in sample.turns[0].parts if isinstance(part, Region)]
        read = {asked.qa_id: asked for asked in read_visual7w(tmp_path, "test").questions}
        question = read[101 if sample is samples[0] else 102]
        assert regions[LETTERS.index(sample.target.text)] == question.right[1]
        assert question.right[0] == right
        assert sorted(region["counts"] for region in regions) == sorted(
            mask["counts"] for _, mask in (question.right, *question.wrong)
        )
    assert samples[0].truth == ("", "", "", "")
    assert samples[0].tags == {"type": "which"}
    assert {sample.cluster for sample in samples} == {"visual7w/images/v7w_1.jpg"}


def test_the_order_does_not_tell_which_is_right(tmp_path):
    content = copy.deepcopy(CONTENT)
    pair = content["images"][0]["qa_pairs"][0]
    content["images"][0]["qa_pairs"] = [{**pair, "qa_id": k} for k in range(400)]
    samples = Visual7W().samples(write(tmp_path, content), "test").samples
    letters = Counter(sample.target.text for sample in samples)
    assert min(letters[letter] for letter in "ABCD") > 70, "each of four is right about 100 times"
    # and another answer leaves the order as it is
    swapped = [
        {**pair, "answer": 1, "multiple_choices": [2, 3, 4]} for pair in content["images"][0]["qa_pairs"]
    ]
    content["images"][0]["qa_pairs"] = swapped
    others = Visual7W().samples(write(tmp_path, content), "test").samples
    assert [sample.turns for sample in samples] == [other.turns for other in others]
    assert all(a.target != b.target and a.id != b.id for a, b in zip(samples, others, strict=True))


def test_scores_floors_and_the_oracle(tmp_path):
    task = Visual7W()
    samples = task.samples(write(tmp_path), "test").samples
    letter = samples[0].target.text
    wrong = next(other for other in "ABCD" if other != letter)

    def score(text):
        return tuple(task.score(samples[0], Prediction(text=text)).values())

    assert score(letter) == score(letter.lower()) == (1, 1, 0)
    assert score(f"The answer is {letter}.") == score(f"({letter})") == (0, 1, 0)
    assert score(wrong) == (0, 0, 0)
    assert score("the cup") == score("") == (0, 0, 1)
    assert read_answer("<|mt_0001|>", samples[0].truth) is None
    made = OraclePredictor("", PredictorOptions(task.generation)).predict(samples)
    scores = [task.score(sample, answer) for sample, answer in zip(samples, made, strict=True)]
    assert task.summarize(scores, ["a", "a"]) == {"exact": 1, "parsed": 1, "unreadable": 0}
    assert set(task.floors(samples[0])) == {f"always {choice}" for choice in "ABCD"}
    assert task.primary == "exact"


def test_what_cannot_be_asked_is_counted(tmp_path):
    content = copy.deepcopy(CONTENT)
    first, second = content["images"][0]["qa_pairs"]
    first["multiple_choices"] = [1, 3, 5]
    second["multiple_choices"] = [4, 1, 4]
    content["images"].append({**CONTENT["images"][0], "filename": "gone.jpg"})
    data = read_visual7w(write(tmp_path, content), "test")
    assert data.questions == ()
    assert data.dropped.counts == {
        "questions with a box outside the image": 1,
        "questions with a box twice": 1,
        "questions without a readable image": 2,
    }
    assert data.dropped.first["questions with a box outside the image"].endswith("image 0: question 0: box 5")
    report = check(Visual7W(), tmp_path, ("test",))
    assert "2 questions without a readable image, the first: " in str(report.problem)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("boxes", 1, "box_id"), 1, "two boxes have the id 1"),
        (("boxes", 1), 3, "boxes.1: Input should be a valid dictionary, got 3"),
        (("boxes", 1, "x"), None, "box 1: a box is x, y, width and height"),
        (("images", 0, "split"), 3, "images.0.split: Input should be a valid string, got 3"),
        (("images", 0, "filename"), "/a", "images.0.filename: must be a path below the folder, got '/a'"),
        (("images", 0, "qa_pairs"), {}, "images.0.qa_pairs: Input should be a valid list, got {}"),
        (("images", 0, "qa_pairs", 1, "answer"), 9, "question 1: an answer and three multiple_choices must"),
        (("images", 0, "qa_pairs", 1, "multiple_choices"), [1, 2], "must be ids of boxes, got [3, 1, 2]"),
        (
            ("images", 0, "qa_pairs", 1, "multiple_choices"),
            [1, 2, "4"],
            "multiple_choices.2: Input should be",
        ),
        (
            ("images", 0, "qa_pairs", 1, "type"),
            None,
            "image 0: question 1: type: Input should be a valid string",
        ),
    ],
)
def test_broken_records_are_named(tmp_path, path, value, message):
    content = copy.deepcopy(CONTENT)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=r"dataset_v7w_pointing\.json") as error:
        read_visual7w(write(tmp_path, content), "test")
    assert message in str(error.value)


def test_missing_files_and_unknown_splits(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is missing\. Expected below the data root"):
        read_visual7w(tmp_path, "test")
    with pytest.raises(NoSplitError, match="has no split 'train'; it has test, val"):
        read_visual7w(write(tmp_path), "train")


def test_mini_asks_for_the_object_that_is_meant():
    pictures = [picture for split in ("val", "testB") for picture in list(pictures_of(split))[:25]]
    content = visual7w.files(pictures)["visual7w/dataset_v7w_pointing.json"]
    boxes = {box["box_id"]: box for box in content["boxes"]}
    by_id = {picture.image_id: picture for picture in pictures}
    assert {image["split"] for image in content["images"]} == {"val", "test"}
    pairs = [(by_id[image["image_id"]], pair) for image in content["images"] for pair in image["qa_pairs"]]
    assert len(pairs) > 20
    for picture, pair in pairs:
        phrase = pair["question"].removeprefix("Which object is ").removesuffix("?")
        meant = {
            found.targets for found in picture.expressions if phrase in (found.text, f"the {found.text}")
        }
        (right,) = next(iter(meant))
        assert pair["answer"] == picture.annotation_id(right)
        assert len({pair["answer"], *pair["multiple_choices"]}) == 4
        box = boxes[pair["answer"]]
        x0, y0, x1, y1 = rle.box(rle.encode(picture.scene.objects[right].mask))
        assert (box["x"], box["y"], box["width"], box["height"]) == (x0, y0, x1 - x0, y1 - y0)
    assert visual7w.files([]) == {}


JSON = json_values("qa_id", "x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.sampled_from(places(CONTENT)), value=JSON)
def test_any_change_is_read_or_refused_cleanly(tmp_path, place, value):
    content = changed(CONTENT, place, value)
    said = "dataset_v7w_pointing.json"
    try:
        for sample in Visual7W().samples(write(tmp_path, content), "test").samples:
            Visual7W().score(sample, Prediction(text="A"))
    except (ValueError, OSError) as error:
        said = str(error)
    assert "dataset_v7w_pointing.json" in said

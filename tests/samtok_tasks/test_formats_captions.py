"""Readers of the judged caption benchmarks on tiny official files."""

import copy
import json
import re
from pathlib import Path

import pytest
from caption_samples import DLC, DLC_QUESTIONS, FERRET, IMAGES, LARGE, MDVP, ROOTS, SMALL, VIDEOREFER, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import json_values

from samtok_bench import rle
from samtok_tasks.dlc_bench.reader import read_dlc_bench, read_dlc_questions
from samtok_tasks.ferret_bench.reader import read_ferret_bench, read_ferret_reviews
from samtok_tasks.mdvp_bench.reader import read_mdvp_bench, read_mdvp_rule
from samtok_tasks.videorefer_bench.reader import read_videorefer_bench, read_videorefer_instruction

READERS = {
    "dlc": (read_dlc_bench, read_dlc_questions),
    "repack": (read_dlc_bench,),
    "ferret": (read_ferret_bench, read_ferret_reviews),
    "mdvp": (read_mdvp_bench, read_mdvp_rule),
    "videorefer": (read_videorefer_bench, read_videorefer_instruction),
}


def changed(name, file, place, value):
    files = copy.deepcopy(ROOTS[name])
    inner = files[file]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return files


def refusals(name, root):
    """What the readers of a data set say that refuse it."""
    said = []
    for read in READERS[name]:
        try:
            read(root)
        except (ValueError, OSError) as error:
            said.append(str(error))
    return said


def shown(data):
    return [(one.key, rle.area(one.mask), one.reference, one.group) for one in data.regions]


def test_dlc(tmp_path):
    data = read_dlc_bench(write(tmp_path, "dlc"))
    assert shown(data) == [("11", 2400, "apple", ""), ("12", 380 * 280, "scissors", "")]
    assert data.regions[0].image == tmp_path / "images" / "a.jpg"
    first, second = read_dlc_questions(tmp_path)["11"]
    assert (first.positive, first.scores, first.choices[3]) == (True, (0, 1, -1, 0.5), "Of no colour.")
    assert (second.positive, second.scores) == (False, (1, -1))


def test_dlc_files_may_lie_in_the_root(tmp_path):
    write(tmp_path, "dlc", {path.removeprefix("annotations/"): one for path, one in DLC.items()})
    assert len(read_dlc_bench(tmp_path).regions) == len(read_dlc_questions(tmp_path)) == 2


def test_the_repack(tmp_path):
    data = read_dlc_bench(write(tmp_path, "repack"))
    assert shown(data) == [("a.jpg/0", 2400, "apple", ""), ("a.jpg/1", 380 * 280, "scissors", "")]


def test_ferret(tmp_path):
    data = read_ferret_bench(write(tmp_path, "ferret"))
    assert shown(data) == [("4", 2400, "Reference 4.", ""), ("7", 2400, "Reference 7.", "")]
    assert data.regions[1].question == "What is it?"
    assert tuple(data.regions[0].mask["size"]) == (300, 400), "of the image file"
    review = read_ferret_reviews(tmp_path)["7"]
    assert (review.context, review.question) == ("A scene.", "What is at [0.250, 7]?")
    assert (review.reference, review.rule, review.role) == ("Reference 7.", "Please rate.", "Assistant")


def test_ferret_runs_without_the_files_for_judging(tmp_path):
    write(tmp_path, "ferret", {path: one for path, one in FERRET.items() if path.startswith("annotations")})
    assert [one.reference for one in read_ferret_bench(tmp_path).regions] == ["", ""]
    with pytest.raises(FileNotFoundError, match=r"rule\.json is missing\. Expected below the data root"):
        read_ferret_reviews(tmp_path)


def test_a_box_on_a_missing_image_is_counted(tmp_path):
    write(tmp_path, "ferret")
    (tmp_path / IMAGES["ferret"]).unlink()
    data = read_ferret_bench(tmp_path)
    assert (data.regions, data.dropped) == ((), {"masks without a readable image": 2})
    assert "record 0: " in data.first["masks without a readable image"]


def test_mdvp(tmp_path):
    data = read_mdvp_bench(write(tmp_path, "mdvp"))
    assert shown(data) == [("0", 2400, "A button.", "web"), ("1", 380 * 280, "A page.", "ocr_doc")]
    assert data.regions[0].image == tmp_path / "data/web/images/a.jpg"
    assert read_mdvp_rule(tmp_path) == ("Please rate.", "Assistant")


def test_videorefer_reads_the_frame_of_its_index(tmp_path):
    data = read_videorefer_bench(write(tmp_path, "videorefer"))
    assert shown(data) == [("0", 2400, "A lion rests.", "")]
    assert data.regions[0].image == tmp_path / IMAGES["videorefer"]
    assert read_videorefer_instruction(tmp_path) == "Score the four dimensions."


def test_masks_that_cannot_be_used_are_counted(tmp_path):
    files = copy.deepcopy(MDVP)
    record = files["annotations/mdvp_caption_mask.json"][0]
    broken = [{"size": [300, 400], "counts": "~"}, {"size": [300, 400], "counts": [120000]}, None]
    files["annotations/mdvp_caption_mask.json"] += [{**record, "mask_rle": one} for one in broken]
    data = read_mdvp_bench(write(tmp_path, "mdvp", files))
    assert len(data.regions) == 2
    assert data.dropped == {"broken masks": 2, "empty masks": 1}


BROKEN = [
    ("dlc", "annotations/class_names.json", ("11",), 3, "'11' must be str, got int"),
    ("dlc", "annotations/annotations.json", ("images",), {}, "'images' must be list"),
    ("dlc", "annotations/qa.json", ("11",), DLC_QUESTIONS[:1], "object 11: needs positive and negative"),
    ("dlc", "annotations/qa.json", ("12", 0, "type"), "neutral", "question 0: 'type' must be positive or"),
    ("dlc", "annotations/qa.json", ("12", 1, "choices"), [["x", 1]], "question 1: 'choices' must be 2 to 5"),
    ("dlc", "annotations/qa.json", ("12", 1, "choices", 0, 1), 7, "question 1: 'choices' must be 2 to 5"),
    ("repack", "DLC-bench.json", (0, "image_name"), "../a.jpg", "image 0: 'image_name' must be a path below"),
    ("repack", "DLC-bench.json", (0, "mask_samples", 1), {}, "mask 1: the field 'segmentation' is missing"),
    ("ferret", "annotations/box_refer_caption.json", (1, "question_id"), 4, "two regions are named 4"),
    ("ferret", "annotations/box_refer_caption.json", (1, "annotation"), [], "'annotation' must be dict"),
    ("ferret", "ferret_gpt4_data/rule.json", ("refer_desc",), {}, "the field 'prompt' is missing"),
    (
        "ferret",
        "ferret_gpt4_data/refer_desc/context.jsonl",
        (0, "image"),
        "b.jpg",
        "has no context or no answer",
    ),
    (
        "mdvp",
        "annotations/mdvp_caption_mask.json",
        (0, "dataset_name"),
        "x",
        "'dataset_name' must begin with",
    ),
    ("videorefer", "VideoRefer-Bench-D.json", (0, "frame_idx"), "../3", "'frame_idx' must be a number"),
    ("videorefer", "VideoRefer-Bench-D.json", (0, "frame_idx"), "3", "the field '3' is missing"),
    ("videorefer", "VideoRefer-Bench-D.json", (0, "annotation"), [], "'annotation' has no object"),
]


@pytest.mark.parametrize(("name", "file", "place", "value", "message"), BROKEN)
def test_broken_records_are_named(tmp_path, name, file, place, value, message):
    write(tmp_path, name, changed(name, file, place, value))
    (said,) = refusals(name, tmp_path)
    assert re.search(r"\.jsonl?\b", said)
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("name", READERS)
def test_missing_files_are_told_with_the_layout(tmp_path, name):
    for read in READERS[name]:
        with pytest.raises(FileNotFoundError, match=r"is missing\. Expected below the data root"):
            read(tmp_path)


def places(content, prefix=()):
    found = []
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        found.append((*prefix, key))
        if isinstance(value, dict | list):
            found += places(value, (*prefix, key))
    return found


PLACES = [
    (name, file, place)
    for name, files in ROOTS.items()
    for file, content in files.items()
    if not isinstance(content, str)
    for place in places(content)
]
JSON = json_values("size", "counts", "11")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_change_is_read_or_refused_cleanly(tmp_path: Path, place, value):
    name, file, inner = place
    root = tmp_path / name
    write(root, name, changed(name, file, inner, value))
    assert all("json" in said for said in refusals(name, root))


def test_the_samples_are_what_they_say():
    assert rle.box(SMALL) == (100, 80, 160, 120)
    assert rle.box(LARGE) == (10, 10, 390, 290)
    assert json.loads(json.dumps(VIDEOREFER)) == VIDEOREFER

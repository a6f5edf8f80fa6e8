"""Readers of the judged caption benchmarks: what is broken or missing is told."""

import json
import re
from pathlib import Path

import pytest
from caption_samples import DLC_QUESTIONS, LARGE, ROOTS, SMALL, VIDEOREFER, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places

from samtok_bench import rle
from samtok_tasks.dlc_bench.reader import read_dlc_bench, read_dlc_questions
from samtok_tasks.ferret_bench.reader import read_ferret_bench, read_ferret_reviews
from samtok_tasks.mdvp_bench.reader import read_mdvp_bench
from samtok_tasks.mdvp_bench.task import MDVPBench
from samtok_tasks.videorefer_bench.reader import read_videorefer_bench, read_videorefer_instruction

READERS = {
    "dlc": (read_dlc_bench, read_dlc_questions),
    "repack": (read_dlc_bench,),
    "ferret": (read_ferret_bench, read_ferret_reviews),
    "mdvp": (read_mdvp_bench, MDVPBench().judge_files),
    "videorefer": (read_videorefer_bench, read_videorefer_instruction),
}


def with_change(name, file, place, value):
    files = ROOTS[name]
    return {**files, file: changed(files[file], place, value) if place else value}


def refusals(name, root):
    """What the readers of a data set say that refuse it."""
    said = []
    for read in READERS[name]:
        try:
            read(root)
        except (ValueError, OSError) as error:
            said.append(str(error))
    return said


BROKEN = [
    ("dlc", "annotations/class_names.json", ("11",), 3, "json: 11: Input should be a valid string, got 3"),
    ("dlc", "annotations/annotations.json", ("images",), {}, "'images' must be list"),
    (
        "dlc",
        "annotations/qa.json",
        ("11",),
        DLC_QUESTIONS[:1],
        "json: 11: needs positive and negative questions",
    ),
    (
        "dlc",
        "annotations/qa.json",
        ("12", 0, "type"),
        "neutral",
        "0.type: Input should be 'positive' or 'negative', got",
    ),
    (
        "dlc",
        "annotations/qa.json",
        ("12", 1, "choices"),
        [["x", 1]],
        "1.choices: List should have at least 2 items",
    ),
    (
        "dlc",
        "annotations/qa.json",
        ("12", 1, "choices", 0, 1),
        7,
        "1.choices.0.1: Input should be less than or equal to 1",
    ),
    ("repack", "DLC-bench.json", (0, "image_name"), "../a.jpg", "image 0: image_name: must be a path below"),
    (
        "repack",
        "DLC-bench.json",
        (0, "mask_samples", 1),
        {},
        "image 0: mask_samples.1.segmentation: Field required",
    ),
    ("ferret", "annotations/box_refer_caption.json", (1, "question_id"), 4, "two regions are named 4"),
    (
        "ferret",
        "annotations/box_refer_caption.json",
        (1, "annotation"),
        [],
        "record 1: annotation: Input should be a valid dict",
    ),
    ("ferret", "ferret_gpt4_data/rule.json", ("refer_desc",), {}, "refer_desc: prompt: Field required"),
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
        "record 0: dataset_name: must begin with one of natural, ocr_doc",
    ),
    ("dlc", "annotations/class_names.json", (), {"11": "apple"}, "the object 12 has no name"),
    ("mdvp", "annotations/mdvp_caption_mask.json", (), {}, "json: expected a list, got dict"),
    (
        "videorefer",
        "VideoRefer-Bench-D.json",
        (0, "frame_idx"),
        "../3",
        "entry 0: frame_idx: String should match pattern '^[0-9]+$', got '../3'",
    ),
    ("videorefer", "VideoRefer-Bench-D.json", (0, "frame_idx"), "3", "the field '3' is missing"),
    (
        "videorefer",
        "VideoRefer-Bench-D.json",
        (0, "annotation"),
        [],
        "entry 0: annotation: List should have at least 1 item",
    ),
]


@pytest.mark.parametrize(("name", "file", "place", "value", "message"), BROKEN)
def test_broken_records_are_named(tmp_path, name, file, place, value, message):
    write(tmp_path, name, with_change(name, file, place, value))
    (said,) = refusals(name, tmp_path)
    assert re.search(r"\.jsonl?\b", said)
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("name", READERS)
def test_missing_files_are_told_with_the_layout(tmp_path, name):
    for read in READERS[name]:
        with pytest.raises(FileNotFoundError, match=r"is missing\. Expected below the data root"):
            read(tmp_path)


PLACES = [
    (name, file, place)
    for name, files in ROOTS.items()
    for file, content in files.items()
    if not isinstance(content, str)
    for place in places(content)
]
JSON = json_values("size", "counts", "11")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_change_is_read_or_refused_cleanly(tmp_path: Path, place, value):
    name, file, inner = place
    root = tmp_path / name
    write(root, name, with_change(name, file, inner, value))
    assert all("json" in said for said in refusals(name, root))


def test_the_samples_are_what_they_say():
    assert rle.box(SMALL) == (100, 80, 160, 120)
    assert rle.box(LARGE) == (10, 10, 390, 290)
    assert json.loads(json.dumps(VIDEOREFER)) == VIDEOREFER

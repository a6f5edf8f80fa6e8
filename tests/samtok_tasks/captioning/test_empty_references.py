"""A reference without a word is counted and kept, in every benchmark that has references."""

from copy import deepcopy

import caption_samples
import pytest
import refer_samples
import vip_samples

from samtok_bench.measures import captions
from samtok_tasks.dlc_bench.task import DLCBench
from samtok_tasks.ferret_bench.task import FerretBench
from samtok_tasks.formats.region_captions import EMPTY_REFERENCES
from samtok_tasks.mdvp_bench.task import MDVPBench
from samtok_tasks.refcocog_caption.task import RefCOCOgCaption
from samtok_tasks.videorefer_bench.task import VideoReferBench
from samtok_tasks.vip_bench.task import ViPBench

JUDGED = {
    "dlc": (DLCBench(), "annotations/class_names.json", ("12",), "annotation 12"),
    "repack": (DLCBench(), "DLC-bench.json", (0, "mask_samples", 1, "class_name"), "image 0: mask 1"),
    "ferret": (FerretBench(), "ferret_gpt4_data/refer_desc/answer.jsonl", (1, "text"), "record 1"),
    "mdvp": (MDVPBench(), "annotations/mdvp_caption_mask.json", (1, "caption"), "record 1"),
    "videorefer": (VideoReferBench(), "VideoRefer-Bench-D.json", (0, "caption"), "entry 0"),
}


def emptied(content, place):
    content = deepcopy(content)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = " "
    return content


@pytest.mark.parametrize("name", JUDGED)
def test_references_for_a_judge(tmp_path, name):
    task, file, place, where = JUDGED[name]
    files = caption_samples.ROOTS[name]
    whole = task.samples(caption_samples.write(tmp_path / "whole", name), "test")
    assert not whole.dropped.kept
    changed = {**files, file: emptied(files[file], place)}
    read = task.samples(caption_samples.write(tmp_path / "empty", name, changed), "test")
    assert read.dropped.kept == {EMPTY_REFERENCES: 1}
    (line,) = read.dropped.kept_lines()
    assert line.startswith("1 empty references, the first: ")
    assert line.endswith(where)
    assert not read.dropped.counts
    assert len(read.samples) == len(whole.samples)


def test_a_data_set_without_references_is_none_with_empty_ones(tmp_path):
    file = "annotations/box_refer_caption.json"
    files = {file: caption_samples.FERRET[file]}
    read = FerretBench().samples(caption_samples.write(tmp_path, "ferret", files), "test")
    assert read.samples[0].target.text == ""
    assert not read.dropped.kept


def test_answers_of_free_questions(tmp_path):
    questions = emptied(vip_samples.FILES[vip_samples.META], ("v1_2", "answer"))
    vip_samples.write(tmp_path, {**vip_samples.FILES, vip_samples.META: questions})
    read = ViPBench().samples(tmp_path, "test")
    assert read.dropped.kept_lines()[0].endswith("question v1_2")
    assert len(read.samples) == 3


def test_sentences_of_referring_data(tmp_path):
    refs = deepcopy(refer_samples.REFS)
    refs[0]["sentences"][1]["sent"] = ""
    refer_samples.refcoco(tmp_path, refs, name="refcocog", by="umd")
    read = RefCOCOgCaption().samples(tmp_path, "val")
    assert read.dropped.kept_lines() == [
        f"1 empty references, the first: {tmp_path}: refcocog, ref_id 0, sent_id 1"
    ]
    assert [sample.target.text for sample in read.samples] == ["left one", ""]


def test_an_empty_reference_can_be_scored(monkeypatch):
    monkeypatch.setattr(captions, "_meteor", lambda *_: 0.5)  # starts slowly; tested where it is
    scores = captions.scores_or_none((("", "a dog"), ("a red bus", "a red bus")))
    assert scores is None or scores.cider >= 0

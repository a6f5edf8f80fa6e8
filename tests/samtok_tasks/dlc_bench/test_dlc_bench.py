"""DLC-Bench: objects and questions, the zoom in a question, and a judged run by hand."""

import pytest
from caption_samples import DLC, IMAGES, regions_shown, write
from judged_captions import Judge, Silent, dlc_reply, run_task, text_of, values_of

from samtok_bench import rle
from samtok_bench.judging.judge import judge
from samtok_bench.judging.transcript import SUMMARY, JudgeFile, read_transcript
from samtok_bench.sample import ImagePart, Region, Text, View
from samtok_tasks.dlc_bench.reader import read_dlc_bench, read_dlc_questions
from samtok_tasks.dlc_bench.task import DLCBench


def test_objects_and_questions(tmp_path):
    data = read_dlc_bench(write(tmp_path, "dlc"))
    assert regions_shown(data) == [("11", 2400, "apple", ""), ("12", 380 * 280, "scissors", "")]
    assert data.regions[0].image == tmp_path / "images" / "a.jpg"
    first, second = read_dlc_questions(tmp_path)["11"]
    assert (first.kind, first.scores, first.texts[3]) == ("positive", (0, 1, -1, 0.5), "Of no colour.")
    assert (second.kind, second.scores) == ("negative", (1, -1))


def test_files_may_lie_in_the_root(tmp_path):
    files = {path.removeprefix("annotations/"): content for path, content in DLC.items()}
    write(tmp_path, "dlc", files)
    assert len(read_dlc_bench(tmp_path).regions) == len(read_dlc_questions(tmp_path)) == 2


def test_the_repack(tmp_path):
    data = read_dlc_bench(write(tmp_path, "repack"))
    assert regions_shown(data) == [("a.jpg/0", 2400, "apple", ""), ("a.jpg/1", 380 * 280, "scissors", "")]
    assert DLCBench().locate(tmp_path).endswith("DLC-bench.json")


def test_a_small_region_is_shown_again_closely(tmp_path):
    small, large = DLCBench().samples(write(tmp_path, "dlc"), "test").samples
    image, first, region, then, crop, comma, inside, end = small.turns[0].parts
    path = tmp_path / IMAGES["dlc"]
    assert (image, region) == (ImagePart(path), Region(rle.rectangle(100, 80, 160, 120, 300, 400)))
    # 60 x 40 with inclusive sides 59 and 39: 40 and 50 more on each side
    assert crop == ImagePart(path, View((60, 30, 199, 169), (280, 280), 75))
    assert tuple(inside.rle["size"]) == (280, 280)
    assert then == Text(". Zoom in with the perspective as ")
    assert (first.text, comma.text, end.text) == ("Given a detailed description of this region ", ", ", ".")
    assert len(large.turns[0].parts) == 4
    assert [sample.tags["view"] for sample in (small, large)] == ["zoom", "whole"]


def test_a_run_is_judged_by_hand(tmp_path, monkeypatch):
    folder = run_task(monkeypatch, DLCBench, write(tmp_path / "data", "dlc"), tmp_path / "run")
    judged = judge(folder, Judge(dlc_reply), Silent())
    # the apple has 1 and 1, the scissors are not recognised: min(0, 1) both times
    assert values_of(judged) == {
        "average": 0.5, "positive": 0.5, "negative": 0.5, "recognised": 0.5, "unreadable": 0,
    }  # fmt: skip
    assert (judged.primary, judged.samples, judged.model) == ("average", 2, "judge-1")
    assert judged.settings == {"temperature": 0.0, "max_tokens": 300, "top_p": 1.0}
    judgements = read_transcript(folder)
    assert [len(judgement.exchanges) for judgement in judgements] == [3, 3]
    asked = {text_of(judgement.exchanges[0].messages).split("\n")[5] for judgement in judgements}
    assert "A apple [1, 2]." in asked
    stored = JudgeFile.model_validate_json((folder / SUMMARY).read_bytes())
    assert (stored.task, stored.protocol, stored.judges) == ("dlc-bench", "standard", [judged])


def test_the_repack_has_no_questions(tmp_path):
    sample = DLCBench().samples(write(tmp_path, "repack"), "test").samples[0]
    with pytest.raises(ValueError, match=r"no questions for the object a\.jpg/0\. Expected below"):
        DLCBench().judge_prompts(sample, "", {"11": []})

"""VideoRefer-Bench-D: frames, and the four scores of a judge."""

import numpy as np
import pytest
from caption_samples import IMAGES, ROOTS, regions_shown, write
from hypothesis import given
from hypothesis import strategies as st
from judged_captions import Judge, Silent, run_task, values_of

from samtok_bench import metric
from samtok_bench.judging.judge import judge
from samtok_bench.sample import View
from samtok_tasks.videorefer_bench.reader import read_videorefer_bench, read_videorefer_instruction
from samtok_tasks.videorefer_bench.task import DIMENSIONS, VideoReferBench


def dimension_scores(reply):
    return VideoReferBench().judge_scores(None, [reply], "")


def values(scores):
    return metric.values(VideoReferBench.judge_metrics, scores, [str(place) for place in range(len(scores))])


def test_the_frame_of_the_index_is_read(tmp_path):
    data = read_videorefer_bench(write(tmp_path, "videorefer"))
    assert regions_shown(data) == [("0", 2400, "A lion rests.", "")]
    assert data.regions[0].image == tmp_path / IMAGES["videorefer"]
    assert read_videorefer_instruction(tmp_path) == "Score the four dimensions."


def test_the_released_script_compresses_the_frame_again(tmp_path):
    write(tmp_path, "videorefer")
    for protocol, view in (("standard", None), ("released", View(jpeg_quality=75))):
        (sample,) = VideoReferBench(protocol).samples(tmp_path, "test").samples
        assert sample.turns[0].parts[0].view == view
        assert sample.cluster == "frames/rL_0:01:09.633_0:01:14.333", "the video"


def test_it_has_four_scores_and_their_mean(tmp_path, monkeypatch):
    folder = run_task(monkeypatch, VideoReferBench, write(tmp_path / "data", "videorefer"), tmp_path / "run")
    client = Judge(
        lambda messages: (
            "1. Subject Correspondence: 5\n2. Appearance Description: 3\n"
            "3. Temporal Description: 1\n4. Hallucination Detection: 4"
        )
    )
    judged = values_of(judge(folder, client, Silent()))
    assert judged == {"average": 3.25, "sc": 5, "ad": 3, "td": 1, "hd": 4, "unreadable": 0}
    system, user = client.asked[0][0]
    assert system["content"] == ROOTS["videorefer"]["system.txt"]
    assert user["content"] == "##Correct answer: A lion rests.\n##Predicted answer: A A lion rests. [1, 2].\n"


def test_four_scores_by_hand():
    full = (
        "1. Subject Correspondence: 5\n2. Appearance Description: 3.5\n"
        "3. Temporal Description: 0\n4. Hallucination Detection: 4\n"
    )
    part = "1. Subject Correspondence: 1\n2. Appearance Description: none\nHallucination Detection: 4"
    scores = [dimension_scores(full), dimension_scores(part)]
    assert scores[1]["unreadable"] == 1
    found = values(scores)
    assert (found["sc"], found["ad"], found["td"], found["hd"]) == (3, 3.5, 0, 4)
    assert found["unreadable"] == 0.5
    assert values([dimension_scores("none")])["sc"] is None


@pytest.mark.parametrize("number", ["3.5.", "...", "1.2.3"])
def test_one_number_that_is_none_drops_the_whole_reply(number):
    """The script's float() raises for the reply, not for the score."""
    broken = f"1. Subject Correspondence: 5\n2. Appearance Description: {number}\n3. Temporal Description: 5"
    twos = "\n".join(f"{k}. {name}: 2" for k, name in enumerate(DIMENSIONS, start=1))
    found = values([dimension_scores(broken), dimension_scores(twos)])
    assert [found[id] for id in DIMENSIONS.values()] == [2, 2, 2, 2]
    assert found["unreadable"] == 0.5
    # also where the number stands behind a name that is no score
    assert dimension_scores(f"{twos}\n5. Remark: {number}")["sc_read"] == 0


def test_four_scores_agree_with_a_second_implementation():
    rng = np.random.default_rng(3)
    names = list(DIMENSIONS)
    table = rng.integers(0, 6, (1000, 4)).astype(float)
    table[rng.random((1000, 4)) < 0.05] = np.nan
    scores = []
    for row in table:
        said = [f"{k + 1}. {names[k]}: {int(v)}" for k, v in enumerate(row) if not np.isnan(v)]
        scores.append(dimension_scores("\n".join(said)))
    found = values(scores)
    for k, id in enumerate(DIMENSIONS.values()):
        assert found[id] == pytest.approx(np.nanmean(table[:, k]), abs=1e-9)
    assert found["unreadable"] == pytest.approx(np.isnan(table).any(1).mean())


def test_the_mean_of_the_four_needs_all_of_them():
    means = {"sc": 5.0, "ad": 3.0, "td": 1.0, "hd": 4.0}
    assert VideoReferBench().judge_totals(means) == {"average": 3.25}
    assert VideoReferBench().judge_totals({**means, "td": None}) == {"average": None}


@given(st.text())
def test_no_reply_breaks_the_reading(reply):
    assert dimension_scores(reply)["replies"] == 1

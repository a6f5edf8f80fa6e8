"""Ferret-Bench: boxes, and reviews beside GPT-4's answer."""

import shutil

import pytest
from caption_samples import FERRET, IMAGES, regions_shown, write
from judged_captions import Judge, Silent, run_task, values_of

from samtok_bench.judging.judge import judge
from samtok_bench.sample import prompt_text
from samtok_tasks.captioning.review import ReviewRule
from samtok_tasks.ferret_bench.reader import FerretReview, read_ferret_bench, read_ferret_reviews
from samtok_tasks.ferret_bench.task import FerretBench


def test_boxes_and_what_the_judge_is_told(tmp_path):
    data = read_ferret_bench(write(tmp_path, "ferret"))
    assert regions_shown(data) == [("4", 2400, "Reference 4.", ""), ("7", 2400, "Reference 7.", "")]
    assert data.regions[1].question == "What is it?"
    assert tuple(data.regions[0].mask["size"]) == (300, 400), "of the image file"
    rule = ReviewRule(prompt="Please rate.", role="Assistant")
    assert read_ferret_reviews(tmp_path)["7"] == FerretReview(
        "A scene.", "What is at [0.250, 7]?", "Reference 7.", rule
    )


def test_it_runs_without_the_files_for_judging(tmp_path):
    files = {path: content for path, content in FERRET.items() if path.startswith("annotations")}
    write(tmp_path, "ferret", files)
    assert [region.reference for region in read_ferret_bench(tmp_path).regions] == ["", ""]
    with pytest.raises(FileNotFoundError, match=r"rule\.json is missing\. Expected below the data root"):
        read_ferret_reviews(tmp_path)


def test_a_box_on_a_missing_image_is_counted(tmp_path):
    write(tmp_path, "ferret")
    (tmp_path / IMAGES["ferret"]).unlink()
    data = read_ferret_bench(tmp_path)
    assert (data.regions, data.dropped.counts) == ([], {"masks without a readable image": 2})
    assert "record 0: " in data.dropped.first["masks without a readable image"]


def test_the_released_script_asks_all_items_the_same(tmp_path):
    write(tmp_path, "ferret")
    standard, released = (
        FerretBench(protocol).samples(tmp_path, "test").samples[0] for protocol in ("standard", "released")
    )
    assert prompt_text(standard.turns) == "user: <image>What is happening in the region <region> and around?"
    assert prompt_text(released.turns).endswith("between the object <region> and its surroundings?")
    assert standard.id == released.id
    assert FerretBench("standard").judge_settings.temperature == 0.2
    assert FerretBench("released").judge_settings.temperature == 0


@pytest.mark.parametrize(("protocol", "unreadable"), [("standard", 1), ("released", 0)])
def test_answers_lose_their_boxes_and_replies_are_read_by_protocol(
    tmp_path, monkeypatch, protocol, unreadable
):
    root = write(tmp_path / "data", "ferret")
    folder = run_task(monkeypatch, FerretBench, root, tmp_path / "run", protocol)
    client = Judge(lambda messages: "8 4 \nbecause")
    judged = values_of(judge(folder, client, Silent()))
    assert judged["unreadable"] == unreadable
    assert judged["ratio"] == (0.5 if protocol == "released" else None), "-1 over -1 is no ratio"
    system, user = client.asked[0][0]
    assert system["content"].startswith("You are a helpful and precise assistant")
    assert user["content"] in {
        "[Context]\\A scene.\n\n"
        f"[Question]\nWhat is at [0.250, {number}]?\n\n"
        f"[Assistant 1]\nReference {number}.\n\n[End of Assistant 1]\n\n"
        f"[Assistant 2]\nA Reference {number}..\n\n[End of Assistant 2]\n\n"
        "[System]\nPlease rate.\n\n"
        for number in (4, 7)
    }


def test_an_item_without_a_question_is_told(tmp_path):
    sample = FerretBench().samples(write(tmp_path, "ferret"), "test").samples[0]
    with pytest.raises(ValueError, match=r"no question 4 for the judge\. Expected below the data root"):
        FerretBench().judge_prompts(sample, "", {})


def test_changed_data_is_told(tmp_path, monkeypatch):
    root = write(tmp_path / "data", "ferret")
    folder = run_task(monkeypatch, FerretBench, root, tmp_path / "run")
    shutil.rmtree(root / "annotations" / "coco")
    with pytest.raises(ValueError, match="changed since"):
        judge(folder, Judge(lambda messages: "8 4"), Silent())

"""The caption task on tiny official files and on mini, and judging its runs with a local judge."""

import copy
import json
import re
import shutil
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from caption_samples import DLC, IMAGES, ROOTS, write
from typer.testing import CliRunner

from samtok_bench import registry, rle
from samtok_bench.cli import judge as judge_cli
from samtok_bench.comparison.compare import compare
from samtok_bench.comparison.given_runs import open_sources
from samtok_bench.judging.client import JudgeClient, JudgeError
from samtok_bench.judging.judge import SUMMARY, TRANSCRIPT, JudgeFile, judge, read_judges, read_transcript
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.running import run as runner
from samtok_bench.runs.folder import Line
from samtok_bench.runs.summary import summarize
from samtok_bench.sample import ImagePart, Outcome, Prediction, Region, Text, View, prompt_text
from samtok_tasks.captioning.task import READERS, RegionCaption, caption

GOLDEN = Path(__file__).parents[1] / "golden" / "region_caption_prompts.txt"
# Java and COCO's tools, see samtok_bench.measures.captions
CAPTION_TOOLS = bool(find_spec("pycocoevalcap") and shutil.which("java"))


@pytest.fixture
def root(tmp_path):
    def root(name: str) -> Path:
        folder = tmp_path / "data" / name
        return folder if folder.exists() else write(folder, name)

    return root


def samples_of(root, name, protocol="standard"):
    return RegionCaption(protocol, name).samples(root(name), "test").samples


def test_prompts_match_the_snapshot(root):
    lines = []
    for protocol in ("standard", "released"):
        for name in READERS:
            lines += [
                f"# {name}, {protocol}",
                *(prompt_text(one.turns) for one in samples_of(root, name, protocol)),
            ]
    mini = RegionCaption().samples(RegionCaption().default_root(), "val").samples
    lines += ["# refcocog", *dict.fromkeys(prompt_text(one.turns) for one in mini)]
    assert "\n".join(lines) + "\n" == GOLDEN.read_text()


def test_a_small_region_is_shown_again_closely(root):
    small, large = samples_of(root, "dlc")
    image, first, region, then, crop, comma, inside, end = small.turns[0].parts
    path = root("dlc") / IMAGES["dlc"]
    assert (image, region) == (ImagePart(path), Region(rle.rectangle(100, 80, 160, 120, 300, 400)))
    # 60 x 40 with inclusive sides 59 and 39: 40 and 50 more on each side
    assert crop == ImagePart(path, View((60, 30, 199, 169), (280, 280), 75))
    assert tuple(inside.rle["size"]) == (280, 280)
    assert then == Text(". Zoom in with the perspective as ")
    assert (first.text, comma.text, end.text) == ("Given a detailed description of this region ", ", ", ".")
    assert len(large.turns[0].parts) == 4
    assert [one.tags["view"] for one in (small, large)] == ["zoom", "whole"]


def test_protocols_differ_where_they_say(root):
    standard, released = (samples_of(root, "ferret", one)[0] for one in ("standard", "released"))
    assert prompt_text(standard.turns) == "user: <image>What is happening in the region <region> and around?"
    assert prompt_text(released.turns).endswith("between the object <region> and its surroundings?")
    assert standard.id == released.id
    views = [
        samples_of(root, "videorefer", one)[0].turns[0].parts[0].view for one in ("standard", "released")
    ]
    assert views == [None, View(jpeg_quality=75)]
    assert RegionCaption("standard", "ferret").judge_settings.temperature == 0.2
    assert RegionCaption("released", "ferret").judge_settings.temperature == 0


@pytest.mark.parametrize("name", READERS)
def test_samples_carry_references_and_stable_ids(root, name):
    samples = samples_of(root, name)
    assert all(one.target.text for one in samples)
    assert all(one.size == (300, 400) for one in samples)
    assert len({one.cluster for one in samples}) == 1
    assert len({one.id for one in samples}) == len(samples)
    assert [one.id for one in samples] == [one.id for one in samples_of(root, name)]


def test_the_default_data_is_mini_and_other_data_needs_a_root():
    task = RegionCaption()
    assert task.default_split(task.default_root()) == "val"
    assert task.data_status(None).detail.startswith("mini")
    with pytest.raises(ValueError, match="--data dlc needs a --data-root"):
        RegionCaption(data="dlc").default_root()
    with pytest.raises(ValueError, match="has one split, test, got 'val'"):
        RegionCaption(data="dlc").samples(Path(), "val")


def test_words_of_masks_are_no_part_of_a_caption():
    answer = "A red <|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>\n bar.<|im_end|>"
    assert caption(answer) == "A red bar."
    task = RegionCaption()
    sample = task.samples(task.default_root(), "val").samples[0]
    assert task.score(sample, Prediction(text=answer)) == {"captioned": 1, "words": 3}
    assert task.score(sample, Prediction(text="<|mt_end|> ")) == {"captioned": 0, "words": 0}
    assert task.score(sample, Prediction(outcome=Outcome.MODEL_ERROR)) == {"captioned": 0, "words": 0}


@pytest.mark.skipif(not CAPTION_TOOLS, reason="no Java, or pycocoevalcap is not installed")
def test_oracle_and_floor_on_mini():
    task = RegionCaption()
    read = task.samples(task.default_root(), "val")
    read.samples[:] = read.samples[:40]
    made = OraclePredictor("", PredictorOptions(task.generation)).predict(read.samples)
    lines = {
        sample.id: Line(sample.id, sample.cluster, {}, one, task.score(sample, one))
        for sample, one in zip(read.samples, made, strict=True)
    }
    summary = summarize(task, "val", "oracle", read, lines, None, 0)
    assert summary.metric("captioned").value == 1
    assert summary.metric("meteor").value == pytest.approx(1)
    cider, meteor = summary.metric("cider"), summary.metric("meteor")
    assert cider.value > 5, "10 but for sentences of fewer than four words, which lack n-grams"
    assert cider.floor < 0.5
    assert (meteor.floor, meteor.floor_by) == (pytest.approx(0, abs=0.1), "one caption")


# judging


class Fixed(Predictor):
    """Answers with the target and its place."""

    def identity(self):
        return {"kind": "fixed"}

    def predict(self, samples):
        return [Prediction(text=f"A {one.target.text} [1, 2].", stop_reason="stop") for one in samples]


class Silent:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.starts = []

    def start(self, *what):
        self.starts.append(what)

    def advance(self, count):
        pass

    def stop(self):
        pass

    def note(self, text):
        pass


class Judge(JudgeClient):
    """Replies by a function, without a server."""

    def __init__(self, reply, model="judge-1"):
        super().__init__("http://judge/v1", model, key="")
        self.reply, self.asked, self._lock = reply, [], threading.Lock()

    def ask(self, messages, settings):
        with self._lock:
            self.asked.append((messages, settings))
        return self.reply(messages)


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "task_class", lambda name: RegionCaption)
    monkeypatch.setattr(registry, "predictor_class", lambda model, by: (Fixed, ""))

    def run(name: str, protocol="standard") -> Path:
        out = tmp_path / f"run-{name}-{protocol}"
        options = runner.RunOptions(
            task="region_caption", model="fixed", data_root=root(name), data=name, protocol=protocol, out=out
        )
        return runner.run(options, Silent()).folder

    return run


def text_of(messages) -> str:
    content = messages[-1]["content"]
    return content if isinstance(content, str) else content[0]["text"]


def dlc_reply(messages):
    text = text_of(messages)
    if "Yes" in text:
        return "A. Yes" if "apple" in text else "B. No"
    return "B" if "Grey" in text else "A"


def values(summary):
    return {one.id: one.value for one in summary.metrics}


def test_dlc_is_judged_by_hand(run):
    folder = run("dlc")
    judged = judge(folder, Judge(dlc_reply), Silent())
    # the apple has 1 and 1, the scissors are not recognised: min(0, 1) both times
    assert values(judged) == {
        "average": 0.5, "positive": 0.5, "negative": 0.5, "recognised": 0.5, "unreadable": 0,
    }  # fmt: skip
    assert (judged.primary, judged.samples, judged.model) == ("average", 2, "judge-1")
    assert judged.settings == {"temperature": 0.0, "max_tokens": 300, "top_p": 1.0}
    verdicts = read_transcript(folder / TRANSCRIPT)
    assert [len(one.exchanges) for one in verdicts] == [3, 3]
    assert "A apple [1, 2]." in {text_of(one.exchanges[0].messages).split("\n")[5] for one in verdicts}
    stored = JudgeFile.model_validate_json((folder / SUMMARY).read_bytes())
    assert (stored.task, stored.data_format, stored.judges) == ("region_caption", "dlc", [judged])


def test_judged_runs_are_compared_by_what_the_judge_said(run):
    """The second run's judge sees a recognised pair of scissors: 1 instead of 0 on one of two samples."""
    first, second = run("dlc"), run("dlc", "released")
    judge(first, Judge(dlc_reply), Silent())
    with pytest.raises(ValueError, match=r"0 judges judge-1 of all samples; judged by nobody"):
        open_sources([first, second], "judge-1")
    judge(second, Judge(lambda messages: "A"), Silent())
    with pytest.raises(ValueError, match="protocol standard there, released now"):
        compare(open_sources([first, second], "judge-1"))
    record = json.loads((second / "run.json").read_text())
    record["settings"]["protocol"] = "standard"
    (second / "run.json").write_text(json.dumps(record))
    summary = json.loads((second / "summary.json").read_text())
    (second / "summary.json").write_text(json.dumps({**summary, "protocol": "standard"}))
    found = compare(open_sources([first, second], "judge-1"), show=1)
    assert (found.headline, found.samples) == ("average", 2)
    assert found.notes[0] == "metrics and scores of the judge judge-1"
    (pair,) = found.pairs
    by_id = {one.id: one for one in pair.metrics}
    stored = [read_judges(folder)[0].headline.value for folder in (first, second)]
    assert (by_id["average"].first, by_id["average"].second) == tuple(stored)
    assert by_id["average"].wins + by_id["average"].losses > 0
    (first / TRANSCRIPT).write_text("")
    with pytest.raises(ValueError, match=r"judge\.jsonl lacks 2 of 2 samples: judge it again"):
        open_sources([first, second], "judge-1")


def test_nothing_is_asked_twice_and_another_judge_is_another_row(run):
    folder = run("dlc")
    first = judge(folder, Judge(dlc_reply), Silent())
    again = Judge(lambda messages: pytest.fail("asked again"))
    assert judge(folder, again, Silent()) == first
    other = Judge(lambda messages: "?", model="judge-2")
    second = judge(folder, other, Silent())
    assert len(other.asked) == 6
    assert values(second)["unreadable"] == 1
    assert values(second)["average"] == 0
    stored = JudgeFile.model_validate_json((folder / SUMMARY).read_bytes())
    assert [one.model for one in stored.judges] == ["judge-1", "judge-2"]
    assert judge(folder, Judge(dlc_reply), Silent()) == first, "the first judge's transcript is still there"


def test_changed_questions_are_asked_anew(run, root):
    folder = run("dlc")
    judge(folder, Judge(dlc_reply), Silent())
    questions = json.loads(json.dumps(DLC["annotations/qa.json"]))
    questions["12"][0]["question"] = "Which fits?"
    (root("dlc") / "annotations" / "qa.json").write_text(json.dumps(questions))
    again = Judge(dlc_reply)
    judge(folder, again, Silent())
    assert len(again.asked) == 3, "those of one object"


def test_a_judge_that_fails_leaves_what_was_said_and_is_continued(run):
    folder = run("dlc")
    left = 4

    def failing(messages):
        nonlocal left
        left -= 1
        if left < 0:
            raise JudgeError("the judge at http://judge/v1 failed 5 times, the last time: HTTP 500")
        return dlc_reply(messages)

    with pytest.raises(JudgeError, match="HTTP 500"):
        judge(folder, Judge(failing), Silent(), jobs=1)
    assert len(read_transcript(folder / TRANSCRIPT)) == 1
    assert not (folder / SUMMARY).exists(), "no figure of half a run"
    with (folder / TRANSCRIPT).open("a") as file:
        file.write('{"sample": "torn')
    reporter, one = Silent(), Judge(dlc_reply)
    assert values(judge(folder, one, reporter))["average"] == 0.5
    assert len(one.asked) == 3
    assert reporter.starts == [("judge", 2, 1)]


def test_many_at_once_give_the_same(run, root):
    files = copy.deepcopy(DLC)
    annotations = files["annotations/annotations.json"]["annotations"]
    for number in range(30):
        annotations.append({**annotations[0], "id": 100 + number})
        files["annotations/class_names.json"][str(100 + number)] = "apple"
        files["annotations/qa.json"][str(100 + number)] = files["annotations/qa.json"]["11"]
    write(root("dlc"), "dlc", files)
    folder = run("dlc")
    one = Judge(dlc_reply)
    judged = judge(folder, one, Silent(), jobs=8)
    assert len(one.asked) == 3 * 32
    assert len(read_transcript(folder / TRANSCRIPT)) == 32
    assert values(judged)["average"] == pytest.approx(31 / 32)


def test_a_malformed_transcript_is_named(run):
    folder = run("dlc")
    (folder / TRANSCRIPT).write_text('{"sample": 3}\n')
    with pytest.raises(ValueError, match=r"judge\.jsonl: line 1 is malformed"):
        judge(folder, Judge(dlc_reply), Silent())


@pytest.mark.parametrize(("protocol", "unreadable"), [("standard", 1), ("released", 0)])
def test_ferret_answers_lose_their_boxes_and_replies_are_read_by_protocol(run, protocol, unreadable):
    folder = run("ferret", protocol)
    one = Judge(lambda messages: "8 4 \nbecause")
    judged = values(judge(folder, one, Silent()))
    assert judged["unreadable"] == unreadable
    assert judged["ratio"] == (0.5 if protocol == "released" else None), "-1 over -1 is no ratio"
    system, user = one.asked[0][0]
    assert system["content"].startswith("You are a helpful and precise assistant")
    assert user["content"] in {
        "[Context]\\A scene.\n\n"
        f"[Question]\nWhat is at [0.250, {number}]?\n\n"
        f"[Assistant 1]\nReference {number}.\n\n[End of Assistant 1]\n\n"
        f"[Assistant 2]\nA Reference {number}..\n\n[End of Assistant 2]\n\n"
        "[System]\nPlease rate.\n\n"
        for number in (4, 7)
    }


def test_missing_files_for_judging_are_told_with_the_layout(run, root):
    folder = run("dlc")
    (root("dlc") / "annotations" / "qa.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"qa\.json is missing\. Expected below the data root"):
        judge(folder, Judge(dlc_reply), Silent())
    assert not (folder / TRANSCRIPT).exists()


def test_changed_data_is_told(run, root):
    folder = run("ferret")
    shutil.rmtree(root("ferret") / "annotations" / "coco")
    with pytest.raises(ValueError, match="changed since"):
        judge(folder, Judge(dlc_reply), Silent())


def test_mdvp_shows_the_image_and_has_its_columns(run):
    folder = run("mdvp")
    one = Judge(lambda messages: "8 4" if "webpage" in text_of(messages) else "5 5")
    judged = values(judge(folder, one, Silent()))
    assert (judged["ratio_web"], judged["ratio_ocr_doc"], judged["ratio"]) == (0.5, 1, 9 / 13)
    assert judged["ratio_natural"] is None
    assert judged["ratio_screenshot"] is None, "android has no item here"
    content = one.asked[0][0][1]["content"]
    assert content[1]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    kept = read_transcript(folder / TRANSCRIPT)[0].exchanges[0].messages[1]["content"]
    assert kept[1]["image_url"]["url"].startswith("sha256:"), "pictures are not kept twice"


def test_videorefer_has_four_scores_and_their_mean(run):
    folder = run("videorefer")
    reply = (
        "1. Subject Correspondence: 5\n2. Appearance Description: 3\n"
        "3. Temporal Description: 1\n4. Hallucination Detection: 4"
    )
    one = Judge(lambda messages: reply)
    judged = values(judge(folder, one, Silent()))
    assert judged == {"average": 3.25, "sc": 5, "ad": 3, "td": 1, "hd": 4, "unreadable": 0}
    system, user = one.asked[0][0]
    assert system["content"] == ROOTS["videorefer"]["system.txt"]
    assert user["content"] == "##Correct answer: A lion rests.\n##Predicted answer: A A lion rests. [1, 2].\n"


def test_what_cannot_be_judged_is_refused(run, tmp_path, root, monkeypatch):
    with pytest.raises(FileNotFoundError, match="is not a results folder"):
        judge(tmp_path, Judge(dlc_reply), Silent())
    folder = run("dlc")
    with pytest.raises(ValueError, match="--jobs must be at least 1"):
        judge(folder, Judge(dlc_reply), Silent(), jobs=0)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "status": "running"}))
    with pytest.raises(ValueError, match="is not complete"):
        judge(folder, Judge(dlc_reply), Silent())
    settings = {**record["settings"], "data_format": "refcocog"}
    (folder / "run.json").write_text(json.dumps({**record, "settings": settings}))
    with pytest.raises(ValueError, match="region_caption --data refcocog are not for a judge"):
        judge(folder, Judge(dlc_reply), Silent())


def test_the_command(run, monkeypatch):
    folder = run("dlc")
    monkeypatch.setattr(JudgeClient, "ask", lambda self, messages, settings: dlc_reply(messages))
    options = [str(folder), "--judge", "http://judge/v1", "--judge-model", "judge-1"]
    result = CliRunner().invoke(judge_cli.app, options, catch_exceptions=False)
    assert result.exit_code == 0
    assert "judged by judge-1, 2 samples" in result.stdout
    assert re.search(r"^Avg +50\.00$", result.stdout, re.MULTILINE)
    result = CliRunner().invoke(judge_cli.app, [*options, "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["primary"] == "average"

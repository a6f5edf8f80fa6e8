"""The report in a real browser: what is drawn and said of an answer, of two runs and three, hostile texts."""

import json
from dataclasses import replace

import numpy as np
from synthetic_runs import COUNT, VALUES, Synthetic, write_run
from test_report import edit

from samtok_bench import rle
from samtok_bench.report import html
from samtok_bench.sample import ImagePart, Region, Target, Text, Turn
from samtok_bench.shown import Choice, Choices, Linked, Relation, Relations, Sentence, Statement
from samtok_bench.task import SampleSet

HOSTILE = "</script><img src=x onerror=\"document.title='caught'\"><!--<script>"


def test_layers_change_what_is_drawn(single):
    """The target is the box x 3 to 9, y 2 to 5 of 12 x 10 pixels, the answer the whole image."""
    single.js("show(20)")
    single.set("opacity", "100")
    target, answer, difference = range(3)
    outside, inside = (1.5, 8), (4.2, 3.5)
    image = single.colour(target, *outside)
    assert np.abs(np.subtract(image, (120, 90, 120))).max() < 12, "WebP of a plain image"
    orange, blue, vermilion = (230, 159, 0), (0, 114, 178), (213, 94, 0)
    assert single.colour(target, *inside) == orange
    assert single.colour(answer, *outside) == orange
    assert single.colour(difference, *inside) == blue
    assert single.colour(difference, *outside) == vermilion
    for layer, panel, place in (
        ("target", target, inside), ("answer", answer, outside), ("difference", difference, inside),
        ("image", target, outside),
    ):  # fmt: skip
        before = single.colour(panel, *place)
        single.click(f"#layer-{layer}")
        assert single.colour(panel, *place) != before, layer
        single.click(f"#layer-{layer}")
        assert single.colour(panel, *place) == before, layer


def test_opacity(single):
    single.js("show(20)")
    found = []
    for value in ("0", "50", "100"):
        single.set("opacity", value)
        found.append(single.colour(1, 1.5, 8)[0])
    assert found[0] < found[1] < found[2]


def test_a_failed_sample_says_why(single):
    assert "outcome: model_error, RuntimeError: boom" in single.text("#texts")
    assert single.text("#badges").startswith("model_error mean 0.00")


def test_a_missing_image_is_grey_with_a_note(page, work, data):
    (data / "image0.png").unlink()
    page.open(html.write_report([write_run(work / "run", VALUES, data_root=data)]).path)
    assert page.text("#panels .warning") == "no image at image0.png"
    assert page.colour(0, 1.5, 8) == (138, 138, 138)
    label = page.js("return document.querySelector('#panels canvas').getAttribute('aria-label')")
    assert label == "Target, 1 mask, no image at image0.png"


def test_wins(two):
    two.set("wins", "B")
    assert two.listed == list(range(10))
    two.set("order", "most")
    assert two.listed[0] == 5
    assert two.text("#badges").count("B wins") == 1
    two.set("wins", "A")
    two.set("order", "least")
    assert (two.listed[0], sorted(two.listed)) == (35, list(range(30, 40)))
    two.set("wins", "tie")
    assert sorted(two.listed) == list(range(10, 30))


def test_two_runs_stand_side_by_side(two):
    titles = two.js("return [...document.querySelectorAll('.panel-title')].map(t => t.textContent)")
    assert titles == ["Target", "A Answer", "B Answer", "A Difference", "B Difference"]
    assert two.text("#list button .scores") == "A 0.00B 10.00"


def test_where_less_is_better_the_lower_one_wins(page, work, data, monkeypatch):
    monkeypatch.setattr(Synthetic, "primary", "miss")
    runs = [write_run(work / name, [x] * COUNT, data_root=data) for name, x in (("a", 0.5), ("b", 0.6))]
    for run in runs:
        path = run / "summary.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"primary": "miss"}))
    page.open(html.write_report(runs).path)
    page.set("wins", "A")
    assert len(page.listed) == COUNT


def test_any_pair_of_three_runs(page, work, data):
    runs = [write_run(work / name, [x] * COUNT, data_root=data) for name, x in zip("abc", (0.1, 0.2, 0.3))]  # noqa: B905
    page.open(html.write_report(runs).path)
    assert page.text("#list button .scores") == "A 10.00B 20.00"
    page.set("pair-0", "2")
    assert page.text("#list button .scores") == "C 30.00B 20.00"
    assert page.text("#badges").count("C wins") == 1


def test_each_run_has_its_own_prompt_where_it_heard_its_own_answers(page, work, data, monkeypatch):
    whole = Synthetic.samples

    def asked(self, root, split):
        first, second, *others = whole(self, root, split).samples
        return SampleSet([first, replace(second, after=(first.id,)), *others])

    def told(self, sample, earlier):
        return replace(sample, turns=(Turn("assistant", (Text(earlier[0].text),)), *sample.turns))

    monkeypatch.setattr(Synthetic, "samples", asked)
    monkeypatch.setattr(Synthetic, "with_history", told)
    runs = [write_run(work / name, VALUES, data_root=data) for name in ("a", "b")]
    for run in runs:
        edit(run, lambda k, record, run=run: record.update(text=f"said {run.name}"))
    page.open(html.write_report(runs).path)
    page.js("show(1)")
    page.settle()
    texts = page.js("return [...document.querySelectorAll('#texts section')].map(s => s.textContent)")
    assert texts[:2] == [
        "A Promptassistant said auser imagesquare 1",
        "B Promptassistant said buser imagesquare 1",
    ]


def test_texts_of_others_stay_texts(page, work, data, monkeypatch):
    """In questions, answers, targets, tags, file names, failures and the name of the model."""
    whole = Synthetic.samples

    def hostile(self, root, split):
        samples = whole(self, root, split).samples
        turns = (
            Turn("user", (ImagePart(samples[0].image), Text(HOSTILE), Region(samples[0].target.masks[0]))),
        )
        first = replace(samples[0], turns=turns, target=replace(samples[0].target, text=HOSTILE))
        return SampleSet([first, *samples[1:]])

    def spoil(k, record):
        record["tags"] = {HOSTILE: f"{HOSTILE}{k % 2}"}
        word = "<img src=x onerror=alert(1)>"
        record.update(
            text=f"{HOSTILE}{word}", words=[word], phrases=[HOSTILE], faults=[HOSTILE], detail=HOSTILE
        )

    monkeypatch.setattr(Synthetic, "samples", hostile)
    run = write_run(work / '"><img src=x onerror=alert(2)>', VALUES, data_root=data, failed=0)
    edit(run, spoil)
    summary = json.loads((run / "summary.json").read_text())
    group = {"samples": 20, "metrics": {"mean": 0.5}, "low": 0.1, "high": 0.9}
    summary |= {
        "model": HOSTILE,
        "breakdown": {HOSTILE: {HOSTILE: group, "b": group}},
        "dropped": {HOSTILE: 1},
    }
    (run / "summary.json").write_text(json.dumps(summary))
    record = json.loads((run / "run.json").read_text())
    record["sessions"][0]["command"] = ["samtok-bench", HOSTILE]
    (run / "run.json").write_text(json.dumps(record))
    page.open(html.write_report([run], work / "page.html").path)
    assert page.browser.title != "caught"
    assert page.js("return document.querySelectorAll('img').length") == 0
    assert page.text("#texts").count(HOSTILE) == 4, "question, target, answer and fault are read as they are"
    assert page.text(".model") == HOSTILE
    assert (work / "page.html").read_text().count("<img") == 0


def test_answers_are_shown_as_their_task_says(page, work, data, monkeypatch):
    """A sample of each kind, and others that the task fails to show."""
    cat = Linked("cat", (0,))
    region = rle.rectangle(1, 1, 4, 4, 10, 12)
    kinds = [
        Sentence(("A ", Linked("dog", (0,)), "."), ("The ", cat, " and ", Linked("sky"), ".")),
        Relations(
            (
                Relation(cat, "on", Linked("mat"), "right"),
                Relation(cat, "by", Linked("mat"), "wrong", "missed"),
            ),
            (
                Relation(cat, "on", Linked("mat"), "right"),
                Relation(cat, "in", Linked("mat"), "half", "says by"),
            ),
            "1 malformed records",
        ),
        Choices(
            (Text("Which is it?"),),
            (Choice("A", (Text("one"),)), Choice("B", (Region(region),))),
            right="B",
            given="A",
        ),
        Statement("a red house", "a barn"),
    ]
    whole = Synthetic.samples

    def asked(self, root, split):
        samples = whole(self, root, split).samples
        samples[2] = replace(samples[2], turns=(Turn("user", (*samples[2].turns[0].parts, Region(region))),))
        return SampleSet(samples)

    monkeypatch.setattr(Synthetic, "samples", asked)
    monkeypatch.setattr(Synthetic, "answer_form", "text")
    monkeypatch.setattr(Synthetic, "shown", lambda self, sample, answer: kinds[int(sample.id[1:])])
    written = html.write_report([write_run(work / "run", VALUES, data_root=data)])
    assert [note for note in written.notes if "fails to show" in note] == [
        "36 answers are shown as they are, since the task fails to show them, the first: sample s04,"
        " IndexError: list index out of range"
    ]
    page.open(written.path)
    titles = page.js("return [...document.querySelectorAll('#list .asked')].map(e => e.textContent)")
    assert titles[:4] == ["A dog.", "cat on mat, cat by mat", "Which is it?", "a red house"]

    def said(number: int, selector: str) -> list[str]:
        page.js("show(arguments[0])", number)
        page.settle()
        found = page.js(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector
        )
        return [" ".join(text.split()) for text in found]

    assert said(0, ".sentence") == ["A dog1.", "The cat1 and sky."]
    orange = "return getComputedStyle(document.querySelector(arguments[0])).borderBottomColor"
    assert page.js(orange, ".sentence .linked") == "rgb(230, 159, 0)"
    assert said(0, ".linked.without") == ["sky"]
    assert said(1, ".relation") == [
        "\u2713cat1onmat", "\u2013cat1bymat", "\u2713cat1onmat", "\u00bdcat1inmatsays by"
    ]  # fmt: skip
    assert said(1, ".facts-line .fault") == ["1 malformed records"]
    assert said(2, ".choice.wrong, .choice.missed") == ["Aonegiven", "Bregion 1right"]
    assert said(3, ".side .text") == ["Referencea red house", "Answera barn0 s"]
    assert said(3, "#panels figure") == ["Image"], "no three equal pictures"
    assert "square 4" in said(4, "#texts")[0]


def test_a_refusal_is_shown_as_one(page, work, data, monkeypatch):
    whole = Synthetic.samples

    def asked(self, root, split):
        first, *others = whole(self, root, split).samples
        return SampleSet([replace(first, target=Target()), *others])

    monkeypatch.setattr(Synthetic, "samples", asked)
    run = write_run(work / "run", VALUES, data_root=data)
    edit(run, lambda k, record: k < 2 and record.update(masks=[], text="No target."))
    page.open(html.write_report([run]).path)
    assert page.text(".refusal") == "\u2713Refused rightly: there is nothing to segmentNo target."
    page.js("show(1)")
    page.settle()
    assert page.text(".refusal") == "\u2717Refused wrongly: there is something to segmentNo target."
    page.js("show(2)")
    page.settle()
    assert page.js("return document.querySelector('.refusal')") is None

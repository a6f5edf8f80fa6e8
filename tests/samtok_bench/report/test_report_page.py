"""The report in a real browser: filters, order, layers, keys, two runs, hostile texts, parts."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_runs import COUNT, Synthetic, write_run
from test_report import VALUES, edit

from samtok_bench import rle
from samtok_bench.report import html
from samtok_bench.sample import ImagePart, Region, Target, Text, Turn
from samtok_bench.shown import Choice, Choices, Linked, Relation, Relations, Sentence, Statement
from samtok_bench.task import SampleSet

HOSTILE = "</script><img src=x onerror=\"document.title='caught'\"><!--<script>"


class Page:
    """A report in the browser."""

    def __init__(self, browser) -> None:
        self.browser = browser

    def open(self, path: Path) -> "Page":
        self.browser.get("about:blank")
        self.browser.get(path.as_uri())
        self.settle()
        return self

    def js(self, code: str, *arguments):
        return self.browser.execute_script(code, *arguments)

    def settle(self) -> None:
        """Wait until the current sample is drawn."""
        self.browser.execute_async_script(
            "const done = arguments[0]; setTimeout(() => requestAnimationFrame(() => done()), 60);"
        )

    def set(self, id: str, value: str) -> None:
        """Give a control a value as a user does."""
        self.js(
            "const box = document.getElementById(arguments[0]); box.focus(); box.value = arguments[1];"
            "box.dispatchEvent(new Event('input')); box.dispatchEvent(new Event('change')); box.blur();",
            *(id, value),
        )
        self.settle()

    def click(self, selector: str) -> None:
        self.js("document.querySelector(arguments[0]).click()", selector)
        self.settle()

    def keys(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()
        self.settle()

    def text(self, selector: str) -> str:
        return " ".join(self.js("return document.querySelector(arguments[0]).textContent", selector).split())

    @property
    def listed(self) -> list[int]:
        found = self.js("return [...document.querySelectorAll('#list button')].map(b => b.dataset.sample)")
        return [int(number) for number in found]

    @property
    def current(self) -> int:
        return int(self.js("return document.querySelector('#list [aria-current]').dataset.sample"))

    def colour(self, panel: int, x: float, y: float) -> tuple[int, ...]:
        """RGB of a panel's canvas at a place of the synthetic image of 12 x 10 pixels."""
        found = self.js(
            "const [panel, x, y] = arguments;"
            "const canvas = document.querySelectorAll('#panels canvas')[panel];"
            "const copy = new OffscreenCanvas(1, 1).getContext('2d');"
            "const place = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];"
            "copy.drawImage(canvas, ...place, 1, 1, 0, 0, 1, 1);"
            "return Array.from(copy.getImageData(0, 0, 1, 1).data)",
            *(panel, x / 12, y / 10),
        )
        return tuple(found[:3])


@pytest.fixture
def page(browser):
    """A page; nothing may have been said in the console at the end."""
    browser.set_window_size(1280, 1000)
    browser.get_log("browser")
    yield Page(browser)
    assert browser.get_log("browser") == []


@pytest.fixture
def single(page, work, data):
    run = write_run(work / "run", VALUES, data_root=data, failed=2)
    return page.open(html.write_report([run]).path)


@pytest.fixture
def two(page, work, data):
    """B is better on samples 0 to 9, equal on 10 to 29, worse on the others; s35 most, s05 most better."""
    change = [
        0.01 * (k == 5) + 0.1 if k < 10 else 0 if k < 30 else -0.1 - 0.01 * (k == 35) for k in range(COUNT)
    ]
    first = write_run(work / "a", VALUES, data_root=data)
    second = write_run(work / "b", [v + c for v, c in zip(VALUES, change, strict=True)], data_root=data)
    return page.open(html.write_report([first, second], work / "two.html").path)


def test_masks_are_decoded_as_here(single):
    rng = np.random.default_rng(0)
    for height, width in ((1, 1), (7, 3), (40, 61), (300, 200)):
        for share in (0, 0.02, 0.5, 1):
            mask = rng.random((height, width)) < share
            packed = {"h": height, "w": width, "rle": rle.encode(mask)["counts"]}
            found = single.js("return Array.from(decodeMask(arguments[0]))", packed)
            assert np.array_equal(np.array(found, dtype=bool), mask.ravel(order="F"))
    far = np.zeros((2000, 1500), bool)
    far[1500:1900, 700:1400] = True
    packed = {"h": 2000, "w": 1500, "rle": rle.encode(far)["counts"]}
    assert single.js("return countBits(decodeMask(arguments[0]))", packed) == 400 * 700


def test_all_samples_are_listed_and_the_first_is_shown(single):
    assert single.listed == list(range(COUNT))
    assert single.current == 0
    assert single.text("#count") == "40 samples"
    assert single.text("#sample-title") == "1 of 40"
    assert single.text("#announce") == "Sample 1 of 40: square 0. model_error, mean 0.00"


def test_search_finds_questions_answers_and_ids(single):
    single.set("search", "SQUARE 3")
    assert single.listed == [3, *range(30, 40)]
    assert single.current == 3
    single.set("search", "s07")
    assert single.listed == [7]
    single.set("search", "no such")
    assert single.listed == []
    assert single.js("return document.getElementById('sample').hidden")
    assert "No sample has all of this" in single.text("#none")
    single.click("#reset-none")
    assert len(single.listed) == COUNT


def test_filters_by_tag_outcome_and_score(single):
    single.set("outcome", "model_error")
    assert single.listed == [0, 1]
    single.click("#reset")
    single.js("const b = document.querySelector('#controls [data-tag=side]'); b.value = 'left';"
           "b.dispatchEvent(new Event('change'))")  # fmt: skip
    assert single.listed == list(range(0, COUNT, 2))
    single.set("from", "50")
    single.set("to", "60")
    assert single.listed == [20, 22, 24]
    single.click("#reset")
    single.set("score", "x")
    single.set("to", "0.05")
    assert single.listed == [0, 1, 2], "raw scores keep the scale of the file"


def test_order(single):
    single.set("order", "high")
    assert single.listed == list(range(COUNT))[::-1]
    single.set("order", "low")
    assert single.listed == list(range(COUNT))
    single.set("search", "square 1")
    single.set("order", "high")
    assert single.listed == [*range(19, 9, -1), 1]


def test_each_bar_shows_its_samples(single):
    counts = single.js(
        "return [...document.querySelectorAll('.histogram button')].map(b => parseInt(b.title))"
    )
    assert counts == [2] * 20
    for k in range(20):
        single.js("document.querySelectorAll('.histogram button')[arguments[0]].click()", k)
        assert single.listed == [2 * k, 2 * k + 1]


def test_keys(single):
    from selenium.webdriver.common.keys import Keys

    single.keys(Keys.ARROW_RIGHT)
    single.keys(Keys.ARROW_RIGHT)
    assert single.current == 2
    single.keys(Keys.ARROW_LEFT)
    assert single.current == 1
    single.keys("/")
    assert single.js("return document.activeElement.id") == "search"
    single.keys("square", Keys.ARROW_LEFT)
    assert single.current == 1, "arrows move the cursor while single types"
    assert single.js("return document.getElementById('search').value") == "square"
    single.keys(Keys.ESCAPE)
    assert single.js("return document.activeElement.id") != "search"
    single.keys(Keys.ARROW_RIGHT)
    assert single.current == 2


def test_ends_of_the_list_hold(single):
    single.click("#previous")
    assert single.current == 0
    single.js("show(39)")
    single.click("#next")
    assert single.current == 39


def test_a_link_leads_to_its_sample(single):
    single.js("show(17)")
    address = single.browser.current_url
    assert address.endswith("#s17")
    single.browser.get("about:blank")
    single.browser.get(address)
    single.settle()
    assert single.current == 17


def test_a_panel_is_enlarged_and_all_move_together(single):
    """Keys z, 1 to 9, a, +, 0; the wheel keeps what lies under the pointer; a drag moves; Escape closes."""
    from selenium.webdriver.common.keys import Keys

    single.js("show(20)")
    single.settle()
    single.keys("z")
    canvases = "document.querySelectorAll('#stage canvas').length"
    state = f"return [document.getElementById('enlarged').open, {canvases}]"
    pressed = "#enlarged-which [aria-pressed=true]"
    assert (single.js(state), single.text(pressed)) == ([True, 1], "Answer")
    single.keys("1")
    assert single.text(pressed) == "Target"
    single.keys("a")
    assert (single.js(state), single.text(pressed)) == ([True, 3], "All")
    assert single.js("return view") == {"x": 0.5, "y": 0.5, "scale": 1}
    single.keys("+")
    assert single.js("return view.scale") == 1.5
    single.keys("0")
    under = """
      const [canvas, frame] = ['canvas', '.view'].map(s => document.querySelector('#stage ' + s));
      const box = canvas.getBoundingClientRect();
      const [x, y] = [box.left + box.width / 2 + 20, box.top + box.height / 2 - 10].map(Math.round);
      const at = {clientX: x, clientY: y};  // as whole numbers, as events have them
      const [across, down] = offset(canvas, panels[0].size, at);
      return [view.x + across, view.y + down, view.scale];"""
    *before, _ = single.js(under)
    turn = "frame.dispatchEvent(new WheelEvent('wheel', {...at, deltaY: -900}));"
    single.js(under.replace("return", f"{turn} return"))
    single.settle()
    *after, scale = single.js(under)
    assert after == pytest.approx(before)
    assert scale == pytest.approx(1.0015**900)
    moved = single.js("return view")
    single.js("""
      const frame = document.querySelector('#stage .view');
      frame.setPointerCapture = () => {};
      for (const [name, x] of [['down', 300], ['move', 330], ['up', 330]]) frame.dispatchEvent(
        new PointerEvent('pointer' + name, {clientX: x, clientY: 300, pointerId: 1}));""")
    single.settle()
    assert single.js("return view.x") < moved["x"], "the picture follows the pointer"
    single.keys(Keys.ARROW_RIGHT)
    assert (single.current, single.js(state), single.js("return view.scale")) == (21, [True, 3], 1)
    single.keys(Keys.ESCAPE)
    assert single.js(state) == [False, 0]
    single.click("#panels .frame")
    assert single.text(pressed) == "Target"
    single.keys("z")
    assert single.js(state) == [False, 0]


def test_enlarged_pixels_have_sharp_edges(page, work, data):
    """Of two pixels, the canvas has the colours of both, and none between them."""
    pixels = np.zeros((10, 12, 3), np.uint8)
    pixels[:, 6:] = 255
    Image.fromarray(pixels).save(data / "image0.png")
    page.open(html.write_report([write_run(work / "run", VALUES, data_root=data)]).path)
    for layer in ("target", "answer"):
        page.click(f"#layer-{layer}")
    page.keys("z")
    page.js("look({x: 0.5, y: 0.5, scale: 3})")
    page.settle()
    greys = page.js("""
      const canvas = document.querySelector('#stage canvas');
      const row = canvas.getContext('2d').getImageData(0, canvas.height / 2, canvas.width, 1).data;
      return [...new Set(row.filter((_, k) => k % 4 === 0))]""")
    assert len(greys) <= 4, greys  # WebP's own, no ramp of an interpolation
    assert min(greys) < 20
    assert max(greys) > 235


def test_a_grid_of_thumbnails(single):
    from selenium.webdriver.common.keys import Keys

    single.keys("g")
    assert single.js("return getComputedStyle(document.getElementById('sample')).display") == "none"
    assert len(single.listed) == COUNT
    columns = single.js("return gridColumns()")
    assert columns > 3
    single.keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert single.current == columns + 1
    drawn = "return document.querySelectorAll('.thumb')[arguments[0]].width"
    assert single.js(drawn, 4) == 220
    assert single.js("""
      const thumb = document.querySelectorAll('.thumb')[4];
      const [r, g, b] = thumb.getContext('2d').getImageData(30, 150, 1, 1).data;
      return r > b"""), "the answer's orange over a bluish image"
    single.keys(Keys.ENTER)
    assert single.js("return getComputedStyle(document.getElementById('sample')).display") == "block"
    assert single.current == columns + 1


def test_failures_come_first(page, work, data):
    page.open(html.write_report([write_run(work / "c", VALUES[::-1], data_root=data, failed=2)]).path)
    page.set("order", "failures")
    assert page.listed[:4] == [1, 0, 39, 38], "those without an answer, then the worst"


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


def test_a_report_in_parts_works_from_a_folder(page, work, data, monkeypatch):
    monkeypatch.setattr(html, "LIMIT_BYTES", 170_000)
    monkeypatch.setattr(html, "PAGE_BYTES", 6_000)
    run = write_run(work / "run", VALUES, data_root=data)
    written = html.write_report([run], work / "a page #1.html")
    page.open(written.path)
    assert page.js("return document.scripts.length") < 8, "parts are loaded when they are needed"
    page.set("opacity", "100")
    for sample in (0, 39, 20):
        page.js("show(arguments[0])", sample)
        page.settle()
        assert page.colour(0, 4.2, 3.5) == (230, 159, 0)
        assert page.text("#texts section p").endswith(f"square {sample}")
    page.set("search", "square 11")
    assert page.listed == [11]


def test_a_missing_part_is_said(page, work, data, monkeypatch):
    monkeypatch.setattr(html, "LIMIT_BYTES", 170_000)
    monkeypatch.setattr(html, "PAGE_BYTES", 6_000)
    written = html.write_report([write_run(work / "run", VALUES, data_root=data)])
    sorted(written.folder.iterdir())[-1].unlink()
    page.open(written.path)
    page.js("show(39)")
    page.settle()
    assert re.fullmatch(r"report-samples/samples-\d{4}.js is missing", page.text("#texts .warning"))
    (said,) = page.browser.get_log("browser")
    assert "ERR_FILE_NOT_FOUND" in said["message"]


def test_nothing_is_fetched(single):
    names = single.js("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in names if not name.startswith("data:")] == []


def test_screen_readers_find_their_way(single):
    assert single.js("return ['header', 'main', 'nav', 'article', 'footer', '[role=search]']"
                  ".filter(s => !document.querySelector(s))") == []  # fmt: skip
    unnamed = single.js(
        "const seen = 'button, input, select, canvas:not([aria-hidden]), svg[role]';"
        "return [...document.querySelectorAll(seen)].filter(e =>"
        "!(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length)))"
        ".map(e => e.outerHTML)"
    )
    assert unnamed == []
    assert single.js("return document.documentElement.lang") == "en"
    ids = single.js("return [...document.querySelectorAll('[id]')].map(e => e.id).filter(id => id)")
    assert len(ids) == len(set(ids))
    levels = single.js("return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert all(b - a <= 1 for a, b in zip([0, *levels], levels, strict=False)), "no level is left out"


@pytest.mark.parametrize("width", [380, 800, 1280])
def test_nothing_is_wider_than_the_window(two, width):
    emulate = two.browser.execute_cdp_cmd
    emulate(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        two.settle()
        assert two.js("return document.documentElement.scrollWidth") <= width
        inner = "const box = document.querySelector('.metrics').parentElement;"
        assert two.js(f"{inner} return box.scrollWidth - box.clientWidth") <= 0, "no figure is cut off"
    finally:
        emulate("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast(single, scheme):
    """WCAG AA, 4.5 to 1, for every text on the ground that it has."""
    emulate = single.browser.execute_cdp_cmd
    feature = {"name": "prefers-color-scheme", "value": scheme}
    emulate("Emulation.setEmulatedMedia", {"features": [feature]})
    try:
        single.settle()
        poor = single.js(CONTRAST)
    finally:
        emulate("Emulation.setEmulatedMedia", {"features": []})
    assert poor == []


def test_inks_have_contrast_on_every_colour_of_a_mask(single):
    def light(colour: str) -> float:
        values = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    pairs = single.js("return MASK_COLOURS.map(c => [c, inkOn(c)])")
    assert len({colour for colour, _ in pairs}) == len(pairs) == 8
    for colour, ink in pairs:
        low, high = sorted([light(colour), light(ink)])
        assert (high + 0.05) / (low + 0.05) >= 4.5, colour


CONTRAST = """
const numbers = c => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const light = c => {
  const line = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = numbers(c).map(v => line(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = e => {
  for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (numbers(c)[3] !== 0) return c;
  }
  return 'rgb(255, 255, 255)';
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const poor = [];
while (texts.nextNode()) {
  const e = texts.currentNode.parentElement;
  if (!texts.currentNode.textContent.trim() || !e.checkVisibility()) continue;
  if (e.closest('script, style, svg')) continue;
  const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(e.outerHTML.slice(0, 100));
}
return poor;
"""

"""The report in a real browser: the list and its filters, order, keys, enlarged panels, the grid, parts."""

import re

import numpy as np
import pytest
from PIL import Image
from synthetic_runs import COUNT, VALUES, write_run

from samtok_bench import rle
from samtok_bench.report import html


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

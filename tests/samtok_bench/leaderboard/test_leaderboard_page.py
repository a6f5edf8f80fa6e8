"""The leaderboard's HTML page in a real browser."""

import re
from pathlib import Path

import pytest
from official_runs import gres_score, write_official
from typer.testing import CliRunner

from samtok_bench import registry
from samtok_bench.cli.main import build_app
from samtok_bench.leaderboard.published import shipped

HOSTILE = "x/<script>alert(1)</script>&\"'"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A page with a reproduction and a model with a hostile name."""
    folder = tmp_path_factory.mktemp("page")
    task = registry.task_class("gres")("released")
    bounds = {"giou": (0.65, 0.70)}
    write_official(folder / "runs/a", task, "testB", [gres_score(0.69)] * 4, bounds=bounds)
    write_official(folder / "runs/b", task, "testB", [gres_score(0.9)] * 4, model=HOSTILE)
    write_official(folder / "runs/toy", task, "val", [gres_score(0.9)] * 4, model="nano")
    write_official(folder / "runs/part", task, "val", [gres_score(0.9)] * 4)
    out = folder / "board.html"
    result = CliRunner().invoke(
        build_app(), ["leaderboard", "--html", str(out), "--results", str(folder / "runs")]
    )
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def page(browser, written):
    """The page, open; no message may be in the console at the end."""
    browser.get(written.as_uri())
    browser.get_log("browser")
    yield browser
    assert browser.get_log("browser") == []


def test_nothing_comes_from_elsewhere(written):
    """Only links to sources lead out of the page."""
    content = written.read_text()
    links = re.findall(r'<a href="([^"]+)"', content)
    assert links
    assert all(re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{5}", link) for link in links)
    outside = set(re.findall(r"""(?:src|href|url|@import|action)\s*[=(:]\s*["']?([^"'\s>)]+)""", content))
    assert outside - set(links) == {"data:,"}
    assert "default-src 'none'" in content


def test_it_makes_no_request(page, written):
    page.get(written.as_uri())
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_all_benchmarks_and_rows_are_there(page):
    schema, _ = shipped()
    assert len(page.find_elements("css selector", "section.benchmark")) == len(schema.by_id) > 10
    count = page.find_element("id", "count").text
    assert re.fullmatch(r"(\d+) of \1 rows", count)
    rows = page.find_elements("css selector", "section.benchmark tbody tr:not(.group)")
    assert len(rows) == int(count.split()[0])


def test_splits_are_groups_with_the_best_in_bold(page):
    groups = page.find_elements("css selector", "[data-benchmark=gres] tr.group")
    assert [group.text for group in groups] == ["val", "testA", "testB"]
    place, _ = header(page, "gres", "gIoU")
    for body in page.find_elements("css selector", "[data-benchmark=gres] tbody"):
        cells = [row.find_elements("css selector", "th, td")[place] for row in
                 body.find_elements("css selector", "tr:not(.group)")]  # fmt: skip
        values = {cell.text.split("\n")[0]: "best" in cell.get_attribute("class") for cell in cells}
        assert [value for value, best in values.items() if best] == [max(values, key=float)]


def test_figures_come_first_on_a_phone(page):
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        right = "return document.querySelector('[data-benchmark=gres] td.best').getBoundingClientRect().right"
        assert page.execute_script(right) < 400
        assert page.execute_script("return document.documentElement.scrollWidth") <= 400
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_names_are_text(page):
    names = [cell.text for cell in page.find_elements("css selector", "tr.ours th")]
    assert names == ["script>&\"' ours", "Qwen3-VL-SAMTok ours"]
    assert len(page.find_elements("css selector", "script")) == 1


def test_a_script_or_style_that_gets_in_does_nothing(browser, written, tmp_path):
    """As if a name had not been escaped: the policy allows our own script and style alone."""
    evil = (
        "<script>document.title = 'caught'</script><img src=x onerror=\"document.title = 'caught'\">"
        "<style>h1 { color: rgb(1, 2, 3) }</style><p id=evil style='color: rgb(1, 2, 3)'>x</p>"
        "<form action='https://h.invalid'><button id=go>go</button></form><base href='https://h.invalid/'>"
    )
    page = tmp_path / "board.html"
    page.write_text(written.read_text().replace("</main>", f"{evil}</main>"))
    browser.get(page.as_uri())
    assert browser.title == "samtok-bench leaderboards"
    for place in ("h1", "#evil"):
        colour = browser.find_element("css selector", place).value_of_css_property("color")
        assert "1, 2, 3" not in colour
    assert re.fullmatch(r"(\d+) of \1 rows", browser.find_element("id", "count").text), "our own script runs"
    told = " ".join(entry["message"] for entry in browser.get_log("browser"))
    assert "script-src" in told
    assert "style-src" in told


def test_ours_with_interval_and_difference(page):
    row = page.find_elements("css selector", "tr.ours")[1].text
    assert "69.0" in row
    assert "65.0 to 70.0" in row
    assert "published 69.1 (-0.1)\ninside" in row
    toys = page.find_element("id", "toys").text
    assert "nano and mini" in toys
    assert "runs/toy" in toys
    assert "partial: 4 samples, officially 14229" in page.find_element("id", "left-out").text


def column(page, section: str, place: int) -> list[str]:
    rows = page.find_elements(
        "css selector", f"[data-benchmark={section}] tbody:first-of-type tr:not(.group)"
    )
    return [row.find_elements("css selector", "th, td")[place].text.split("\n")[0] for row in rows]


def header(page, section: str, name: str):
    cells = page.find_elements("css selector", f"[data-benchmark={section}] thead th")
    return next((place, cell) for place, cell in enumerate(cells) if cell.text == name)


def test_sorting_by_a_number(page):
    place, cell = header(page, "gres", "N-acc")
    assert cell.get_attribute("aria-sort") is None
    button = cell.find_element("tag name", "button")
    button.click()
    assert cell.get_attribute("aria-sort") == "descending"
    values = column(page, "gres", place)
    known = [float(value) for value in values if value]
    assert known == sorted(known, reverse=True)
    assert len(known) < len(values)
    assert "" not in values[: len(known)]  # what is missing is last, in either order
    button.click()
    assert cell.get_attribute("aria-sort") == "ascending"
    values = column(page, "gres", place)
    assert [float(value) for value in values if value] == sorted(known)
    assert "" not in values[: len(known)]


def test_sorting_by_text_and_by_size(page):
    place, cell = header(page, "dlc-bench", "method")
    cell.find_element("tag name", "button").click()
    assert cell.get_attribute("aria-sort") == "ascending"
    names = column(page, "dlc-bench", place)
    assert names == sorted(names, key=str.lower)
    place, size = header(page, "dlc-bench", "params")
    size.find_element("tag name", "button").click()
    assert (cell.get_attribute("aria-sort"), size.get_attribute("aria-sort")) == (None, "descending")
    sizes = [float(text[:-1]) for text in column(page, "dlc-bench", place) if text]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 13
    # another table keeps its order
    assert header(page, "gres", "params")[1].get_attribute("aria-sort") is None


@pytest.mark.parametrize("key", ["\ue007", " "])
def test_sorting_by_the_keyboard(page, key):
    _, cell = header(page, "gcg", "CIDEr")
    button = cell.find_element("tag name", "button")
    page.execute_script("arguments[0].focus()", button)
    page.switch_to.active_element.send_keys(key)
    assert cell.get_attribute("aria-sort") == "descending"
    assert page.execute_script("return getComputedStyle(arguments[0]).outlineStyle", button) == "solid"


def shown(page) -> list[dict[str, str]]:
    """The data of each row that can be seen."""
    # one script for all rows: asking the driver for each of some hundred rows takes seconds
    rows = "[...document.querySelectorAll('section.benchmark tr[data-method]')]"
    return page.execute_script(
        f"return {rows}.filter(row => row.checkVisibility()).map(row => ({{...row.dataset}}))"
    )


def choose(page, field: str, value: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(page.find_element("id", field)).select_by_visible_text(value)


def test_filters_add_up(page):
    total = len(shown(page))
    page.find_element("id", "text").send_keys("GRES lisa")
    assert len(shown(page)) == 3
    choose(page, "split", "testA")
    assert len(shown(page)) == 1
    assert page.find_element("id", "count").text == f"1 of {total} rows"
    sections = page.find_elements("css selector", "section.benchmark")
    assert [section.get_attribute("data-benchmark") for section in sections if section.is_displayed()] == [
        "gres"
    ]
    page.find_element("id", "everything").click()
    assert page.find_element("id", "count").text == f"{total} of {total} rows"


def test_filters_by_size_method_and_benchmark(page):
    choose(page, "params", "8B")
    assert {row["params"] for row in shown(page)} == {"8B"}
    choose(page, "params", "not stated")
    assert "GPT-4o" in {row["method"] for row in shown(page)}
    choose(page, "params", "all")
    choose(page, "method", "LISA")
    assert {row["method"] for row in shown(page)} == {"LISA"}
    choose(page, "benchmark", "GroundingSuite-Eval: Table 5 of the SAMTok paper, arXiv 2601.16093")
    assert len(shown(page)) == 1
    page.find_element("id", "text").send_keys("no such text")
    assert shown(page) == []


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_light_and_dark(page, scheme, dark):
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    for selector in ("body", "tr.ours td", "thead th", "td small"):
        ground, ink = page.execute_script(
            "const e = document.querySelector(arguments[0]), own = getComputedStyle(e);"
            "const up = getComputedStyle(e.closest('td') ?? document.body);"
            "const clear = own.backgroundColor === 'rgba(0, 0, 0, 0)';"
            "return [(clear ? up : own).backgroundColor, own.color]",
            selector,
        )
        assert (luminance(ground) < 0.2) is dark
        assert contrast(ground, ink) >= 4.5, (selector, ground, ink)


def luminance(colour: str) -> float:
    """Of WCAG, 0 to 1."""
    channels = [int(text) / 255 for text in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    """Of WCAG, 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_a_narrow_window_scrolls_tables_not_the_page(page):
    metrics = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= 360
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_scripts_the_tables_are_there(browser, written):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(written.as_uri())
        assert not browser.find_element("id", "filters").is_displayed()
        assert browser.find_element("css selector", "[data-benchmark=gres] tbody tr").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

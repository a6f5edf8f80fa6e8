"""Reports in a browser."""

from pathlib import Path

import pytest
from synthetic_runs import COUNT, VALUES, write_run

from samtok_bench.report import html


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


@pytest.fixture
def run(work, data):
    return write_run(work / "run", VALUES, data_root=data)

"""The demo in a real browser with nano: marking, asking, what is refused. Needs gradio (`make test-demo`)."""

import json
import os
import re
import subprocess
import sys

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="gradio is not installed: make test-demo")
pytestmark = pytest.mark.slow

START = "import sys; from samtok_bench.cli.main import main; sys.argv[0] = 'samtok-bench'; main()"
WAIT = 120
"""Seconds; nano on a busy machine."""


class Page:
    """The demo in the browser."""

    def __init__(self, browser, url: str) -> None:
        self.browser = browser
        browser.get(url)
        self.wait("#canvas img", "naturalWidth > 0")

    def js(self, code: str, *arguments):
        return self.browser.execute_script(code, *arguments)

    def wait(self, selector: str, test: str = "isConnected", count: int = 1) -> None:
        """Until `count` elements are there, and `element.TEST` holds for the last of them."""
        from selenium.webdriver.support.ui import WebDriverWait

        code = f"const all = document.querySelectorAll(arguments[0]); return all.length === {count} && {{}}"
        code = code.replace("{}", f"all[{count - 1}].{test}")
        WebDriverWait(self.browser, WAIT, 0.05).until(lambda _: self.js(code, selector), selector)

    def texts(self, selector: str) -> list[str]:
        found = self.js(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector
        )
        return [" ".join(text.split()) for text in found]

    def click(self, selector: str, number: int = 0) -> None:
        self.js("document.querySelectorAll(arguments[0])[arguments[1]].click()", selector, number)

    def gesture(self, *places: tuple[float, float], key: str = "") -> None:
        """Press the mouse at the first place, move to the others, release; shares of the picture."""
        from selenium.webdriver.common.action_chains import ActionChains

        image = self.browser.find_element("css selector", "#canvas img")
        width, height = image.size["width"], image.size["height"]
        points = [(round((x - 0.5) * width), round((y - 0.5) * height)) for x, y in places]
        actions = ActionChains(self.browser, duration=10)
        if key:
            actions.key_down(key)
        actions.move_to_element_with_offset(image, *points[0]).click_and_hold()
        for x, y in points[1:]:
            actions.move_to_element_with_offset(image, x, y)
        actions.release()
        if key:
            actions.key_up(key)
        actions.perform()

    def ask(self, text: str) -> None:
        box = self.browser.find_element("css selector", "#question textarea")
        box.clear()
        box.send_keys(text)
        self.click("#question .submit-button")

    def pixel(self, x: float, y: float) -> list[int]:
        """RGB of the picture as it is shown, at shares of its size."""
        return self.js(
            "const image = document.querySelector('#canvas img'); const [x, y] = arguments;"
            "const copy = new OffscreenCanvas(1, 1).getContext('2d');"
            "copy.drawImage(image, Math.floor(x * image.naturalWidth), Math.floor(y * image.naturalHeight),"
            "1, 1, 0, 0, 1, 1); return Array.from(copy.getImageData(0, 0, 1, 1).data).slice(0, 3)",
            *(x, y),
        )


@pytest.fixture(scope="module")
def address():
    """A demo of nano on a free port; it ends with one line after Ctrl-C."""
    import signal

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", START, "demo", "--port", "0", "--max-image-pixels", "1000000"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as server:
        first = server.stdout.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+/", first)[0]
        server.send_signal(signal.SIGINT)
        out, errors = server.communicate(timeout=30)
    assert first.startswith("demo of nano: http://127.0.0.1:")
    assert (server.returncode, out) == (0, "the demo has ended\n")
    assert "Traceback" not in errors


@pytest.fixture
def page(browser, address):
    """A page of a new visitor; nothing may have been said in the console at the end."""
    browser.set_window_size(1280, 1200)
    browser.get_log("browser")
    yield Page(browser, address)
    assert browser.get_log("browser") == []


def test_regions_words_and_answers(page):
    assert page.texts("#canvas .hint") == ["Drag from one corner of a thing to the opposite one."]
    plain = page.pixel(0.7, 0.78)
    page.gesture((0.50, 0.57), (0.7, 0.7), (0.92, 0.97))  # the square of the first scene
    page.wait("#regions .iou")
    (iou,) = page.texts("#regions .iou")
    assert float(iou.removeprefix("IoU ")) > 0.8
    assert page.pixel(0.7, 0.78) != plain
    (words,) = page.texts("#regions .words code")
    assert re.fullmatch(r"<\|mt_start\|><\|mt_0\d{3}\|><\|mt_0\d{3}\|><\|mt_end\|>", words)
    assert len(page.texts("#regions .trip figure")) == 3

    page.click("#canvas [data-tool=stroke]")
    page.gesture((0.1, 0.2), (0.3, 0.2))
    page.wait("#regions .iou", count=2)
    small = page.texts("#regions .iou")[0]
    page.gesture((0.1, 0.3), (0.3, 0.3), key="\ue008")  # Shift
    page.wait("#regions .iou", f"textContent !== {json.dumps(small)}", count=2)

    page.click("#regions [data-refer='1']")
    page.wait("#question textarea", "value === '[1]'")
    page.ask("Please segment the square in this image.")
    page.wait("#dialogue .said small")
    chip = page.texts("#dialogue .said .chip")[0]
    assert re.fullmatch(r"3 ?0\d{3} 0\d{3}", chip)
    page.ask("Please give me a short description of [3].")
    page.wait("#dialogue .said small", count=2)
    assert page.texts("#dialogue .asked .chip") == ["3"]
    shades = (
        "return ['#dialogue .said .chip', '#regions [data-choose=\"3\"] .number']"
        ".map((at) => getComputedStyle(document.querySelector(at)).getPropertyValue('--colour').trim())"
    )
    in_text, in_list = page.js(shades)
    assert in_text == in_list != ""

    page.click("#regions [data-remove='1']")
    page.wait("#regions [data-remove]", count=2)
    page.click("#forget")
    page.wait("#dialogue .empty")


def test_what_is_refused_is_said_in_the_page(page, tmp_path):
    page.ask("What is [9]?")
    page.wait("#status [role=alert]")
    assert page.texts("#status") == ["there is no region [9]; regions: none yet"]
    assert page.js("return document.querySelector('#question textarea').value") == "What is [9]?"
    opener = page.browser.find_element("css selector", "#pictures input[type=file]")
    large, cut = tmp_path / "large.png", tmp_path / "cut.png"
    Image.new("L", (1001, 1000)).save(large)
    Image.effect_noise((90, 80), 50).save(cut)
    cut.write_bytes(cut.read_bytes()[:3000])
    for path, said in (
        (cut, "cut.png is damaged or truncated: "),
        (large, "large.png is 1001 x 1000 pixels: "),
    ):
        opener.send_keys(str(path))
        page.wait("#status [role=alert]", f"textContent.includes({json.dumps(said)})")
        assert page.texts("#status")[0].startswith(said)
    good = tmp_path / "good.png"
    Image.effect_noise((90, 60), 50).save(good)
    opener.send_keys(str(good))
    page.wait("#canvas img", "naturalHeight === 597")  # 896 x 597
    assert page.texts("#status") == [""]


def test_nothing_is_asked_of_other_machines(page, address):
    asked = page.js("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []

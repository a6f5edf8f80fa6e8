"""Take the pictures of docs/report.md anew, from runs of nano, or that of docs/demo.md.

    .venv/bin/python docs/screenshots.py
    .venv-demo/bin/python docs/screenshots.py demo

The second one needs gradio (`make gradio`), both need chromium with chromedriver (`make browser`) and
selenium (`make test`). The committed runs are reported into a temporary folder, and stay as they
are; a task without one is run on some samples of mini first.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

from samtok_bench.demo.launch import running
from samtok_bench.demo.model import load_model
from samtok_bench.demo.scenes import mini_scenes
from samtok_bench.predictor import PredictorOptions
from samtok_bench.report.html import write_report
from samtok_bench.task import Generation

ROOT = Path(__file__).parents[1]
WIDTH = 1280
SAMPLES = "12"
"""Of a run that is made here."""
QUALITY = 80
"""Of WebP."""
DEMO_HEIGHT = 1190
SCENE, FIRST_SCENE_ONLY = 5, "letter h"
"""The last scene, which has no question with these words."""
DESCRIPTION, REGION = "Could you please give me", "Please give me a short"
"""How questions begin."""
THING = (0.22, 0.36), (0.80, 0.96)
"""Corners of a box around the scene's letter, as shares of the picture."""
CHOOSE = """
// of the samples that are neither right nor lost, the one whose target has most masks
const [least, most] = [0.5, 0.9];
const answer = (k) => INDEX.samples[k].answers[0].value;
const masks = (k) => INDEX.samples[k].text.split("[mask").length;
const shown = order.filter((k) => answer(k) > least && answer(k) < most).sort((a, b) => masks(b) - masks(a));
show(shown[0] ?? order[0]);
document.getElementById(arguments[0]).scrollIntoView({ behavior: "instant" });
"""


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    task: str
    width: int
    height: int
    section: str = "samples"
    """Where the window begins."""
    script: str = ""
    """What is done on the page then."""
    dark: bool = False


SHOTS = (
    Shot("gres", "gres", 1280, 900),
    Shot("enlarged", "gres", 1280, 640, script="enlarge('all'); look({x: 0.5, y: 0.5, scale: 2})", dark=True),
    Shot("grid", "gres", 1280, 640, script="setGrid(true)"),
    Shot("gcg", "gcg", 1280, 1000),
    Shot("scene-graph", "scene_graph", 1280, 900, dark=True),
    Shot("vqa", "gar-bench", 400, 1450),
    Shot("metrics", "reconstruction", 1280, 640, "metrics-title"),
)


def main() -> None:
    """Write docs/report-NAME.webp for each shot, or docs/demo.jpg."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        if sys.argv[1:] == ["demo"]:
            picture = ROOT / "docs" / "demo.jpg"
            _demo(browser).convert("RGB").save(picture, quality=80, optimize=True)
            print(f"{picture}: {picture.stat().st_size / 1000:.0f} KB")
            return
        with tempfile.TemporaryDirectory() as folder:
            for shot in SHOTS:
                picture = ROOT / "docs" / f"report-{shot.name}.webp"
                _taken(browser, shot, Path(folder)).save(picture, quality=QUALITY, method=6)
                print(f"{picture}: {picture.stat().st_size / 1000:.0f} KB")
    finally:
        browser.quit()


def _demo(browser: webdriver.Chrome) -> Image.Image:
    """Nano describes a scene, then a box is drawn around one of its things."""
    options = PredictorOptions(Generation(512))
    with running(load_model("nano", options), mini_scenes(), "127.0.0.1", 0) as (address,):
        _set_size(browser, DEMO_HEIGHT)
        browser.get(address)
        _until(browser, "document.querySelector('#canvas img')?.naturalWidth > 0")
        browser.execute_script(f"document.querySelectorAll('[data-scene]')[{SCENE}].click()")
        _until(browser, f"!document.querySelector('#suggestions').textContent.includes({FIRST_SCENE_ONLY!r})")
        for number, question in enumerate((DESCRIPTION, REGION), 1):
            browser.execute_script(
                "[...document.querySelectorAll('[data-ask]')]"
                f".find((one) => one.dataset.ask.startsWith({question!r})).click()"
            )
            _until(browser, f"document.querySelectorAll('#dialogue .said small').length === {number}")
        image = browser.find_element("css selector", "#canvas img")
        (x0, y0), (x1, y1) = (
            [round((share - 0.5) * image.size["width"]) for share in corner] for corner in THING
        )
        gesture = ActionChains(browser, duration=20)
        gesture.move_to_element_with_offset(image, x0, y0).click_and_hold()
        gesture.move_to_element_with_offset(image, x1, y1).release().perform()
        _until(browser, "document.querySelector('#regions .iou')")
        browser.execute_async_script("setTimeout(arguments[0], 1000)")  # until the dialogue has scrolled
        return Image.open(io.BytesIO(browser.get_screenshot_as_png()))


def _until(browser: webdriver.Chrome, true: str) -> None:
    WebDriverWait(browser, 300, 0.1).until(lambda _: browser.execute_script(f"return {true}"), true)


def _set_size(browser: webdriver.Chrome, height: int, width: int = WIDTH) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def _taken(browser: webdriver.Chrome, shot: Shot, folder: Path) -> Image.Image:
    page = folder / f"{shot.task}.html"
    if not page.is_file():
        write_report([_run(shot.task, folder)], page)
    _set_size(browser, shot.height, shot.width)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if shot.dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.get("about:blank")
    browser.get(page.as_uri())
    for script in filter(None, (CHOOSE, shot.script)):
        browser.execute_script(script, shot.section)
        browser.execute_async_script("setTimeout(arguments[0], 800)")  # until the sample is drawn
    return Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")


def _run(task: str, folder: Path) -> Path:
    """The committed run of nano, or a short one."""
    committed = ROOT / "results" / "nano-mini" / task
    if committed.is_dir():
        return committed
    command = [sys.executable, "-m", "samtok_bench", "run", "--task", task, "--limit", SAMPLES]
    subprocess.run([*command, "--out", str(folder / task)], check=True, stdout=subprocess.DEVNULL)
    return folder / task


if __name__ == "__main__":
    main()

"""Take the pictures of docs/report.md anew, from the committed runs of nano.

    .venv/bin/python docs/screenshots.py

Needs chromium and chromedriver (`make browser`) and selenium, which `make test` installs. The runs are
reported into a temporary folder; their own folders stay as they are.
"""

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver

from samtok_bench.report.html import write_report

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT = 1280, 900
COLOURS = 256
"""Of a PNG's palette, which keeps a picture small."""
SECTIONS = {"gres": "samples", "reconstruction": "distribution"}
"""By task, the part of the page that its picture shows."""
SCROLL = """
// of the samples that are neither right nor lost, the one whose target has most masks
const [least, most] = [0.6, 0.85];
const answer = (k) => INDEX.samples[k].answers[0].value;
const masks = (k) => INDEX.samples[k].text.split("[mask").length;
const shown = order.filter((k) => answer(k) > least && answer(k) < most).sort((a, b) => masks(b) - masks(a));
show(shown[0] ?? order[0]);
document.getElementById(arguments[0]).scrollIntoView({ behavior: "instant" });
"""


def main() -> None:
    """Write docs/report-TASK.png for each task."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        for task, section in SECTIONS.items():
            picture = ROOT / "docs" / f"report-{task}.png"
            _shrunk(_taken(browser, task, section)).save(picture, optimize=True)
            print(f"{picture}: {picture.stat().st_size / 1000:.0f} KB")
    finally:
        browser.quit()


def _taken(browser: webdriver.Chrome, task: str, section: str) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder:
        page = write_report([ROOT / "results" / "nano-mini" / task], Path(folder) / "report.html").path
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(page.as_uri())
        browser.execute_script(SCROLL, section)
        browser.execute_async_script("setTimeout(arguments[0], 500)")  # until the sample is drawn
        return Image.open(io.BytesIO(browser.get_screenshot_as_png()))


def _shrunk(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()

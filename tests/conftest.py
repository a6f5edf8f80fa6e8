"""What tests of several packages share."""

import shutil
import signal
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from samtok_bench import images, registry
from samtok_bench.cli import main as cli

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

# how busy a machine is decides nothing
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
# a job in the background of a script begins with interrupts ignored
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Chrome]":
    """A headless Chromium; skips where there is none. Console messages: `get_log("browser")`."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no chromium with chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture(autouse=True)
def _files_are_trusted_for_one_test() -> Iterator[None]:
    """A task's file that a command has trusted would be one of the tasks of later tests."""
    before = dict(registry._trusted)
    yield
    registry._trusted.clear()
    registry._trusted.update(before)


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """Move the limit of pixels; it is back after the test."""
    yield images.allow_pixels
    images.allow_pixels(images.DEFAULT_MAX_PIXELS)


@pytest.fixture
def vast(tmp_path) -> Callable[[str, int, int], Path]:
    """Write a PNG of a few bytes whose header states a width and a height, below tmp_path."""

    def vast(name: str, width: int, height: int) -> Path:
        chunks = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b"")
        path = tmp_path / name
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + b"".join(
                struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
                for kind, data in chunks
            )
        )
        return path

    return vast


@pytest.fixture
def called(monkeypatch, capsys):
    """Call the console script's entry point: (exit code, stdout, stderr)."""

    def called(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["samtok-bench", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    return called

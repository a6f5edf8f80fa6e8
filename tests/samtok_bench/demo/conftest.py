"""A picture of 12 x 10 pixels."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "picture.png"
    Image.new("RGB", (12, 10), (40, 80, 120)).save(path)
    return path

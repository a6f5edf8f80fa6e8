from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samtok.images import ImageFileError
from samtok.training.prompts import Prompt


def test_an_image_is_a_file_its_content_or_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path := tmp_path / "a.png")
    for image in (path, path.read_bytes(), pixels, Image.fromarray(pixels)):
        assert np.array_equal(np.asarray(Prompt("1", image, "Where?", "").open()), pixels)


def test_a_damaged_image_is_one_error_with_the_prompt(tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(path := tmp_path / "a.png")
    for content, said in ((path.read_bytes()[:60], "is damaged"), (b"no image", "is not an image")):
        with pytest.raises(ImageFileError, match=rf"^the image of gres:7 {said}"):
            Prompt("gres:7", content, "Where?", "").open()

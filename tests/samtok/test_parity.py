"""Our SAMTok against the released one, built from the authors' sam2 package, with the same random weights."""

import math
from pathlib import Path

import pytest

pytest.importorskip("sam2", reason="the sam2 package is not installed (see samtok.verification.INSTALL)")

from published_pair import small_config, write_pair

from samtok.config import SAMTokConfig
from samtok.tokenizer import SAMTok
from samtok.verification import TOLERANCE, verify

QUANTITIES = {
    "s0", "s1", "top", "box tokens", "mask prompt", "z", "codes", "mask logits", "predicted IoU", "best mask",
}  # fmt: skip


def check(folder: Path, config: SAMTokConfig, seed: int) -> None:
    sam2_pt, tokenizer_pth = write_pair(folder, config, seed)
    model = SAMTok.from_published(sam2_pt, tokenizer_pth, config)
    differences = verify(model, tokenizer_pth, seed=seed)
    assert {difference.name for difference in differences} == QUANTITIES
    for difference in differences:
        assert math.isfinite(difference.largest)
        assert difference.largest <= (0 if difference.name == "codes" else TOLERANCE), difference


@pytest.mark.parametrize("seed", [0, 1])
def test_small_model_equals_the_release(tmp_path: Path, seed: int):
    check(tmp_path, small_config(), seed)


@pytest.mark.slow
def test_hiera_large_equals_the_release(tmp_path: Path):
    check(tmp_path, SAMTokConfig(), seed=0)


def test_other_weights_are_noticed(tmp_path: Path):
    config = small_config()
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    model = SAMTok.from_published(None, write_pair(first, config, 0)[1], config)
    differences = verify(model, write_pair(second, config, 1)[1])
    assert not any(difference.is_small for difference in differences)

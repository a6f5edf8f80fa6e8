"""Codecs by hand, and what all of them must hold."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samtok_bench import registry, rle
from samtok_bench.codec import Codec
from samtok_bench.codecs.polygon import END
from samtok_bench.predictor import PredictorOptions
from samtok_bench.task import Generation

OPTIONS = PredictorOptions(Generation(0), device="cpu")
IMAGE_FREE = [name for name in registry.codec_choices() if not name.startswith("samtok")]


def codec(name: str) -> Codec:
    kind, argument = registry.codec_class(name)
    return kind(argument, OPTIONS)


def through(name: str, mask: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    one = codec(name)
    (symbols,) = one.encode(mask.shape, [rle.encode(mask)])
    (back,) = one.decode(mask.shape, [symbols])
    return rle.decode(back), symbols


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def disc(side=200, radius=60) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return (x - side / 2) ** 2 + (y - side / 2) ** 2 < radius**2


masks = arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))).filter(np.any)


@pytest.mark.parametrize("name", IMAGE_FREE)
@given(mask=masks)
@settings(max_examples=60, deadline=None)
def test_any_mask_comes_back_as_a_mask_of_its_size(name, mask):
    one = codec(name)
    (symbols,) = one.encode(mask.shape, [rle.encode(mask)])
    assert all(isinstance(symbol, int) for symbol in symbols)
    (back,) = one.decode(mask.shape, [symbols])
    assert rle.validate(back)["size"] == list(mask.shape)
    assert one.text(symbols)
    assert one.tokens(symbols) > 0
    assert one.bits(symbols) > 0


@pytest.mark.parametrize("name", ["rle-text", "coco-rle"])
@given(mask=masks)
@settings(max_examples=60, deadline=None)
def test_run_lengths_lose_nothing(name, mask):
    assert np.array_equal(through(name, mask)[0], mask)


def test_a_box_by_hand():
    mask = np.zeros((100, 200), bool)
    mask[20:60, 50:150] = True
    mask[30, 60] = False
    back, symbols = through("box", mask)
    assert symbols == (256, 205, 767, 614)  # 50/200, 20/100, 150/200, 60/100 of 1023
    filled = mask.copy()
    filled[30, 60] = True
    assert np.array_equal(back, filled)
    assert (codec("box").tokens(symbols), codec("box").bits(symbols)) == (4, 40)


def test_a_grid_by_hand():
    mask = np.zeros((4, 4), bool)
    mask[:2] = True
    mask[2, 2:] = True
    mask[3, 3] = True  # three of the four pixels of the last cell, none of the one before
    back, symbols = through("grid2", mask)
    assert symbols == (1, 1, 0, 1)
    one = codec("grid2")
    assert one.bits(symbols) == 4
    assert one.text(symbols) == "1 *2\n0 *1|1 *1"
    assert one.tokens(symbols) == 6
    assert back[0].all()
    assert not back[3, :2].any()


def test_a_square_has_four_corners():
    mask = np.zeros((100, 100), bool)
    mask[20:60, 30:80] = True
    back, symbols = through("contour5", mask)
    assert len(symbols) == 8
    assert codec("contour5").bits(symbols) == 88
    assert iou(back, mask) > 0.95


def test_contours_keep_holes_and_polygons_do_not():
    ring = disc() & ~disc(radius=30)
    back, symbols = through("contour5", ring)
    assert symbols.count(END) == 1
    assert iou(back, ring) > 0.9
    filled, _ = through("polygon32", ring)
    assert iou(filled, disc()) > 0.95


@pytest.mark.parametrize("corners", [3, 8, 16, 32])
def test_a_polygon_has_no_more_corners_than_it_may(corners):
    rng = np.random.default_rng(corners)
    noise = cv2.GaussianBlur(rng.normal(size=(120, 160)), (0, 0), 6) > 0.02
    _, symbols = through(f"polygon{corners}", noise)
    assert 6 <= len(symbols) - symbols.count(END) <= 2 * corners


def test_more_of_a_code_keeps_more():
    mask = disc() | np.roll(disc(radius=25), 80, axis=1)
    for family in (("polygon8", "polygon16", "polygon32"), ("contour20", "contour5", "contour2")):
        kept = [iou(through(name, mask)[0], mask) for name in family]
        assert kept == sorted(kept)
        assert kept[-1] > 0.95


def test_decoding_sees_symbols_alone():
    """Equal symbols on an image of another size give the same shape there."""
    one = codec("polygon16")
    (symbols,) = one.encode((200, 200), [rle.encode(disc())])
    (back,) = one.decode((400, 400), [symbols])
    assert iou(rle.decode(back), disc(400, 120)) > 0.93


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("grid", "a grid has 2 to 512 cells a side"),
        ("grid1", "got grid1"),
        ("polygon2", "polygonN takes 3 to 1000"),
        ("contour", "contourN takes 1 to 100"),
        ("gridd16", "gridd16"),
    ],
)
def test_unknown_codecs_are_one_line(name, message):
    with pytest.raises((ValueError, OSError), match=message):
        codec(name)


def test_names_lead_to_codecs():
    assert registry.codec_class("grid16")[1] == "16"
    assert registry.codec_class("samtok:some/folder2")[1] == "some/folder2"
    assert registry.codec_class("samtok")[1] == ""
    kind, argument = registry.codec_class("owner/name-2")
    assert (kind.__name__, argument) == ("SAMTokCodec", "owner/name-2")
    assert registry.predictor_class("nano", "codec")[1] == "nano"
    assert registry.predictor_class("nano", "codec")[0].__name__ == "OraclePredictor"
    assert registry.predictor_class("constant:whole", "codec")[1] == "whole"


def test_nanos_words_cost_what_they_say(tmp_path):
    from PIL import Image

    path = tmp_path / "a.png"
    Image.fromarray(np.where(disc()[..., None], (210, 30, 40), (230, 230, 220)).astype(np.uint8)).save(path)
    kept = {}
    for name in ("samtok", "samtok-first"):
        one = codec(name)
        embedding = one.embed(path, (200, 200))
        (symbols,) = one.encode(embedding, [rle.encode(disc())])
        (back,) = one.decode(embedding, [symbols])
        kept[name] = iou(rle.decode(back), disc())
        assert (one.tokens(symbols), one.bits(symbols)) == ((4, 16) if name == "samtok" else (3, 8))
        assert one.codebooks == len(symbols) == one.text(symbols).count("<|mt_0")
        assert "levels" in one.identity()
    assert kept["samtok"] > 0.8
    with pytest.raises(ValueError, match="is 200 x 200 pixels"):
        codec("samtok").embed(path, (100, 200))

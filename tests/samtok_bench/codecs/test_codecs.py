"""Codecs by hand, and what all of them must hold."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.fft import dctn

from samtok_bench import registry, rle
from samtok_bench.codec import Codec
from samtok_bench.codecs.polygon import END
from samtok_bench.codecs.qwen_words import qwen_words
from samtok_bench.predictor import PredictorOptions
from samtok_bench.task import Generation

OPTIONS = PredictorOptions(Generation(0), device="cpu")
IMAGE_FREE = [name for name in registry.codec_choices() if not registry.codec_class(name)[0].needs_image]


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
@settings(max_examples=25, deadline=None)
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
    assert one.text(symbols) == "target *2\n others *1| target *1\n"
    assert one.tokens(symbols) == 12  # target, *, 2, line; others, *, 1, bar, target, *, 1, line
    assert back[0].all()
    assert not back[3, :2].any()


def test_text4seg_by_hand():
    """PIL's nearest takes the pixel at the middle of a cell: 1 and 3 of 4, where `grid2` takes the area."""
    mask = np.zeros((4, 4), bool)
    mask[1, 3] = True
    back, symbols = through("text4seg2", mask)
    assert symbols == (0, 1, 0, 0)
    assert np.array_equal(back, np.kron([[0, 1], [0, 0]], np.ones((2, 2))).astype(bool))
    assert codec("text4seg2").bits(symbols) == 4


@given(cells=arrays(bool, (7, 7)), size=st.tuples(st.integers(1, 90), st.integers(1, 90)))
@settings(max_examples=30, deadline=None)
def test_text4seg_is_enlarged_as_by_torch(cells, size):
    (back,) = codec("text4seg7").decode(size, [tuple(cells.ravel().astype(int).tolist())])
    theirs = torch.nn.functional.interpolate(torch.tensor(cells)[None, None].double(), size, mode="nearest")
    assert np.array_equal(rle.decode(back), theirs[0, 0].numpy() > 0)


def test_a_grid_in_the_box_by_hand():
    mask = np.zeros((100, 200), bool)
    mask[20:40, 50:150] = True  # the upper half of the box
    mask[40:60, 50] = True
    back, symbols = through("boxgrid2", mask)
    assert symbols == (256, 205, 767, 614, 1, 1, 0, 0)
    assert back[20:38, 50:150].all()
    assert not back[43:].any()
    one = codec("boxgrid2")
    assert one.bits(symbols) == 44
    assert one.text(symbols) == "<256,205,767,614>target *2\n others *2\n"
    assert one.tokens(symbols) == 4 + 8


def test_cosines_by_hand():
    """A filled box is the mean alone: 128 in an orthonormal transform of 128 x 128."""
    mask = np.zeros((100, 200), bool)
    mask[20:60, 50:150] = True
    back, symbols = through("dct64-step8", mask)
    assert symbols == (256, 205, 767, 614, 16, *[0] * 63)
    assert np.array_equal(back, mask)
    one = codec("dct64-step8")
    assert one.bits(symbols) == 40 + (2 + 1 + 2 * 4) + 63
    assert one.tokens(symbols) == 68


def test_cosines_are_in_the_order_of_jpeg():
    """The first six of an independent transform: by diagonals, every other one upwards."""
    mask = disc(128, 64) & ~disc(128, 20)
    (symbols,) = codec("dct6-step1").encode(mask.shape, [rle.encode(mask)])
    rows, columns = np.nonzero(mask)
    inside = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    cells = cv2.resize(inside.astype(np.float32), (128, 128), interpolation=cv2.INTER_LINEAR) >= 0.5
    wave = dctn(cells.astype(float), norm="ortho")
    order = [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2)]
    assert symbols[4:] == tuple(round(float(wave[place])) for place in order)


def test_simpleseg_by_hand():
    mask = np.zeros((100, 200), bool)
    mask[20:60, 30:80] = True
    back, symbols = through("simpleseg", mask)
    one = codec("simpleseg")
    assert one.text(symbols) == "[[[0.15, 0.2], [0.15, 0.59], [0.395, 0.59], [0.395, 0.2]]]"
    assert one.bits(symbols) == 8 * 58
    assert one.tokens(symbols) == 50
    # corners are at the centres of pixels, and the source draws from there: it loses a row and a column
    assert np.array_equal(np.argwhere(back).min(0), (20, 30))
    assert np.array_equal(np.argwhere(back).max(0), (58, 78))


def test_two_corners_draw_nothing():
    line = np.zeros((100, 200), bool)
    line[20, 30:80] = True
    back, symbols = through("simpleseg", line)
    assert len(symbols) == 4
    assert not back.any()


def test_seqtr_by_hand():
    """10 x 10 pixels have 36 on the outline: every third is written, from the upper left corner down."""
    mask = np.zeros((100, 200), bool)
    mask[20:30, 30:40] = True
    mask[50:53, 60:63] = True  # another part is lost
    back, symbols = through("seqtr12", mask)
    assert len(symbols) == 24
    assert symbols[:8] == (150, 200, 150, 230, 150, 260, 150, 290)
    assert not back[40:].any()
    assert codec("seqtr12").bits(symbols) == pytest.approx(239.18, abs=0.01)


def test_florence_by_hand():
    mask = np.zeros((100, 200), bool)
    mask[20:60, 30:80] = True
    mask[80:90, 100:120] = True
    back, symbols = through("florence2", mask)
    one = codec("florence2")
    assert one.text(symbols) == (
        "<loc_502><loc_805><loc_502><loc_895><loc_597><loc_895><loc_597><loc_805><sep>"
        "<loc_152><loc_205><loc_152><loc_595><loc_397><loc_595><loc_397><loc_205>"
    )
    assert one.tokens(symbols) == 17
    assert np.array_equal(back, mask)
    (few,) = codec("florence2:4").encode(mask.shape, [rle.encode(mask)])
    assert few == symbols[9:]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[[0.123, 0.456], [0.1, 0.99], [0.0, 1.0]], [[0.1, 0.2]]]", 47),
        ("others *12| dog *4\n others *3| dog *13\n", 18),
        ("12 33 450", 9),
    ],
)
def test_words_of_qwen(text, words):
    """Counted with the 151,643 words themselves."""
    assert qwen_words(text) == words


@pytest.mark.parametrize(("radii", "expected"), [((40, 20), ((60, 60), (140, 150))), ((40, 0), None)])
def test_points_are_the_centres_of_the_largest_circles(radii, expected):
    y, x = np.mgrid[:200, :200]
    parts = [(x - 60) ** 2 + (y - 60) ** 2, (x - 140) ** 2 + (y - 150) ** 2]
    mask = np.logical_or(*(part < radius**2 for part, radius in zip(parts, radii, strict=True)))
    (symbols,) = codec("sam-box-points").encode(None, [rle.encode(mask)])
    places = [value / 1023 * 200 for value in symbols[4:]]
    assert places[:2] == pytest.approx((60.5, 60.5), abs=1)
    if expected:
        assert places[2:] == pytest.approx((140.5, 150.5), abs=1)
    else:
        assert len(places) == 4


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
        ("boxgrid", "boxgrid16, boxgrid32, ...; got boxgrid"),
        ("text4seg513", "a grid has 2 to 512 cells"),
        ("dct64", "dctN-stepS takes 1 to 16384 coefficients"),
        ("dct0-step8", "got dct0-step8"),
        ("dct64-step0", "got dct64-step0"),
        ("seqtr2", "seqtrN takes 3 to 1000 points"),
        ("simpleseg0", "simplesegE takes 1 to 100 thousandths"),
        ("florence2:2", "florence2:N takes 3 to 1000, got florence2:2"),
        ("paligemma", "paligemma takes a file of weights: paligemma:FILE"),
    ],
)
def test_unknown_codecs_are_one_line(name, message):
    with pytest.raises((ValueError, OSError), match=message):
        codec(name)


def test_names_lead_to_codecs():
    assert registry.codec_class("grid16")[1] == "16"
    assert registry.codec_class("samtok:some/folder2")[1] == "some/folder2"
    assert registry.codec_class("samtok")[1] == ""
    assert registry.codec_name("dct64-step8") == ("dct", "64-step8")
    assert registry.codec_name("text4seg16") == ("text4seg", "16")
    assert registry.codec_name("florence2:16") == ("florence2", "16")
    assert registry.codec_name("florence2") == ("florence2", "")
    assert registry.codec_name("sam-box-points") == ("sam-box-points", "")
    assert registry.codec_name("grid16:1") == ("samtok", "grid16:1")
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
    nano = codec("samtok").loaded()
    embedding = nano.embed(Image.open(path))
    for name in ("samtok", "samtok-first", "sam-box", "sam-box-points"):
        one = registry.codec_class(name)[0]("", OPTIONS, nano)
        (symbols,) = one.encode(embedding, [rle.encode(disc())])
        (back,) = one.decode(embedding, [symbols])
        kept[name] = iou(rle.decode(back), disc())
        if name.startswith("sam-box"):
            assert (one.tokens(symbols), one.bits(symbols)) == ((4, 40) if name == "sam-box" else (8, 80))
            assert one.identity()["kind"] == name
            assert symbols[:4] == codec("box").encode((200, 200), [rle.encode(disc())])[0]
            continue
        assert (one.tokens(symbols), one.bits(symbols)) == ((4, 16) if name == "samtok" else (3, 8))
        assert one.codebooks == len(symbols) == one.text(symbols).count("<|mt_0")
        assert "levels" in one.identity()
    assert kept["samtok"] > 0.8
    with pytest.raises(ValueError, match="is 200 x 200 pixels"):
        codec("samtok").embed(path, (100, 200))

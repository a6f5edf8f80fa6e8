"""What a visitor of the demo does, without a page: marking, asking, and what is refused."""

import re

import numpy as np
import pytest
from demo_fakes import FAILED, model, rectangle, words
from PIL import Image

from samtok_bench import rle
from samtok_bench.demo.drawing import place_of, stroke_mask
from samtok_bench.demo.session import Session
from samtok_bench.sample import ImagePart, Prediction, Region, Text


def test_a_box_gets_words_and_the_iou_of_what_comes_back(picture):
    session = Session(model(), picture)
    region = session.box(6, 8, 2, 3)  # from the lower right corner to the upper left one
    assert region.mask == rectangle(2, 3, 6, 8)
    assert region.words == words(2, 6)
    assert region.decoded == rectangle(2, 0, 6, 10)
    assert region.iou == 20 / 40
    assert (region.number, session.chosen, session.lit) == (1, 1, (1,))


def test_a_box_is_cut_at_the_edge_of_the_picture(picture):
    assert Session(model(), picture).box(-5, -5, 3, 4).mask == rectangle(0, 0, 3, 4)


@pytest.mark.parametrize("corners", [(3, 3, 3.2, 9), (20, 2, 30, 8)])
def test_a_box_without_area_is_refused(picture, corners):
    session = Session(model(), picture)
    with pytest.raises(ValueError, match="the box has no area in the picture"):
        session.box(*corners)
    assert session.regions == {}


def test_strokes_make_grow_and_shrink_a_region(picture):
    session = Session(model(), picture)
    first = session.brush([(2, 5), (9, 5)], 3)
    grown = session.brush([(5, 1), (5, 9)], 3, change=1)
    assert rle.area(grown.mask) > rle.area(first.mask)
    shrunk = session.brush([(2, 5), (9, 5)], 3, change=1, inside=False)
    assert rle.area(rle.union([first.mask, shrunk.mask])) == rle.area(grown.mask)
    assert rle.intersection_union(first.mask, shrunk.mask)[0] == 0
    assert list(session.regions) == [1]
    with pytest.raises(ValueError, match="there is no pixel in this mask"):
        session.brush([(0, 0), (12, 10), (12, 0), (0, 10)], 12, change=1, inside=False)
    assert session.regions[1] == shrunk


def test_a_point_of_the_brush_is_a_disc():
    mask = stroke_mask([(5.0, 5.0)], 4, (11, 11))
    y, x = np.mgrid[:11, :11]
    assert mask[np.hypot(x - 5, y - 5) <= 1.5].all()
    assert not mask[np.hypot(x - 5, y - 5) >= 3].any()
    with pytest.raises(ValueError, match="at least one point, and a width"):
        stroke_mask([(5.0, 5.0)], 0, (11, 11))


def test_clicks_are_collected_in_the_region_that_they_made(picture):
    session = Session(model(), picture)
    assert session.click(3, 4).number == 1
    assert session.click(5, 6, change=1).number == 1
    session.click(3, 4, change=1, inside=False)
    assert session.model.tokenizer.points == [
        (((3, 4),), (True,)),
        (((3, 4), (5, 6)), (True, True)),
        (((3, 4), (5, 6), (3, 4)), (True, True, False)),
    ]
    assert session.regions[1].mask == rectangle(5, 6, 6, 7)
    with pytest.raises(ValueError, match="SAM 2 finds nothing there"):
        session.click(5, 6, change=1, inside=False)
    session.box(0, 0, 4, 4)
    assert session.click(7, 7, change=2).number == 3, "a box has no points to add to"
    with pytest.raises(ValueError, match="needs a region that a click has made"):
        session.click(7, 7, change=2, inside=False)


def test_an_answer_makes_a_region_of_each_mask(picture):
    text = f"A circle {words(1, 4)} and a star {words(6, 9)}."
    session = Session(model(text), picture)
    exchange = session.ask("What is there?")
    assert exchange.regions == (1, 2)
    assert [region.words for region in session.regions.values()] == [words(1, 4), words(6, 9)]
    assert session.regions[2].mask == rectangle(6, 0, 9, 10)
    assert session.regions[2].iou is None
    assert (session.lit, session.chosen) == ((1, 2), 1)
    (sample,) = session.model.predictor.samples
    assert sample.turns[0].parts == (ImagePart(picture), Text("What is there?"))
    assert sample.size == (10, 12)
    assert sample.upright


def test_regions_of_answers_stand_in_the_next_question_as_their_words(picture):
    session = Session(model(words(1, 4), "A star."), picture)
    session.ask("The star?")
    session.box(6, 0, 9, 5)
    session.ask("Is [1] left of [2]?")
    sample = session.model.predictor.samples[1]
    assert [turn.role for turn in sample.turns] == ["user", "assistant", "user"]
    assert sample.turns[1].parts == (Text(words(1, 4)),)
    shown = [Text("Is "), Text(words(1, 4)), Text(" left of "), Text(words(6, 9)), Text("?")]
    assert list(sample.turns[2].parts) == shown


def test_a_model_that_reads_no_words_gets_the_mask(picture):
    session = Session(model("A star.", reads_words=False), picture)
    session.box(6, 0, 9, 5)
    session.ask("[1]")
    assert session.model.predictor.samples[0].turns[0].parts[1:] == (Region(rectangle(6, 0, 9, 5)),)


def test_masks_without_words_get_those_of_the_tokenizer(picture):
    answer = Prediction(text='[{"bbox_2d": [2, 3, 6, 8]}]', masks=(rectangle(2, 3, 6, 8), rle.empty(10, 12)))
    session = Session(model(answer), picture)
    assert session.ask("Boxes?").regions == (1,)
    assert session.regions[1].words == words(2, 6)
    assert session.regions[1].iou == 0.5


def test_what_is_drawn(picture):
    session = Session(model(f"{words(1, 4)} {words(6, 9)}"), picture)
    session.box(0, 0, 3, 3)
    session.box(5, 5, 9, 9)
    assert session.lit == (1, 2)
    session.ask("?")
    assert session.lit == (3, 4)
    session.box(5, 0, 9, 4)
    assert session.lit == (3, 4, 5)
    session.choose(4)
    assert (session.lit, session.chosen) == ((4,), 4)
    session.choose(4)
    assert session.lit == (1, 2, 3, 4, 5)
    session.remove(4)
    assert (session.lit, session.chosen) == ((1, 2, 3, 5), 5)


def test_a_dialogue_can_begin_anew(picture):
    session = Session(model(*"abcde"), picture)
    session.ask("1")
    session.ask("2", follow=False)
    session.ask("3")
    session.forget()
    session.ask("4")
    lengths = [len(sample.turns) for sample in session.model.predictor.samples]
    assert lengths == [1, 1, 3, 1]
    third = session.model.predictor.samples[2]
    assert [turn.parts[-1] for turn in third.turns] == [Text("2"), Text("b"), Text("3")]


def test_what_is_refused_leaves_the_session_as_it_was(picture):
    session = Session(model(FAILED), picture)
    session.box(0, 0, 3, 3)
    refusals = {
        " \n": "the question is empty",
        "x" * 5000: "the question has 5000 characters, at most 4000 are asked",
        "What is [7]?": "there is no region [7]; regions: [1]",
        "What is it?": "the picture is gone",
    }
    for text, said in refusals.items():
        with pytest.raises(ValueError, match=re.escape(said)):
            session.ask(text)
    assert (session.exchanges, list(session.regions)) == ([], [1])
    for act in (session.choose, session.remove):
        with pytest.raises(ValueError, match=r"there is no region \[4\]"):
            act(4)


def test_numbers_are_never_given_again(picture):
    session = Session(model(words(1, 4)), picture)
    session.ask("The star?")
    session.remove(1)
    assert (session.chosen, session.lit) == (None, ())
    assert session.box(0, 0, 3, 3).number == 2
    with pytest.raises(ValueError, match=r"there is no region \[1\]; regions: \[2\]"):
        session.ask("[1]")


def test_pictures_that_cannot_be_read(tmp_path, limit):
    cut = tmp_path / "cut.png"
    Image.effect_noise((64, 64), 50).save(cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    text = tmp_path / "text.png"
    text.write_text("no picture")
    limit(100)
    for path, said in (
        (cut, "has 4096 pixels: at most 100 are read"),
        (text, "is not an image that Pillow can read"),
        (tmp_path / "none.png", "no image file at"),
    ):
        with pytest.raises(ValueError, match=said):
            Session(model(), path)
    limit(10_000)
    with pytest.raises(ValueError, match="is damaged or truncated"):
        Session(model(), cut)


def test_a_photograph_is_upright(tmp_path):
    path = tmp_path / "sideways.jpg"
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (12, 10)).save(path, exif=exif)
    assert Session(model(), path).size == (12, 10)


def test_a_number_stands_on_its_mask():
    ring = rle.rectangle(0, 0, 60, 100, 100, 100)
    x, y = place_of(ring)
    assert (x, y) == pytest.approx((0.3, 0.5), abs=0.22)
    corner = rle.rectangle(9, 9, 10, 10, 10, 10)
    assert place_of(corner) == (0.95, 0.95)

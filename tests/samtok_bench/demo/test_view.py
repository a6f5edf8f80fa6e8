"""What the page shows, as text: chips in their colours, hostile texts as texts."""

import base64
import io
import json
import re

import pytest
from demo_fakes import model, words
from PIL import Image

from samtok_bench import rle
from samtok_bench.demo import view
from samtok_bench.demo.scenes import Scene, common_questions
from samtok_bench.demo.session import Session
from samtok_bench.sample import Outcome, Prediction

HOSTILE = "<img src=x onerror=alert(1)>"


def pixel(url: str, x: float, y: float) -> tuple[int, ...]:
    """RGB of a picture in a URL, at shares of its size."""
    image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return image.getpixel((int(x * image.width), int(y * image.height)))


def test_the_words_of_an_answer_are_chips_in_the_colours_of_their_masks(picture):
    text = f"A circle {words(1, 4)} and a star {words(6, 9)}."
    session = Session(model(text), picture)
    exchange = session.ask("What is there?")
    before, first, between, second, after = view.exchange_pieces(exchange, session)
    assert (before, between, after) == ("A circle ", " and a star ", ".")
    assert (first.number, first.words, first.colour) == (1, "0001 0004", "#E69F00")
    assert (second.number, second.words, second.colour) == (2, "0006 0009", "#56B4E9")
    page = view.dialogue(session)
    assert page.index("#E69F00") < page.index("and a star") < page.index("#56B4E9")
    shown = view.canvas(session)
    assert json.loads(json.dumps(shown)) == shown
    red, _, blue = pixel(shown["picture"], 2.5 / 12, 0.5)
    assert red > blue, "orange on blue"
    assert pixel(shown["picture"], 11.5 / 12, 0.5) == (40, 80, 120)


def test_the_same_words_twice_are_two_chips(picture):
    session = Session(model(f"{words(1, 4)} {words(1, 4)}"), picture)
    first, between, second = view.exchange_pieces(session.ask("?"), session)
    assert (first.number, between, second.number) == (1, " ", 2)


def test_masks_of_an_answer_without_words_come_after_its_text(picture):
    answer = Prediction(text="[1, 2]", masks=Session(model(words(1, 4)), picture).ask("?").answer.masks)
    session = Session(model(answer), picture)
    text, chip = view.exchange_pieces(session.ask("?"), session)
    assert (text, chip.number, chip.words) == ("[1, 2]", 1, "")


def test_words_that_are_not_in_the_text_leave_it_whole(picture):
    masks = Session(model(words(1, 4)), picture).ask("?").answer.masks
    answer = Prediction(text="It was repaired.", masks=masks, words=(words(1, 4),))
    session = Session(model(answer), picture)
    text, chip = view.exchange_pieces(session.ask("?"), session)
    assert (text, chip.number, chip.words) == ("It was repaired.", 1, "")


def test_an_empty_mask_is_no_chip(picture):
    (mask,) = Session(model(words(1, 4)), picture).ask("?").answer.masks
    answer = Prediction(text="[1, 2]", masks=(rle.empty(*mask["size"]), mask))
    session = Session(model(answer), picture)
    text, chip = view.exchange_pieces(session.ask("?"), session)
    assert (text, chip.number) == ("[1, 2]", 1)


def test_texts_of_others_are_texts(picture):
    session = Session(model(HOSTILE), picture)
    session.ask(HOSTILE)
    pages = [
        view.dialogue(session, waiting=HOSTILE),
        view.suggestions(session, [HOSTILE]),
        view.message(HOSTILE),
    ]
    for page in pages:
        assert "<img" not in page
        assert "&lt;img" in page


def test_the_list_of_regions_has_words_and_iou(picture):
    session = Session(model(), picture)
    assert "No region yet" in view.regions(session)
    session.box(2, 3, 6, 8)
    page = view.regions(session)
    assert "IoU 0.500" in page
    assert "&lt;|mt_start|&gt;&lt;|mt_0002|&gt;&lt;|mt_0006|&gt;&lt;|mt_end|&gt;" in page
    neither, beyond, both = (
        pixel(re.findall(r'src="(data:[^"]+)"', page)[2], x / 12, y / 10)
        for x, y in ((0.5, 0.5), (2.5, 0.5), (2.5, 5.5))
    )
    assert beyond[0] > beyond[2] + 50, "red where the words add"
    assert both[2] > both[0] + 50, "blue where they agree"
    assert max(neither) < 60, "dark where there is neither"


def test_what_else_is_said_of_an_answer(picture):
    cut = Prediction(outcome=Outcome.TRUNCATED, text="A", faults=("unclosed",), new_tokens=8, seconds=0.25)
    session = Session(model(cut), picture)
    exchange = session.ask("?")
    assert view.remarks(exchange) == [
        "malformed mask words: unclosed",
        "cut at the limit of new tokens",
        "8 tokens, 0.2 s",
    ]


def test_questions_about_a_region_wait_for_one(picture):
    session = Session(model(), picture)
    questions = ["What is there?", "What is [#]?"]
    assert "What is [" not in view.suggestions(session, questions)
    session.box(2, 3, 6, 8)
    assert 'data-ask="What is [1]?"' in view.suggestions(session, questions)


def test_a_region_that_is_gone_stays_in_the_dialogue(picture):
    session = Session(model(words(1, 4)), picture)
    session.ask("The star?")
    session.remove(1)
    assert "Removed: region 1" in view.dialogue(session)


@pytest.mark.parametrize(
    ("first", "second", "common"), [(("a", "b", "c"), ("c", "x", "b"), ("b", "c")), (("a",), ("b",), ())]
)
def test_questions_that_every_scene_has(picture, first, second, common):
    assert common_questions([Scene(picture, first), Scene(picture, second)]) == common

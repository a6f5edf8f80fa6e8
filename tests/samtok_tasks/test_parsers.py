"""Everything that reads what a model or a judge wrote: no text breaks it, and time grows with the length."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import thread_time

import pytest

from samtok.words import marks, parse_words
from samtok_bench import rle
from samtok_bench.reading import Mark, Reading
from samtok_bench.sample import Outcome, Prediction
from samtok_tasks import released
from samtok_tasks.captioning.mended_review import mended_review
from samtok_tasks.captioning.review import review_scores
from samtok_tasks.captioning.task import caption
from samtok_tasks.dlc_bench.judge import mended_choice, object_scores
from samtok_tasks.dlc_bench.reader import DLCQuestion
from samtok_tasks.ferret_bench.task import without_coordinates
from samtok_tasks.gcg.answers import BEGIN, END, grounded_phrases, plain_caption
from samtok_tasks.grounding_suite.metrics import grounding_scores
from samtok_tasks.multiple_choice import read_answer
from samtok_tasks.scene_graph.answers import GRAPH, read_graph
from samtok_tasks.videorefer_bench.judge import dimension_scores, mended_dimensions
from samtok_tasks.vip_bench.judge import judge_scores, mended_score

FEW, MANY = 300, 40_000
PROTOCOLS = ("standard", "released")
MASKS = tuple(rle.rectangle(x, 0, x + 2, 6, 10, 20) for x in range(10))
NAMES = ("0000", "0007", "0255", "0256", "0300", "0511", "0512", "9999", "12", "00001", "٣٣٣٣", "x", "")
WORD = "<|mt_start|><|mt_0007|><|mt_0300|><|mt_end|>"
MARKS = ("<|mt_start|>", "<|mt_end|>", "<|mt_", *(f"<|mt_{name}|>" for name in NAMES), WORD)
ODD = (
    "",
    " ",
    "\n",
    "\t",
    "\r\n",
    "a",
    "é",
    "ß",
    "\0",
    "\ue000",
    "\u2028",
    "\ud800",
    "🙂",
    "0",
    "<",
    ">",
    '"',
)
RECORD = '{"subject": {"mask_2d": "WORD", "label": "cat"}, "predicate": "on", "object": {"label": "mat"}}'
CHOICES = ("white", "black cat", "(red)", "")
QUESTIONS = [
    DLCQuestion.model_validate({"question": "?", "type": kind, "choices": [["The hat.", 1], ["A mat", 0]]})
    for kind in ("positive", "negative")
]


def said(text: str, reading: Reading | None = None) -> Prediction:
    """An answer with the masks that the words of a text say."""
    read = reading.read if reading else None
    found = read(text, [Mark(*mark) for mark in marks(text)])[0] if read else parse_words(text).words
    words = [text[word.start : word.end] for word in found]
    masks = [MASKS[place % len(MASKS)] for place in range(len(words))]
    return Prediction(Outcome.OK, text, tuple(masks), tuple(words), stop_reason="stop")


def read_marks(text: str) -> None:
    found = [Mark(*mark) for mark in marks(text)]
    for reading in (released.UNION, released.LAST, released.GCG, released.RL, GRAPH):
        assert reading.read is not None
        masks, faults = reading.read(text, found)
        assert all(0 <= code < 256 for mask in masks for code in mask.codes)
        assert all(0 <= span.start < span.end <= len(text) for span in (*masks, *faults))


def read_words(text: str) -> None:
    parsed = parse_words(text)
    assert all(0 <= code < 256 for codes in parsed.codes for code in codes)


def read_caption_with_masks(text: str) -> None:
    answer = said(text)
    for protocol in PROTOCOLS:
        found = grounded_phrases(answer, protocol)
        assert len(found.phrase_of) == len(answer.masks)
        assert {"\n", "  "}.isdisjoint(plain_caption(answer, protocol))


def read_scene_graph(text: str) -> None:
    for answer, protocol in ((said(text), PROTOCOLS[0]), (said(text, GRAPH), PROTOCOLS[1])):
        found = read_graph(answer, protocol)
        used = sum(mask is not None for triplet in found.triplets for mask in triplet.masks)
        assert used + found.loose_masks == len(answer.masks)


def read_grounding(text: str) -> None:
    scores = grounding_scores("part", MASKS[0], (0.0, 0.0, 2.0, 6.0), said(text), "released")
    assert 0 <= scores["iou"] <= 1


def read_choice(text: str) -> None:
    assert read_answer(text, CHOICES) in (None, *"ABCD")


def read_caption(text: str) -> None:
    assert "\n" not in caption(text)
    assert len(without_coordinates(text)) <= len(text)


def read_reviews(reply: str) -> None:
    for protocol in PROTOCOLS:
        for text in (reply, mended_review(reply)):
            assert review_scores(text, protocol)["replies"] == 1


def read_dlc(reply: str) -> None:
    scores = object_scores([reply, mended_choice(reply), reply], QUESTIONS)
    assert -1 <= scores["average"] <= 1


def read_vip(reply: str) -> None:
    for text in (reply, mended_score(reply)):
        assert 0 <= judge_scores(text, ["ocr"])["score"] <= 1


def read_videorefer(reply: str) -> None:
    for text in (reply, mended_dimensions(reply)):
        assert dimension_scores(text)["unreadable"] in (0, 1)


@dataclass(frozen=True)
class Parser:
    """What reads texts, and the pieces of which texts are made that come near to what it reads."""

    read: Callable[[str], None]
    pieces: Sequence[str]


JSON = (
    *'{}[]":,\\',
    *('{"subject":', '"predicate":', '"object": {', '"label":', '"mask_2d":', '"x"', '{"a": 1}', "null"),
    *("NaN", "-", "1" * 5000, "1e999", '\\"', "\\ue000", "\\uE0012", "\\ue0007\\ue001", "\\ud800", "```json"),
    *(WORD, RECORD.replace("WORD", WORD), RECORD.replace("WORD", "\\ue0007\\ue001")),
)
NUMBERS = ("0.8", "1", "7", "10", "-1", "nan", "inf", "1e999", "٣", ".", ",", ":", "1_0", "0x1", "9" * 400)
PARSERS = {
    "words": Parser(read_words, MARKS),
    "marks": Parser(read_marks, (*MARKS, "<answer>", "</answer>", "</think>")),
    "gcg": Parser(read_caption_with_masks, (WORD, BEGIN, END, "<p>", "</p>", ",", "ASSISTANT: ", "<s>", "'")),
    "scene graph": Parser(read_scene_graph, JSON),
    "grounding": Parser(read_grounding, (WORD, *MARKS)),
    "choice": Parser(read_choice, ("answer", "Option", " is", ":", "(", ")", "*", "A", "B", "black cat")),
    "caption": Parser(read_caption, (WORD, " [", "]", "<|", "|>", "a dog")),
    "review": Parser(read_reviews, (*NUMBERS, "Answer 1:", "/10", "```", "Scores:", "*")),
    "dlc": Parser(read_dlc, ("a", "b", "e", ".", "the hat.", "a mat", "yes", "No", "Answer:", "```", "**")),
    "vip": Parser(read_vip, (*NUMBERS, "Score:", "correctness is", "/1.0", "out of", "```", "{", "`")),
    "videorefer": Parser(
        read_videorefer, (*NUMBERS, "1. ", "Subject Correspondence", ": 4", "\n2. ", "(SC)", "**")
    ),
}


def fuzzed(name: str, count: int) -> None:
    """Let a parser read texts of its pieces, odd characters among them."""
    rng = random.Random(name)
    parser = PARSERS[name]
    pieces = (*parser.pieces, *parser.pieces, *ODD)
    for _ in range(count):
        text = "".join(rng.choices(pieces, k=rng.randrange(10)))
        try:
            parser.read(text)
        except Exception as error:
            raise AssertionError(f"{text!r}") from error


@pytest.mark.parametrize("name", PARSERS)
def test_no_text_breaks_a_parser(name):
    fuzzed(name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_no_text_of_very_many_breaks_a_parser(name):
    fuzzed(name, MANY)


# texts that make a pattern which backtracks, or a loop in a loop, slow
LONG: dict[str, Sequence[tuple[str, str, str]]] = {
    "words": [("", "<|mt_", ""), ("<|mt_start|>", "<|mt_0001|>", ""), ("", WORD, "")],
    "marks": [
        ("", "<answer>", WORD),
        ("", WORD, "<|mt_0001|>"),
        ("", "<|mt_start|><|mt_0001|><|mt_end|>", ""),
        ("", "<|mt_start|><|mt_0001|><|mt_0002|><|mt_0003|><|mt_end|>", ""),
        ("<|mt_0001|>", "<|mt_9999|> ", ""),
    ],
    "gcg": [
        ("", "<", ""),
        ("", BEGIN, ""),
        ("", "<p>", ""),
        (BEGIN, f"<p>x</p> {WORD}", ""),
        (f"{BEGIN}x{END}", f" {WORD}", ""),
        (f"{BEGIN}x{END}", " ", f"x{WORD * 100}"),
    ],
    "scene graph": [
        ("[", RECORD.replace("WORD", WORD) + ",", ""),
        ("", '{"a": ', ""),
        ("", "{", ""),
        ("", '{"', ""),
        ("", '{"a": "', ""),
        ('{"a": [' * 200, '{"b": 0}, ', ""),
        ('{"a": ' * 400 + '"', "x", ""),
        ("", '{"a":0} {"', ""),
        ('{"a":[', '"{",', ""),
        ("", '{"a": x ', ""),
    ],
    "choice": [
        ("answer", " ", "?"),
        ("answer", " ", ":("),
        ("answer is", "(", "?"),
        ("", "answer ", ""),
        ("answer A", " ", "x"),
    ],
    "caption": [("", " [", ""), ("", "<|", ""), ("", " [1]", ""), ("", WORD, "")],
    "review": [("", " ", ""), ("", "1", " 2"), ("", "1,", ""), ("", "Answer 1: ", ""), ("", ": ", "x")],
    "dlc": [("", "the hat. ", ""), ("", "a mat", ""), ("", "```\n", "x"), ("answer", " ", "?")],
    "vip": [("", "9", "x"), ("0.", "9", " "), ("", " ", "1"), ("", "0.5 out of ", ""), ("score", " ", "x")],
    "videorefer": [
        ("", "1", ""),
        ("", "1. ", ""),
        ("1.", " ", "x"),
        ("1. x:", " ", "x"),
        ("1. ", ": ", "x"),
        ("", "1. Subject Correspondence: 3 ", ""),
        ("", "Subject Correspondence (", ""),
        ("Subject Correspondence", "*", ""),
    ],
}


@pytest.mark.parametrize(
    ("name", "before", "piece", "after"), [(name, *text) for name, texts in LONG.items() for text in texts]
)
def test_time_grows_with_the_length_alone(name, before, piece, after):
    """Eight times the length in 8 times the time if it is linear, in 64 if it is quadratic."""

    def seconds(count: int) -> float:
        text = before + piece * count + after
        times = []
        for _ in range(3):
            began = thread_time()
            PARSERS[name].read(text)
            times.append(thread_time() - began)
        return min(times)

    count = max(50, 3_000 // len(piece))
    assert seconds(8 * count) < 24 * max(seconds(count), 1e-4)

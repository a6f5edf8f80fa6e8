"""How the protocols read grounded captions."""

import numpy as np
import pytest

from samtok_bench import rle
from samtok_bench.sample import Prediction, Target
from samtok_bench.shown import Linked
from samtok_tasks.gcg.answers import (
    BEGIN,
    END,
    grounded_phrases,
    marked,
    plain_caption,
    sentence,
    target_sentence,
)

MASKS = tuple(rle.rectangle(x, 0, x + 4, 6, 10, 20) for x in (0, 6, 12))
ONE, TWO, THREE = (f"<|mt_start|><|mt_000{k}|><|mt_030{k}|><|mt_end|>" for k in (1, 2, 3))


def answer(text: str, words: tuple[str, ...] = (), masks=None) -> Prediction:
    return Prediction(text=text, words=words, masks=MASKS[: len(words)] if masks is None else masks)


@pytest.mark.parametrize(
    ("text", "words", "phrases", "phrase_of"),
    [
        (
            f"A {marked(' red circle ')} {ONE} and {marked('sand')}{TWO}.",
            (ONE, TWO),
            ["red circle", "sand"],
            [0, 1],
        ),
        (f"{marked('dogs')} {ONE}, {TWO} run {THREE}", (ONE, TWO, THREE), ["dogs"], [0, 0, None]),
        (f"{ONE} {marked('a')} {marked('b')} {TWO}", (ONE, TWO), ["a", "b"], [None, 1]),
        (f"{marked('a')} is {ONE}", (ONE,), ["a"], [None]),
        (f"{marked('a')} {ONE} and again {ONE} {marked('b')}{ONE}", (ONE,) * 3, ["a", "b"], [0, None, 1]),
        (f"{BEGIN}a {ONE}", (ONE,), [], [None]),
        (f"{marked('a')} nothing", (TWO, ONE), ["a"], [None, None]),
        ("", (), [], []),
    ],
)
@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_masks_belong_to_the_phrase_right_before_them(protocol, text, words, phrases, phrase_of):
    found = grounded_phrases(answer(text, words), protocol)
    assert (list(found.phrases), list(found.phrase_of)) == (phrases, phrase_of)
    assert found.masks == MASKS[: len(words)]


def test_masks_without_words_have_no_marked():
    assert grounded_phrases(answer(marked("a"), (), MASKS[:2]), "standard").phrase_of == (None, None)


def test_phrases_in_glamms_tags_are_read_by_the_standard_only():
    read = answer(f"<p> a dog </p> {ONE} runs", (ONE,))
    assert grounded_phrases(read, "standard").phrases == ("a dog",)
    assert grounded_phrases(read, "standard").phrase_of == (0,)
    assert grounded_phrases(read, "released").phrases == ()


@pytest.mark.parametrize(
    ("text", "standard", "released"),
    [
        (f"A {marked('dog')} {ONE} runs.<|im_end|>", "A dog runs.", "A dog runs."),
        ("<think>\n\n</think>\n\nA\ndog 'runs'", "A dog 'runs'", "Adog 'runs"),
        ("USER: x ASSISTANT: a  dog", "USER: x ASSISTANT: a dog", "a dog"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2", "1 2"),
        (f"a <|mt_start|><|mt_0001|> b {TWO}", "a b", "a b"),
        ("'quoted'", "'quoted'", "quoted"),
    ],
)
def test_captions_are_cleaned(text, standard, released):
    read = answer(text, (TWO,) if TWO in text else ())
    assert (plain_caption(read, "standard"), plain_caption(read, "released")) == (standard, released)


@pytest.mark.parametrize(
    "places",
    [
        '```json\n[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]\n```',
        '[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]',
        '{"bbox_2d": [1, 2, 3, 4], "lab',
        "<|box_start|>(1,2),(3,4)<|box_end|>",
        "<|box_start|>(1,2),",
    ],
)
@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_places_with_labels_are_no_part_of_the_caption(protocol, places):
    read = Prediction(text=f"A dog runs. {places}", masks=MASKS[:1], phrases=("dog",))
    assert plain_caption(read, protocol) == "A dog runs."
    assert sentence(read, protocol) == ("A dog runs.", Linked("dog", (0,)))


@pytest.mark.parametrize(
    "text",
    [
        '[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]\nA dog runs.',
        '```json\n[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]\n```\nA dog runs.',
        '```\nA dog runs.\n```\n[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}, {"bbox_2d": [1, 2',
    ],
)
def test_a_caption_may_stand_after_its_places_or_in_a_fence(text):
    read = Prediction(text=text, masks=MASKS[:1], phrases=("dog",))
    assert plain_caption(read, "standard").strip("` ") == "A dog runs."


def test_a_mask_of_an_empty_label_has_no_phrase():
    read = Prediction(text="A dog.", masks=MASKS, phrases=("", "dog", ""))
    found = grounded_phrases(read, "standard")
    assert (found.phrases, found.phrase_of) == (("dog",), (None, 0, None))
    assert sentence(read, "standard") == ("A dog.", Linked("dog", (1,)), Linked("", (0,)), Linked("", (2,)))
    found = grounded_phrases(read, "released")  # there the phrase of the same number counts
    assert (found.phrases, found.phrase_of) == (("", "dog", ""), (0, 1, 2))


def as_released(text: str) -> tuple[str, list[str]]:
    """Caption and phrases by the steps that the released script takes, one after the other."""
    text = text.replace("<think>\n\n</think>\n\n", "")
    for old, new in (("<s>", ""), ("\n", ""), ("  ", " ")):
        text = text.replace(old, new)
    text = text.rsplit("ASSISTANT: ", 1)[-1]
    phrases, rest = [], text
    while BEGIN in rest and END in rest.split(BEGIN, 1)[1]:
        inner, rest = rest.split(BEGIN, 1)[1].split(END, 1)
        phrases.append(inner.strip())
    while "<" in text and ">" in text[text.index("<") :]:
        head, tail = text.split("<", 1)
        text = f"{head}\0{tail.split('>', 1)[1]}"  # what is joined here is no new tag
    return " ".join(text.replace("\0", "").split()).strip("'").strip(), phrases


def test_the_released_reading_is_that_of_the_script():
    rng = np.random.default_rng(0)
    pieces = [
        "a dog",
        " ",
        "  ",
        "\n",
        BEGIN,
        END,
        marked("x y"),
        ONE,
        TWO,
        "<s>",
        "'",
        "<",
        ">",
        ".",
        "<|im_end|>",
    ]
    for _ in range(2000):
        text = "".join(rng.choice(pieces, rng.integers(0, 14)))
        if rng.random() < 0.2:
            text = f"<think>\n\n</think>\n\nUSER: {marked('no')} ASSISTANT: {text}"
        read = answer(text)
        expected = as_released(text)
        assert (
            plain_caption(read, "released"),
            list(grounded_phrases(read, "released").phrases),
        ) == expected, text


@pytest.mark.parametrize(
    ("text", "words", "pieces"),
    [
        (
            f"A {marked('dog')} {ONE}, {TWO} on {marked('sand')}.<|im_end|>",
            (ONE, TWO),
            ("A ", Linked("dog", (0, 1)), ", on ", Linked("sand"), "."),
        ),
        (f"{ONE} is\n a {marked('cat')}", (ONE,), (Linked("", (0,)), " is a ", Linked("cat"))),
        (f"{marked('a')} lies {ONE} .", (ONE,), (Linked("a"), " lies ", Linked("", (0,)), ".")),
        (f"{marked(f'a {ONE} b')} there", (ONE,), (Linked(f"a {ONE} b"), " there")),
        ("", (), ()),
    ],
)
@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_an_answer_as_a_sentence(protocol, text, words, pieces):
    assert sentence(answer(text, words), protocol) == pieces


def test_masks_without_words_follow_the_sentence():
    assert sentence(answer("A dog.", (), MASKS[:2]), "standard") == (
        "A dog.",
        Linked("", (0,)),
        Linked("", (1,)),
    )
    named = Prediction(text="Two.", masks=MASKS[:2], phrases=("a", "b"))
    assert sentence(named, "standard") == ("Two.", Linked("a", (0,)), Linked("b", (1,)))


def test_a_target_as_a_sentence():
    wanted = Target.in_turns([f"The {marked('sea')} ", f" and {marked('sky')} ", "."], MASKS[:2])
    assert target_sentence(wanted) == ("The ", Linked("sea", (0,)), " and ", Linked("sky", (1,)), ".")

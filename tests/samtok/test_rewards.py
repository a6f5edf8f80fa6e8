import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco
from qwen_parts import SMALL, TEXTS, tiny_samtok
from scipy.optimize import linear_sum_assignment

from samtok.build import build_nano
from samtok.training.assignment import best_pairs
from samtok.training.reward_adapters import ForTRL, for_easyr1, for_verl, text_of
from samtok.training.rewards import (
    REWARDS,
    CodeDistance,
    DecodedIoU,
    attempt,
    graded,
    grounded,
    matched,
    no_repeat,
    paper,
    phrases,
    spoken,
    thinking_format,
    well_formed,
)
from samtok.words import START, VOCABULARY, format_words

A, A1, A2, B = format_words([(7, 1), (7, 2), (7, 3), (9, 1)])
MALFORMED = "<|mt_start|><|mt_0007|><|mt_end|>"
REFUSAL = "No target."


@pytest.mark.parametrize(
    ("truth", "answer", "by_paper", "by_grade", "by_match"),
    [
        (A, A, 1, 1, 1),
        (A, A1, 0, 0.4, 0.5),
        (A, B, 0, 0, 0),
        (A, REFUSAL, 0, 0, 0),
        (A, MALFORMED, 0, 0, 0),
        (REFUSAL, REFUSAL, 1, 1, 1),
        (REFUSAL, "", 1, 1, 1),
        (REFUSAL, A, 0, 0, 0),
        (REFUSAL, START, 1, 1, 0),  # a leak
        (A + B, A, 0.5, 0.5, 0.5),
        (A + B, B + A, 1, 1, 1),
        (A, A + A, 0.5, 0.5, 0.5),
        (A, A + B, 0.5, 0.5, 0.5),
        (A, A + A1, 0.5, 0.7, 0.5),  # a leak
        (A, A1 + A2, 0, 0.4, 0.25),  # a leak
        (A + B, A1 + B, 0.5, 0.7, 0.75),
        (A + A, A + A, 0.5, 0.5, 1),  # a leak
        (A, A + MALFORMED, 1, 1, 1),
        (A, A * 20, 0.05, 0.05, 0.05),
    ],
)
def test_the_truth_table(truth, answer, by_paper, by_grade, by_match):
    assert paper(answer, truth) == pytest.approx(by_paper)
    assert graded(answer, truth) == pytest.approx(by_grade)
    assert matched(answer, truth) == pytest.approx(by_match)


def test_form_is_a_reward_of_its_own():
    assert [well_formed(text) for text in (A, A + MALFORMED, REFUSAL, f"{A}<|mt_")] == [1, 0, 1, 0]


def test_an_attempt_is_a_mask_where_one_is_wanted():
    cases = [(A, B), (A, REFUSAL), (A, MALFORMED), (REFUSAL, REFUSAL), (REFUSAL, A), (REFUSAL, START)]
    assert [attempt(answer, truth) for truth, answer in cases] == [1, 0, 0, 1, 0, 0]


def test_thoughts_and_answer_have_their_tags_once_and_in_order():
    good = f"<think>it is red</think><answer>{A}</answer>"
    bad = [A, f"{good}.", f"<think></think>{A}", f"<answer>{A}</answer><think></think>", good + good]
    assert [thinking_format(text) for text in (good, f" {good}\n", *bad)] == [1, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("reward", [paper, graded, matched, attempt])
def test_masks_in_thoughts_neither_earn_nor_cost_anything(reward):
    def said(answer):
        return f"<think>{A} is left of {B}, {MALFORMED}</think><answer>{answer}</answer>"

    assert reward(said(A), A) == reward(said(REFUSAL), REFUSAL) == 1
    assert reward(said(REFUSAL), A) == reward(said(A), REFUSAL) == 0


def test_what_is_said_after_thoughts():
    cases = ["<think>x</think><answer>y</answer>z", "<think>x</think>y", "<think>x<answer>y", "y", "<think>y"]
    assert [spoken(text) for text in cases] == ["y", "y", "y", "y", "<think>y"]


def test_a_mask_may_stand_three_times_in_the_thoughts_and_three_times_in_the_answer():
    assert no_repeat(A * 3) == 1
    assert no_repeat(A * 4) == 0
    assert no_repeat(A * 3 + B * 3) == 1
    assert no_repeat(f"<think>{A * 3}</think><answer>{A * 3}</answer>") == 1
    assert no_repeat(f"<think>{A * 4}</think><answer>{A}</answer>") == 0


def tagged(phrase):
    return f"<|object_ref_start|>{phrase}<|object_ref_end|>"


def test_a_grounded_caption_is_rewarded_for_its_phrases_and_for_the_masks_after_them():
    truth = f"A {tagged('red circle')} {A} on {tagged('sand')} {B}."
    assert phrases(truth, truth) == grounded(truth, truth) == 1
    one = f"A {tagged('red circle')} {A} on {tagged('snow')} {B}."
    assert (phrases(one, truth), grounded(one, truth)) == (0.5, 1)
    untagged = f"A red circle {A} on {tagged('sand')} {A1}."
    assert (phrases(untagged, truth), grounded(untagged, truth)) == (0.5, 0.25)
    assert phrases("A red circle.", truth) == grounded("A red circle.", truth) == 0
    assert grounded(f"{tagged('red circle')}, {A}, {B}", truth) == 1  # both after one phrase
    assert phrases(f"A {tagged('Red  Circle')} {A} on {tagged('sand')} {B}.", truth) == 1
    assert phrases(f"<|object_ref_end|>{tagged('sand')}<|object_ref_start|>", truth) == 0.5


def test_a_near_code_earns_more_than_a_far_one():
    first = torch.tensor([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0]])
    second = torch.tensor([[0.0, 0.0], [0.0, 0.5]])
    distance = CodeDistance([first, second], scale=2)
    near, far, both = format_words([(1, 0), (2, 0), (1, 1)])
    wanted = format_words([(0, 0)])[0]
    assert distance(wanted, wanted) == 1
    assert distance(near, wanted) == pytest.approx(0.5)
    assert distance(both, wanted) == pytest.approx(1 - 1.25**0.5 / 2)
    assert distance(far, wanted) == 0
    assert distance(near + wanted, wanted) == pytest.approx(0.5)  # one to one
    assert distance(format_words([(200, 0)])[0], wanted) == 0  # without a vector
    assert distance(REFUSAL, wanted) == distance(wanted, REFUSAL) == 0
    # three quarters of the mean of 1, 4 and 3
    assert CodeDistance([first, second]).scale == pytest.approx(2)
    twins = CodeDistance([torch.zeros(2, 2), second], scale=1)
    assert twins(format_words([(1, 0)])[0], wanted) < 1
    with pytest.raises(ValueError, match="above 0"):
        CodeDistance([torch.zeros(2, 2), second])


any_text = st.lists(
    st.one_of(st.sampled_from([*VOCABULARY[:4], *VOCABULARY[255:260], VOCABULARY[-1]]), st.text(max_size=6),
              st.sampled_from([A, A1, B, MALFORMED, "<|mt_", "<think>", "</think>", "<answer>", "</answer>",
                               "<|object_ref_start|>", "<|object_ref_end|>"])),
    max_size=10,
).map("".join)  # fmt: skip
masks = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=5)
NEAR = CodeDistance([torch.randn(256, 4), torch.randn(256, 4)])
ALL = [*REWARDS.values(), NEAR]


@given(any_text, any_text)
@settings(max_examples=150)
def test_every_reward_of_any_text_is_a_number_from_0_to_1(answer, truth):
    assert all(0 <= reward(answer, truth) <= 1 for reward in ALL)


@given(masks, masks, st.randoms())
@settings(max_examples=100)
def test_the_order_of_masks_does_not_matter(said, wanted, random):
    before = [reward("".join(format_words(said)), "".join(format_words(wanted))) for reward in ALL]
    random.shuffle(said)
    random.shuffle(wanted)
    assert [reward(" ".join(format_words(said)), ", ".join(format_words(wanted))) for reward in ALL] == before


@given(masks, masks)
@settings(max_examples=100)
def test_only_equal_multisets_match_wholly(said, wanted):
    equal = sorted(said) == sorted(wanted)
    for reward in (matched, NEAR):
        assert (reward("".join(format_words(said)), "".join(format_words(wanted))) == 1) == equal


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_the_assignment_is_that_of_scipy(rows, columns, seed):
    grades = np.random.default_rng(seed).integers(0, 5, (rows, columns)) / 4
    pairs = best_pairs(grades.tolist())
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == min(rows, columns)
    assert sum(grades[pair] for pair in pairs) == grades[linear_sum_assignment(grades, maximize=True)].sum()


def test_nothing_is_assigned_to_nothing():
    assert best_pairs([]) == best_pairs([[], []]) == []


@pytest.fixture(scope="module")
def samtok():
    return tiny_samtok()


def rle(mask):
    return coco.encode(np.asfortranarray(mask.astype(np.uint8)))


def test_decoded_masks_are_rewarded_by_iou_with_one_embedding_an_image(samtok, monkeypatch):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (40, 60, 3), np.uint8) for _ in range(2)]
    codes = [(7, 1), (9, 1)]
    shown = samtok.decode(samtok.embed(images[0]), np.array(codes)).numpy()
    wanted = np.zeros((40, 60), bool)
    wanted[:20] = True
    embedded = []
    embed = samtok.embed
    monkeypatch.setattr(samtok, "embed", lambda given: embedded.append(id(given)) or embed(given))
    answers = [A, B, A + B, REFUSAL, REFUSAL, A]
    truths = [[rle(wanted)], [rle(shown[1])], [rle(wanted)], [rle(wanted)], [], []]
    found = DecodedIoU(samtok)(
        answers, [images[0], images[1], images[0], images[0], images[1], images[1]], truths
    )
    ious = [(mask & wanted).sum() / max((mask | wanted).sum(), 1) for mask in shown]
    assert found[0] == pytest.approx(ious[0])
    assert found[2] == pytest.approx(max(ious) / 2)
    assert found[3:] == [0, 1, 0]
    assert 0 <= found[1] <= 1
    assert [embedded.count(id(image)) for image in images] == [1, 1]


@pytest.fixture(scope="module")
def tokenizer():
    return build_nano(SMALL, TEXTS)[1].tokenizer


def test_trl_rewards_read_token_ids_so_that_phrase_tags_survive(tokenizer, samtok):
    said = f"{tagged('ring')} {A}"
    ids = tokenizer(f"{said}<|im_end|><|endoftext|>")["input_ids"]
    assert text_of(ids, tokenizer) == said
    assert text_of(tokenizer(said)["input_ids"], tokenizer) == said  # cut by the limit of tokens
    reward = ForTRL(phrases, tokenizer)
    columns = {
        "prompts": [None],
        "completions": [[{"role": "assistant", "content": f"ring {A}"}]],
        "source": ["gcg"],
    }
    assert reward.__name__ == "phrases"
    assert reward(completion_ids=[ids], truth=[said], **columns) == [1]
    image = np.zeros((40, 60, 3), np.uint8)
    masks = {"images": [[image]], "masks": [[rle(np.ones((40, 60), bool))]]}
    assert 0 <= ForTRL(DecodedIoU(samtok), tokenizer)(completion_ids=[ids], truth=[A], **masks)[0] <= 1


def test_a_reward_may_be_for_the_prompts_of_some_sources(tokenizer, samtok):
    ids = [tokenizer(A)["input_ids"]] * 3
    image = np.zeros((40, 60, 3), np.uint8)
    columns = {"source": ["gres", "thinking_gres", "gres"], "images": [[image]] * 3, "masks": [[]] * 3}
    thought = ForTRL(thinking_format, tokenizer, ["thinking_gres"])
    assert thought(completion_ids=ids, truth=[A] * 3, **columns) == [None, 0, None]
    decoded = ForTRL(DecodedIoU(samtok), tokenizer, {"gres"})
    assert decoded(completion_ids=ids, truth=[""] * 3, **columns) == [0, None, 0]


def test_verl_and_easyr1_call_the_same_rewards():
    weights = {matched: 1.0, well_formed: 0.5}
    expected = {"matched": 0.5, "well_formed": 1}
    score = for_verl(weights)(data_source="gres", solution_str=A1, ground_truth=A, extra_info={"index": 3})
    assert score == {"score": 1.0, **expected}
    rows = [{"response": A1, "response_length": 5, "ground_truth": A}]
    assert for_easyr1(weights)(rows) == [{"overall": 1.0, **expected}]

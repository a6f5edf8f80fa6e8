import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from samtok.constrained import WellFormedMasks
from samtok.words import parse_words

# a vocabulary of a few text tokens, then the 514 mask words
TEXT = ["<eos>", "a", " b", "."]
START, FIRST, SECOND, END = 4, range(5, 261), range(261, 517), 517


def limits(prompt: int, new: int) -> WellFormedMasks:
    return WellFormedMasks(START, FIRST, SECOND, END, prompt, new)


def allowed(tokens: list[int], prompt: int, new: int) -> list[int]:
    scores = limits(prompt, new)(torch.tensor([tokens]), torch.zeros(1, END + 1))
    return (scores[0] == 0).nonzero().flatten().tolist()


def spell(token: int) -> str:
    if token < START:
        return TEXT[token]
    return {START: "<|mt_start|>", END: "<|mt_end|>"}.get(token, f"<|mt_{token - START - 1:04d}|>")


def test_each_state_allows_exactly_what_may_follow():
    text = [0, 1, 2, 3, START]
    assert allowed([1, 1], 1, 10) == text
    assert allowed([1, START], 1, 10) == list(FIRST)
    assert allowed([1, START, FIRST[9]], 1, 10) == list(SECOND)
    assert allowed([1, START, FIRST[9], SECOND[0]], 1, 10) == [END]
    assert allowed([1, START, FIRST[9], SECOND[0], END], 1, 10) == text


def test_a_group_is_opened_only_when_four_tokens_are_left():
    assert START in allowed([1, 1, 1], 2, 5)  # one of five is used
    assert START not in allowed([1, 1, 1, 1], 2, 5)
    assert START not in allowed([1, 1], 2, 3)


def test_the_prompt_does_not_open_a_group():
    assert allowed([1, START], 2, 10) == [0, 1, 2, 3, START]


def test_scores_of_possible_tokens_are_kept():
    scores = torch.randn(1, END + 1)
    kept = limits(1, 9)(torch.tensor([[1, START]]), scores.clone())
    assert torch.equal(kept[0, FIRST.start : FIRST.stop], scores[0, FIRST.start : FIRST.stop])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), new=st.integers(1, 24), bias=st.floats(0, 8))
def test_any_scores_give_text_without_faults(seed, new, bias):
    generator = torch.Generator().manual_seed(seed)
    rows = 4
    tokens = torch.ones(rows, 3, dtype=torch.long)
    processor = limits(3, new)
    texts, open_rows = [""] * rows, [True] * rows
    for _ in range(new):
        scores = torch.randn(rows, END + 1, generator=generator)
        scores[:, START] += bias  # otherwise groups are rare
        choice = processor(tokens, scores).argmax(1)
        tokens = torch.cat([tokens, choice[:, None]], 1)
        for row, token in enumerate(choice.tolist()):
            open_rows[row] &= token != 0
            if open_rows[row]:
                texts[row] += spell(token)
    for text in texts:
        parsed = parse_words(text)
        assert not parsed.faults, text
        assert len(parsed.words) == text.count("<|mt_start|>")


@pytest.mark.parametrize("wanted", [START, FIRST[0], SECOND[0], END, 0])
def test_the_end_of_the_turn_never_comes_inside_a_group(wanted):
    # a model that insists on one token still closes what it opens
    tokens = [1, START]
    for _ in range(3):
        scores = torch.zeros(1, END + 1)
        scores[0, wanted] = 9.0
        scores = limits(1, 20)(torch.tensor([tokens]), scores)
        tokens.append(int(scores.argmax()))
    assert parse_words("".join(map(spell, tokens[1:]))).words

"""Turns of a dialogue that do not see each other, and what they share."""

from pathlib import Path

import pytest
import torch
from qwen_parts import tiny_vlm
from test_supervised import DATA, draw, squares

from samtok.training.codes import GeometryCodes
from samtok.training.dialogues import IGNORED, Collator
from samtok.training.recipe import DataSource
from samtok.training.sources import trust
from samtok.training.token_losses import token_losses

trust(Path(__file__))


def questions(seed, *, turns=3):
    """Three different questions about one square, each a dialogue of its own."""
    for dialogue in squares(seed):
        mask = dialogue["turns"][0][1][0]
        asked = [*dialogue["turns"], (["Is there a ring?"], ["No target."])]
        yield {**dialogue, "turns": asked[:turns], "apart": True, "regions": [("red square", mask)]}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_turns_apart_have_the_losses_of_dialogues_of_their_own(family, attention):
    model, processor = tiny_vlm(family)
    model.set_attn_implementation(attention)
    collator = Collator(processor, GeometryCodes(), image_labels=True)
    # of different lengths, so that one is padded
    data = DataSource(source="test_turns_apart:questions")
    together = [draw(data, 1, 0, {}), draw(data, 1, 1, {"turns": 2})]
    alone = [{**dialogue, "turns": [turn]} for dialogue in together for turn in dialogue["turns"]]
    with torch.no_grad():
        answers, image = token_losses(model, collator(together))
        single = [token_losses(model, collator([dialogue])) for dialogue in alone]
    assert answers.targets.tolist() == [t for loss, _ in single for t in loss.targets.tolist()]
    torch.testing.assert_close(
        answers.losses, torch.cat([loss.losses for loss, _ in single]), rtol=1e-4, atol=1e-4
    )
    # the image is looked at once for all of them
    torch.testing.assert_close(image, torch.cat([single[0][1], single[3][1]]), rtol=1e-4, atol=1e-4)


def test_turns_of_one_dialogue_still_see_each_other():
    model, processor = tiny_vlm("qwen3_vl")
    collator = Collator(processor, GeometryCodes())
    whole = {**draw(DATA, 1, 0, {}), "apart": False}
    batch = collator([whole, {**whole, "apart": True}])
    assert batch["turns"][0].max() == 0
    assert batch["turns"][1].max() == 2
    with torch.no_grad():
        mixed, _ = token_losses(model, batch)
        plain, _ = token_losses(model, collator([whole]))
    torch.testing.assert_close(mixed.losses[: len(plain.losses)], plain.losses, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_one_turn_is_the_same_apart_or_not(family):
    model, processor = tiny_vlm(family)
    collator = Collator(processor, GeometryCodes())
    dialogue = draw(DATA, 1, 0, {"turns": 1})
    plain, alone = (collator([{**dialogue, "apart": apart}]) for apart in (False, True))
    assert plain.keys() == alone.keys()  # without "turns"
    # only the line break of the template after the last turn is left out, as where there are more
    length = alone["input_ids"].shape[1]
    assert torch.equal(plain["input_ids"][:, :length], alone["input_ids"])
    assert torch.equal(plain["labels"][:, :length], alone["labels"])
    assert processor.tokenizer.decode(plain["input_ids"][0, length:]) == "\n"
    assert (plain["labels"][:, length:] == IGNORED).all()
    # together with several turns its tokens are as before, and so are its losses
    several = {**draw(DATA, 1, 1, {}), "apart": True}
    together = collator([{**dialogue, "apart": True}, several])
    assert torch.equal(together["input_ids"][:1, :length], alone["input_ids"])
    with torch.no_grad():
        found = [token_losses(model, batch)[0].losses for batch in (plain, alone, together)]
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[2][: len(found[0])], found[0], rtol=1e-4, atol=1e-4)

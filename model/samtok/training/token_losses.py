"""Losses of a QwenVL's tokens: those of the answers, and those of the visual tokens."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from samtok.training.dialogues import IGNORED

MASK_ANSWER = 5
"""Tokens of an answer that is a mask: four words and the end of the turn."""


class TokenLosses(NamedTuple):
    """The M tokens that carry loss."""

    targets: Tensor
    """Token ids (M,) int64."""
    losses: Tensor
    """Cross-entropies (M,) float32."""
    right: Tensor
    """Whether the greedy choice is right, (M,) bool."""


def token_losses(model: Any, inputs: dict[str, Tensor]) -> tuple[TokenLosses, Tensor | None]:
    """Compute the losses of the answers' tokens and of the visual tokens.

    A visual token's loss is the mean cross-entropy over its bag of words. It is taken twice, as the token
    enters the language model and as it leaves it, and averaged, so that an image already speaks in words
    where a question looks at it. Logits are computed only for tokens that carry loss.

    Args:
        inputs: see `Collator.collate`.

    Returns:
        the answers' losses, and those of the visual tokens (M,); None for these without `image_labels`.
    """
    inputs = dict(inputs)
    labels, image_labels = inputs.pop("labels"), inputs.pop("image_labels", None)
    if (turns := inputs.pop("turns", None)) is not None:
        inputs |= keep_apart(model, inputs, turns)
    seen: list[Tensor] = []  # (visual tokens, D)
    if image_labels is not None:
        hook = model.model.visual.register_forward_hook(lambda *call: seen.append(call[-1].pooler_output))
    hidden = model.model(**inputs, use_cache=False).last_hidden_state  # (B, T, D)
    if image_labels is not None:
        hook.remove()
    chosen = labels[:, 1:] != IGNORED  # each token is predicted at the one before it
    logits, targets = model.lm_head(hidden[:, :-1][chosen]).float(), labels[:, 1:][chosen]
    losses = nn.functional.cross_entropy(logits, targets, reduction="none")
    answers = TokenLosses(targets, losses, logits.detach().argmax(-1) == targets)
    if image_labels is None:
        return answers, None
    on_image = inputs["input_ids"] == model.config.image_token_id
    bags = image_labels[on_image]
    entering = bag_losses(model, model.model.language_model.norm(seen[0]), bags)
    return answers, (entering + bag_losses(model, hidden[on_image], bags)) / 2


def length_weights(labels: Tensor, power: float) -> Tensor:
    """Weights of the tokens that carry loss, (M,) float32: (MASK_ANSWER / length of its answer) ** power.

    Without them an answer of one letter has a hundredth of the say of a scene graph. With a power of 1 all
    answers have the same.

    Args:
        labels: (B, T) int64, see `Collator.collate`.
    """
    chosen = labels != IGNORED
    begins = chosen & ~chosen.roll(1, 1)  # each dialogue begins with a question
    answer = begins.flatten().cumsum(0)[chosen.flatten()]
    return (MASK_ANSWER / answer.bincount()[answer]) ** power


def compute_losses_in_forward(model: PreTrainedModel) -> None:
    """Let calls of the model compute losses: what distributes a model only sees a call of the whole."""

    def forward(eyes_only: bool = False, **inputs: Any) -> tuple[TokenLosses | None, Tensor | None]:
        return (None, eyes_losses(model, inputs)) if eyes_only else token_losses(model, inputs)

    model.forward = forward


def keep_apart(model: Any, inputs: dict[str, Tensor], turns: Tensor) -> dict[str, Tensor]:
    """Let each turn see only itself and what all turns share, at the positions of a first turn.

    So one pass over an image serves many questions, each of them asked alone, as in an evaluation.

    Args:
        turns: (B, T) int64, see `Collator.collate`.

    Returns:
        position_ids (3, B, T) int64 and attention_mask (B, 1, T, T), bool, or for eager attention the float32
        that is added to the scores.
    """
    known = inputs["attention_mask"]
    positions, _ = model.model.get_rope_index(
        input_ids=inputs["input_ids"],
        mm_token_type_ids=inputs["mm_token_type_ids"],
        image_grid_thw=inputs["image_grid_thw"],
        attention_mask=known,
    )
    starts = positions.new_full((len(turns), int(turns.max()) + 1), torch.iinfo(positions.dtype).max)
    starts = starts.scatter_reduce(1, turns, positions[0], "amin")
    later = (starts.gather(1, turns) - starts[:, 1:2]) * (turns > 0)  # positions after the first turn's start
    shared = turns[:, None, :] == 0
    seen = (shared | (turns[:, None, :] == turns[:, :, None])) & known[:, None, :].bool()
    seen = seen.tril()[:, None]  # (B, 1, T, T)
    if model.config._attn_implementation == "eager":
        seen = torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, torch.finfo(torch.float32).min)
    return {"position_ids": positions - later, "attention_mask": seen}


def eyes_losses(model: Any, inputs: dict[str, Tensor]) -> Tensor:
    """Losses of the visual tokens (M,) as they enter the language model, which does not run."""
    seen = model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
    bags = inputs["image_labels"][inputs["input_ids"] == model.config.image_token_id]
    return bag_losses(model, model.model.language_model.norm(torch.cat(seen)), bags)


def bag_losses(model: Any, visual: Tensor, bags: Tensor) -> Tensor:
    """Mean cross-entropy over the words of each of M bags that carry loss, (M,) float32.

    Args:
        visual: visual tokens (N, D) as the output layer takes them.
        bags: token ids (N, K) int64, padded with IGNORED; a bag of nothing else carries no loss.
    """
    chosen = bags[:, 0] != IGNORED
    bags, known = bags[chosen], bags[chosen] != IGNORED
    scores = model.lm_head(visual[chosen]).float().log_softmax(-1).gather(1, bags.clamp_min(0))
    return -(scores * known).sum(1) / known.sum(1)

"""Answers to one prompt share the pass over its image and its question.

TRL puts the prompt before each of a group's answers. A prompt is an image of hundreds of tokens, an answer is
often one mask, so nearly all of that work is done again for each answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

from samtok.training.dialogues import IGNORED
from samtok.training.token_losses import keep_apart


@dataclass(frozen=True)
class Groups:
    """Which of B rows have the same prompt."""

    firsts: list[int]
    """The first row of each of the G groups."""
    of_rows: list[int]
    """Each row's group."""

    @classmethod
    def of(cls, prompts: Sequence[Sequence[int]], images: Sequence[Tensor]) -> "Groups":
        """By the prompts' tokens and the patches of their images, (N, D) each."""
        firsts: list[int] = []
        of_rows: list[int] = []
        alike: dict[tuple[int, ...], list[int]] = {}
        for row, (prompt, image) in enumerate(zip(prompts, images, strict=True)):
            known = alike.setdefault(tuple(prompt), [])
            group = next((g for g in known if torch.equal(images[firsts[g]], image)), None)
            if group is None:
                group = len(firsts)
                known.append(group)
                firsts.append(row)
            of_rows.append(group)
        return cls(firsts, of_rows)

    @classmethod
    def of_messages(cls, prompts: Sequence[Any]) -> "Groups":
        """By the messages of the prompts: their texts, and their image objects themselves."""
        places: dict[tuple[int | str, ...], int] = {}
        for row, prompt in enumerate(prompts):
            places.setdefault(_key(prompt), row)
        firsts = list(places.values())
        return cls(firsts, [firsts.index(places[_key(prompt)]) for prompt in prompts])


def _key(prompt: Any) -> tuple[int | str, ...]:
    parts = [part for message in prompt for part in message["content"]]
    return tuple(id(part["image"]) if part["type"] == "image" else part["text"] for part in parts)


def _patches(pixel_values: Tensor, grids: Tensor) -> list[Tensor]:
    """The patches of each image, (N, D)."""
    return list(pixel_values.split(grids.prod(-1).tolist()))


@dataclass(frozen=True)
class Packed:
    """Prompts without repetition, each with all of its answers behind it."""

    inputs: dict[str, Tensor]
    """What a QwenVL takes, of G rows of T tokens, with `labels` (G, T) on the answers."""
    places: Tensor
    """Where the answers' tokens are in the G x T tokens, (B, L) int64; 0 for padding."""

    def unpacked(self, of_tokens: Tensor) -> Tensor:
        """Values of all tokens but the first of each row, (G, T - 1), as the answers have them, (B, L).

        Padding has 0.
        """
        found = torch.nn.functional.pad(of_tokens, (1, 0)).flatten()[self.places]
        return found * (self.places > 0)


def pack(
    model: Any,
    input_ids: Tensor,
    attention_mask: Tensor,
    answer: int,
    *,
    pixel_values: Tensor,
    image_grid_thw: Tensor,
    mm_token_type_ids: Tensor,
) -> Packed:
    """Put all answers to a prompt behind it, where they do not see each other.

    An image's or a video's mark in an answer, which vLLM may sample, is a zero where later tokens look at it:
    a QwenVL would look for an image there.

    Args:
        model: the QwenVL whose inputs these are.
        input_ids: (B, P + L) int64, prompts padded on the left and answers on the right; an image each.
        attention_mask: (B, P + L) int64, 0 for padding.
        answer: L, tokens of the longest answer.
        pixel_values: the patches of all B images (N, D).
        image_grid_thw: (B, 3) int64.
        mm_token_type_ids: (B, at least P) int64.
    """
    width = input_ids.shape[1] - answer
    images = _patches(pixel_values, image_grid_thw)
    marks = input_ids.new_tensor([model.config.image_token_id, model.config.video_token_id])
    prompts = [
        ids[known] for ids, known in zip(input_ids[:, :width], attention_mask[:, :width].bool(), strict=True)
    ]
    groups = Groups.of([ids.tolist() for ids in prompts], images)
    rows: list[dict[str, list[Tensor]]] = []
    for first in groups.firsts:
        shared = prompts[first][:-1]
        kinds = mm_token_type_ids[first, :width][attention_mask[first, :width].bool()][:-1]
        nothing = torch.full_like(shared, IGNORED)
        rows.append(
            {"input_ids": [shared], "mm_token_type_ids": [kinds], "labels": [nothing], "turns": [shared * 0]}
        )
    starts = torch.zeros_like(input_ids[:, 0])
    for number, group in enumerate(groups.of_rows):
        # the prompt's last token predicts the answer's first one, so each answer has its own
        said = input_ids[number, width:][attention_mask[number, width:].bool()]
        tokens = torch.cat([prompts[number][-1:], said.masked_fill(torch.isin(said, marks), 0)])
        row = rows[group]
        starts[number] = sum(map(len, row["input_ids"])) + 1
        row["turns"].append(torch.full_like(tokens, len(row["turns"])))
        row["input_ids"].append(tokens)
        row["mm_token_type_ids"].append(torch.zeros_like(tokens))
        row["labels"].append(torch.cat([torch.full_like(tokens[:1], IGNORED), said]))
    found = {
        key: pad_sequence([torch.cat(row[key]) for row in rows], batch_first=True, padding_value=padding)
        for key, padding in (("input_ids", 0), ("mm_token_type_ids", 0), ("turns", 0), ("labels", IGNORED))
    }
    lengths = torch.tensor([sum(map(len, row["input_ids"])) for row in rows], device=input_ids.device)
    steps = torch.arange(found["input_ids"].shape[1], device=input_ids.device)
    found["attention_mask"] = (steps < lengths[:, None]).to(attention_mask.dtype)
    found["pixel_values"] = torch.cat([images[first] for first in groups.firsts])
    found["image_grid_thw"] = image_grid_thw[groups.firsts]
    found |= keep_apart(model, found, found.pop("turns"))
    beginnings = torch.tensor(groups.of_rows, device=input_ids.device) * len(steps) + starts
    places = beginnings[:, None] + torch.arange(answer, device=input_ids.device)
    return Packed(found, places * attention_mask[:, width:])


def generate_from_shared_prompts(model: Any) -> None:
    """Let a QwenVL's `generate` read equal prompts once, and begin their answers from what it has read."""
    generate: Callable[..., Any] = model.generate

    @torch.no_grad()
    def begun(**inputs: Any) -> Any:
        grids = inputs["image_grid_thw"]
        images = _patches(inputs["pixel_values"], grids)
        groups = Groups.of(inputs["input_ids"].tolist(), images)
        if len(groups.firsts) == len(groups.of_rows):
            return generate(**inputs)
        kinds = inputs.pop("mm_token_type_ids")
        del inputs["pixel_values"], inputs["image_grid_thw"]
        cache = DynamicCache(config=model.config.get_text_config())
        model(
            input_ids=inputs["input_ids"][groups.firsts, :-1],
            attention_mask=inputs["attention_mask"][groups.firsts, :-1],
            mm_token_type_ids=kinds[groups.firsts, :-1],
            pixel_values=torch.cat([images[first] for first in groups.firsts]),
            image_grid_thw=grids[groups.firsts],
            cache=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        of_rows = torch.tensor(groups.of_rows, device=grids.device)
        cache.batch_select_indices(of_rows)
        model.model.rope_deltas = model.model.rope_deltas[of_rows]
        return generate(**inputs, cache=cache)

    model.generate = begun

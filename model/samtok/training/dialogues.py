"""Dialogues as training batches: drawn, given codes, rendered, tokenised, labelled."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import IterableDataset

from samtok.conversations import render
from samtok.processor import QwenVLProcessor
from samtok.training.codes import CodeSource
from samtok.training.recipe import DataSource
from samtok.vocabulary import mask_word_ids
from samtok.words import format_words

IGNORED = -100  # label of tokens that carry no loss

Part: TypeAlias = "str | NDArray[np.bool_]"
# {"image": (H, W, 3) uint8, "turns": [(question parts, answer parts), ...]}, a part is text or a mask (H, W);
# and, if wanted, "regions": [(text, mask), ...], what there is in the image, for the loss on visual tokens
Dialogue: TypeAlias = dict[str, Any]


def draw(data: DataSource, seed: int, index: int, options: dict[str, Any]) -> Dialogue:
    """The dialogue of this index: the first of a stream whose seed is made of both numbers."""
    stream = np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)
    return next(data.open(int(stream[0]) >> 1, **options))


def draw_batch(
    data: DataSource, seed: int, indices: Sequence[int], options: dict[str, Any]
) -> list[Dialogue]:
    """Several dialogues; see `draw`."""
    return [draw(data, seed, index, options) for index in indices]


class Collator:
    """Turns dialogues into model inputs with labels on the answers of all turns.

    With `image_labels` there are labels on the image too, for dialogues that tell its regions: a visual token
    is to say the bag of words of the region that it lies in, its text and its codes, and the padding token
    where there is none. So what is where gets into the visual tokens from dozens of labels an image, long
    before a question could ask for it.
    """

    def __init__(self, processor: QwenVLProcessor, codes: CodeSource, image_labels: bool = False) -> None:
        self.processor, self.codes, self.image_labels = processor, codes, image_labels
        _, self._first, self._second, _ = mask_word_ids(processor.tokenizer)
        ids = processor.tokenizer("<|im_start|>assistant\n", add_special_tokens=False)["input_ids"]
        self._header, self._end = list(ids), processor.tokenizer.convert_tokens_to_ids("<|im_end|>")

    def __call__(self, dialogues: Sequence[Dialogue]) -> dict[str, Tensor]:
        """Right-padded input_ids, attention_mask, mm_token_type_ids and labels (B, T) int64, pixel_values
        and image_grid_thw. Labels are IGNORED outside answers; an answer's end of turn carries loss.
        image_labels (B, T, K) int64, if wanted, are bags of at most K words for visual tokens, filled up with
        IGNORED.
        """
        said = [_said(dialogue) for dialogue in dialogues]
        regions = [d.get("regions", []) if self.image_labels else [] for d in dialogues]
        masks = [
            np.stack([*one, *(mask for _, mask in others)])
            if one or others
            else np.zeros((0, *dialogue["image"].shape[:2]), bool)
            for dialogue, one, others in zip(dialogues, said, regions, strict=True)
        ]
        codes = self.codes([dialogue["image"] for dialogue in dialogues], masks)
        texts, images = [], []
        for dialogue, one, found in zip(dialogues, said, codes, strict=True):
            words = format_words(found[: len(one)])
            messages, pictures = render(_conversation(dialogue), partial(_all_words, words))
            texts.append(self.processor.apply_chat_template(messages, tokenize=False))
            images.append(pictures)
        batch = dict(
            self.processor(text=texts, images=images, padding=True, padding_side="right", return_tensors="pt")
        )
        batch["labels"] = self.label(batch["input_ids"])
        if self.image_labels:
            grids = batch["image_grid_thw"][:, 1:] // self.processor.image_processor.merge_size
            flat = [
                torch.tensor(bag)
                for one, found, others, grid in zip(said, codes, regions, grids.tolist(), strict=True)
                for bag in self._bags(others, found[len(one) :], grid)
            ]
            ids = batch["input_ids"]
            batch["image_labels"] = torch.full((*ids.shape, max(map(len, flat))), IGNORED)
            # row by row, as the visual tokens themselves
            batch["image_labels"][ids == self.processor.image_token_id] = nn.utils.rnn.pad_sequence(
                flat, batch_first=True, padding_value=IGNORED
            )
        return batch

    def _bags(
        self, regions: Sequence[tuple[str, NDArray[np.bool_]]], codes: NDArray[np.int64], grid: Sequence[int]
    ) -> list[list[int]]:
        """The words of each cell of an image's grid, row by row."""
        if not regions:
            return [[IGNORED]] * (grid[0] * grid[1])
        # a leading space, as within a sentence
        texts = [f" {text}" for text, _ in regions]
        words = self.processor.tokenizer(texts, add_special_tokens=False)["input_ids"]
        bags = [
            sorted({*ids, self._first[one], self._second[two]})
            for ids, (one, two) in zip(words, codes.tolist(), strict=True)
        ]
        nothing = [self.processor.tokenizer.pad_token_id]
        where = cells(np.stack([mask for _, mask in regions]), grid)
        return [nothing if at < 0 else bags[at] for at in where.flatten().tolist()]

    def label(self, ids: Tensor) -> Tensor:
        """Labels (B, T) of token ids (B, T): what follows an assistant header, up to its end of turn."""
        labels = torch.full_like(ids, IGNORED)
        size = len(self._header)
        for row, label in zip(ids.tolist(), labels, strict=True):
            at = 0
            while (at := _find(row, self._header, at)) >= 0:
                start = at + size
                end = row.index(self._end, start) + 1 if self._end in row[start:] else len(row)
                label[start:end] = torch.tensor(row[start:end])
                at = end
        return labels


def _all_words(words: list[str], image: int, masks: NDArray[np.bool_]) -> list[str]:
    """All words, which were made in one go: a dialogue has one image."""
    return words


def cells(masks: NDArray[np.bool_], grid: Sequence[int]) -> Tensor:
    """Which of the masks (N, H, W) each cell of a grid lies in, (rows, columns) int64; -1 for none.

    A mask lies in the cells that it covers at least half as much as the one it covers most; where several
    do, the one with the greatest share has the cell.
    """
    shares = nn.functional.adaptive_avg_pool2d(
        torch.from_numpy(masks).float(), (grid[0], grid[1])
    )  # (N, r, c)
    shares[shares < shares.amax((1, 2), keepdim=True) / 2] = 0
    most, which = shares.max(0)
    return torch.where(most > 0, which, -1)


def _said(dialogue: Dialogue) -> list[NDArray[np.bool_]]:
    """The masks of all turns in reading order."""
    return [
        part for turn in dialogue["turns"] for parts in turn for part in parts if not isinstance(part, str)
    ]


def _conversation(dialogue: Dialogue) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for turn in dialogue["turns"]:
        for role, parts in zip(("user", "assistant"), turn, strict=True):
            content = [
                {"type": "text", "text": part} if isinstance(part, str) else {"type": "region", "mask": part}
                for part in parts
            ]
            messages.append({"role": role, "content": content})
    messages[0]["content"].insert(0, {"type": "image", "image": Image.fromarray(dialogue["image"])})
    return messages


def _find(row: list[int], pattern: list[int], start: int) -> int:
    for at in range(start, len(row) - len(pattern) + 1):
        if row[at] == pattern[0] and row[at : at + len(pattern)] == pattern:
            return at
    return -1


class Batches(IterableDataset):
    """The batches of a training from one step to the last, a function of the step alone.

    So a resumed run sees what an uninterrupted one would have seen. `stages` are triples (last step, images a
    step, options): a step takes those of its stage. `pool` limits the dialogues to that many fixed ones.
    """

    def __init__(
        self,
        data: DataSource,
        collator: Collator,
        *,
        seed: int,
        stages: Sequence[tuple[int, int, dict[str, Any]]],
        start: int = 0,
        pool: int | None = None,
    ) -> None:
        self.data, self.collator, self.seed = data, collator, seed
        self.stages, self.start, self.pool = stages, start, pool

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        most = max(images for _, images, _ in self.stages)
        for step in range(self.start, self.stages[-1][0]):
            images, options = next((n, options) for until, n, options in self.stages if step < until)
            indices = [step * most + place for place in range(images)]
            if self.pool:
                indices = [index % self.pool for index in indices]
            yield self.collator(draw_batch(self.data, self.seed, indices, options))

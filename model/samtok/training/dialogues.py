"""Dialogues as training batches: drawn, given codes, rendered, tokenised, labelled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset
from tqdm.auto import tqdm  # type: ignore[import-untyped]

from samtok.conversations import render
from samtok.processor import QwenVLProcessor
from samtok.training.codes import CodeSource
from samtok.training.recipe import DataSource
from samtok.vocabulary import mask_word_ids
from samtok.words import format_words

IGNORED = -100  # label of tokens that carry no loss
ALIKE = 8  # batches of dialogues are drawn at once, and one of them taken, so that its lengths are alike

Part: TypeAlias = "str | NDArray[np.bool_]"
# {"image": (H, W, 3) uint8, "turns": [(question parts, answer parts), ...]}, a part is text or a mask (H, W);
# and, if wanted, "regions": [(text, mask), ...], what there is in the image, for the loss on visual tokens;
# and "apart": True where each turn is a dialogue of its own about the same image
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


@dataclass(frozen=True)
class Prepared:
    """A dialogue that only needs tokens."""

    text: str  # with its mask words
    image: NDArray[np.uint8]
    bags: list[list[int]]  # the words of each visual token, row by row; empty where none are wanted
    apart: bool = False  # the text's turns do not see each other


class Collator:
    """Turns dialogues into model inputs with labels on the answers of all turns.

    With `image_labels` there are labels on the image too, for dialogues that tell its regions: a visual token
    is to say the bag of words of the region that it lies in, its text and its codes, and the padding token
    where there is none. So what is where gets into the visual tokens from dozens of labels an image, long
    before a question could ask for it.
    """

    _image_end, _turn_end = "<|vision_end|>", "<|im_end|>"

    def __init__(self, processor: QwenVLProcessor, codes: CodeSource, image_labels: bool = False) -> None:
        self.processor, self.codes, self.image_labels = processor, codes, image_labels
        _, self._first, self._second, _ = mask_word_ids(processor.tokenizer)
        ids = processor.tokenizer("<|im_start|>assistant\n", add_special_tokens=False)["input_ids"]
        self._header, self._end = list(ids), processor.tokenizer.convert_tokens_to_ids(self._turn_end)

    def __call__(self, dialogues: Sequence[Dialogue]) -> dict[str, Tensor]:
        """Model inputs of dialogues, see `collate`."""
        return self.collate(self.prepare(dialogues))

    def prepare(self, dialogues: Sequence[Dialogue]) -> list[Prepared]:
        """Give masks their codes, which is the expensive part, and write the dialogues out."""
        said = [_said(dialogue) for dialogue in dialogues]
        regions = [d.get("regions", []) if self.image_labels else [] for d in dialogues]
        masks = [
            np.stack([*one, *(mask for _, mask in others)])
            if one or others
            else np.zeros((0, *dialogue["image"].shape[:2]), bool)
            for dialogue, one, others in zip(dialogues, said, regions, strict=True)
        ]
        codes = self.codes([dialogue["image"] for dialogue in dialogues], masks)
        prepared = []
        for dialogue, one, others, found in zip(dialogues, said, regions, codes, strict=True):
            words = format_words(found[: len(one)])
            messages = render(_conversation(dialogue), partial(_all_words, words))
            apart = bool(dialogue.get("apart"))
            text = self._side_by_side(messages) if apart else self._text(messages)
            bags = self._bags(others, found[len(one) :], self._grid(dialogue["image"]))
            prepared.append(Prepared(text, dialogue["image"], bags, apart))
        return prepared

    def _text(self, messages: list[dict[str, Any]]) -> str:
        return self.processor.apply_chat_template(messages, tokenize=False)

    def _side_by_side(self, messages: list[dict[str, Any]]) -> str:
        """What all turns begin with, up to the image, once, then the rest of each turn's own dialogue."""
        image, *asked = messages[0]["content"]
        turns = [{"role": "user", "content": asked}, *messages[1:]]
        texts = []
        for question, answer in zip(turns[::2], turns[1::2], strict=True):
            alone = {"role": "user", "content": [image, *question["content"]]}
            start, mark, rest = self._text([alone, answer]).partition(self._image_end)
            texts.append(rest[: rest.rindex(self._turn_end)] + self._turn_end)
        return start + mark + "".join(texts)

    def collate(self, prepared: Sequence[Prepared]) -> dict[str, Tensor]:
        """Right-padded input_ids, attention_mask, mm_token_type_ids and labels (B, T) int64, pixel_values
        and image_grid_thw. Labels are IGNORED outside answers; an answer's end of turn carries loss.
        image_labels (B, T, K) int64, if wanted, are bags of at most K words for visual tokens, filled up with
        IGNORED. turns (B, T) int64, where any dialogue's turns are apart, numbers them from 1; 0 is what all
        of a dialogue's turns see.
        """
        batch = dict(
            self.processor(
                text=[one.text for one in prepared],
                images=[[Image.fromarray(one.image)] for one in prepared],
                padding=True,
                padding_side="right",
                return_tensors="pt",
            )
        )
        batch["labels"] = self.label(batch["input_ids"])
        if any(one.apart for one in prepared):
            apart = torch.tensor([[one.apart] for one in prepared])
            batch["turns"] = self._turns(batch["input_ids"]) * apart * batch["attention_mask"]
        if self.image_labels:
            flat = [torch.tensor(bag) for one in prepared for bag in one.bags]
            ids = batch["input_ids"]
            batch["image_labels"] = torch.full((*ids.shape, max(map(len, flat))), IGNORED)
            # row by row, as the visual tokens themselves
            batch["image_labels"][ids == self.processor.image_token_id] = nn.utils.rnn.pad_sequence(
                flat, batch_first=True, padding_value=IGNORED
            )
        return batch

    def _turns(self, ids: Tensor) -> Tensor:
        """The number of each token's turn (B, T), from 1; 0 up to the image's end."""
        after = (ids == self.processor.vision_end_token_id).cumsum(1).roll(1, 1)
        after[:, 0] = 0
        ends = ((ids == self._end) & (after > 0)).cumsum(1).roll(1, 1)
        ends[:, 0] = 0
        return torch.where(after > 0, ends // 2 + 1, 0)  # question and answer end with the same word

    def _grid(self, image: NDArray[np.uint8]) -> list[int]:
        """Rows and columns of an image's visual tokens."""
        processor = self.processor.image_processor
        seen = processor(images=[Image.fromarray(image)], return_tensors="pt")
        return (seen["image_grid_thw"][0, 1:] // processor.merge_size).tolist()

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


@dataclass(frozen=True)
class Draw:
    """Steps up to `until` (not included) draw so many images each, with these options."""

    until: int
    images: int
    options: dict[str, Any]
    pool: int | None = None  # from this many fixed dialogues instead of endless fresh ones


class Batches(IterableDataset):
    """The batches of a training from one step to the last, a function of the step alone.

    So a resumed run sees what an uninterrupted one would have seen. The dialogues of a pool are prepared
    once, by `workers` processes, before the first batch: on a CPU the mask words of fresh dialogues cost as
    much as the training itself.
    """

    def __init__(
        self,
        data: DataSource,
        collator: Collator,
        *,
        seed: int,
        stages: Sequence[Draw],
        start: int = 0,
        workers: int = 0,
    ) -> None:
        self.data, self.collator, self.seed = data, collator, seed
        self.stages, self.start = stages, start
        self.pools = {
            stage.until: self._fill(stage, stage.pool, workers)
            for stage in stages
            if stage.pool and start < stage.until
        }

    def _fill(self, stage: Draw, count: int, workers: int) -> list[Prepared]:
        chunks = _Chunks(self, stage, count)
        loader: DataLoader[list[Prepared]] = DataLoader(
            chunks,  # type: ignore[arg-type]
            batch_size=None,
            num_workers=workers,
        )
        progress = tqdm(loader, f"pool until step {stage.until}", len(chunks))
        return [one for chunk in progress for one in chunk]

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        most = max(stage.images for stage in self.stages)
        for step in range(self.start, self.stages[-1].until):
            stage = next(stage for stage in self.stages if step < stage.until)
            if stage.pool:
                yield self.collator.collate(self._alike(step, self.pools[stage.until], stage.images))
            else:
                indices = [step * most + place for place in range(stage.images)]
                yield self.collator(draw_batch(self.data, self.seed, indices, stage.options))

    def _alike(self, step: int, pool: list[Prepared], count: int) -> list[Prepared]:
        """So many dialogues of about one length: a batch is as long as its longest."""
        draw = np.random.default_rng((self.seed, step))
        count = min(count, len(pool))
        batches = min(ALIKE, len(pool) // count)
        several = draw.choice(len(pool), batches * count, replace=False)
        drawn = sorted((pool[index] for index in several), key=lambda one: len(one.text))
        start = count * draw.integers(batches)
        return drawn[start : start + count]


class _Chunks:
    """A pool's dialogues, some at a time."""

    size = 16

    def __init__(self, batches: Batches, stage: Draw, count: int) -> None:
        self.batches, self.stage, self.count = batches, stage, count

    def __len__(self) -> int:
        return -(-self.count // self.size)

    def __getitem__(self, chunk: int) -> list[Prepared]:
        # far from the indices of fresh dialogues, and from those of other pools
        first = (self.stage.until << 32) + chunk * self.size
        count = min(self.size, self.count - chunk * self.size)
        batches = self.batches
        return batches.collator.prepare(
            draw_batch(batches.data, batches.seed, range(first, first + count), self.stage.options)
        )

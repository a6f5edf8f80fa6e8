"""Dialogues as training batches: drawn, given codes, rendered, tokenised and labelled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm.auto import tqdm  # type: ignore[import-untyped]

from samtok.conversations import joined
from samtok.processor import Processor, QwenVLProcessor
from samtok.training.codes import CodeSource
from samtok.training.open_codes import OpenCodes, PackedMasks, shifted, stand_ins
from samtok.training.processes import ALONE, Share
from samtok.training.recipe import DataSource, Kind, RecipePart
from samtok.training.workers import Loader
from samtok.vocabulary import mask_word_ids
from samtok.words import START, format_words

IGNORED = -100
"""The label of tokens that carry no loss."""

Dialogue: TypeAlias = dict[str, Any]
"""{"image": (H, W, 3) uint8, "turns": [(question parts, answer parts), ...]}.

A part is text or a mask (H, W) bool. Three keys are optional. "regions": [(text, mask), ...] lists what the
image shows, for the loss on visual tokens. "apart": True makes each turn a dialogue of its own; several such
turns are for a Qwen only. "tokenizer" says whose mask words the texts hold, see `TokenizerCodes.check_words`;
texts with such words must have it.
"""


def draw(
    data: DataSource,
    seed: int,
    indices: Sequence[int],
    options: dict[str, Any],
    kinds: Sequence[Kind] = ("dialogues",),
) -> list[Dialogue]:
    """Draw the dialogues of these indices, whatever order they are asked in; see `DataSource.pick`.

    Raises:
        ValueError: one is of none of these kinds.
    """
    return [data.required(data.pick(seed, index, **options), kinds) for index in indices]


@dataclass(frozen=True)
class PreparedDialogue:
    """A dialogue that only has to be tokenised."""

    text: str
    """The rendered dialogue, with its mask words."""
    image: NDArray[np.uint8]
    """(H, W, 3)."""
    bags: list[list[int]]
    """The token ids that each visual token should say, row by row; [IGNORED] where it carries no loss."""
    apart: bool = False
    """Whether the turns do not see each other."""
    masks: PackedMasks | None = None
    """The different masks of a dialogue whose codes are left open."""
    places: Sequence[int] = ()
    """Which of them each word of the text is for."""


class Collator:
    """Turns dialogues into model inputs with labels on the answers of all turns.

    With `image_labels`, the image of a dialogue with "regions" has labels too. Each visual token should say
    the bag of words of the region that it lies in, that is its text and its codes, or the padding token if it
    lies in none. These dozens of labels per image teach the visual tokens what is where, long before a
    question could.

    With `later`, masks get no codes here: a batch has "open" words, which `OpenCodes.fill` closes. Dialogues
    whose texts have words of their own get their codes at once.
    """

    def __init__(
        self,
        processor: Processor,
        codes: CodeSource,
        image_labels: bool = False,
        max_tokens: int | None = None,
        later: bool = False,
    ) -> None:
        self.processor, self.codes, self.image_labels = processor, codes, image_labels
        self.max_tokens, self.later = max_tokens, later
        _, self._first, self._second, _ = mask_word_ids(processor.tokenizer)
        if image_labels and not isinstance(processor, QwenVLProcessor):
            raise ValueError("image_loss: only a Qwen's visual tokens have places that words can be given to")
        ids = processor.tokenizer(processor.answer_start, add_special_tokens=False)["input_ids"]
        self._first_ids = torch.tensor(list(self._first))
        self._header, self._end = list(ids), processor.tokenizer.convert_tokens_to_ids(processor.turn_end)
        self._checked: set[str] = set()

    def __call__(self, dialogues: Sequence[Dialogue]) -> dict[str, Any]:
        """Prepare and collate dialogues; see `collate` for what is returned."""
        return self.collate(self.prepare(dialogues))

    def prepare(self, dialogues: Sequence[Dialogue]) -> list[PreparedDialogue]:
        """Give the masks their codes, which is the expensive part, and render the dialogues.

        Raises:
            ValueError: a text has mask words of another tokenizer, or of an unknown one; or several turns are
                apart, and the model is no Qwen.
        """
        for dialogue in dialogues:
            self.check_words(dialogue)
        regions = [dialogue.get("regions", []) if self.image_labels else [] for dialogue in dialogues]
        groups, places = [], []
        for dialogue, shown in zip(dialogues, regions, strict=True):
            masks, place = _once([*_masks(dialogue), *(mask for _, mask in shown)])
            groups.append(np.array(masks, bool).reshape(-1, *dialogue["image"].shape[:2]))
            places.append(place)
        is_open = [self.later and "tokenizer" not in dialogue for dialogue in dialogues]
        known = self.codes(
            [dialogue["image"] for dialogue in dialogues],
            [group[:0] if left else group for group, left in zip(groups, is_open, strict=True)],
        )
        prepared = []
        for dialogue, shown, group, place, codes, left in zip(
            dialogues, regions, groups, places, known, is_open, strict=True
        ):
            # any words do where stand-ins take their places
            found = np.zeros((len(place), 2), np.int64) if left else codes[place]
            count = len(found) - len(shown)
            words, turns = iter(format_words(found[:count])), dialogue["turns"]
            one_by_one = bool(dialogue.get("apart"))
            apart = one_by_one and len(turns) > 1  # one alone has no other to be kept from
            if apart and not isinstance(self.processor, QwenVLProcessor):
                raise ValueError(
                    f"the training data have {len(turns)} turns apart about one image, and only a Qwen takes "
                    "more than one: the sources of tasks have the option `questions`, which may be 1"
                )
            text = self._side_by_side(turns, words) if one_by_one else self._text(turns, words)
            bags = []
            if self.image_labels:
                of_codes = [(self._first[a], self._second[b]) for a, b in found[count:].tolist()]
                bags = self._bags(
                    dialogue["image"], shown, stand_ins(place[count:]).tolist() if left else of_codes
                )
            packed = PackedMasks.of(group) if left else None
            prepared.append(
                PreparedDialogue(text, dialogue["image"], bags, apart, packed, place[:count] if left else ())
            )
        return prepared

    def check_words(self, dialogue: Dialogue) -> None:
        """ValueError where texts have mask words of another tokenizer, or of an unknown one."""
        if stated := dialogue.get("tokenizer"):
            if stated not in self._checked:
                self.codes.check_words(stated)
                self._checked.add(stated)
            return
        texts = (
            part for turn in dialogue["turns"] for parts in turn for part in parts if isinstance(part, str)
        )
        if any(START in text for text in texts):
            raise ValueError("the training data have mask words and do not say of which tokenizer")

    def _text(self, turns: Sequence[Any], words: Iterator[str]) -> str:
        """The dialogue of these turns, with the next words in the masks' places."""
        messages: list[dict[str, Any]] = [
            {
                "role": role,
                "content": joined(
                    [
                        {"type": "text", "text": part if isinstance(part, str) else next(words)}
                        for part in parts
                    ]
                ),
            }
            for question, answer in turns
            for role, parts in (("user", question), ("assistant", _begun(answer)))
        ]
        messages[0]["content"].insert(0, {"type": "image"})
        return self.processor.apply_chat_template(messages, tokenize=False)

    def _side_by_side(self, turns: Sequence[Any], words: Iterator[str]) -> str:
        """The text up to the image's end, which all turns share, then the rest of each turn's dialogue."""
        texts, end = [], self.processor.turn_end
        for turn in turns:
            start, mark, rest = self._text([turn], words).partition(self.processor.image_end)
            texts.append(rest[: rest.rindex(end)] + end)
        return start + mark + "".join(texts)

    def collate(self, prepared: Sequence[PreparedDialogue]) -> dict[str, Any]:
        """Tokenise, pad and label dialogues.

        Returns:
            input_ids, attention_mask, mm_token_type_ids: (B, T) int64, padded on the right.
            pixel_values, image_grid_thw: as the model takes them.
            labels: (B, T) int64, IGNORED outside of answers; an answer's end of turn carries loss.
            image_labels: (B, T, K) int64, only with `image_labels`: bags of at most K token ids for visual
                tokens, padded with IGNORED.
            turns: (B, T) int64, only if the turns of any dialogue are apart: each token's turn, from 1; 0 for
                the tokens that all turns of a dialogue see.
            cut: (B,) bool, only with `max_tokens`: which dialogues were longer, and end after so many tokens.
            open: an `OpenCodes`, only if words of the batch are left open.

        Raises:
            ValueError: an image alone has more than `max_tokens` tokens.
        """
        batch = dict(
            self.processor(
                text=[dialogue.text for dialogue in prepared],
                images=[[Image.fromarray(dialogue.image)] for dialogue in prepared],
                padding=True,
                padding_side="right",
                return_tensors="pt",
            )
        )
        ids = batch["input_ids"]
        before = np.cumsum([0, *(len(dialogue.masks or ()) for dialogue in prepared)]).tolist()
        for row, dialogue, count in zip(ids, prepared, before, strict=False):
            if dialogue.masks:
                at = torch.isin(row, self._first_ids).nonzero()
                row[torch.cat([at, at + 1], 1)] = stand_ins(dialogue.places, count)
        batch["labels"] = self.label(ids)
        if any(dialogue.apart for dialogue in prepared):
            apart = torch.tensor([[dialogue.apart] for dialogue in prepared])
            batch["turns"] = self._turns(ids) * apart * batch["attention_mask"]
        if self.image_labels:
            flat = [
                torch.tensor(shifted(bag, count))
                for dialogue, count in zip(prepared, before, strict=False)
                for bag in dialogue.bags
            ]
            batch["image_labels"] = torch.full((*ids.shape, max(map(len, flat))), IGNORED)
            # row by row, like the visual tokens themselves
            batch["image_labels"][ids == self.processor.image_token_id] = nn.utils.rnn.pad_sequence(
                flat, batch_first=True, padding_value=IGNORED
            )
        if self.max_tokens:
            batch = self._cut(batch)
        if left := [(dialogue.image, dialogue.masks) for dialogue in prepared if dialogue.masks]:
            batch["open"] = OpenCodes(left)
        return batch

    def _cut(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        ids, most = batch["input_ids"], self.max_tokens
        if (ids[:, most:] == self.processor.image_token_id).any():
            raise ValueError(f"max_tokens: {most} tokens cannot hold an image: raise it, or lower max_pixels")
        cut = batch["attention_mask"][:, most:].any(1)
        shape = ids.shape
        by_token = {name: value[:, :most] for name, value in batch.items() if value.shape[:2] == shape}
        return {**batch, **by_token, "cut": cut}

    def length(self, dialogue: PreparedDialogue) -> int:
        """The number of tokens of a dialogue."""
        height, width = dialogue.image.shape[:2]
        words = self.processor.tokenizer(dialogue.text, add_special_tokens=False)["input_ids"]
        return len(words) - 1 + self.processor.image_tokens(height, width)  # the text has one for all of it

    def _turns(self, ids: Tensor) -> Tensor:
        """The turn of each token (B, T), from 1; 0 up to the image's end."""
        after = (ids == self.processor.image_end_id).cumsum(1).roll(1, 1)
        after[:, 0] = 0
        ends = ((ids == self._end) & (after > 0)).cumsum(1).roll(1, 1)
        ends[:, 0] = 0
        return torch.where(after > 0, ends // 2 + 1, 0)  # questions and answers end with the same token

    def _ids(self, codes: NDArray[np.int64]) -> list[tuple[int, int]]:
        """The token ids of codes (N, 2)."""
        return [(self._first[first], self._second[second]) for first, second in codes.tolist()]

    def _bags(
        self, image: NDArray[np.uint8], regions: Any, codes: Sequence[tuple[int, int]]
    ) -> list[list[int]]:
        """The token ids that each visual token of an image should say, row by row.

        `codes` are the ids of each region's codes.
        """
        processor: Any = self.processor.image_processor
        seen = processor(images=[Image.fromarray(image)], return_tensors="pt")
        _, rows, columns = seen["image_grid_thw"][0].tolist()
        grid = rows // processor.merge_size, columns // processor.merge_size
        if not regions:
            return [[IGNORED]] * (grid[0] * grid[1])
        # with a leading space, as within a sentence
        texts = [f" {text}" for text, _ in regions]
        words = self.processor.tokenizer(texts, add_special_tokens=False)["input_ids"]
        bags = [sorted({*ids, *pair}) for ids, pair in zip(words, codes, strict=True)]
        nothing = [self.processor.tokenizer.pad_token_id]
        where = cells(np.stack([mask for _, mask in regions]), grid)
        return [nothing if at < 0 else bags[at] for at in where.flatten().tolist()]

    def label(self, ids: Tensor) -> Tensor:
        """Labels (B, T) of token ids (B, T): everything from an assistant header to its end of turn."""
        labels = []
        for row in ids.tolist():
            label, inside = [], False
            for at, token in enumerate(row, 1):
                label.append(token if inside else IGNORED)
                if inside:
                    inside = token != self._end
                else:
                    inside = row[max(0, at - len(self._header)) : at] == self._header
            labels.append(label)
        return torch.tensor(labels)


def cells(masks: NDArray[np.bool_], grid: tuple[int, int]) -> Tensor:
    """Assign the cells of a grid to masks (N, H, W) bool: indices (rows, columns) int64, -1 for none.

    A mask claims the cells of which it covers at least half as much as of the cell that it covers most. Of
    several masks that claim a cell, the one that covers most of it gets the cell.
    """
    shares = nn.functional.adaptive_avg_pool2d(torch.from_numpy(masks).float(), grid)  # (N, r, c)
    shares[shares < shares.amax((1, 2), keepdim=True) / 2] = 0
    most, which = shares.max(0)
    return torch.where(most > 0, which, -1)


def _begun(answer: Sequence[Any]) -> Sequence[Any]:
    """An answer without blanks before it: a line break would be one token with that of the header."""
    if answer and isinstance(answer[0], str):
        return [answer[0].lstrip(), *answer[1:]]
    return answer


def _masks(dialogue: Dialogue) -> list[NDArray[np.bool_]]:
    """The masks of all turns in reading order."""
    return [
        part for turn in dialogue["turns"] for parts in turn for part in parts if not isinstance(part, str)
    ]


def _once(masks: Sequence[NDArray[np.bool_]]) -> tuple[list[NDArray[np.bool_]], list[int]]:
    """The different masks among these, and the place of each one there: dialogues name objects repeatedly."""
    kept: dict[bytes, int] = {}
    places = [kept.setdefault(mask.tobytes(), len(kept)) for mask in masks]
    return [masks[places.index(place)] for place in range(len(kept))], places


class DialogueStage(RecipePart):
    """A stage of a training: which dialogues its steps draw."""

    until: int = Field(gt=0)
    """The stage ends before this step."""
    images: int = Field(gt=0)
    """Images, and so dialogues, per step."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the data source."""
    pool: int | None = Field(default=None, gt=0)
    """Draw from this many fixed dialogues; None draws fresh ones without end."""
    sorted_over: int = Field(default=1, gt=0)
    """Steps over which fresh dialogues are sorted by length, so that a pass has ones of about one length."""
    eyes_only: bool = False
    """Run only the vision tower, on the loss of visual tokens."""

    @property
    def step_images(self) -> int:
        """Images of a step; a pool may hold fewer than the stage asks for."""
        return min(self.images, self.pool or self.images)


class Batches(Dataset[list[dict[str, Tensor]]]):
    """The batches of a training from step `start` to the last one, in order.

    They come in blocks, lists of the batches of a step, or of several steps where these are sorted. A block
    depends on its steps and on the number of processes alone, so a resumed run sees what an uninterrupted one
    would have seen. With several passes per step, a step has as many batches. The
    dialogues of a pool are prepared once, by `workers` processes, before the first batch, because on a CPU
    the mask words of fresh dialogues cost as much as the training itself.
    """

    def __init__(
        self,
        data: DataSource,
        collator: Collator,
        seed: int,
        stages: Sequence[DialogueStage],
        start: int = 0,
        workers: int = 0,
        share: Share = ALONE,
    ) -> None:
        self.data, self.collator, self.seed = data, collator, seed
        self.stages, self.start, self.share = stages, start, share
        self.pools = {
            stage.until: self._fill(stage, stage.pool, workers)
            for stage in stages
            if stage.pool and start < stage.until
        }
        self._blocks = [block for block in _blocks(stages) if block[1].stop > start]

    def _fill(self, stage: DialogueStage, count: int, workers: int) -> list[PreparedDialogue]:
        # far from the indices of fresh dialogues, and from those of other pools
        first = stage.until << 32
        loader = Loader(
            range(first, first + count),
            batch_size=16,
            num_workers=workers,
            collate_fn=partial(self._prepare, stage),
        )
        progress = tqdm(loader, f"pool until step {stage.until}")
        return [dialogue for chunk in progress for dialogue in chunk]

    def _prepare(self, stage: DialogueStage, indices: Sequence[int]) -> list[PreparedDialogue]:
        return self.collator.prepare(draw(self.data, self.seed, indices, stage.options))

    @property
    def count(self) -> int:
        """The number of batches in all blocks."""
        return (self.stages[-1].until - self.start) * self.share.passes

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, place: int) -> list[dict[str, Tensor]]:
        stage, steps = self._blocks[place]
        done = max(0, self.start - steps.start) * self.share.passes
        return [self.collator.collate(dialogues) for dialogues in self._passes(stage, steps)[done:]]

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        for place in range(len(self)):
            yield from self[place]

    def _passes(self, stage: DialogueStage, steps: range) -> list[list[PreparedDialogue]]:
        """This process's dialogues of some steps, pass by pass.

        Of several steps each pass has dialogues of about one length, and every process has long and short
        passes in the same order, so that none waits for the others.
        """
        if stage.pool:
            pool = self.pools[stage.until]
            alike = [self._alike(step, pool, stage.step_images) for step in steps]
            return [list(part) for dialogues in alike for part in self.share.parts(dialogues)]
        firsts = [self._images_before(step) for step in steps]
        parts = [part for first in firsts for part in self.share.parts(range(first, first + stage.images))]
        passes = [self._prepare(stage, part) for part in parts]
        if len(steps) == 1:
            return passes
        size = len(passes[0])
        dialogues = sorted((dialogue for chunk in passes for dialogue in chunk), key=self.collator.length)
        order = np.random.default_rng((self.seed, steps.start)).permutation(len(passes))
        return [dialogues[size * place : size * (place + 1)] for place in order.tolist()]

    def _images_before(self, step: int) -> int:
        """Fresh dialogues of all steps before, so that real data come each once before any comes again."""
        begins = [0, *(stage.until for stage in self.stages)]
        return sum(
            max(min(stage.until, step) - begin, 0) * stage.images
            for begin, stage in zip(begins, self.stages, strict=False)
            if not stage.pool
        )

    def _alike(self, step: int, pool: list[PreparedDialogue], count: int) -> list[PreparedDialogue]:
        """`count` dialogues of about the same length, because a batch is as long as its longest dialogue.

        Up to eight batches are drawn and sorted by length; one of them is taken.
        """
        random = np.random.default_rng((self.seed, step))
        batches = min(8, len(pool) // count)
        several = random.choice(len(pool), batches * count, replace=False)
        drawn = sorted((pool[index] for index in several), key=lambda dialogue: len(dialogue.text))
        start = count * random.integers(batches)
        return drawn[start : start + count]


def _blocks(stages: Sequence[DialogueStage]) -> Iterator[tuple[DialogueStage, range]]:
    """The steps of a training, together where they are sorted together."""
    begin = 0
    for stage in stages:
        steps = range(begin, stage.until)
        size = 1 if stage.pool else stage.sorted_over
        yield from ((stage, steps[at : at + size]) for at in range(0, len(steps), size))
        begin = stage.until

"""A task's samples as training dialogues: what it asks is what it teaches, with the target for an answer."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypeAlias, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from samtok_bench import rle
from samtok_bench.predictors.pictures import open_at_size
from samtok_bench.rle import RLE
from samtok_bench.sample import ImagePart, Region, Sample, Text, Turn
from samtok_bench.task import Dropped, Task

T = TypeVar("T")
Mask: TypeAlias = NDArray[np.bool_]
"""(H, W)."""
TextOrMask: TypeAlias = str | Mask
Exchange: TypeAlias = tuple[list[TextOrMask], list[TextOrMask]]
"""Question and answer."""
Stated: TypeAlias = str | RLE
"""Text, or a mask as it is stored."""


class TrainingDialogue(TypedDict):
    """Questions about one image with their answers."""

    image: NDArray[np.uint8]
    """(H, W, 3) uint8."""
    turns: list[Exchange]
    regions: list[tuple[str, Mask]]
    """All objects: their names and masks; none where they are not known."""
    apart: bool
    """Whether each turn is a dialogue of its own about the same image."""
    tokenizer: NotRequired[str]
    """Of a dialogue whose texts hold mask words: the mask tokenizer that they are of, by the hash of its
    codebooks, its folder or its hub id.
    """


NO_TARGET_ANSWER = "No target."


@dataclass(frozen=True)
class Picture:
    """What a task asks about one image."""

    image: Path
    upright: bool
    """See `Sample.upright`."""
    samples: tuple[Sample, ...]
    """In the file's order; none of them is only the beginning of another one's dialogue."""

    def open(self) -> NDArray[np.uint8]:
        """The image (H, W, 3); OSError or ValueError if it cannot be read or has another size than stated."""
        return np.asarray(open_at_size(self.image, self.samples[0].size, self.upright))


def pictures(task: Task, samples: Sequence[Sample], most_masks: int, dropped: Dropped) -> list[Picture]:
    """The images of a split in the order of their paths, each with its samples that can be taught.

    Args:
        task: whose samples they are.
        samples: of the split.
        most_masks: in one answer; a longer one makes all others of its batch as long.
        dropped: counts the other samples.
    """
    found: dict[Path, list[Sample]] = {}
    for sample in samples:
        if reason := _unfit(task, sample, most_masks):
            dropped.add(reason, f"{sample.image}: sample {sample.id}")
        else:
            found.setdefault(sample.image, []).append(sample)
    return [Picture(image, found[image][0].upright, tuple(_whole(found[image]))) for image in sorted(found)]


def _unfit(task: Task, sample: Sample, most_masks: int) -> str:
    """Why a sample cannot be taught; empty where it can."""
    parts = [part for turn in sample.turns for part in turn.parts]
    views = [part for part in parts if isinstance(part, ImagePart)]
    shown = [part.rle for part in parts if isinstance(part, Region)]
    target = sample.target
    if len(views) != 1 or views[0].view is not None:
        return "questions about several pictures or a part of one"
    if sample.after:
        return "questions about the model's own answers"
    if len(target.masks) > most_masks:
        return f"answers of more than {most_masks} masks"
    if not target.masks and not target.text and task.answer_form != "masks":
        return "questions without a reference answer"
    if any(map(rle.is_empty, (*shown, *target.masks))):
        return "samples with an empty mask"
    return ""


def _whole(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Without the dialogues that others go on with."""
    said = [tuple(map(_key, sample.turns)) for sample in samples]
    begun = {turns[:k] for turns in said for k in range(1, len(turns))}
    return (sample for sample, turns in zip(samples, said, strict=True) if turns not in begun)


def _key(turn: Turn) -> Hashable:
    return turn.role, *(part.rle["counts"] if isinstance(part, Region) else part for part in turn.parts)


def drawn(rng: np.random.Generator, lengths: Sequence[int], questions: int) -> list[int]:
    """Which of an image's dialogues are taught together: up to `questions` of one round, or one of several.

    Args:
        rng: decides.
        lengths: rounds of each dialogue.
        questions: at most.
    """
    if max(lengths) > 1 and lengths[chosen := int(rng.integers(len(lengths)))] > 1:
        return [chosen]
    single = [place for place, length in enumerate(lengths) if length == 1]
    return [single[place] for place in rng.permutation(len(single))[:questions]]


def draw_dialogue(picture: Picture, rng: np.random.Generator, questions: int) -> TrainingDialogue:
    """Questions about an image, each a dialogue of its own; or one dialogue of several rounds."""
    rounds = [len(sample.turns) // 2 + 1 for sample in picture.samples]
    chosen = drawn(rng, rounds, questions)
    return {
        "image": picture.open(),
        "turns": [exchange for place in chosen for exchange in exchanges(picture.samples[place])],
        "regions": [],
        "apart": rounds[chosen[0]] == 1,
    }


def exchanges(sample: Sample) -> Iterator[Exchange]:
    """The turns of a sample with its answer, as pairs of question and answer."""
    for asked, answered in stated_exchanges(sample):
        yield _decoded(asked), _decoded(answered)


def _decoded(parts: Sequence[Stated]) -> list[TextOrMask]:
    return [part if isinstance(part, str) else rle.decode(part) for part in parts]


def stated_exchanges(sample: Sample) -> Iterator[tuple[list[Stated], list[Stated]]]:
    """The same as stored."""
    spoken: list[list[Stated]] = [
        [
            part.text if isinstance(part, Text) else part.rle
            for part in turn.parts
            if not isinstance(part, ImagePart)
        ]
        for turn in sample.turns
    ]
    spoken.append(_answer(sample))
    yield from zip(spoken[::2], spoken[1::2], strict=True)


def _answer(sample: Sample) -> list[Stated]:
    """The target as it should be said: text with its masks in their places, or masks from left to right."""
    masks, pieces = sample.target.masks, sample.target.pieces
    if masks and pieces:
        parts: list[Stated] = [pieces[0]]
        for mask, piece in zip(masks, pieces[1:], strict=True):
            parts += [mask, piece]
        return [part for part in parts if not isinstance(part, str) or part]
    if masks:
        return joined(sorted(masks, key=lambda mask: rle.box(mask)))
    return [sample.target.text or NO_TARGET_ANSWER]


def joined(masks: Sequence[T]) -> list[str | T]:
    """Masks with a comma between them."""
    parts: list[str | T] = []
    for mask in masks:
        parts += [", ", mask] if parts else [mask]
    return parts

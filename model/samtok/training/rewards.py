"""Rewards of answers with mask words: pure functions of an answer's text and of the text that is wanted.

Both texts hold masks as words; a truth without a mask has no target. A reward is a number from 0 to 1,
whatever the texts are. `paper` and `graded` keep the leaks of the rules that they follow, and say them;
`matched` has none. Masks count in what an answer says after its thoughts, see `spoken`: else a model would
learn not to name any there. Texts must keep special tokens, which the tags of phrases are: see
`samtok.training.reward_adapters` for trainers that drop them.

Sources: arXiv 2601.16093 (SAMTok) for `paper`; the public code of CycleGRPO, which has the same tasks, for
`graded`, `phrases`, `thinking_format` and `no_repeat`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from pycocotools import mask as coco
from torch import Tensor

from samtok.masks import mask_iou
from samtok.tokenizer import SAMTok
from samtok.training.assignment import best_pairs
from samtok.words import marks, parse_words

Reward: TypeAlias = Callable[[str, str], float]
"""(answer, truth) -> 0..1."""
Codes: TypeAlias = tuple[int, int]
Grade: TypeAlias = Callable[[Codes, Codes], float]
"""(mask of the answer, mask of the truth) -> 0..1."""

PHRASE_BEGIN, PHRASE_END = "<|object_ref_start|>", "<|object_ref_end|>"
MOST_REPEATS = 3
"""How often `no_repeat` lets a mask stand in one part of an answer."""

_BETWEEN = re.compile(r"[\s,]*")
"""What may stand between a phrase and its masks, or between these."""
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_THINKING = re.compile(r"\s*<think>(.*?)</think>\s*<answer>(.*?)</answer>\s*", re.DOTALL)


def paper(answer: str, truth: str) -> float:
    """Share of right masks, N_TP / max(N_pred, N_gt); 1 if neither text has a mask.

    N_TP counts the different masks of the answer that the truth has; N_pred and N_gt count all of them.
    Leaks: marks that make no mask are not seen, and a mask that is wanted twice can be right only once.
    """
    return _of_different(answer, truth, lambda a, b: float(a == b))


def graded(answer: str, truth: str) -> float:
    """As `paper`, but a mask with only the first code right counts 0.4.

    Each different mask of the answer takes its best grade. Leak: several may live on one mask of the truth.
    """
    return _of_different(answer, truth, lambda a, b: 1.0 if a == b else 0.4 * (a[0] == b[0]))


def matched(answer: str, truth: str) -> float:
    """The best one-to-one assignment of masks, over max(N_pred, N_gt).

    A pair counts 1 if both codes are equal and 0.5 if the first ones are, so the reward is 1 only if the
    answer has exactly the truth's masks, each as often. Without a target it is 1 if the answer has no mark of
    mask words at all, else 0.
    """
    return _one_to_one(answer, truth, _half_for_first)


def attempt(answer: str, truth: str) -> float:
    """1 if the answer has a mask where one is wanted, and no mark where none is; else 0.

    Added with a small weight, it makes a wrong mask worth more than a refusal. Without it both earn nothing
    where there is a target, while a refusal earns everything where there is none, so a model learns to
    refuse.
    """
    return float(bool(_codes(answer))) if _codes(truth) else _unmarked(answer)


def phrases(answer: str, truth: str) -> float:
    """Share of equal phrases of a grounded caption: those in both texts, over the larger number of them.

    Upper and lower case are equal.
    """
    said, wanted = (Counter(phrase for phrase, _ in _grounded(text)) for text in (answer, truth))
    return _share((said & wanted).total(), said.total(), wanted.total())


def grounded(answer: str, truth: str) -> float:
    """As `matched`, for the masks that directly follow a phrase; others do not count."""
    said, wanted = ([codes for _, group in _grounded(text) for codes in group] for text in (answer, truth))
    return _best_share(said, wanted, _half_for_first) if wanted else _unmarked(answer)


def well_formed(answer: str, truth: str = "") -> float:
    """1 if all marks of the answer make masks, else 0. The truth is not looked at."""
    return float(sum(1 for _ in marks(answer)) == 4 * len(parse_words(answer).words))


def thinking_format(answer: str, truth: str = "") -> float:
    """1 if the answer is `<think>...</think><answer>...</answer>` and nothing more, else 0."""
    return float(_thought_and_answer(answer) is not None)


def no_repeat(answer: str, truth: str = "") -> float:
    """1 if no mask stands more than three times in the thoughts, nor in the answer after them; else 0."""
    counts = (Counter(parse_words(part).codes) for part in _thought_and_answer(answer) or (answer,))
    return float(all(count <= MOST_REPEATS for part in counts for count in part.values()))


REWARDS: Mapping[str, Reward] = {
    reward.__name__: reward
    for reward in (
        paper,
        graded,
        matched,
        attempt,
        phrases,
        grounded,
        well_formed,
        thinking_format,
        no_repeat,
    )
}
"""Rewards that need no tokenizer, by their names; `distance` and `iou` are made of one."""


class CodeDistance:
    """`distance`: as `matched`, but pairs are graded by how near their codes are.

    A pair of masks counts max(0, 1 - d / scale), where d is the distance between the sums of their code
    vectors. Similar masks have similar vectors, so no mask has to be decoded.
    """

    __name__ = "distance"

    def __init__(self, books: Sequence[Tensor], scale: float | None = None) -> None:
        """Take the code vectors of both levels, each (K, D) float32.

        Args:
            books: the vectors.
            scale: the distance from which on a pair earns nothing, above 0; by default three quarters of the
                mean distance between two vectors of the first level. With nano's codes the grade then falls
                about as the IoU of the decoded masks does: see docs/rl.md.
        """
        self._books = [book.detach().cpu().double() for book in books]
        first = self._books[0]
        if scale is None:
            scale = 0.75 * torch.cdist(first, first).sum().item() / (len(first) * max(len(first) - 1, 1))
        if not scale > 0:
            raise ValueError(f"the scale of code distances must be above 0, got {scale}")
        self.scale = scale

    @classmethod
    def of(cls, samtok: SAMTok, scale: float | None = None) -> "CodeDistance":
        """The distances between a tokenizer's codes."""
        return cls([book.weight for book in samtok.quantizer.levels], scale)

    def __call__(self, answer: str, truth: str) -> float:
        """The reward of an answer."""
        return _one_to_one(answer, truth, self.grade)

    def grade(self, a: Codes, b: Codes) -> float:
        """1 for equal codes, less for all others, 0 from the scale on and for codes that have no vector."""
        if a == b:
            return 1.0
        first, second = self._books
        if max(a[0], b[0]) >= len(first) or max(a[1], b[1]) >= len(second):
            return 0.0
        apart = (first[a[0]] + second[a[1]] - first[b[0]] - second[b[1]]).norm().item()
        return min(max(0.0, 1 - apart / self.scale), 1 - 1e-6)  # different codes may have one vector


class DecodedIoU:
    """`iou`: the best one-to-one assignment of decoded masks by IoU, over max(N_pred, N_gt); 0..1.

    Without a target it is `matched`. It sees that two words mean nearly the same mask, and needs the images
    and the tokenizer: one embedding and one decoding for all answers about an image.
    """

    __name__ = "iou"

    def __init__(self, samtok: SAMTok) -> None:
        self._samtok = samtok

    def __call__(
        self, answers: Sequence[str], images: Sequence[Any], masks: Sequence[Sequence[Mapping[str, Any]]]
    ) -> list[float]:
        """The rewards of N answers.

        Args:
            answers: texts.
            images: as `SAMTok.embed` takes them. Answers about the same object share its embedding.
            masks: what is wanted, as COCO RLE {"size": [height, width], "counts": str or bytes} of that size;
                none where there is no target.

        Raises:
            ValueError: masks of another size than the image's.
        """
        rewards = [0.0] * len(answers)
        by_image: dict[int, list[int]] = {}
        for place, image in enumerate(images):
            by_image.setdefault(id(image), []).append(place)
        for places in by_image.values():
            wanted = [masks[place] for place in places]
            found = self._of_image([answers[place] for place in places], images[places[0]], wanted)
            for place, reward in zip(places, found, strict=True):
                rewards[place] = reward
        return rewards

    def _of_image(
        self, answers: Sequence[str], image: Any, masks: Sequence[Sequence[Mapping[str, Any]]]
    ) -> list[float]:
        said = [_codes(answer) for answer in answers]
        size = self._samtok.config.codebook_size
        asked = zip(said, masks, strict=True)
        known = sorted({codes for group, truth in asked if truth for codes in group if max(codes) < size})
        shown: dict[Codes, Tensor] = {}
        if known:
            decoded = self._samtok.decode(self._samtok.embed(image), np.array(known)).cpu()
            shown = dict(zip(known, decoded, strict=True))
        rewards = []
        for answer, group, truth in zip(answers, said, masks, strict=True):
            if not truth:
                rewards.append(_unmarked(answer))
                continue
            wanted = torch.from_numpy(np.stack([coco.decode(dict(rle)) > 0 for rle in truth]))
            nothing = wanted.new_zeros(wanted.shape[1:])
            grades = [
                mask_iou(shown.get(codes, nothing).expand_as(wanted), wanted).tolist() for codes in group
            ]
            rewards.append(_share(_largest_sum(grades), len(group), len(truth)))
        return rewards


def _half_for_first(a: Codes, b: Codes) -> float:
    return 1.0 if a == b else 0.5 * (a[0] == b[0])


def _of_different(answer: str, truth: str, grade: Grade) -> float:
    """Each different mask of the answer with its best grade."""
    said, wanted = _codes(answer), _codes(truth)
    best = sum(max((grade(a, b) for b in wanted), default=0.0) for a in sorted(set(said)))
    return _share(best, len(said), len(wanted))


def _one_to_one(answer: str, truth: str, grade: Grade) -> float:
    wanted = _codes(truth)
    return _best_share(_codes(answer), wanted, grade) if wanted else _unmarked(answer)


def _best_share(said: Sequence[Codes], wanted: Sequence[Codes], grade: Grade) -> float:
    grades = [[grade(a, b) for b in sorted(wanted)] for a in sorted(said)]
    return _share(_largest_sum(grades), len(said), len(wanted))


def _largest_sum(grades: Sequence[Sequence[float]]) -> float:
    return sum(grades[row][column] for row, column in best_pairs(grades))


def _share(right: float, said: int, wanted: int) -> float:
    """A sum of grades over the larger number; 1 if nothing is wanted and nothing said."""
    return right / max(said, wanted) if said or wanted else 1.0


def _unmarked(answer: str) -> float:
    """1 if an answer has no mark of mask words, not even the beginning of one."""
    return float(next(marks(spoken(answer)), None) is None)


def _codes(text: str) -> Sequence[Codes]:
    return parse_words(spoken(text)).codes


def _grounded(text: str) -> Iterator[tuple[str, list[Codes]]]:
    """The phrases of a caption in reading order, each with the masks that directly follow it."""
    words = {word.start: word for word in parse_words(text).words}
    at = 0
    while (stop := text.find(PHRASE_END, at)) >= 0:
        start = text.rfind(PHRASE_BEGIN, at, stop)
        at = stop + len(PHRASE_END)
        if start < 0:
            continue
        phrase = " ".join(text[start + len(PHRASE_BEGIN) : stop].lower().split())
        group: list[Codes] = []
        while (word := words.get(_BETWEEN.match(text, at).end())) is not None:  # type: ignore[union-attr]
            group.append(word.codes)
            at = word.end
        yield phrase, group


def spoken(text: str) -> str:
    """What an answer says after its thoughts.

    It is what stands in `<answer>` tags; or else, of an answer without them, what follows `<answer>` or
    `</think>`; of an answer with neither all of it.
    """
    for begin in ("<answer>", "</think>"):
        _, found, rest = text.partition(begin)
        if found:
            return rest.partition("</answer>")[0]
    return text


def _thought_and_answer(text: str) -> tuple[str, str] | None:
    """What stands in the two pairs of tags, if the text is these and nothing more."""
    found = _THINKING.fullmatch(text)
    if found is None or any(tag in part for part in found.groups() for tag in _TAGS):
        return None
    return found[1], found[2]

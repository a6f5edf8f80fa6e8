"""Region VQA: multiple-choice questions about one or several regions (GAR-Bench-VQA).

The prompt, the token limit and the metric `exact` are GAR-Bench's (Haochen-Wang409/Grasp-Any-Region): an
answer is right if it is the letter and nothing else, in either case. `parsed` reads more, by the rules of
`read_answer`. SAMTok's repository has no script for this benchmark, so the protocols are the same.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from samtok_bench.metric import MetricInfo
from samtok_bench.metrics import rle
from samtok_bench.metrics.rle import RLE
from samtok_bench.sample import (
    ImagePart,
    Part,
    Prediction,
    Region,
    Sample,
    Scores,
    Target,
    Text,
    Turn,
    content_id,
)
from samtok_bench.task import DataStatus, Generation, SampleSet, Task
from samtok_tasks.formats.gar_bench import GarRecord, read_gar_bench
from samtok_tasks.mini.writer import ensure_mini, mini_status

LETTERS = "ABCDEFGH"
FLOOR_LETTERS = "ABCD"
"""The benchmark has two or four choices a question."""
PROMPT = "Question: {question}\nOptions:{options}\nAnswer with the correct option's letter directly."
_PLACE = re.compile(r"<Prompt(\d+)>")
_TAG = re.compile(r"<\|[^<>|]*\|>")
_LED = (
    re.compile(r"\(?([A-Za-z])[).:]?"),
    re.compile(r"\(([A-Za-z])\).*|([A-Za-z])[).:].*", re.DOTALL),
)
_STATED = re.compile(
    r"(?i:\b(?:answer|option|choice)(?:\s+is)?)\s*:?\s*[(*\"']*(?:([B-Z])\b|(A)(?=\s*(?:[^\w\s]|$)))"
)
_SOURCE = "GAR-Bench, inference.py (arXiv 2510.18876)"


def _metric(
    id: str, display: str, description: str, direction: Literal["higher", "lower"] = "higher"
) -> MetricInfo:
    return MetricInfo(id, 1, display, direction, id, None, _SOURCE, description)


class RegionVQA(Task):
    """Multiple-choice questions about regions."""

    name = "region_vqa"
    summary = "multiple-choice questions about regions (GAR-Bench-VQA)"
    primary = "exact"
    splits: ClassVar[tuple[str, ...]] = ("test",)
    metrics = (
        _metric("exact", "accuracy", "share of answers that are the right letter and nothing else"),
        _metric("parsed", "parsed accuracy", "share of answers that mean the right choice, see read_answer"),
        _metric("unreadable", "unreadable", "share of answers that mean no choice, see read_answer", "lower"),
    )
    generation = Generation(1024)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "type": ("color", "shape", "texture/pattern", "material", "ordering", "mirror", "relation"),
        "regions": ("1", "2", "3 or more"),
    }

    def default_root(self) -> Path:
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        if root is None:
            return mini_status()
        there = (root / "GAR-Bench-VQA.json").is_file()
        return DataStatus(there, f"GAR-Bench, in {root}" if there else f"no GAR-Bench-VQA.json in {root}")

    def samples(self, root: Path, split: str) -> SampleSet:
        if split not in self.splits:
            raise ValueError(f"GAR-Bench-VQA has one split, {self.splits[0]}, got {split!r}")
        path = root / "GAR-Bench-VQA.json"
        samples: list[Sample] = []
        dropped: Counter[str] = Counter()
        first: dict[str, str] = {}
        for record in read_gar_bench(root, "VQA"):
            where = f"{path}: record {record.place}"
            _check(record, where)
            try:
                masks = _masks(record)
            except ValueError as error:
                reason = "questions with an unusable mask"
                dropped[reason] += 1
                first.setdefault(reason, f"{where}: {error}")
            else:
                samples.append(_sample(record, masks, root))
        return SampleSet(samples, dict(dropped), first)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        right = sample.target.text
        read = read_answer(prediction.text, choices_of(sample))
        return {
            "exact": float(prediction.text.strip().lower() == right.lower()),
            "parsed": float(read == right),
            "unreadable": float(read is None),
        }

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """Always the same letter; the best of them is the most frequent right one."""
        return {f"always {letter}": Prediction(text=letter, stop_reason="stop") for letter in FLOOR_LETTERS}


def read_answer(answer: str, choices: Sequence[str]) -> str | None:
    """Which choice an answer means, by its letter; None if that cannot be told.

    Mask words and other tags of the form <|...|> are left out, and white space and asterisks around. The
    first rule that gives the letter of a choice decides:

    1. a letter alone, also as "(A)", "A)", "A." or "A:", in either case;
    2. the answer begins with such a letter and its bracket, point or colon: "A. White", "(b) white";
    3. "answer", "option" or "choice", then "is", a colon or nothing, then a capital: "The answer is B."; of
       several the last. An A there needs punctuation or the end behind it: "the answer is A dog" names none;
    4. without case and final points the answer is the text of a choice, or has the text of exactly one of the
       choices as whole words.

    Args:
        answer: of a model.
        choices: each begins with its letter, a point and a space; regions in them are not looked at.
    """
    text = _TAG.sub("", answer).strip().strip("*").strip()
    letters = [choice[0] for choice in choices]
    stated = _STATED.findall(text)
    led = [next(filter(None, match.groups())).upper() for rule in _LED if (match := rule.fullmatch(text))]
    for letter in (*led, "".join(stated[-1]) if stated else ""):
        if letter in letters:
            return letter
    return _by_text(text, choices)


def _by_text(text: str, choices: Sequence[str]) -> str | None:
    said = _plain(text)
    texts = {choice[0]: _plain(_PLACE.sub("", choice[2:])) for choice in choices}
    same = [letter for letter, one in texts.items() if one and one == said]
    if len(same) == 1:
        return same[0]
    inside = [
        letter for letter, one in texts.items() if one and re.search(rf"(?<!\w){re.escape(one)}(?!\w)", said)
    ]
    return inside[0] if len(inside) == 1 else None


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .")


def choices_of(sample: Sample) -> list[str]:
    """The choices of a question, without its regions."""
    text = "".join(part.text for part in sample.turns[-1].parts if isinstance(part, Text))
    return text.split("\nOptions:\n", 1)[1].split("\n")[:-1]


def _sample(record: GarRecord, masks: Sequence[RLE], root: Path) -> Sample:
    assert record.question is not None
    assert record.answer is not None
    assert record.type is not None
    place = record.image.relative_to(root).as_posix()
    options = "".join(f"\n{choice}" for choice in record.choices)
    prompt = PROMPT.format(question=record.question, options=options)
    height, width = masks[0]["size"]
    counts = [mask["counts"] for mask in masks]
    return Sample(
        id=content_id("region_vqa", place, str(record.place), prompt, record.answer, *counts),
        image=record.image,
        size=(height, width),
        turns=(Turn("user", (ImagePart(record.image), *_parts(prompt, masks))),),
        cluster=place,
        target=Target(text=record.answer.upper()),
        tags={"type": record.type, "regions": str(len(masks)) if len(masks) < 3 else "3 or more"},
    )


def _parts(prompt: str, masks: Sequence[RLE]) -> tuple[Part, ...]:
    """The prompt with its regions in place of <Prompt0>, <Prompt1>, ..."""
    pieces = _PLACE.split(prompt)  # text, number, text, ...
    parts = [Region(masks[int(one)]) if k % 2 else Text(one) for k, one in enumerate(pieces)]
    return tuple(part for part in parts if not isinstance(part, Text) or part.text)


def _masks(record: GarRecord) -> list[RLE]:
    """The masks of a record, all of one size and none of them empty; ValueError if not."""
    masks = []
    for segmentation in record.masks:
        size = segmentation.get("size") if isinstance(segmentation, dict) else None
        if not isinstance(size, list) or len(size) != 2 or not all(type(v) is int and v > 0 for v in size):
            raise ValueError("a mask is an RLE with its size")
        mask = rle.from_segmentation(segmentation, *size)
        if rle.is_empty(mask):
            raise ValueError("an empty mask")
        masks.append(mask)
    if len({tuple(mask["size"]) for mask in masks}) > 1:
        raise ValueError("masks of different sizes")
    return masks


def _check(record: GarRecord, where: str) -> None:
    """What the reader leaves open and a question needs; ValueError if it is not so."""
    letters = LETTERS[: len(record.choices)]
    if len(record.choices) < 2 or [one[:2] for one in record.choices] != [f"{letter}." for letter in letters]:
        raise ValueError(f"{where}: 'choices' must be 2 to {len(LETTERS)} texts that begin with A., B., ...")
    if any("\n" in one for one in (record.question or "", *record.choices)):
        raise ValueError(f"{where}: a question or a choice has more than one line")
    if (record.answer or "").upper() not in tuple(letters):
        raise ValueError(f"{where}: 'answer' must be one of {', '.join(letters)}, got {record.answer!r}")
    named = [int(one) for text in (record.question or "", *record.choices) for one in _PLACE.findall(text)]
    if not record.masks or max(named, default=0) >= len(record.masks):
        raise ValueError(f"{where}: a region is named that is not among the {len(record.masks)} masks")

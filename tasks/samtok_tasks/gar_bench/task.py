"""Region VQA: questions about one or several regions.

GAR-Bench-VQA (the default) and Visual7W's pointing questions are multiple choice. The prompt, the token limit
and the metric `exact` are GAR-Bench's (Haochen-Wang409/Grasp-Any-Region): an answer is right if it is the
letter and nothing else, in either case. `parsed` reads more, by the rules of `read_answer`. Visual7W is from
before there were prompts: its four boxes are the choices, as filled regions and by letter, in an order that
depends on the question and the boxes alone; the official toolkit shuffles them. ViP-LLaVA's evaluation on it
counts as `exact` does.

ViP-Bench asks freely and has a judge: a run gives the answers, `samtok-bench judge` scores them afterwards
(samtok_tasks.vip_bench.metrics). Questions are asked as they are, with each region in place of its name.

SAMTok's repository has no script for any of them, so the protocols are the same.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from samtok_bench import rle
from samtok_bench.judging.client import JudgeSettings, Messages
from samtok_bench.judging.judge import Judged
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
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
from samtok_bench.task import DataStatus, Generation, HubSource, SampleSet, Task
from samtok_tasks.answers import without_tags
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.gar_bench.reader import GarRecord, read_gar_bench
from samtok_tasks.mini.writer import ensure_mini
from samtok_tasks.vip_bench import metrics as vip_bench
from samtok_tasks.vip_bench.reader import (
    PLACE,
    VipQuestion,
    has_vip_bench,
    read_marked_questions,
    read_vip_bench,
)
from samtok_tasks.visual7w import reader as visual7w

GAR, VISUAL7W, VIP = "gar-bench", "visual7w", "vip-bench"
TEST = "test"
LETTERS = "ABCDEFGH"
FLOOR_LETTERS = "ABCD"
"""GAR-Bench has two or four choices a question, Visual7W four."""
FLOOR_ANSWER = "Yes."
PROMPT = "Question: {question}\nOptions:{options}\nAnswer with the correct option's letter directly."
_PLACE = re.compile(r"<Prompt(\d+)>")
_LED = (
    re.compile(r"\(?([A-Za-z])[).:]?"),
    re.compile(r"\(([A-Za-z])\).*|([A-Za-z])[).:].*", re.DOTALL),
)
_STATED = re.compile(
    r"(?i:\b(?:answer|option|choice)(?:\s+is)?)\s*:?\s*[(*\"']*(?:([B-Z])\b|(A)(?=\s*(?:[^\w\s]|$)))"
)
_SOURCES = {
    GAR: "GAR-Bench, inference.py (arXiv 2510.18876)",
    VISUAL7W: "Visual7W (arXiv 1511.03416); ViP-LLaVA, model_vqa_loader_vip.py",
    VIP: "this project",
}
_REGIONS = ("1", "2", "3 or more")
_TAGS: dict[str, Mapping[str, tuple[str, ...]]] = {
    GAR: {
        "type": ("color", "shape", "texture/pattern", "material", "ordering", "mirror", "relation"),
        "regions": _REGIONS,
    },
    VIP: {"regions": ("none", *_REGIONS)},
}


def _metric(
    id: str,
    display: str,
    source: str,
    description: str,
    direction: Literal["higher", "lower", "none"] = "higher",
    unit: str = "",
) -> MetricInfo:
    return MetricInfo(id, 1, display, direction, id, None, source, description, unit=unit)


class RegionVQA(Task, Judged):
    """Questions about regions."""

    name = "region_vqa"
    summary = "questions about regions (GAR-Bench-VQA, Visual7W pointing; ViP-Bench with a judge)"
    data_formats: ClassVar[tuple[str, ...]] = (GAR, VISUAL7W, VIP)
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        VIP: HubSource(
            "mucai/ViP-Bench",
            ("vip-bench-meta-data.json", "source_image/*", "bbox/questions.jsonl"),
            "ViP-Bench",
        )
    }
    generation = Generation(1024)

    _root: Path | None = None
    _asked: Mapping[str, VipQuestion] = {}
    _marked: Mapping[str, str] | None = None

    @property
    def splits(self) -> tuple[str, ...]:  # type: ignore[override]
        return (TEST, "val", "train") if self.data == VISUAL7W else (TEST,)

    @property
    def primary(self) -> str:  # type: ignore[override]
        return "answered" if self.data == VIP else "exact"

    @property
    def tag_values(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        return _TAGS.get(self.data or GAR, {})

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        source = _SOURCES[self.data or GAR]
        if self.data == VIP:
            return (
                _metric("answered", "answered", source, "share of questions with an answer of any words"),
                _metric("words", "words", source, "mean words of an answer", "none", "words"),
            )
        return (
            _metric(
                "exact", "accuracy", source, "share of answers that are the right letter and nothing else"
            ),
            _metric(
                "parsed",
                "parsed accuracy",
                source,
                "share of answers that mean the right choice, see read_answer",
            ),
            _metric(
                "unreadable",
                "unreadable",
                source,
                "share of answers that mean no choice, see read_answer",
                "lower",
            ),
        )

    def default_root(self) -> Path:
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        if root is None:
            return mini_status()
        if self.data == VISUAL7W:
            there, name = any((root / one).is_file() for one in visual7w.FILES), visual7w.FILES[0]
        elif self.data == VIP:
            there, name = has_vip_bench(root), "vip-bench-meta-data.json"
        else:
            there, name = (root / "GAR-Bench-VQA.json").is_file(), "GAR-Bench-VQA.json"
        return DataStatus(there, f"{self.data}, in {root}" if there else f"no {name} in {root}")

    def samples(self, root: Path, split: str) -> SampleSet:
        if self.data == VISUAL7W:
            data = visual7w.read_visual7w(root, split)
            samples = [_pointing_sample(one, root) for one in data.questions]
            return SampleSet(samples, dict(data.dropped), data.first)
        if split != TEST:
            raise NoSplitError(f"{self.data} has one split, {TEST}, got {split!r}")
        return self._free(root) if self.data == VIP else _gar_samples(root)

    def _free(self, root: Path) -> SampleSet:
        data = read_vip_bench(root)
        samples = [_free_sample(one, root) for one in data.questions]
        self._asked = dict(zip((one.id for one in samples), data.questions, strict=True))
        self._root, self._marked = root, None
        return SampleSet(samples, dict(data.dropped), data.first)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        if self.data == VIP:
            words = len(without_tags(prediction.text).split())
            return {"answered": float(words > 0), "words": float(words)}
        right = sample.target.text
        read = read_answer(prediction.text, choices_of(sample))
        return {
            "exact": float(prediction.text.strip().lower() == right.lower()),
            "parsed": float(read == right),
            "unreadable": float(read is None),
        }

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """Always the same letter, the best of which is the most frequent right one; or always one word."""
        if self.data == VIP:
            return {"one answer": Prediction(text=FLOOR_ANSWER, stop_reason="stop")}
        return {f"always {letter}": Prediction(text=letter, stop_reason="stop") for letter in FLOOR_LETTERS}

    # what a judge needs

    @property
    def judge_metrics(self) -> tuple[MetricInfo, ...]:
        return vip_bench.metrics(self._capabilities) if self.data == VIP else ()

    @property
    def judge_settings(self) -> JudgeSettings:
        return vip_bench.SETTINGS

    def judge_prompts(self, sample: Sample, answer: str) -> list[Messages]:
        if self._marked is None:
            assert self._root is not None, "samples come first"
            self._marked = read_marked_questions(self._root)
        one = self._asked[sample.id]
        if one.key not in self._marked:
            raise ValueError(f"no question {one.key} in bbox/questions.jsonl of ViP-Bench in {self._root}")
        return [[{"role": "user", "content": vip_bench.prompt(self._marked[one.key], one.answer, answer)}]]

    def judge_scores(self, sample: Sample, replies: Sequence[str]) -> Scores:
        return vip_bench.scores(replies[0], self._asked[sample.id].capabilities, self._capabilities)

    @property
    def _capabilities(self) -> tuple[str, ...]:
        """The usual ones, and what else the file has, as in the official script."""
        seen = (kind for one in self._asked.values() for kind in one.capabilities)
        return tuple(dict.fromkeys([*vip_bench.CAPABILITIES, *seen]))


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
    text = without_tags(answer).strip().strip("*").strip()
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


def _gar_samples(root: Path) -> SampleSet:
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
        tags={"type": record.type, "regions": _number(masks)},
    )


def _number(masks: Sequence[RLE]) -> str:
    """How many regions, as the tag says it."""
    return ("none", *_REGIONS)[min(len(masks), 3)]


def _pointing_sample(one: visual7w.PointingQuestion, root: Path) -> Sample:
    qa_id, place = str(one.qa_id), one.image.relative_to(root).as_posix()
    right, _ = one.right
    # shuffled by what does not change, and does not tell which is right
    boxes = sorted([one.right, *one.wrong], key=lambda box: content_id(VISUAL7W, qa_id, str(box[0])))
    letter = LETTERS[[id for id, _ in boxes].index(right)]
    height, width = boxes[0][1]["size"]
    counts = [mask["counts"] for _, mask in boxes]
    return Sample(
        id=content_id("region_vqa", VISUAL7W, place, qa_id, one.question, letter, *counts),
        image=one.image,
        size=(height, width),
        turns=(Turn("user", (ImagePart(one.image), *_choices(one.question, [mask for _, mask in boxes]))),),
        cluster=place,
        target=Target(text=letter),
        tags={"type": one.type},
    )


def _choices(question: str, masks: Sequence[RLE]) -> Iterator[Part]:
    """GAR-Bench's prompt with a region for each choice."""
    before = PROMPT.split("{options}")[0].replace("{question}", question)
    for letter, mask in zip(LETTERS, masks, strict=False):
        yield Text(f"{before}\n{letter}. ")
        yield Region(mask)
        before = ""
    yield Text(PROMPT.split("{options}")[1])


def _free_sample(one: VipQuestion, root: Path) -> Sample:
    place = one.image.relative_to(root).as_posix()
    pieces = PLACE.split(one.question)  # text, name, text, ...
    parts = [Region(one.masks[piece]) if k % 2 else Text(piece) for k, piece in enumerate(pieces)]
    asked = tuple(part for part in parts if not isinstance(part, Text) or part.text)
    counts = [mask["counts"] for mask in one.masks.values()]
    return Sample(
        id=content_id("region_vqa", VIP, place, one.key, one.question, one.answer, *counts),
        image=one.image,
        size=one.size,
        turns=(Turn("user", (ImagePart(one.image), *asked)),),
        cluster=place,
        target=Target(text=one.answer),
        tags={"regions": _number(tuple(one.masks.values()))},
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

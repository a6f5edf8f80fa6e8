"""Multiple-choice questions about regions: one prompt, one reading of answers, one set of metrics.

The prompt, the token limit and the metric `exact` are GAR-Bench's (Haochen-Wang409/Grasp-Any-Region): an
answer is right if it is the letter and nothing else, in either case. `parsed` reads more, by the rules of
`read_answer`. SAMTok's repository has no script for such questions, so the protocols are the same.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from samtok_bench.metric import MetricInfo
from samtok_bench.sample import ImagePart, Part, Prediction, Sample, Scores, Text
from samtok_bench.shown import Choice, Choices
from samtok_bench.task import Generation
from samtok_tasks.answers import without_tags
from samtok_tasks.mini.task import MiniTask

LETTERS = "ABCDEFGH"
FLOOR_LETTERS = "ABCD"
"""GAR-Bench has two or four choices per question, Visual7W four."""
_PROMPT = "Question: {question}\nOptions:{options}\nAnswer with the correct option's letter directly."
_LEAD = re.compile(r"\A(?:Question: |[A-Z][.):] ?)")
_LED = (
    re.compile(r"\(?([A-Za-z])[).:]?"),
    re.compile(r"\(([A-Za-z])\).*|([A-Za-z])[).:].*", re.DOTALL),
)
_STATED = re.compile(
    r"(?i:\b(?:answer|option|choice)(?:\s++is)?+)\s*+:?+\s*+[(*\"']*+(?:([B-Z])\b|(A)(?=\s*+(?:[^\w\s]|$)))"
)


class MultipleChoice(MiniTask):
    """A benchmark whose target is the letter of a choice.

    `Sample.truth` has the texts of the choices in the order of LETTERS, without their regions.
    """

    group = "region_vqa"
    answer_form = "letter"
    primary = "exact"
    generation = Generation(1024)
    metrics: ClassVar[tuple[MetricInfo, ...]] = (
        MetricInfo("exact", "accuracy", "share of answers that are the right letter and nothing else"),
        MetricInfo(
            "parsed", "parsed accuracy", "share of answers that mean the right choice, see read_answer"
        ),
        MetricInfo(
            "unreadable",
            "unreadable",
            "share of answers that mean no choice, see read_answer",
            direction="lower",
        ),
    )

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        right = sample.target.text
        read = read_answer(prediction.text, sample.truth)
        return {
            "exact": float(prediction.text.strip().lower() == right.lower()),
            "parsed": float(read == right),
            "unreadable": float(read is None),
        }

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """Always the same letter; the best of them is the most frequent right one."""
        return {f"always {letter}": Prediction(text=letter, stop_reason="stop") for letter in FLOOR_LETTERS}

    def shown(self, sample: Sample, prediction: Prediction) -> Choices:
        question, *choices = _lines(sample.turns[-1].parts, len(sample.truth))
        letters = LETTERS[: len(choices)]
        given = read_answer(prediction.text, sample.truth)
        made = tuple(Choice(*pair) for pair in zip(letters, choices, strict=True))
        return Choices(question, made, sample.target.text, given)


def _lines(parts: Sequence[Part], choices: int) -> list[tuple[Part, ...]]:
    """The question and the choices of a prompt, without the words around them."""
    lines: list[list[Part]] = [[]]
    for part in parts:
        if isinstance(part, Text):
            first, *others = part.text.split("\n")
            lines[-1].append(Text(first))
            lines += [[Text(line)] for line in others]
        elif not isinstance(part, ImagePart):
            lines[-1].append(part)
    kept = [lines[0], *lines[-1 - choices : -1]]
    return [_without_lead(line) for line in kept]


def _without_lead(line: Sequence[Part]) -> tuple[Part, ...]:
    """A line without "Question:" or its letter."""
    first, *others = line
    if isinstance(first, Text):
        first = Text(_LEAD.sub("", first.text))
    return tuple(part for part in (first, *others) if not isinstance(part, Text) or part.text)


def choice_prompt(question: str, choices: Sequence[str]) -> str:
    """What is asked.

    Args:
        question: in one line.
        choices: each in one line that begins with its letter.
    """
    return _PROMPT.format(question=question, options="".join(f"\n{choice}" for choice in choices))


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
        choices: their texts in the order of LETTERS, without letters and regions.
    """
    text = without_tags(answer).strip().strip("*").strip()
    texts = dict(zip(LETTERS, map(_plain, choices), strict=False))
    stated = _STATED.findall(text)
    led = [next(filter(None, match.groups())).upper() for rule in _LED if (match := rule.fullmatch(text))]
    for letter in (*led, "".join(stated[-1]) if stated else ""):
        if letter in texts:
            return letter
    return _by_text(_plain(text), texts)


def _by_text(said: str, texts: Mapping[str, str]) -> str | None:
    """The letter of the only choice that an answer says; both are plain."""
    same = [letter for letter, text in texts.items() if text and text == said]
    inside = [
        letter
        for letter, text in texts.items()
        if text and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", said)
    ]
    found = same or inside
    return found[0] if len(found) == 1 else None


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .")

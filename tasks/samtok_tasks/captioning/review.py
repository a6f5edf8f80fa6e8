"""The review of two answers: a judge gives the reference's and the model's one score each, 1 to 10.

In a reply that cannot be read both scores are -1 and enter the means, as in the official scripts.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Sample, Scores
from samtok_bench.task import Protocol
from samtok_tasks.captioning.judged import UNREADABLE, JudgedCaption
from samtok_tasks.captioning.mended_review import mended_review
from samtok_tasks.formats.files import Record, field, parse, read_json, require_file
from samtok_tasks.lenient import LENIENT

CHECKER = "You are a helpful and precise assistant for checking the quality of the answer."
RATIO = "mean score of the model's answers over that of the reference answers; may exceed 100"


class ReviewedCaption(JudgedCaption):
    """A caption that is reviewed beside a reference."""

    standard_temperature: ClassVar[float]
    """Of the judge in the official script; the released copy's is 0."""
    judge_readings: ClassVar[Mapping[str, Callable[[str], str]]] = {
        LENIENT: lambda reply: mended_review(reply)
    }
    review_groups: ClassVar[tuple[str, ...]] = ()
    """Groups of regions with a ratio of their own."""

    @property
    def judge_settings(self) -> JudgeSettings:
        temperature = self.standard_temperature if self.protocol == "standard" else 0.0
        return JudgeSettings(temperature, max_tokens=1024)

    def judge_scores(self, sample: Sample, replies: Sequence[str], files: Any) -> Scores:
        return review_scores(replies[0], self.protocol, sample.truth.group, self.review_groups)

    def judge_reads(self, sample: Sample, replies: Sequence[str], files: Any) -> list[bool]:
        return [read_review(reply, self.protocol) is not None for reply in replies]


class ReviewRule(Record):
    """What the judge is told of the scores."""

    prompt: str
    """The instruction."""
    role: str
    """What the two answers' authors are called."""


def read_rule(path: Path, part: str, layout: str) -> ReviewRule:
    """The rule for one part of a benchmark."""
    rules = read_json(require_file(path, layout))
    return parse(ReviewRule, field(rules, part, dict, str(path)), f"{path}: {part}")


def review_metrics(groups: Sequence[str] = ()) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `review_scores`, the primary one first.

    Args:
        groups: a ratio is given for each beside the one of all.
    """
    parts = (
        MetricInfo(
            f"ratio_{group}",
            group.replace("_", " "),
            f"the ratio for {group}",
            f"model_{group}",
            f"reference_{group}",
        )
        for group in groups
    )
    return (
        MetricInfo("ratio", "relative score", RATIO, "model", "reference"),
        *parts,
        MetricInfo("model", "model's score", "mean, 1 to 10", unit="of 10"),
        MetricInfo("reference", "reference's score", "mean, 1 to 10", unit="of 10", direction="none"),
        UNREADABLE,
    )


def review_prompts(
    context: str, question: str, reference: str, answer: str, rule: ReviewRule, picture: str = ""
) -> list[Messages]:
    """What the judge is asked; the scripts' "[Context]\\" without a new line is theirs.

    Args:
        picture: a data URL, for a judge who sees the image.
    """
    text = (
        f"[Context]\\{context}\n\n[Question]\n{question}\n\n"
        f"[{rule.role} 1]\n{reference}\n\n[End of {rule.role} 1]\n\n"
        f"[{rule.role} 2]\n{answer}\n\n[End of {rule.role} 2]\n\n"
        f"[System]\n{rule.prompt}\n\n"
    )
    shown = {"type": "image_url", "image_url": {"url": picture, "detail": "high"}}
    content = [{"type": "text", "text": text}, shown] if picture else text
    return [[{"role": "system", "content": CHECKER}, {"role": "user", "content": content}]]


def read_review(reply: str, protocol: Protocol) -> tuple[float, float] | None:
    """The scores of reference and model: two numbers in the first line, with a space or comma between.

    The standard scripts want nothing else in the line, not even a space at its end; the released copy takes
    the first two parts. Numbers that are not finite are unreadable.
    """
    parts = reply.split("\n")[0].replace(",", " ").split(" ")
    if len(parts) < 2 or (protocol == "standard" and len(parts) != 2):
        return None
    try:
        first, second = float(parts[0]), float(parts[1])
    except ValueError:
        return None
    return (first, second) if math.isfinite(first) and math.isfinite(second) else None


def review_scores(reply: str, protocol: Protocol, group: str = "", groups: Sequence[str] = ()) -> Scores:
    """One review's sufficient statistics; `group` is one of `groups`, or neither is given."""
    read = read_review(reply, protocol)
    reference, model = read or (-1.0, -1.0)
    scores = {"reference": reference, "model": model, "unreadable": float(read is None), "replies": 1.0}
    for name in groups:
        scores[f"reference_{name}"] = reference if name == group else 0.0
        scores[f"model_{name}"] = model if name == group else 0.0
    return scores

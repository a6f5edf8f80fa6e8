"""The review of two answers: a judge gives the reference's and the model's one score each, 1 to 10.

In a reply that cannot be read both scores are -1 and enter the means, as in the official scripts.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from samtok_bench.judging.contract import Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Scores
from samtok_bench.task import Protocol
from samtok_tasks.captioning.judged import UNREADABLE
from samtok_tasks.formats.files import Record, field, parse, read_json, require_file

CHECKER = "You are a helpful and precise assistant for checking the quality of the answer."
RATIO = "mean score of the model's answers over that of the reference answers; may exceed 100"
_UNREAD = (-1.0, -1.0)


class ReviewRule(Record):
    """What the judge is told of the scores."""

    prompt: str
    """The instruction."""
    role: str
    """What the two answers' authors are called."""


def read_rule(path: Path, part: str, layout: str) -> ReviewRule:
    """The rule for one part of a benchmark.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file.
    """
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


def review_text(context: str, question: str, reference: str, answer: str, rule: ReviewRule) -> str:
    """What the judge is asked; the scripts' "[Context]\\" without a new line is theirs."""
    return (
        f"[Context]\\{context}\n\n[Question]\n{question}\n\n"
        f"[{rule.role} 1]\n{reference}\n\n[End of {rule.role} 1]\n\n"
        f"[{rule.role} 2]\n{answer}\n\n[End of {rule.role} 2]\n\n"
        f"[System]\n{rule.prompt}\n\n"
    )


def review_messages(content: str | list[dict[str, object]]) -> Messages:
    """The dialogue with the judge: text, or text and picture."""
    return [{"role": "system", "content": CHECKER}, {"role": "user", "content": content}]


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
    reference, model = read or _UNREAD
    scores = {"reference": reference, "model": model, "unreadable": float(read is None), "replies": 1.0}
    for name in groups:
        scores[f"reference_{name}"] = reference if name == group else 0.0
        scores[f"model_{name}"] = model if name == group else 0.0
    return scores

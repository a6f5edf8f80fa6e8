"""What judges of captions are asked, how their replies are read, and the metrics over them.

A judge is a language model. Each benchmark's questions, reading of replies and means are those of its
official script; a reply that the script cannot read counts as there, and is counted in `unreadable` besides.

==================  =====================================================  =================================
benchmark           official script                                        an unreadable reply
==================  =====================================================  =================================
DLC-Bench           eval_model_outputs.py of NVlabs/describe-anything      scores 0; to the recognition
                                                                           question, where the script stops:
                                                                           counts as "No"
Ferret-Bench        eval_gpt_review_3newclass.py of apple/ml-ferret        both scores are -1 and enter the
                                                                           means
MDVP-Bench          eval_gpt.py of AFeng-x/Draw-and-Understand             the same
VideoRefer-Bench-D  videorefer_bench_d of DAMO-NLP-SG/VideoRefer           is left out of the means of the
                                                                           scores it lacks
==================  =====================================================  =================================

Of Ferret-Bench and MDVP-Bench the released protocol is the copy in Haochen-Wang409/Grasp-Any-Region, to which
SAMTok's captions go.
"""

import math
import re
from collections.abc import Sequence
from typing import Literal

from samtok_bench.metric import Aggregate, MetricInfo
from samtok_bench.sample import Scores
from samtok_bench.task import Protocol

LETTERS = "abcde"
DIMENSIONS = {
    "Subject Correspondence": "sc",
    "Appearance Description": "ad",
    "Temporal Description": "td",
    "Hallucination Detection": "hd",
}
"""VideoRefer-Bench-D's scores, 0 to 5, with the ids of their metrics."""

_DLC_PROMPT = """\
Answer the multiple-choice question based on the text description of an object in an image. \
You need to follow these rules:
1. Do not output any reasoning. Do not perform correction. Please output exactly one answer from the choices \
for each question. Do not repeat the question.
2. There is no need for exact matching. Please choose the closest option based on the description.

The description is:
{caption}

From the description above, please answer the following question with one of the choices:
{question}
"""
_UNREADABLE = (-1.0, -1.0)


def _metric(
    id: str,
    display: str,
    numerator: str,
    denominator: str | None,
    source: str,
    description: str,
    *,
    unit: str = "",
    direction: Literal["higher", "lower", "none"] = "higher",
    aggregate: Aggregate = "ratio",
) -> MetricInfo:
    return MetricInfo(
        id=id,
        version=1,
        display=display,
        direction=direction,
        numerator=numerator,
        denominator=denominator,
        source=source,
        description=description,
        unit=unit,
        aggregate=aggregate,
    )


def _unreadable(source: str) -> MetricInfo:
    return _metric(
        "unreadable",
        "unreadable replies",
        "unreadable",
        "replies",
        source,
        "share of the judge's replies that the official reading does not understand",
        direction="lower",
    )


# DLC-Bench


def dlc_metrics() -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `dlc_scores`, the primary one first; values are -1 to 1."""
    source = "DLC-Bench, eval_model_outputs.py (arXiv 2504.16072)"
    return (
        _metric("average", "Avg", "average", None, source, "mean of Pos and Neg, means over objects"),
        _metric("positive", "Pos", "positive", None, source, "mean score of an object's positive questions"),
        _metric("negative", "Neg", "negative", None, source, "mean score of an object's negative questions"),
        _metric("recognised", "recognised", "recognised", None, source, "share of objects recognised"),
        _unreadable(source),
    )


def dlc_prompt(caption: str, question: str, choices: Sequence[str]) -> str:
    """A multiple-choice question about a caption."""
    lines = [question, *(f"{letter.upper()}. {one}" for letter, one in zip(LETTERS, choices, strict=False))]
    return _DLC_PROMPT.format(caption=caption, question="\n".join(lines).strip())


def dlc_recognition(name: str) -> str:
    """The question, to be answered Yes or No, whether a caption is of an object of this class.

    The official script takes article and plural from the package `inflect`. The rule here gives the same for
    all classes of the benchmark: vowel letters take "an"; words in -s but not in -ss, -us or -is are plural,
    as is the one compound that inflect takes for a plural.
    """
    if _is_plural(name):
        asked = f"objects in the description are {name} or objects of a similar type"
    else:
        article = "an" if name[:1].lower() in tuple("aeiou") else "a"
        asked = f"object in the description is {article} {name} or an object of a similar type"
    return f"Is it likely that the {asked}? Again, It does not have to be an exact match."


def _is_plural(name: str) -> bool:
    return name == "wine glass" or (name.endswith("s") and not name.endswith(("ss", "us", "is")))


def read_choice(reply: str, choices: Sequence[str]) -> int | None:
    """Which choice a reply means, None if it cannot be told. The first of these that fits, without case:

    1. the reply is a choice, "a. choice" or "a";
    2. exactly one choice is in the reply;
    3. the reply begins with "a.";
    4. several choices are in the reply: that which first occurs latest, of equals the longest;
    5. the reply is in a choice: the longest choice;
    6. the reply begins with a letter and a new line.

    The official script stops at an empty reply and at a letter that no choice has; here they are unreadable.
    """
    reply = reply.strip().lower()
    texts = [choice.strip().lower() for choice in choices]
    if not reply:
        return None
    for place, text in enumerate(texts):
        if reply in (text, f"{LETTERS[place]}. {text}", LETTERS[place]):
            return place
    inside = [(reply.index(text), len(text), -place) for place, text in enumerate(texts) if text in reply]
    if len(inside) == 1:
        return -inside[0][2]
    if reply in tuple(LETTERS):
        return None
    if reply[0] in LETTERS and reply[1:2] == ".":
        return _existing(LETTERS.index(reply[0]), texts)
    if inside:
        return -max(inside)[2]
    around = [(len(text), -place) for place, text in enumerate(texts) if reply in text]
    if around:
        return -max(around)[1]
    if reply[0] in LETTERS and reply[1:2] == "\n":
        return _existing(LETTERS.index(reply[0]), texts)
    return None


def _existing(place: int, texts: Sequence[str]) -> int | None:
    return place if place < len(texts) else None


def dlc_scores(
    recognition: str, replies: Sequence[str], questions: Sequence[tuple[bool, Sequence[str], Sequence[float]]]
) -> Scores:
    """One object's sufficient statistics.

    Args:
        recognition: the reply to `dlc_recognition`. If it is no, no question scores above 0.
        replies: to the questions.
        questions: whether positive, the choices and what each is worth; at least one of each kind.
    """
    said = read_choice(recognition, ("Yes", "No"))
    chosen = [read_choice(reply, one[1]) for reply, one in zip(replies, questions, strict=True)]
    worth: dict[bool, list[float]] = {True: [], False: []}
    for place, (kind, _, scores) in zip(chosen, questions, strict=True):
        score = 0.0 if place is None else scores[place]
        worth[kind].append(score if said == 0 else min(0.0, score))
    positive, negative = (sum(worth[kind]) / len(worth[kind]) for kind in (True, False))
    return {
        "positive": positive,
        "negative": negative,
        "average": (positive + negative) / 2,
        "recognised": float(said == 0),
        "unreadable": float([said, *chosen].count(None)),
        "replies": float(len(chosen) + 1),
    }


# Ferret-Bench and MDVP-Bench: a review of two answers


def review_metrics(source: str, groups: Sequence[str] = ()) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `review_scores`, the primary one first.

    Args:
        source: paper or script.
        groups: a ratio is given for each beside the one of all.
    """
    parts = (
        _metric(
            f"ratio_{group}",
            group.replace("_", " "),
            f"model_{group}",
            f"reference_{group}",
            source,
            f"the ratio for {group}",
        )
        for group in groups
    )
    return (
        _metric(
            "ratio",
            "relative score",
            "model",
            "reference",
            source,
            "mean score of the model's answers over that of the reference answers; may exceed 100",
        ),
        *parts,
        _metric("model", "model's score", "model", None, source, "mean, 1 to 10", unit="of 10"),
        _metric(
            "reference",
            "reference's score",
            "reference",
            None,
            source,
            "mean, 1 to 10",
            unit="of 10",
            direction="none",
        ),
        _unreadable(source),
    )


def review_prompt(context: str, question: str, reference: str, answer: str, rule: str, role: str) -> str:
    """What the judge is told; the scripts' "[Context]\\" without a new line is theirs."""
    return (
        f"[Context]\\{context}\n\n[Question]\n{question}\n\n"
        f"[{role} 1]\n{reference}\n\n[End of {role} 1]\n\n"
        f"[{role} 2]\n{answer}\n\n[End of {role} 2]\n\n"
        f"[System]\n{rule}\n\n"
    )


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
    reference, model = read or _UNREADABLE
    scores = {
        "reference": reference,
        "model": model,
        "unreadable": float(read is None),
        "replies": 1.0,
    }
    for one in groups:
        scores[f"reference_{one}"] = reference if one == group else 0.0
        scores[f"model_{one}"] = model if one == group else 0.0
    return scores


# VideoRefer-Bench-D: four scores


def dimension_metrics() -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `dimension_scores`, the primary one first."""
    source = "VideoRefer-Bench-D (arXiv 2501.00599)"
    means = (
        _metric(id, id.upper(), id, f"{id}_read", source, f"mean {name}, 0 to 5", unit="of 5")
        for name, id in DIMENSIONS.items()
    )
    return (
        _metric(
            "average",
            "Avg",
            "average",
            None,
            source,
            "mean of the four means",
            unit="of 5",
            aggregate="corpus",
        ),
        *means,
        _unreadable(source),
    )


def dimension_prompt(reference: str, answer: str) -> str:
    """What the judge is told after its instruction."""
    return f"##Correct answer: {reference}\n##Predicted answer: {answer}\n"


def dimension_scores(reply: str) -> Scores:
    """One item's sufficient statistics: what "1. Name: 3" says for each name, the last time it is said."""
    said = dict(re.findall(r"\d+\.\s+(.*?):\s+([\d.]+)", reply))
    scores = {"replies": 1.0, "unreadable": 0.0}
    for name, id in DIMENSIONS.items():
        value = _number(said.get(name, ""))
        scores[id], scores[f"{id}_read"] = value or 0.0, float(value is not None)
        scores["unreadable"] = max(scores["unreadable"], float(value is None))
    return scores


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

"""What VideoRefer-Bench-D's judge is asked, and how its four scores are read.

After videorefer_bench_d of DAMO-NLP-SG/VideoRefer. A reply is left out of the means of the scores it lacks.
"""

import math
import re
from collections.abc import Mapping

from samtok_bench.aggregate import Corpus
from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Scores
from samtok_tasks.captioning.judged import UNREADABLE, mean

SETTINGS = JudgeSettings(temperature=0.7, max_tokens=800, top_p=0.95)
DIMENSIONS = {
    "Subject Correspondence": "sc",
    "Appearance Description": "ad",
    "Temporal Description": "td",
    "Hallucination Detection": "hd",
}
"""The scores, 0 to 5, with the ids of their metrics."""
METRICS = (
    MetricInfo("average", "Avg", "mean of the four means", unit="of 5", aggregate=Corpus()),
    *(
        MetricInfo(id, id.upper(), f"mean {name}, 0 to 5", denominator=f"{id}_read", unit="of 5")
        for name, id in DIMENSIONS.items()
    ),
    UNREADABLE,
)
"""Over the scores of `dimension_scores`."""


def prompts(instruction: str, reference: str, answer: str) -> list[Messages]:
    """What the judge is asked: it sees the two texts alone."""
    text = f"##Correct answer: {reference}\n##Predicted answer: {answer}\n"
    return [[{"role": "system", "content": instruction}, {"role": "user", "content": text}]]


def dimension_scores(reply: str) -> Scores:
    """One item's sufficient statistics: what "1. Name: 3" says for each name, the last time it is said."""
    said = dict(re.findall(r"\d+\.\s+(.*?):\s+([\d.]+)", reply))
    scores = {"replies": 1.0, "unreadable": 0.0}
    for name, id in DIMENSIONS.items():
        value = _number(said.get(name, ""))
        scores[id], scores[f"{id}_read"] = value or 0.0, float(value is not None)
        scores["unreadable"] = max(scores["unreadable"], float(value is None))
    return scores


def totals(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """The mean of the four means."""
    return {"average": mean([values[id] for id in DIMENSIONS.values()])}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

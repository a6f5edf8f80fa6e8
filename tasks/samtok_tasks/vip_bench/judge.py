"""ViP-Bench's judge: what it is asked, how its replies are read, and the metrics over them.

The prompt, the settings and the means are those of vip-bench_evaluator.py (WisconsinAIVision/ViP-LLaVA),
which follows MM-Vet. The official script asks again, up to four times and ever warmer, where a reply is no
number of 0 to 1, and then gives 0; here such a reply gives 0 at once, and is counted in `unreadable`. The
paper's figures are means of five runs by gpt-4-0613.
"""

import re
from collections.abc import Collection

from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Scores
from samtok_tasks.lenient import NUMBER, numbers, plain
from samtok_tasks.vip_bench.reader import CAPABILITIES

_LABELLED = re.compile(rf"(?i:\b(?:score|correctness)(?:\s++is)?+)\s*+[:=]?+\s*+({NUMBER})", re.ASCII)
_OF_ONE = re.compile(r"(?:/|\bout of)\s*+1(?:\.0*+)?+(?![\w.])")

PROMPT = """\
Compare the ground truth and prediction from AI models, to give a correctness score for the prediction. \
<AND> in the ground truth means it is totally right only when all elements in the ground truth are present \
in the prediction, and <OR> means it is totally right when any one element in the ground truth is present \
in the prediction. The correctness score is 0.0 (totally wrong), 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, \
0.9, or 1.0 (totally right). Just complete the last space of the correctness score.

Question | Ground truth | Prediction | Correctness
--- | --- | --- | ---
What is x in the equation within the yellow rectangle? | -1 <AND> -5 | x = 3 | 0.0
What is x in the equation within the yellow rectangle? | -1 <AND> -5 | x = -1 | 0.5
What is x in the equation within the yellow rectangle? | -1 <AND> -5 | x = -5 | 0.5
What is x in the equation within the red rectangle? | -1 <AND> -5 | x = -5 or 5 | 0.5
What is x in the equation within the orange rectangle? | -1 <AND> -5 | x = -1 or x = -5 | 1.0
Can you explain this meme within the blue rectangle? | This meme is poking fun at the fact that the names \
of the countries Iceland and Greenland are misleading. Despite its name, Iceland is known for its \
beautiful green landscapes, while Greenland is mostly covered in ice and snow. The meme is saying that the \
person has trust issues because the names of these countries do not accurately represent their landscapes. \
| The meme talks about Iceland and Greenland. It's pointing out that despite their names, Iceland \
is not very icy and Greenland isn't very green. | 0.4
Can you explain this meme within the blue rectangle? | This meme is poking fun at the fact that the names \
of the countries Iceland and Greenland are misleading. Despite its name, Iceland is known for its \
beautiful green landscapes, while Greenland is mostly covered in ice and snow. The meme is saying that the \
person has trust issues because the names of these countries do not accurately represent their landscapes. \
| The meme is using humor to point out the misleading nature of Iceland's and Greenland's names. \
Iceland, despite its name, has lush green landscapes while Greenland is mostly covered in ice \
and snow. The text 'This is why I have trust issues' is a playful way to suggest that these \
contradictions can lead to distrust or confusion. The humor in this meme is derived from the \
unexpected contrast between the names of the countries and their actual physical characteristics. | 1.0

"""
"""What stands before the row to be scored: MM-Vet's examples about rectangles, and an empty line."""
JUDGE_METRICS = (
    MetricInfo("score", "score", "mean over all questions, 0 to 1"),
    *(
        MetricInfo(
            f"score_{capability}",
            capability,
            f"mean over the questions that take {capability}",
            denominator=f"count_{capability}",
        )
        for capability in CAPABILITIES
    ),
    MetricInfo(
        "unreadable",
        "unreadable replies",
        "share of the judge's replies that are no number of 0 to 1; they score 0",
        direction="lower",
    ),
)
"""Over the scores of `judge_scores`, the primary one first."""


def judge_prompt(question: str, answer: str, prediction: str) -> str:
    """What the judge is asked: a table whose last space it completes."""
    right = answer.replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
    return PROMPT + " | ".join((question, right, prediction, ""))


def read_score(reply: str) -> float | None:
    """What stands before the first space, if it is a number of 0 to 1."""
    try:
        score = float(reply.split(" ")[0])
    except ValueError:
        return None
    return score if 0 <= score <= 1 else None  # false for NaN


def mended_score(reply: str) -> str:
    """A reply with one score in other words, as that score alone: " 0.8", "0.8.", "Score: 0.8", "**0.8**/1".

    That behind "score" or "correctness" counts, else the only number. A 0 that ends more words does not: the
    judge writes three tokens, and it may be the beginning of "0.8".
    """
    text = _OF_ONE.sub("", plain(reply)).strip()
    found = set(_LABELLED.findall(text) or numbers(text))
    if len(found) != 1:
        return reply
    (number,) = found
    whole = text.rstrip(".")
    return reply if number == "0" and whole != number and whole.endswith(number) else number


def judge_scores(reply: str, taken: Collection[str]) -> Scores:
    """One question's sufficient statistics; `taken` are the capabilities that it takes."""
    read = read_score(reply)
    score = read or 0.0
    scores = {"score": score, "unreadable": float(read is None)}
    for capability in CAPABILITIES:
        scores[f"score_{capability}"] = score if capability in taken else 0.0
        scores[f"count_{capability}"] = float(capability in taken)
    return scores

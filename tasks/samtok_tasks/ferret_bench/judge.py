"""What Ferret-Bench's judge is asked: a review of GPT-4's answer and the model's, from a textual context.

After eval_gpt_review_3newclass.py of apple/ml-ferret. The released copy differs in temperature and in the
reading of reviews, see samtok_tasks.captioning.review.
"""

import re

from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.task import Protocol
from samtok_tasks.captioning.review import review_messages, review_metrics, review_text
from samtok_tasks.ferret_bench.reader import FerretReview

METRICS = review_metrics()
_COORDINATES = re.compile(r" \[.*?\]")


def settings(protocol: Protocol) -> JudgeSettings:
    """How the judge writes."""
    return JudgeSettings(temperature=0.2 if protocol == "standard" else 0.0, max_tokens=1024)


def prompts(review: FerretReview, answer: str) -> list[Messages]:
    """What the judge is asked; coordinates that a model adds are no part of its description."""
    plain = _COORDINATES.sub("", answer)
    text = review_text(review.context, review.question, review.reference, plain, review.rule)
    return [review_messages(text)]

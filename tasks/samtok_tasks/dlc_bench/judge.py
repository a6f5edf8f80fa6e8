"""What DLC-Bench's judge is asked, how its replies are read, and what they are worth.

After eval_model_outputs.py of NVlabs/describe-anything. An unreadable reply scores 0; to the question whether
the object was recognised, where the script stops, it counts as "No".
"""

from collections.abc import Sequence

from samtok_bench.judging.contract import Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Scores
from samtok_tasks.captioning.judged import UNREADABLE
from samtok_tasks.dlc_bench.reader import DLCQuestion
from samtok_tasks.lenient import plain
from samtok_tasks.multiple_choice import read_answer

METRICS = (
    MetricInfo("average", "Avg", "mean of Pos and Neg, means over objects"),
    MetricInfo("positive", "Pos", "mean score of an object's positive questions"),
    MetricInfo("negative", "Neg", "mean score of an object's negative questions"),
    MetricInfo("recognised", "recognised", "share of objects recognised"),
    UNREADABLE,
)
"""Over the scores of `object_scores`, -1 to 1."""
LETTERS = "abcde"
YES_NO = ("Yes", "No")
_PROMPT = """\
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


def object_prompts(name: str, questions: Sequence[DLCQuestion], answer: str) -> list[Messages]:
    """What the judge is asked about the description of an object: whether it is recognised comes first."""
    recognised = _prompt(answer, recognition_question(name), YES_NO)
    asked = [_prompt(answer, question.question, question.texts) for question in questions]
    return [[{"role": "user", "content": text}] for text in (recognised, *asked)]


def _prompt(caption: str, question: str, choices: Sequence[str]) -> str:
    """A multiple-choice question about a caption."""
    lettered = (f"{letter.upper()}. {text}" for letter, text in zip(LETTERS, choices, strict=False))
    return _PROMPT.format(caption=caption, question="\n".join([question, *lettered]).strip())


def recognition_question(name: str) -> str:
    """The question, to be answered Yes or No, whether a caption is of an object of this class.

    The official script takes article and plural from the package `inflect`. The rule here gives the same for
    all classes of the benchmark: vowel letters take "an"; words in -s but not in -ss, -us or -is are plural,
    as is the one compound that inflect takes for a plural.
    """
    is_plural = name == "wine glass" or (name.endswith("s") and not name.endswith(("ss", "us", "is")))
    if is_plural:
        asked = f"objects in the description are {name} or objects of a similar type"
    else:
        article = "an" if name[:1].lower() in tuple("aeiou") else "a"
        asked = f"object in the description is {article} {name} or an object of a similar type"
    return f"Is it likely that the {asked}? Again, It does not have to be an exact match."


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
    letter = LETTERS.find(reply[0])
    named = letter if 0 <= letter < len(texts) else None
    if letter >= 0 and reply[1:2] == ".":
        return named
    if inside:
        return -max(inside)[2]
    around = [(len(text), -place) for place, text in enumerate(texts) if reply in text]
    if around:
        return -max(around)[1]
    return named if reply[1:2] == "\n" else None


def replies_read(replies: Sequence[str], questions: Sequence[DLCQuestion]) -> list[bool]:
    """Whether each reply to `object_prompts` can be read."""
    choices = [YES_NO, *(question.texts for question in questions)]
    return [read_choice(reply, texts) is not None for reply, texts in zip(replies, choices, strict=True)]


def mended_choice(reply: str) -> str:
    """A reply with a letter in other words, as that letter: "(B)", "Answer: B", in a fence or bold."""
    text = plain(reply)
    return read_answer(text, [""] * len(LETTERS)) or text


def object_scores(replies: Sequence[str], questions: Sequence[DLCQuestion]) -> Scores:
    """One object's sufficient statistics.

    Args:
        replies: to `object_prompts`. If the first one is no, no question scores above 0.
        questions: at least one of each kind.
    """
    recognised, *answers = replies
    said = read_choice(recognised, YES_NO)
    chosen = [read_choice(reply, question.texts) for reply, question in zip(answers, questions, strict=True)]
    worth: dict[str, list[float]] = {"positive": [], "negative": []}
    for place, question in zip(chosen, questions, strict=True):
        score = 0.0 if place is None else question.scores[place]
        worth[question.kind].append(score if said == 0 else min(0.0, score))
    positive, negative = (sum(scores) / len(scores) for scores in worth.values())
    return {
        "positive": positive,
        "negative": negative,
        "average": (positive + negative) / 2,
        "recognised": float(said == 0),
        "unreadable": float([said, *chosen].count(None)),
        "replies": float(len(replies)),
    }

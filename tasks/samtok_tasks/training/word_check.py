"""Whether the mask words of published dialogues are a tokenizer's: some of their masks are encoded again.

The records hold no masks, so that these come from gRefCOCO: by the image's name, a sentence that the question
quotes, and as many targets as the answer has words.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from samtok_bench import rle
from samtok_bench.codec import Codec
from samtok_bench.predictors.samtok import word_parser
from samtok_bench.reading import STANDARD
from samtok_tasks.formats.refer import ReferringExpression
from samtok_tasks.gres.reader import read_grefcoco
from samtok_tasks.training.llava import LlavaRecords
from samtok_tasks.training.streams import UnusableError

LEAST_SHARE = 0.5
"""Of equal first words; another tokenizer has the same first word about once in 256."""
_parse = word_parser(STANDARD)


@dataclass(frozen=True)
class WordCheck:
    """What was compared."""

    records: int
    """Looked at."""
    matched: int
    """Of these, whose masks were found in the annotations."""
    masks: int
    first: int
    """Masks whose first word is the tokenizer's."""
    both: int
    """Masks whose words both are."""

    @property
    def same(self) -> bool:
        """Whether the words are this tokenizer's; ValueError where nothing could be compared."""
        if not self.masks:
            raise ValueError(
                f"none of {self.records} records quotes a sentence of gRefCOCO on its image "
                "with as many targets"
            )
        return self.first / self.masks >= LEAST_SHARE


def check_words(file: Path, root: Path, codec: Codec, number: int) -> WordCheck:
    """Compare the words of some records, evenly spread, with those that a tokenizer gives.

    Args:
        file: dialogues in LLaVA's form.
        root: the data root of gRefCOCO with its images.
        codec: the tokenizer.
        number: records to look at.

    Raises:
        ValueError, OSError: the file or the annotations cannot be read.
    """
    known: defaultdict[str, list[ReferringExpression]] = defaultdict(list)
    for expression in read_grefcoco(root):
        known[expression.image_path.name].append(expression)
    records = LlavaRecords(file, root, "", apart=False)
    places = np.linspace(0, len(records) - 1, min(len(records), number)).astype(int).tolist()
    matched = masks = first = both = 0
    for place in places:
        try:
            item = records.item(place)
        except UnusableError as error:
            records.left_out.add(error.reason, error.where, error.details)
            continue
        question, answer = item.exchanges()[0]
        stated = [word.codes for word in _parse(answer).words]
        meant = _meant(question, len(stated), known[PurePosixPath(item.image_path).name])
        if meant is None or not stated:
            continue
        if any(map(rle.is_empty, meant.targets)):
            continue
        try:
            embedding = codec.embed_file(meant.image_path, (meant.height, meant.width), upright=False)
        except (OSError, ValueError) as error:
            records.left_out.add("images that cannot be read", str(meant.image_path), str(error))
            continue
        found = [(code[0], code[1]) for code in codec.encode(embedding, meant.targets)]
        matched, masks = matched + 1, masks + len(stated)
        both += _shared(stated, found)
        first += _shared([code[0] for code in stated], [code[0] for code in found])
    return WordCheck(len(places), matched, masks, first, both)


def _meant(question: str, targets: int, known: Sequence[ReferringExpression]) -> ReferringExpression | None:
    """The expression with so many targets that a question quotes; the longest, of several."""
    asked = question.lower()
    quoted = [
        expression
        for expression in known
        if (expression.sent.lower() in asked or expression.raw.lower() in asked)
        and len(expression.annotation_ids) == targets
    ]
    return max(quoted, key=lambda expression: len(expression.sent), default=None)


def _shared(some: Sequence[object], others: Sequence[object]) -> int:
    """How many are in both, in whatever order."""
    return (Counter(some) & Counter(others)).total()

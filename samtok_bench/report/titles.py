"""Titles of samples in a list: what tells them apart."""

from collections import Counter
from collections.abc import Sequence

TITLE = 160
"""The most characters of a title."""
SHARED = 0.8
"""A beginning or an end that this share of texts has says nothing of one of them."""

LEAST_WORDS = 2
"""Fewer words are not taken away."""


def titles(candidates: Sequence[Sequence[str]], names: Sequence[str]) -> list[str]:
    """One for each sample.

    Args:
        candidates: by preference, lists with a text for each sample; the first whose texts differ at all is
            taken, without what they share at the beginning and the end.
        names: for samples without a text.
    """
    for texts in candidates:
        told = _without_shared([text.split() for text in texts])
        if len(set(told)) > 1:  # the pictures beside equal ones tell the rest
            return [text[:TITLE] or name for text, name in zip(told, names, strict=True)]
    return list(names)


def _without_shared(texts: Sequence[Sequence[str]]) -> list[str]:
    """Texts in words without the words that most of them begin and end with."""
    begin, end = _shared(texts), _shared([text[::-1] for text in texts])
    kept = []
    for text in texts:
        first, last = _alike(text, begin), _alike(text[::-1], end)
        own = text[first : len(text) - last] if first + last < len(text) else text
        kept.append(" ".join(own))
    return kept


def _alike(text: Sequence[str], begin: Sequence[str]) -> int:
    """How many words of a beginning a text has; a single one stays with what it says."""
    count = next((k for k, pair in enumerate(zip(text, begin, strict=False)) if pair[0] != pair[1]), None)
    count = min(len(text), len(begin)) if count is None else count
    return count if count >= LEAST_WORDS else 0


def _shared(texts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The longest beginning, in words, that at least SHARED of the texts have, and two of them."""
    least = max(2, SHARED * len(texts))
    found: tuple[str, ...] = ()
    alike = list(texts)
    while True:
        at = len(found)
        counts = Counter(text[at] for text in alike if len(text) > at)
        word, count = counts.most_common(1)[0] if counts else ("", 0)
        if count < least:
            return found
        alike = [text for text in alike if len(text) > at and text[at] == word]
        found = (*found, word)

"""Answers of a model as plain text."""

import re

_TAG = re.compile(r"<\|[^<>|]*\|>")


def without_tags(answer: str) -> str:
    """An answer without mask words and other tokens of the form <|...|>."""
    return _TAG.sub("", answer)

"""What plain text costs: words of Qwen's vocabulary, without the vocabulary.

Qwen2 to Qwen3 share 151,643 words and a rule that cuts a text into pieces before words are looked for
(Qwen2Tokenizer's PRETOKENIZE_REGEX): each digit is a piece of its own. Of the texts that codecs write nearly
every piece is one word; the others are listed here. benchmarks/codecs.py compares with the vocabulary itself.
"""

import re

_PIECE = re.compile(
    r"[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", re.ASCII
)
_OF_TWO_WORDS = ("[[[", "]]]")


def qwen_words(text: str) -> int:
    """The words of a text of digits, brackets, bars and common English words in ASCII."""
    pieces = _PIECE.findall(text)
    return len(pieces) + sum(map(pieces.count, _OF_TWO_WORDS))

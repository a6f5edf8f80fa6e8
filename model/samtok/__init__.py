"""SAMTok: any mask as two words, and QwenVL models that read and write them.

The public names load lazily, so that `import samtok` does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samtok.qwen import QwenVLSAMTok
    from samtok.tokenizer import ImageEmbedding, SAMTok
    from samtok.words import format_words, parse_words

_HOME = {
    "SAMTok": "samtok.tokenizer",
    "ImageEmbedding": "samtok.tokenizer",
    "QwenVLSAMTok": "samtok.qwen",
    "format_words": "samtok.words",
    "parse_words": "samtok.words",
}
__all__ = ["ImageEmbedding", "QwenVLSAMTok", "SAMTok", "format_words", "parse_words"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'samtok' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__

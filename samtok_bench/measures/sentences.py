"""Similarity of texts by a BERT: cosine of the mean of the last hidden states over all tokens, [CLS] and
[SEP] with them, of each text alone. This is how GLaMM's scorer compares phrases, with bert-base-uncased.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENCODER_VARIABLE = "SAMTOK_BENCH_TEXT_ENCODER"
DEFAULT_ENCODER = "bert-base-uncased"
MAX_TOKENS = 512


class SentenceSimilarity:
    """Cosines of sentence vectors; a text is encoded once.

    Args:
        tokenizer: of transformers.
        model: a transformers encoder, in evaluation mode.
    """

    def __init__(self, tokenizer: Any, model: Any) -> None:
        self._tokenizer, self._model = tokenizer, model
        self._known: dict[str, NDArray[np.float64]] = {}

    def __call__(self, first: Sequence[str], second: Sequence[str]) -> NDArray[np.float64]:
        """(F, S) cosines of F and S texts."""
        rows, columns = ([self._vector(text) for text in texts] for texts in (first, second))
        return np.array(rows).reshape(len(rows), -1) @ np.array(columns).reshape(len(columns), -1).T

    def _vector(self, text: str) -> NDArray[np.float64]:
        """(D,), of length 1."""
        import torch

        if text not in self._known:
            tokens = self._tokenizer(text, return_tensors="pt", max_length=MAX_TOKENS, truncation=True)
            with torch.no_grad():
                states = self._model(**tokens).last_hidden_state[0]  # (T, D)
            mean = states.mean(0).double().numpy()
            self._known[text] = mean / np.linalg.norm(mean)
        return self._known[text]


def sentence_similarity() -> SentenceSimilarity:
    """The encoder that SAMTOK_BENCH_TEXT_ENCODER names (a folder, or a hub id in the local cache).

    Raises:
        ValueError: its weights are not on this machine; says how to get them.
    """
    return _loaded(os.environ.get(ENCODER_VARIABLE) or DEFAULT_ENCODER)


@lru_cache(maxsize=1)
def _loaded(name: str) -> SentenceSimilarity:
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True)
        model, report = AutoModel.from_pretrained(name, local_files_only=True, output_loading_info=True)
    except (OSError, ValueError):
        raise ValueError(
            f"there is no text encoder {name!r} here: run `hf download {DEFAULT_ENCODER}`, or name the "
            f"folder of one in {ENCODER_VARIABLE}"
        ) from None
    lacking = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if lacking:  # they would be random
        raise ValueError(f"the text encoder {name!r} lacks {len(lacking)} weights, the first: {lacking[0]}")
    return SentenceSimilarity(tokenizer, model.eval())

"""More words for a small text tokenizer, which splits what its own corpus did not have into letters."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from samtok.vocabulary import add_mask_words, as_text_tokenizer, mask_word_ids
from samtok.words import VOCABULARY


def learn_merges(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], most: int
) -> PreTrainedTokenizerFast:
    """Go on with a byte-pair encoding where it stopped, on other texts (Sennrich et al., 2016).

    The most frequent pair of neighbours becomes a token, again and again, until each word is one or `most`
    merges are made. New tokens come after the old ones, and the mask words after those. A new word's row
    starts as that of the same word in another case or without its leading space, where there is one, and
    otherwise as the mean of its pieces' rows.

    Returns:
        the new tokenizer; the model's embedding fits it.

    Raises:
        ValueError: the tokenizer is none of `build_text_tokenizer`, whose special tokens come first.
    """
    old = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary: dict[str, int] = old["model"]["vocab"]
    known = len(vocabulary)
    mask_word_ids(tokenizer)
    if others := len(tokenizer) - known - len(VOCABULARY):
        raise ValueError(f"merges: only for a text tokenizer of nano's kind; {others} other tokens are added")
    merges = _merges(tokenizer, texts, most)
    for pair in merges:
        vocabulary.setdefault("".join(pair), len(vocabulary))
    old["model"]["merges"] += [list(pair) for pair in merges]
    old["added_tokens"] = [token for token in old["added_tokens"] if token["id"] < known]
    new = as_text_tokenizer(Tokenizer.from_str(json.dumps(old)))
    add_mask_words(new)
    _add_rows(model, tokenizer, list(vocabulary)[known:], known)
    return new


def _merges(tokenizer: Any, texts: Iterable[str], most: int) -> list[tuple[str, str]]:
    backend = tokenizer.backend_tokenizer
    counts = Counter(word for text in texts for word, _ in backend.pre_tokenizer.pre_tokenize_str(text))
    pieces = {word: _pieces(backend, word) for word in counts}
    merges: list[tuple[str, str]] = []
    while len(merges) < most:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in pieces.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        merges.append(max(pairs, key=lambda pair: (pairs[pair], pair)))
        pieces = {word: _merged(parts, merges[-1]) for word, parts in pieces.items()}
    return merges


def _pieces(backend: Any, word: str) -> list[str]:
    return [token.value for token in backend.model.tokenize(word)]


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for part in parts:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def _add_rows(model: PreTrainedModel, old: Any, words: list[str], known: int) -> None:
    """Rows of new words between those of the `known` old ones and of the mask words."""
    backend = old.backend_tokenizer
    # a single letter is no twin: "A" is not "a"
    twins = {_spelling(word): index for word, index in backend.get_vocab().items() if index < known}
    like = []
    for word in words:
        twin = twins.get(_spelling(word)) if len(_spelling(word)) > 1 else None
        like.append([token.id for token in backend.model.tokenize(word)] if twin is None else [twin])
    before = [table.weight.detach().clone() for table in _tables(model)]
    model.resize_token_embeddings(len(before[0]) + len(words), mean_resizing=False)
    with torch.no_grad():
        for table, rows in zip(_tables(model), before, strict=True):
            new = torch.stack([rows[ids].mean(0) for ids in like]) if like else rows[:0]
            table.weight.copy_(torch.cat([rows[:known], new, rows[known:]]))


def _tables(model: PreTrainedModel) -> list[Any]:
    """The embedding of words, and that of answers where it is another one."""
    tables: list[Any] = [model.get_input_embeddings(), model.get_output_embeddings()]
    return tables[:1] if tables[1].weight is tables[0].weight else tables


def _spelling(word: str) -> str:
    return word.removeprefix("Ġ").lower()  # a byte-level BPE writes a space so

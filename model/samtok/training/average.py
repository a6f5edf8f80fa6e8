"""The average of checkpoints that were trained on from one another."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from samtok.qwen import Processor

Load = Callable[[str], tuple[PreTrainedModel, Processor]]


def average(shares: Mapping[str, float], load: Load) -> tuple[PreTrainedModel, Processor]:
    """Load models of one shape and average their weights (model soups: Wortsman et al., 2022).

    Rows of an embedding belong to words. A word that not all text tokenizers know has the average of the rows
    of those that do.

    Args:
        shares: what each folder or hub id counts for, above 0; their sum need not be 1.
        load: gives the model and the processor of one.

    Returns:
        a model, and the processor of the one that knows the most words.

    Raises:
        ValueError: the models have other weights, or weights of other shapes, or the one that knows the most
            words lacks some.
    """
    loaded = {name: load(name) for name in shares}
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    largest = max(loaded, key=lambda name: len(loaded[name][1].tokenizer))
    model, processor = loaded[largest]
    mixed = {name: _Mean(weight) for name, weight in model.named_parameters()}
    for name, (other, its) in loaded.items():
        rows = _rows(name, its.tokenizer.get_vocab(), largest, processor.tokenizer.get_vocab())
        tables = {id(table.weight) for table in (other.get_input_embeddings(), other.get_output_embeddings())}
        weights = dict(other.named_parameters())
        if different := sorted(weights.keys() ^ mixed.keys()):
            raise ValueError(f"average: {different[0]} is not in both {largest} and {name}")
        for key, weight in weights.items():
            if id(weight) not in tables and weight.shape != mixed[key].start.shape:
                shape, largest_shape = tuple(weight.shape), tuple(mixed[key].start.shape)
                raise ValueError(f"average: {key} is {shape} in {name}, but {largest_shape} in {largest}")
            mixed[key].add(weight, shares[name], rows if id(weight) in tables else None)
    with torch.no_grad():
        for key, weight in model.named_parameters():
            weight.copy_(mixed[key].value())
    return model, processor


def _rows(name: str, words: dict[str, int], largest: str, all_words: dict[str, int]) -> tuple[Tensor, Tensor]:
    """Where the rows of a model's words go, and where they come from."""
    if unknown := [word for word in words if word not in all_words]:
        raise ValueError(f"average: {name} knows the word {unknown[0]!r}, which {largest} does not")
    return torch.tensor([all_words[word] for word in words]), torch.tensor(list(words.values()))


class _Mean:
    def __init__(self, start: Tensor) -> None:
        self.start = start
        self._sum = torch.zeros_like(start, dtype=torch.float32)
        self._shares = torch.zeros(len(start), *[1] * (start.dim() - 1))  # of each row

    def add(self, weight: Any, share: float, rows: tuple[Tensor, Tensor] | None) -> None:
        to, of = (slice(None), slice(None)) if rows is None else rows
        self._sum[to] += share * weight.detach()[of].float()
        self._shares[to] += share

    def value(self) -> Tensor:
        """Rows of no word, which pad an embedding, stay."""
        return torch.where(self._shares > 0, self._sum / self._shares, self.start.float())

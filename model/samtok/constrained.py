"""Constrained decoding: mask words are always well formed."""

import torch
from torch import Tensor
from transformers import LogitsProcessor


class WellFormedMasks(LogitsProcessor):
    """Allows mask words only as complete groups: start, first code, second code, end.

    Inside a group nothing else is allowed, not even the end of the turn. Outside of groups, codes and end
    marks are not allowed. A group opens only if it can be closed within the token limit. Ordinary text is
    free, so a model can still spell a mark letter by letter.

    Args:
        start, first, second, end: token ids, as `vocabulary.mask_word_ids` returns them.
        prompt_length: tokens before the first generated one, padding included.
        max_new_tokens: the limit of the generation.
    """

    def __init__(
        self, start: int, first: range, second: range, end: int, prompt_length: int, max_new_tokens: int
    ) -> None:
        self.start, self.first, self.second, self.end = start, first, second, end
        self.prompt_length, self.limit = prompt_length, prompt_length + max_new_tokens

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Set the scores (B, V) of tokens that may not follow the tokens (B, T) to minus infinity."""
        length = input_ids.shape[1]
        # groups in the prompt are complete; only generated ones can be open
        last = input_ids[:, -1] if length > self.prompt_length else torch.full_like(input_ids[:, 0], self.end)
        opened = last == self.start
        has_first = (last >= self.first.start) & (last < self.first.stop)
        has_second = (last >= self.second.start) & (last < self.second.stop)
        outside = ~(opened | has_first | has_second)

        allowed = torch.zeros_like(scores, dtype=torch.bool)
        allowed[outside] = True
        allowed[outside, self.first.start : self.end + 1] = False
        if self.limit - length < 4:  # the tokens of a mask
            allowed[outside, self.start] = False
        allowed[opened, self.first.start : self.first.stop] = True
        allowed[has_first, self.second.start : self.second.stop] = True
        allowed[has_second, self.end] = True
        return scores.masked_fill(~allowed, -torch.inf)

"""Answers that never look at the image."""

from samtok_bench import rle
from samtok_bench.sample import Prediction, Sample

CONSTANT_ANSWERS = ("refuse", "whole")
"""No mask at all, or one mask of the whole image."""


def constant_answer(name: str, sample: Sample) -> Prediction:
    """The answer of this name to a sample."""
    if name == "refuse":
        return Prediction(text="No target.", stop_reason="stop")
    return Prediction(masks=(rle.full(*sample.size),), stop_reason="stop")

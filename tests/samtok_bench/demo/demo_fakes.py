"""A model and a mask tokenizer by rule, so that every region of a session can be told by hand."""

import re

import numpy as np

from samtok_bench import rle
from samtok_bench.demo.model import DemoModel
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.sample import Outcome, Prediction
from samtok_bench.task import Generation

WORDS = re.compile(r"<\|mt_start\|><\|mt_(\d{4})\|><\|mt_(\d{4})\|><\|mt_end\|>")


def words(first: int, second: int) -> str:
    return f"<|mt_start|><|mt_{first:04d}|><|mt_{second:04d}|><|mt_end|>"


def rectangle(x0, y0, x1, y1, width=12, height=10):
    return rle.rectangle(x0, y0, x1, y1, height, width)


class Columns:
    """The words of a mask are its first and its last column, and stand for all of these columns."""

    def __init__(self) -> None:
        self.points: list = []

    def words(self, image, masks):
        boxes = [rle.box(mask) for mask in masks]
        return [words(x0, x1) for x0, _, x1, _ in boxes]

    def read(self, text, image):
        found = list(WORDS.finditer(text))
        spans = [(int(one[1]), int(one[2])) for one in found]
        masks = [rle.rectangle(x0, 0, x1, image.height, image.height, image.width) for x0, x1 in spans]
        return Prediction(text=text, masks=tuple(masks), words=tuple(one[0] for one in found))

    def in_boxes(self, image, boxes):
        return [rle.encode(_inside(image, *box)) for box in boxes]

    def at_points(self, image, points, inside):
        """One pixel a point."""
        self.points.append((tuple(points), tuple(inside)))
        mask = np.zeros((image.height, image.width), bool)
        for (x, y), side in zip(points, inside, strict=True):
            mask[int(y), int(x)] = side
        return rle.encode(mask)


def _inside(image, x0, y0, x1, y1):
    mask = np.zeros((image.height, image.width), bool)
    mask[round(y0) : round(y1), round(x0) : round(x1)] = True
    return mask


class Scripted(Predictor):
    """Gives its answers one after the other, and keeps the samples."""

    def __init__(self, *answers: str | Prediction) -> None:
        super().__init__("", PredictorOptions(Generation(8)))
        self.answers = list(answers)
        self.samples: list = []
        self.tokenizer = Columns()

    def identity(self):
        return {}

    def predict(self, samples):
        self.samples += samples
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            width, height = 12, 10
            image = type("Size", (), {"width": width, "height": height})
            return [self.tokenizer.read(answer, image)]
        return [answer]


def model(*answers: str | Prediction, reads_words: bool = True) -> DemoModel:
    predictor = Scripted(*answers)
    return DemoModel("scripted", predictor, predictor.tokenizer, reads_words)


FAILED = Prediction(outcome=Outcome.SKIPPED, detail="the picture is gone")

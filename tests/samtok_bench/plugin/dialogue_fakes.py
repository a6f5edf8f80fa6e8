"""Dialogues whose questions need the answers before them, and a predictor that shows what it was told."""

import os
import time
from dataclasses import replace
from pathlib import Path

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.predictor import Predictor
from samtok_bench.sample import Outcome, Prediction, Sample, Target, Text, Turn, content_id
from samtok_bench.task import Generation, SampleSet, Task

LENGTHS = (3, 1, 4, 2, 3, 3, 1)
"""Rounds of each dialogue; two dialogues an image."""


def sample_id(dialogue: int, number: int) -> str:
    return content_id("dialogues", f"{dialogue}/{number}")


class Dialogues(Task):
    """17 rounds; each but the first comes after all earlier ones of its dialogue."""

    name = "dialogues"
    summary = "for tests"
    primary = "right"
    splits = ("val",)
    option_values = {"tone": ("plain", "loud"), "history": ("own", "none")}  # noqa: RUF012
    metrics = (MetricInfo("right", "right", "share of right rounds", source="this file"),)
    generation = Generation(8)

    def default_root(self):
        return Path(__file__).parent

    def samples(self, root, split):
        if os.environ.get("DIALOGUES_BROKEN"):
            first, second = (self._sample(root, 0, k) for k in range(2))
            after = {"loop": second.id, "stranger": "nobody"}[os.environ["DIALOGUES_BROKEN"]]
            return SampleSet([replace(first, after=(after,)), second])
        rounds = [(d, k) for d, length in enumerate(LENGTHS) for k in range(length)]
        return SampleSet([self._sample(root, dialogue, number) for dialogue, number in rounds])

    def _sample(self, root, dialogue, number):
        question = f"{dialogue}{'abcd'[number]}"
        text = question.upper() if self.options["tone"] == "loud" else question
        earlier = [sample_id(dialogue, k) for k in range(number)]
        image = root / f"image{dialogue // 2}.png"
        return Sample(
            id=sample_id(dialogue, number),
            image=image,
            size=(4, 4),
            turns=(Turn("user", (Text(text),)),),
            cluster=image.name,
            target=Target((rle.full(4, 4),)),
            after=tuple(earlier) if self.options["history"] == "own" else (),
        )

    def with_history(self, sample, earlier):
        told = tuple(Turn("assistant", (Text(f"[{one.outcome}:{one.text}]"),)) for one in earlier)
        return replace(sample, turns=(*told, *sample.turns))

    def score(self, sample, prediction):
        assert len(sample.turns) == 1, "scores see the sample as the task made it"
        return {"right": float(prediction.text.isupper())}


class Echo(Predictor):
    """Says all that it was told, so that a wrong history shows in all later answers."""

    summary = "for tests"
    batches: list[list[str]] = []  # noqa: RUF012

    def identity(self):
        return {"kind": "echo", "argument": self.argument}

    def predict(self, samples):
        told = ["".join(part.text for turn in one.turns for part in turn.parts) for one in samples]
        if "2b" in [one[-2:] for one in told] and self.argument == "faulty":
            raise RuntimeError("boom")
        self.batches.append(told)
        return [Prediction(text=one, outcome=Outcome.OK) for one in told]

    def ceiling(self, forced):
        return Shout("", self.options) if forced else None


class Shout(Echo):
    """Another predictor, whose answers must not mix with Echo's."""

    def predict(self, samples):
        return [replace(one, text=one.text.upper()) for one in super().predict(samples)]


class SlowEcho(Echo):
    """Slow enough to be killed in the middle."""

    def predict(self, samples):
        time.sleep(0.2)
        return super().predict(samples)

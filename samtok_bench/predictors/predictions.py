"""Answers that were made elsewhere, from a file."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from samtok_bench.exchange.predictions import PredictionsFile
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.sample import Outcome, Prediction, Sample


class FilePredictor(Predictor):
    """`predictions:FILE`: the answers in a file, see samtok_bench.exchange.predictions.

    A sample without a line counts as one without an answer.

    Raises:
        ValueError: no file is named.
        OSError: there is no such file.
    """

    summary = "answers that were made elsewhere: predictions:FILE.jsonl"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        if not argument:
            raise ValueError("--model predictions:FILE needs the file with the answers")
        self.path = Path(argument)
        if not self.path.is_file():
            raise FileNotFoundError(f"no file {self.path} with predictions")

    @cached_property
    def _file(self) -> PredictionsFile:
        return PredictionsFile(self.path)

    def identity(self) -> dict[str, Any]:
        file = self._file
        return {
            "kind": "predictions",
            "name": f"{file.model or self.path.name} (answers made elsewhere)",
            "file": file.hash(),
            "settings": file.settings,
        }

    def accept(self, samples: Sequence[Sample]) -> None:
        self._file.check(samples)

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        missing = Prediction(outcome=Outcome.MODEL_ERROR, detail=f"{self.path} has no line for the sample")
        return [answer or missing for answer in self._file.answers(samples)]

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("FILE.jsonl",)

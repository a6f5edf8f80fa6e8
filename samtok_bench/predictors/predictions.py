"""Answers that were made elsewhere, from a file."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from samtok_bench.exchange.predictions import PredictionsFile
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.predictors.answer_forms import answer_form
from samtok_bench.predictors.pictures import first_image, pictures_of
from samtok_bench.predictors.samtok import word_parser
from samtok_bench.reading import Reading
from samtok_bench.sample import Outcome, Prediction, Sample

UNREAD = (
    "its text has mask words, and it has no masks: --answers words --tokenizer FOLDER reads them, "
    "--answers text leaves them unread"
)


def has_unread_words(answer: Prediction, answer_form: str, reading: Reading) -> bool:
    """Whether an answer would count as a refusal although its text says masks, if nothing reads them."""
    if answer_form in ("text", "letter") or answer.masks or answer.faults or not answer.answered:
        return False
    said = word_parser(reading)(answer.text)
    return bool(said.words or said.faults)


class FilePredictor(Predictor):
    """`predictions:FILE`: the answers in a file, see samtok_bench.exchange.predictions.

    A sample without a line counts as one without an answer. With `--answers` the text of an answer without
    masks is read, as words of a tokenizer, boxes or polygons; mask words that nothing would read are refused.

    Raises:
        ValueError: no file is named, or options that do not go together.
        OSError: there is no such file.
    """

    recorded: ClassVar[bool] = True
    takes: ClassVar[frozenset[str]] = frozenset(("tokenizer", "answers"))
    summary = "answers that were made elsewhere: predictions:FILE.jsonl"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        if not argument:
            raise ValueError("--model predictions:FILE needs the file with the answers")
        self.path = Path(argument)
        if not self.path.is_file():
            raise FileNotFoundError(f"no file {self.path} with predictions")
        if options.tokenizer and not options.answers:
            raise ValueError("--tokenizer reads answers that are text: add --answers words or boxes:...")
        self._form = answer_form(options.answers, options.tokenizer, options) if options.answers else None

    @cached_property
    def _file(self) -> PredictionsFile:
        return PredictionsFile(self.path)

    def identity(self) -> dict[str, Any]:
        file = self._file
        tokenizer = self._form.tokenizer if self._form else None
        return {
            "kind": "predictions",
            "name": f"{file.model or self.path.name} (answers made elsewhere)",
            "file": file.hash(),
            "settings": file.settings,
            "answers": self.options.answers,
            "tokenizer": tokenizer.identity() if tokenizer else None,
        }

    def accept(self, samples: Sequence[Sample]) -> None:
        form, reading = self.options.answer_form, self.options.generation.reading
        unread = (lambda answer: has_unread_words(answer, form, reading)) if self._form is None else None
        self._file.check(samples, lambda answer: UNREAD if unread and unread(answer) else "")

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        missing = Prediction(outcome=Outcome.MODEL_ERROR, detail=f"{self.path} has no line for the sample")
        answers = self._file.answers(samples)
        return [
            self._with_masks(answer, sample) if answer else missing
            for sample, answer in zip(samples, answers, strict=True)
        ]

    def ceiling(self, forced: bool) -> Predictor | None:
        tokenizer = self._form.tokenizer if self._form else None
        return tokenizer.ceiling(forced) if tokenizer else None

    def _with_masks(self, answer: Prediction, sample: Sample) -> Prediction:
        """An answer whose text says its masks, with them."""
        if self._form is None or answer.masks or not answer.answered:
            return answer
        try:
            image = pictures_of(first_image(sample), sample)["image"]
        except (OSError, ValueError) as error:
            return Prediction(outcome=Outcome.SKIPPED, detail=str(error))
        read = self._form.read(answer.text, image)
        outcome = read.outcome if answer.outcome is Outcome.OK else answer.outcome
        return replace(
            answer,
            outcome=outcome,
            masks=read.masks,
            phrases=read.phrases,
            words=read.words,
            faults=read.faults,
        )

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("FILE.jsonl",)

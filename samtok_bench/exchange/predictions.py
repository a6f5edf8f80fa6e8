"""Answers that were made elsewhere: a file with one JSON line per sample, see `StatedAnswer`."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from samtok_bench import provenance
from samtok_bench.exchange.answers import StatedAnswer
from samtok_bench.sample import Prediction, Sample
from samtok_bench.strict_json import parse_json
from samtok_bench.validation import first_fault

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Place:
    """Where a line is."""

    number: int
    """From 1."""
    start: int
    """Bytes before it."""


class PredictionsFile:
    """A predictions file, of which only the places of its lines are kept in memory.

    Every line is read once here, so that a malformed one is found before any is used.

    Raises:
        ValueError: a malformed line, an id that comes twice, lines of two models; names the line.
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model, self.settings = "", dict[str, Any]()
        self._places: dict[str, Place] = {}
        self._pictures: list[str] = []
        for place, answer in self._lines():
            if answer.id in self._places:
                first = self._places[answer.id].number
                raise ValueError(f"{self._where(place)}: the id {answer.id} is that of line {first} too")
            self._places[answer.id] = place
            self._learn(place, answer)
            self._pictures += [mask for mask in answer.masks if isinstance(mask, str)]

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, id: str) -> bool:
        return id in self._places

    def hash(self) -> str:
        """sha256 of the file and of the masks that it names."""
        return provenance.file_hash([self.path, *(self.path.parent / name for name in self._pictures)])

    def check(
        self, samples: Iterable[Sample], fault_of: Callable[[Prediction], str] = lambda answer: ""
    ) -> list[str]:
        """Hold the file against a split.

        Args:
            samples: of the split.
            fault_of: what else is wrong with an answer, "" if nothing is.

        Returns:
            the ids of samples that have no line.

        Raises:
            ValueError: a line of no sample, with a mask that does not fit its image, or with another fault;
                names the line.
        """
        by_id = {sample.id: sample for sample in samples}
        for place, answer in self._lines():
            if answer.id not in by_id:
                raise ValueError(
                    f"{self._where(place)}: no sample has the id {answer.id}; "
                    "`samtok-bench data questions` writes the ids of a split"
                )
            if fault := fault_of(self._prediction(place, answer, by_id[answer.id])):
                raise ValueError(f"{self._where(place)}: {fault}")
        return [id for id in by_id if id not in self._places]

    def answers(self, samples: Iterable[Sample]) -> Iterator[Prediction | None]:
        """The answer to each sample, None where there is no line; errors as `check`."""
        with self.path.open("rb") as file:
            for sample in samples:
                place = self._places.get(sample.id)
                if place is None:
                    yield None
                    continue
                file.seek(place.start)
                yield self._prediction(place, self._parse(place, file.readline()), sample)

    def _lines(self) -> Iterator[tuple[Place, StatedAnswer]]:
        start = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                place = Place(number, start)
                start += len(line)
                if line.strip().removeprefix(BOM):
                    yield place, self._parse(place, line)

    def _parse(self, place: Place, line: bytes) -> StatedAnswer:
        try:
            record = parse_json(line.removeprefix(BOM) if place.number == 1 else line)
        except ValueError as error:
            raise ValueError(f"{self._where(place)} is not JSON: {error}") from None
        try:
            return StatedAnswer.model_validate(record)
        except ValidationError as error:
            raise ValueError(f"{self._where(place)}: {first_fault(error)}") from None

    def _prediction(self, place: Place, answer: StatedAnswer, sample: Sample) -> Prediction:
        try:
            return answer.prediction(sample.size, self.path.parent)
        except ValueError as error:
            raise ValueError(f"{self._where(place)}: {error}") from None

    def _learn(self, place: Place, answer: StatedAnswer) -> None:
        for name in ("model", "settings"):
            known, said = getattr(self, name), getattr(answer, name)
            if known and said and known != said:
                raise ValueError(
                    f"{self._where(place)}: {name} {json.dumps(said)} differs from {json.dumps(known)} "
                    "above: one file holds the answers of one model"
                )
            setattr(self, name, known or said)

    def _where(self, place: Place) -> str:
        return f"{self.path}: line {place.number}"

"""A COCO results file, as detectors and SA-Co's own tools write it: a JSON list with a record for each mask.

`image_id` is the number of a sample in the official files. Masks with a score below 0.5 are left out, as
SA-Co's evaluator does, and so are records of another category than 1 and of samples that are not in the
split. A sample without a record is answered by "nothing found": such a file cannot tell an answer that
failed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from samtok_bench import rle
from samtok_bench.exchange.answers import StatedAnswer, StatedRLE
from samtok_bench.sample import Sample
from samtok_bench.strict_json import parse_json
from samtok_bench.task import Dropped
from samtok_bench.validation import first_fault

LEAST_SCORE = 0.5
CATEGORY = 1


class CocoResult(BaseModel):
    """One mask; what nobody asked for passes, as a box."""

    model_config = ConfigDict(strict=True, extra="ignore")

    image_id: int
    category_id: int
    segmentation: StatedRLE
    score: Annotated[float, Field(allow_inf_nan=False)]


_RESULTS = TypeAdapter(list[CocoResult])


def read_coco_results(source: Path, samples: Sequence[Sample], dropped: Dropped) -> Iterator[StatedAnswer]:
    """An answer to every sample, its masks in the order of the file.

    Raises:
        ValueError: a malformed record, a mask of another size, or samples without numbers.
        OSError: no such file.
    """
    by_number = {sample.number: sample for sample in samples if sample.number is not None}
    if len(by_number) != len(samples):
        raise ValueError(
            "a COCO results file names samples by numbers, which this task's samples do not have"
        )
    masks: dict[int, list[StatedRLE]] = {number: [] for number in by_number}
    scores: dict[int, list[float]] = {number: [] for number in by_number}
    for place, result in enumerate(_read(source)):
        where = f"{source}: record {place}"
        if result.category_id != CATEGORY:
            dropped.add(f"masks of a category that is not {CATEGORY}", where)
        elif result.score < LEAST_SCORE:
            dropped.add(f"masks with a score below {LEAST_SCORE}", where)
        elif result.image_id not in by_number:
            dropped.add("masks of samples that are not in this split", where)
        else:
            size = by_number[result.image_id].size
            try:
                rle.from_segmentation(result.segmentation.model_dump(), *size)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
            masks[result.image_id].append(result.segmentation)
            scores[result.image_id].append(result.score)
    for number, sample in by_number.items():
        yield StatedAnswer(id=sample.id, masks=masks[number], scores=scores[number])


def _read(source: Path) -> list[CocoResult]:
    try:
        return _RESULTS.validate_python(parse_json(source.read_bytes()))
    except ValidationError as error:
        raise ValueError(f"{source}: record {first_fault(error)}") from None
    except ValueError as error:
        raise ValueError(f"{source} is not a JSON file: {error}") from None

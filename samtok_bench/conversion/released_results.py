"""What SAMTok's released evaluation scripts write: a folder with a JSON file per sample.

They name a file by the sample's place in the data (RefCOCO/+/g, gRefCOCO, GroundingSuite, multi-round), or by
its image (GCG). Files with the truth beside the answer are held against the data: the scripts leave files of
another split where they are.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from samtok_bench import rle
from samtok_bench.exchange.answers import StatedAnswer, StatedRLE
from samtok_bench.rle import RLE
from samtok_bench.sample import Sample
from samtok_bench.strict_json import parse_json
from samtok_bench.task import Dropped
from samtok_bench.validation import first_fault


class Result(BaseModel):
    """The file of one sample, of any of the scripts; fields that nobody asked for pass."""

    model_config = ConfigDict(strict=True, extra="ignore")

    prediction_masks: list[StatedRLE] | None = None
    """RefCOCO/+/g: one mask, empty if the model gave none."""
    pred_masks: StatedRLE | list[StatedRLE] | None = None
    """gRefCOCO and multi-round: the union of the masks; GCG: the masks in reading order."""
    predicted_segmentation: StatedRLE | None = None
    """GroundingSuite."""
    gt_masks: StatedRLE | list[StatedRLE] | None = None
    """The truth, where the script keeps it."""
    caption: str = ""
    phrases: list[str] = []
    """GCG: as many as there are, of the masks by place."""

    def masks(self) -> list[StatedRLE]:
        """The answer's, empty ones too; ValueError where the file has none of the fields for masks."""
        for given in (self.prediction_masks, self.pred_masks, self.predicted_segmentation):
            if given is not None:
                return given if isinstance(given, list) else [given]
        raise ValueError("no field prediction_masks, pred_masks or predicted_segmentation")


def read_released_results(
    source: Path, samples: Sequence[Sample], dropped: Dropped
) -> Iterator[StatedAnswer]:
    """The answers in a folder.

    Raises:
        ValueError: a malformed file, one that belongs to no sample, or to another one than its place says.
        OSError: not a folder, or one without such files.
    """
    files = sorted(source.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"{source} holds no JSON file of a sample")
    by_image = {sample.image.name[:-4]: sample for sample in samples}  # as the script cuts an image's name
    numbered = all(path.stem.isdecimal() and int(path.stem) < len(samples) for path in files)
    for path in files:
        sample = by_image.get(path.stem)
        if numbered and sample is None:
            sample = samples[int(path.stem)]
        if sample is None:
            raise ValueError(f"{path} belongs to no sample of this split")
        try:
            yield _answer(_read(path), sample)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _read(path: Path) -> Result:
    try:
        return Result.model_validate(parse_json(path.read_bytes()))
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None


def _answer(result: Result, sample: Sample) -> StatedAnswer:
    if result.gt_masks is not None:
        stated = result.gt_masks if isinstance(result.gt_masks, list) else [result.gt_masks]
        _same_truth(_union(stated, sample), sample)
    masks = [_canonical(mask, sample) for mask in result.masks()]
    kept = [StatedRLE(**mask) for mask in masks if not rle.is_empty(mask)]
    phrases = result.phrases if len(result.phrases) == len(kept) else []
    return StatedAnswer(id=sample.id, text=result.caption, masks=kept, phrases=phrases)


def _same_truth(truth: RLE, sample: Sample) -> None:
    wanted = rle.union(sample.target.masks, sample.size)
    inter, union = rle.intersection_union(truth, wanted)
    if inter != union:
        raise ValueError(f"its gt_masks differ from the target of the sample {sample.id} at this place")


def _union(masks: Sequence[StatedRLE], sample: Sample) -> RLE:
    return rle.union([_canonical(mask, sample) for mask in masks], sample.size)


def _canonical(mask: StatedRLE, sample: Sample) -> RLE:
    return rle.from_segmentation(mask.model_dump(), *sample.size)

"""GAR-Bench-VQA: multiple-choice questions about one or several masks of an image."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.sample import Sample, Target, content_id, image_key, question
from samtok_bench.task import Dropped, SampleSet
from samtok_tasks.formats.annotated_masks import stated_size
from samtok_tasks.formats.files import require_split
from samtok_tasks.gar_bench.reader import (
    PLACE,
    QUESTIONS,
    GarQuestion,
    locate_gar_bench,
    read_gar_bench_questions,
)
from samtok_tasks.multiple_choice import MultipleChoice, choice_prompt
from samtok_tasks.region_questions import COUNTS, counted, with_regions


class GARBench(MultipleChoice):
    """Questions about colour, shape, pattern, material, order, mirrors and relations, or mini's."""

    name = "gar-bench"
    summary = "multiple-choice questions about regions (GAR-Bench-VQA)"
    source = "GAR-Bench, inference.py (arXiv 2510.18876)"
    splits = ("test",)
    tag_values: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "type": ("color", "shape", "texture/pattern", "material", "ordering", "mirror", "relation"),
        "regions": COUNTS[1:],
    }

    def locate(self, root: Path) -> str:
        locate_gar_bench(root, QUESTIONS)
        return f"GAR-Bench-VQA, in {root}"

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split(self.name, split, self.splits)
        samples: list[Sample] = []
        dropped = Dropped()
        for place, (where, record) in enumerate(read_gar_bench_questions(root)):
            try:
                masks = _masks(record.mask_rles)
            except ValueError as error:
                dropped.add("questions with an unusable mask", where, str(error))
            else:
                samples.append(_sample(record, place, masks, root))
        return SampleSet(samples, dropped)


def _sample(record: GarQuestion, place: int, masks: Sequence[RLE], root: Path) -> Sample:
    image = root / record.image
    prompt = choice_prompt(record.question, record.choices)
    height, width = masks[0]["size"]
    counts = [mask["counts"] for mask in masks]
    return Sample(
        id=content_id("region_vqa", record.image, str(place), prompt, record.answer, *counts),
        image=image,
        size=(height, width),
        turns=question(image, *with_regions(prompt, PLACE, lambda name: masks[int(name)])),
        cluster=image_key(image, root),
        target=Target(text=record.answer.upper()),
        tags={"type": record.type, "regions": counted(len(masks))},
        truth=tuple(PLACE.sub("", choice[2:]) for choice in record.choices),
    )


def _masks(segmentations: Sequence[Any]) -> list[RLE]:
    """The masks of a record, all of one size and none of them empty; ValueError if not."""
    masks = []
    for segmentation in segmentations:
        size = stated_size(segmentation)
        if size is None:
            raise ValueError("a mask is an RLE with its size")
        mask = rle.from_segmentation(segmentation, *size)
        if rle.is_empty(mask):
            raise ValueError("an empty mask")
        masks.append(mask)
    if len({tuple(mask["size"]) for mask in masks}) > 1:
        raise ValueError("masks of different sizes")
    return masks

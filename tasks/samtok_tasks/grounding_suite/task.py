"""GroundingSuite-Eval: segment what a sentence describes, be it a thing, several, a part or stuff.

GSEval has no prompt of its own; this is that of SAMTok's released script (bytedance/Sa2VA, projects/samtok),
which also gives the token limit. The metrics and the differences between the protocols are in
samtok_tasks.grounding_suite.metrics.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.reading import STANDARD
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import Generation, HubSource, SampleSet
from samtok_tasks import released
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.formats.files import require_split
from samtok_tasks.grounding_suite.metrics import GROUNDING_METRICS, grounding_scores
from samtok_tasks.grounding_suite.reader import (
    CLASSES,
    FILE,
    GroundingRecord,
    grounding_suite_masks,
    locate_grounding_suite,
    read_grounding_suite,
)
from samtok_tasks.mini.task import MiniTask

PROMPT = "Please carefully check the image and detect the object this sentence describes: {caption}"
MAX_NEW_TOKENS = 512


class GroundingSuite(MiniTask):
    """GSEval or mini."""

    name = "grounding-suite"
    summary = "segment things, groups, parts and stuff by a sentence (GroundingSuite-Eval)"
    primary = "giou"
    source = "GroundingSuite, evaluate_grounding.py (arXiv 2503.10596)"
    splits = ("all",)
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource(
            "hustvl/GSEval",
            (FILE,),
            rest="COCO's unlabeled2017 images in unlabeled2017/ "
            "(images.cocodataset.org/zips/unlabeled2017.zip)",
        )
    }
    metrics = GROUNDING_METRICS
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "class": tuple(CLASSES.values()),
        "area": COCO_AREAS,
    }

    @property
    def generation(self) -> Generation:
        return Generation(MAX_NEW_TOKENS, released.UNION if self.protocol == "released" else STANDARD)

    def locate(self, root: Path) -> str:
        locate_grounding_suite(root)
        return f"{FILE}, in {root}"

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split("GroundingSuite-Eval", split, self.splits)
        records = read_grounding_suite(root)
        data = grounding_suite_masks(root, records.values())
        samples = [_sample(records[int(found.key)], found.image, found.mask, root) for found in data.masks]
        return SampleSet(samples, data.dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        (mask,) = sample.target.masks
        return grounding_scores(sample.tags["class"], mask, sample.truth, prediction, self.protocol)


def _sample(record: GroundingRecord, image: Path, mask: RLE, root: Path) -> Sample:
    height, width = mask["size"]
    prompt = PROMPT.format(caption=record.caption)
    box = json.dumps(record.box)
    return Sample(
        id=content_id("grounding-suite", image.name, str(record.idx), prompt, mask["counts"], box),
        image=image,
        size=(height, width),
        turns=question(image, prompt),
        cluster=image_key(image, root),
        target=Target((mask,)),
        tags={"class": CLASSES[record.class_id], "area": coco_area(rle.area(mask))},
        truth=tuple(record.box),  # the file's, which is not that of the mask
    )

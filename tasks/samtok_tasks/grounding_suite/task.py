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
from samtok_bench.measures.boxes import Box
from samtok_bench.rle import RLE
from samtok_bench.sample import ImagePart, Prediction, Sample, Scores, Target, Text, Turn, content_id
from samtok_bench.task import DataStatus, Generation, HubSource, SampleSet, Task
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.grounding_suite import reader as grounding_suite
from samtok_tasks.grounding_suite.metrics import CLASSES, grounding_metrics, grounding_scores
from samtok_tasks.grounding_suite.reader import FILE, GroundingRecord
from samtok_tasks.mini.writer import ensure_mini

PROMPT = "Please carefully check the image and detect the object this sentence describes: {caption}"
MAX_NEW_TOKENS = 512
SPLIT = "all"
"""There is only one."""


class GroundingSuite(Task):
    """GSEval or mini."""

    name = "grounding-suite"
    summary = "segment things, groups, parts and stuff by a sentence (GroundingSuite-Eval)"
    primary = "giou"
    splits = (SPLIT,)
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource(
            "hustvl/GSEval",
            (FILE,),
            rest="COCO's unlabeled2017 images in unlabeled2017/ "
            "(images.cocodataset.org/zips/unlabeled2017.zip)",
        )
    }
    metrics = grounding_metrics()
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"class": CLASSES, "area": COCO_AREAS}

    @property
    def generation(self) -> Generation:
        return Generation(MAX_NEW_TOKENS, "released-union" if self.protocol == "released" else "standard")

    def default_root(self) -> Path:
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        if root is None:
            return mini_status()
        if not (root / FILE).is_file():
            return DataStatus(False, f"{root / FILE} is missing")
        return DataStatus(True, f"{FILE}, in {root}")

    def samples(self, root: Path, split: str) -> SampleSet:
        if split != SPLIT:
            raise ValueError(f"GroundingSuite-Eval has no split {split!r}; all of it is {SPLIT!r}")
        records = {str(record.idx): record for record in grounding_suite.read_grounding_suite(root)}
        read = grounding_suite.read_grounding_suite_regions(root)
        samples = [_sample(records[region.key], region.mask) for region in read.regions]
        return SampleSet(samples, dict(read.dropped), dict(read.first))

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        box: Box = tuple(json.loads(sample.target.text))
        return grounding_scores(sample.tags["class"], sample.target.masks[0], box, prediction, self.protocol)


def _sample(record: GroundingRecord, mask: RLE) -> Sample:
    height, width = mask["size"]
    prompt = PROMPT.format(caption=record.caption)
    box = json.dumps(record.box)
    return Sample(
        id=content_id("grounding-suite", record.image.name, str(record.idx), prompt, mask["counts"], box),
        image=record.image,
        size=(height, width),
        turns=(Turn("user", (ImagePart(record.image), Text(prompt))),),
        cluster=record.image.name,
        # the box, which is not that of the mask, is the target's text
        target=Target((mask,), box),
        tags={"class": grounding_suite.CLASSES[record.class_id], "area": coco_area(rle.area(mask))},
    )

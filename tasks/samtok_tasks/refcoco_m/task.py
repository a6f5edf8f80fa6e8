"""RefCOCO-M and the two RefCOCO sets beside it on the hub: one object, masks as run lengths in parquet files.

RefCOCO-M has RefCOCO's sentences of val (UNC) with masks that were made anew, pixel by pixel, of the 53 % of
objects where that succeeded: 5,598 sentences on 1,190 images. Its figures do not compare with RefCOCO's.
refcoco_rle and refcoco_plus_rle_val (behind an agreement on the hub) have the same form, and their makers do
not say how their masks differ from COCO's: neither do their figures.

A row is an image, and in `samples` a list of {`sentences`, `mask`}. All of this is by the data sets' cards
and by code that reads them: the files themselves were not available here. Metrics are those of referring
segmentation, samtok_tasks.referring.metrics.
"""

from collections.abc import Mapping
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.sample import Prediction, Sample, Scores
from samtok_bench.task import Generation, HubSource
from samtok_tasks.areas import COCO_AREAS
from samtok_tasks.formats.hub_rows import Columns
from samtok_tasks.hub_masks.task import HubBenchmark
from samtok_tasks.referring.metrics import referring_metrics, referring_scores
from samtok_tasks.referring.task import MAX_NEW_TOKENS


class _Sentences(HubBenchmark):
    """What the three data sets have in common."""

    primary = "ciou"
    source = "LAVT, test.py (arXiv 2112.02244)"
    metrics = referring_metrics("standard", second_list=False)
    generation = Generation(MAX_NEW_TOKENS)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"area": COCO_AREAS}
    columns = Columns("image", "samples.sentences", "samples.mask")

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return referring_scores(rle.union(sample.target.masks, sample.size), prediction, self.protocol)


class RefCOCOM(_Sentences):
    """RefCOCO-M or mini."""

    name = "refcoco-m"
    summary = "as refcoco's val, with masks that were made anew (RefCOCO-M)"
    splits = ("validation",)
    folder = "refcoco-m"
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource("moondream/refcoco-m", ("data/*.parquet",), folder="refcoco-m")
    }


class RefCOCORuns(_Sentences):
    """refcoco_rle or mini."""

    name = "refcoco-rle"
    summary = "RefCOCO as a data set of the hub (moondream/refcoco_rle)"
    splits = ("validation", "val", "testA", "testB", "train")
    folder = "refcoco_rle"
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource("moondream/refcoco_rle", ("*.parquet",), folder="refcoco_rle")
    }


class RefCOCOPlusRuns(_Sentences):
    """refcoco_plus_rle_val or mini."""

    name = "refcoco+-rle"
    summary = "RefCOCO+ as a data set of the hub (moondream/refcoco_plus_rle_val)"
    splits = ("validation", "val")
    folder = "refcoco_plus_rle_val"
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource("moondream/refcoco_plus_rle_val", ("*.parquet",), folder="refcoco_plus_rle_val")
    }

"""SA-Co/Gold and SA-Co/Silver: segment every instance of a noun phrase, or nothing where there is none.

The benchmark has no prompt for language models; this is that of SAMTok's referring segmentation. Each mask
of an answer is one instance. Metrics and protocols are in samtok_tasks.saco_gold.metrics.

With `--option left-out=b` the answers are held against the two other annotators, and the target, which
`--model oracle` answers with, is what b found: so a run of the oracle is a human row, and a run of a model
with the same option stands beside it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from samtok_bench import rle
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import Generation, HubSource, SampleSet, Task
from samtok_tasks.answers import failed
from samtok_tasks.formats.files import locate_any
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.prompts import REFERRING_PROMPT
from samtok_tasks.saco_gold.metrics import SACO_METRICS, pair_scores
from samtok_tasks.saco_gold.reader import (
    ANNOTATORS,
    GOLD,
    SILVER,
    Collection,
    Pair,
    locate_subset,
    read_pairs,
)

MAX_NEW_TOKENS = 512
"""Room for many instances: a mask takes four tokens."""
NOBODY = "nobody"


class _SACo(Task):
    primary = "cgf1"
    source = "SAM 3, sam3/eval/cgf1_eval.py (arXiv 2511.16719)"
    metrics = SACO_METRICS
    generation = Generation(MAX_NEW_TOKENS)
    collection: ClassVar[Collection]

    def locate(self, root: Path) -> str:
        files = locate_any(self.splits, lambda subset: locate_subset(root, self.collection, subset))
        return f"{self.collection.name}, in {files[0].parent}"

    def default_split(self, root: Path) -> str:
        """The first subset that is there: each is downloaded by itself."""
        files = self.collection.files.items()
        there = (name for name, (first, *_) in files if self.collection.place(root, first).is_file())
        return next(there, self.splits[0])

    def samples(self, root: Path, split: str) -> SampleSet:
        read = read_pairs(root, self.collection, split)
        left_out = self.options.get("left-out", NOBODY)
        target = 0 if left_out == NOBODY else ANNOTATORS.index(left_out)
        samples, clusters = [], dict[Path, str]()  # many pairs share an image
        for pair in read.pairs:
            against = tuple(
                found for place, found in enumerate(pair.found) if left_out == NOBODY or place != target
            )
            cluster = clusters.get(pair.image) or clusters.setdefault(pair.image, image_key(pair.image, root))
            samples.append(_sample(self.name, pair, cluster, pair.found[target], against))
        return SampleSet(samples, read.dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        masks = [mask for mask in prediction.masks if not rle.is_empty(mask)]
        lost = not masks and failed(prediction)
        return {
            **pair_scores(sample.truth, masks, failed=lost and self.protocol == "standard"),
            "failed": int(lost),
            "empty_masks": len(prediction.masks) - len(masks),
            "negative_share": int(not all(sample.truth)),
        }


class SACoGold(_SACo, MiniTask):
    """Three annotators, seven subsets; or mini."""

    name = "saco-gold"
    summary = "segment every instance of a noun phrase, or nothing (SA-Co/Gold)"
    collection = GOLD
    hub: ClassVar[Mapping[str | None, HubSource]] = {None: GOLD.hub}
    splits = tuple(GOLD.files)
    option_values: ClassVar[Mapping[str, tuple[str, ...]]] = {"left-out": (NOBODY, *ANNOTATORS)}


class SACoSilver(_SACo):
    """One annotator, ten subsets."""

    name = "saco-silver"
    summary = "segment every instance of a noun phrase, or nothing (SA-Co/Silver)"
    collection = SILVER
    hub: ClassVar[Mapping[str | None, HubSource]] = {None: SILVER.hub}
    splits = tuple(SILVER.files)


def _sample(task: str, pair: Pair, cluster: str, target: tuple[rle.RLE, ...], against: Any) -> Sample:
    record = pair.record
    words = (found["counts"] for by_one in pair.found for found in by_one)
    return Sample(
        id=content_id(task, record.file_name, str(record.id), record.text_input, *words),
        image=pair.image,
        size=(record.height, record.width),
        turns=question(pair.image, REFERRING_PROMPT.format(phrase=record.text_input)),
        cluster=cluster,
        target=Target(target),
        truth=against,
        number=record.id,
    )

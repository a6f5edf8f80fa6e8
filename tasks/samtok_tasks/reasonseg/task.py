"""ReasonSeg: segment what a question asks for that names it only by reasoning.

Prompts and definitions are LISA's (dvlab-research/LISA, utils/dataset.py), see
samtok_tasks.reasonseg.metrics. Published tables give test as a whole, and its short and long queries.
"""

from pathlib import Path
from typing import ClassVar

from samtok_bench.reading import STANDARD
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import Generation, SampleSet
from samtok_tasks import released
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.reasonseg.metrics import REASONSEG_METRICS, reasonseg_scores
from samtok_tasks.reasonseg.reader import FOLDER, LAYOUT, ReasonSegImage, read_reasonseg

SENTENCE = "{text} Please output segmentation mask."
PHRASE = "What is {text} in this image? Please output segmentation mask."
MAX_NEW_TOKENS = 512


class ReasonSeg(MiniTask):
    """ReasonSeg or mini."""

    name = "reasonseg"
    summary = "segment what a question means without naming it (ReasonSeg)"
    primary = "giou"
    source = "LISA, train_ds.py (arXiv 2308.00692)"
    splits = ("val", "test", "train")
    metrics = REASONSEG_METRICS
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"query": ("short", "long")}

    @property
    def generation(self) -> Generation:
        return Generation(MAX_NEW_TOKENS, released.UNION if self.protocol == "released" else STANDARD)

    def locate(self, root: Path) -> str:
        there = [split for split in self.splits if any((root / FOLDER / split).glob("*.json"))]
        if not there:
            raise FileNotFoundError(f"no JSON files below {root / FOLDER}. {LAYOUT}")
        return f"ReasonSeg ({', '.join(there)}), in {root}"

    def samples(self, root: Path, split: str) -> SampleSet:
        images, dropped = read_reasonseg(root, split)
        return SampleSet([_sample(image, root) for image in images], dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        (target,) = sample.target.masks
        return reasonseg_scores(target, sample.target.ignore, prediction)


def _sample(asked: ReasonSegImage, root: Path) -> Sample:
    height, width = asked.target["size"]
    prompt = (SENTENCE if asked.is_sentence else PHRASE).format(text=asked.text)
    ignored = asked.ignore["counts"] if asked.ignore else ""
    return Sample(
        id=content_id("reasonseg", asked.image.name, prompt, asked.target["counts"], ignored),
        image=asked.image,
        size=(height, width),
        turns=question(asked.image, prompt),
        cluster=image_key(asked.image, root),
        target=Target((asked.target,), ignore=asked.ignore),
        tags={"query": "long" if asked.is_sentence else "short"},
        upright=True,
    )

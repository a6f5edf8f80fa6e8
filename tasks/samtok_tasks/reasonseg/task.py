"""ReasonSeg: segment what a question asks for that names it only by reasoning.

Prompts and definitions are LISA's (dvlab-research/LISA, utils/dataset.py), see
samtok_tasks.reasonseg.metrics. Published tables give test as a whole, and its short and long queries.
"""

from pathlib import Path
from typing import ClassVar

from samtok_bench.sample import ImagePart, Prediction, Sample, Scores, Target, Text, Turn, content_id
from samtok_bench.task import DataStatus, Generation, SampleSet, Task
from samtok_tasks.mini.writer import ensure_mini
from samtok_tasks.reasonseg.metrics import reasonseg_metrics, reasonseg_scores
from samtok_tasks.reasonseg.reader import FOLDER, ReasonSegRecord, read_reasonseg

SENTENCE = "{text} Please output segmentation mask."
PHRASE = "What is {text} in this image? Please output segmentation mask."
MAX_NEW_TOKENS = 512


class ReasonSeg(Task):
    """ReasonSeg or mini."""

    name = "reasonseg"
    summary = "segment what a question means without naming it (ReasonSeg)"
    primary = "giou"
    splits = ("val", "test", "train")
    metrics = reasonseg_metrics()
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"query": ("short", "long")}

    @property
    def generation(self) -> Generation:
        return Generation(MAX_NEW_TOKENS, "released-union" if self.protocol == "released" else "standard")

    def default_root(self) -> Path:
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        if root is None:
            return mini_status()
        there = [split for split in self.splits if any((root / FOLDER / split).glob("*.json"))]
        if not there:
            return DataStatus(False, f"no JSON files below {root / FOLDER}")
        return DataStatus(True, f"ReasonSeg ({', '.join(there)}), in {root}")

    def samples(self, root: Path, split: str) -> SampleSet:
        data = read_reasonseg(root, split)
        return SampleSet([_sample(record) for record in data.records], dict(data.dropped), data.first)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return reasonseg_scores(sample.target.masks[0], sample.target.ignore, prediction)


def _sample(record: ReasonSegRecord) -> Sample:
    height, width = record.target["size"]
    prompt = (SENTENCE if record.is_sentence else PHRASE).format(text=record.text)
    ignored = record.ignore["counts"] if record.ignore else ""
    return Sample(
        id=content_id("reasonseg", record.image.name, prompt, record.target["counts"], ignored),
        image=record.image,
        size=(height, width),
        turns=(Turn("user", (ImagePart(record.image), Text(prompt))),),
        cluster=record.image.name,
        target=Target((record.target,), ignore=record.ignore),
        tags={"query": "long" if record.is_sentence else "short"},
    )

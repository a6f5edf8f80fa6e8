"""RefCOCO, RefCOCO+ and RefCOCOg: segment the one object that a sentence means.

Prompt, token limit and reading of answers follow SAMTok's released script (bytedance/Sa2VA,
projects/samtok); the metrics and the differences between the protocols are in
samtok_tasks.referring.metrics. The sentence is refer's cleaned one (`sent`), unchanged, as in the script's
data.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.reading import STANDARD
from samtok_bench.sample import Prediction, Sample, Scores, Target, Text, content_id, image_key, question
from samtok_bench.task import Generation, SampleSet
from samtok_tasks import released
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.formats.refer import require_images
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.prompts import REFERRING_PROMPT
from samtok_tasks.referring.metrics import Expression, referring_metrics, referring_scores, script_figures
from samtok_tasks.referring.reader import ReferReader, Sentence, SentenceReader
from samtok_tasks.referring.repack import RepackReader, image_number

MAX_NEW_TOKENS = 128
READERS: dict[str | None, SentenceReader] = {
    "unc": ReferReader("unc"),
    "google": ReferReader("google"),
    "umd": ReferReader("umd"),
    "repack": RepackReader(),
}
"""By data format: refer's files, by who made the splits, and those of SAMTok's script."""


Shared = tuple[frozenset[Expression], tuple[Expression, ...] | None]
"""The expressions of all samples of the split, and those of VLM-R1's list if there is one."""


class Referring(MiniTask):
    """What the three data sets have in common; `name` is the data set's."""

    primary = "ciou"
    source = "LAVT, test.py (arXiv 2112.02244)"
    group = "referring"
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"area": COCO_AREAS}

    @property
    def _reader(self) -> SentenceReader:
        return READERS[self.data]

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return referring_metrics(self.protocol, second_list=self._reader.has_second_list)

    @property
    def generation(self) -> Generation:
        return Generation(MAX_NEW_TOKENS, released.LAST if self.protocol == "released" else STANDARD)

    def locate(self, root: Path) -> str:
        self._reader.locate(root, self.name, self.splits[0])
        require_images(root)
        return f"{self.name} ({self.data}), in {root}"

    def samples(self, root: Path, split: str) -> SampleSet:
        data = self._reader.read(root, self.name, split)
        samples = [self._sample(sentence, root) for sentence in data.sentences]
        second = data.second_list
        if second is not None:
            second = tuple((image, REFERRING_PROMPT.format(phrase=text)) for image, text in second)
        return SampleSet(samples, data.dropped, (frozenset(map(_expression, samples)), second))

    def _sample(self, sentence: Sentence, root: Path) -> Sample:
        image, mask = sentence.image, sentence.mask
        height, width = mask["size"]
        kind = {"kind": sentence.kind} if sentence.kind else {}
        return Sample(
            id=content_id(self.name, image.name, sentence.place, sentence.text, mask["counts"]),
            image=image,
            size=(height, width),
            turns=question(image, REFERRING_PROMPT.format(phrase=sentence.text)),
            cluster=image_key(image, root),
            target=Target((mask,)),
            tags={"area": coco_area(rle.area(mask))} | kind,
        )

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return referring_scores(sample.target.masks[0], prediction, self.protocol)

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction], shared: Shared
    ) -> Mapping[str, float | None]:
        if self.protocol != "released":
            return {}
        scores = [self.score(*answered) for answered in zip(samples, predictions, strict=True)]
        expressions = [_expression(sample) for sample in samples]
        # what a run leaves out (--limit) is not absent from the data
        all_read, second = shared
        left_out = all_read - set(expressions)
        second = second and tuple(listed for listed in second if listed not in left_out)
        figures = script_figures(expressions, scores, second)
        return {info.id: figures[info.id] for info in self.metrics if info.id in figures}


class RefCOCO(Referring):
    """RefCOCO; its test splits are people (A) and everything else (B)."""

    name = "refcoco"
    summary = "segment the object that a short phrase means (RefCOCO)"
    splits = ("val", "testA", "testB", "train")
    data_formats = ("unc", "google", "repack")


class RefCOCOPlus(Referring):
    """RefCOCO+, where words for places were forbidden."""

    name = "refcoco+"
    summary = "as refcoco, without words for places (RefCOCO+)"
    splits = ("val", "testA", "testB", "train")
    data_formats = ("unc", "repack")


class RefCOCOg(Referring):
    """RefCOCOg, with longer sentences. Google's val split shares images with its train split."""

    name = "refcocog"
    summary = "segment the object that a sentence means (RefCOCOg)"
    splits = ("val", "test", "train")
    data_formats = ("umd", "google", "repack")


def _expression(sample: Sample) -> Expression:
    """The image's number and the prompt: equal exactly where the script's key of number and label is."""
    parts = sample.turns[0].parts
    return image_number(sample.image.name), "".join(part.text for part in parts if isinstance(part, Text))

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
from samtok_bench.rle import RLE
from samtok_bench.sample import ImagePart, Prediction, Sample, Scores, Target, Text, Turn, content_id
from samtok_bench.task import DataStatus, Generation, SampleSet, Task
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.formats.files import require_file
from samtok_tasks.formats.refer import LAYOUT, image_folder, read_refer
from samtok_tasks.mini.writer import ensure_mini
from samtok_tasks.referring.metrics import Expression, referring_metrics, referring_scores, script_figures
from samtok_tasks.referring.repack import image_number, read_repack, read_second_list, repack_file

PROMPT = "Please segment {phrase} in this image."
MAX_NEW_TOKENS = 128
REPACK = "repack"
"""The format of SAMTok's script; the others are refer's files, by who made the splits."""


class Referring(Task):
    """What the three data sets have in common; `name` is the data set's."""

    primary = "ciou"
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"area": COCO_AREAS}

    # of the split that was read last
    _second: tuple[Expression, ...] | None = None
    _read: frozenset[Expression] = frozenset()

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return referring_metrics(self.protocol, second_list=self.data == REPACK)

    @property
    def generation(self) -> Generation:
        return Generation(MAX_NEW_TOKENS, "released-last" if self.protocol == "released" else "standard")

    def default_root(self) -> Path:
        if self.data != self.data_formats[0]:
            raise ValueError(
                f"--data {self.data} needs a --data-root; without one there is mini, in refer's form"
            )
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        if root is None:
            return mini_status()
        try:
            self._locate(root)
        except OSError as error:
            return DataStatus(False, str(error))
        if not any(image_folder(root).glob("*.jpg")):
            return DataStatus(False, f"no images in {image_folder(root)}")
        return DataStatus(True, f"{self.name} ({self.data}), in {root}")

    def _locate(self, root: Path) -> None:
        if self.data == REPACK:
            repack_file(root, self.name, self.splits[0])
        else:
            layout = LAYOUT.format(dataset=self.name, by=self.data)
            for name in (f"refs({self.data}).p", "instances.json"):
                require_file(root / self.name / name, layout)

    def samples(self, root: Path, split: str) -> SampleSet:
        if self.data == REPACK:
            return self._repacked(root, split)
        data = read_refer(root, self.name, by=self.data).split(split)
        samples = []
        for one in data:
            place = f"{one.ref_id}/{one.sent_id}"
            tags = {"kind": one.kind} if one.kind else {}
            samples.append(_sample(self.name, one.image_path, place, one.sent, one.target, tags))
        return SampleSet(samples, dict(data.dropped))

    def _repacked(self, root: Path, split: str) -> SampleSet:
        data = read_repack(root, self.name, split)
        samples = [
            _sample(self.name, one.image, str(one.line), one.label, one.mask) for one in data.sentences
        ]
        second = read_second_list(root, self.name, split)
        self._second = (
            None if second is None else tuple((image, PROMPT.format(phrase=text)) for image, text in second)
        )
        self._read = frozenset(map(_expression, samples))
        return SampleSet(samples, dict(data.dropped))

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return referring_scores(sample.target.masks[0], prediction, self.protocol)

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction]
    ) -> Mapping[str, float | None]:
        if self.protocol != "released":
            return {}
        scores = [self.score(sample, one) for sample, one in zip(samples, predictions, strict=True)]
        expressions = [_expression(sample) for sample in samples]
        # what a run leaves out (--limit) is not absent from the data
        left_out = self._read - set(expressions)
        second = None if self._second is None else [one for one in self._second if one not in left_out]
        figures = script_figures(expressions, scores, second)
        return {info.id: figures[info.id] for info in self.metrics if info.id in figures}


class RefCOCO(Referring):
    """RefCOCO; its test splits are people (A) and everything else (B)."""

    name = "refcoco"
    summary = "segment the object that a short phrase means (RefCOCO)"
    splits = ("val", "testA", "testB", "train")
    data_formats = ("unc", "google", REPACK)


class RefCOCOPlus(Referring):
    """RefCOCO+, where words for places were forbidden."""

    name = "refcoco+"
    summary = "as refcoco, without words for places (RefCOCO+)"
    splits = ("val", "testA", "testB", "train")
    data_formats = ("unc", REPACK)


class RefCOCOg(Referring):
    """RefCOCOg, with longer sentences. Google's val split shares images with its train split."""

    name = "refcocog"
    summary = "segment the object that a sentence means (RefCOCOg)"
    splits = ("val", "test", "train")
    data_formats = ("umd", "google", REPACK)


def _sample(
    task: str, image: Path, place: str, phrase: str, mask: RLE, tags: Mapping[str, str] | None = None
) -> Sample:
    height, width = mask["size"]
    return Sample(
        id=content_id(task, image.name, place, phrase, mask["counts"]),
        image=image,
        size=(height, width),
        turns=(Turn("user", (ImagePart(image), Text(PROMPT.format(phrase=phrase)))),),
        cluster=image.name,
        target=Target((mask,)),
        tags={"area": coco_area(rle.area(mask)), **(tags or {})},
    )


def _expression(sample: Sample) -> Expression:
    """The image's number and the prompt: equal exactly where the script's key of number and label is."""
    parts = sample.turns[0].parts
    return image_number(sample.image.name), "".join(one.text for one in parts if isinstance(one, Text))

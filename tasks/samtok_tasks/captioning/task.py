"""Region captions: describe the region of a mask.

RefCOCOg's expressions (or mini's) and Visual Genome's captions are scored by METEOR and CIDEr, one reference
each, as in GLaMM's and Osprey's evaluations. A region is its mask; Visual Genome has boxes, which are filled.
SAMTok's released scripts evaluate on neither, so the protocols are the same. The prompt is Osprey's; GLaMM
asks for a detailed description.

DLC-Bench, Ferret-Bench, MDVP-Bench and VideoRefer-Bench-D are judged by a language model: a run gives the
captions, `samtok-bench judge` scores them afterwards (samtok_tasks.captioning.judges). There is no other score
in a judge's place.

For the judged benchmarks prompt, zoom (samtok_tasks.captioning.zoom) and token limit are those of SAMTok's released
scripts (bytedance/Sa2VA, projects/samtok). The protocols differ in these points:

- Ferret-Bench: the released script asks one and the same question of all items, standard asks each item's
  own;
- VideoRefer-Bench-D: the released script gives the language model each frame after a JPEG of quality 75;
- the judge's settings, see samtok_tasks.captioning.judges.

The released VideoRefer script keeps one answer a video, so of several objects of a video the last one; here
all are scored.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

from samtok_bench.judging.client import JudgeSettings, Messages
from samtok_bench.judging.judge import Judged
from samtok_bench.metric import Aggregate, MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import (
    MASK_PLACE,
    ImagePart,
    Part,
    Prediction,
    Region,
    Sample,
    Scores,
    Target,
    Text,
    Turn,
    View,
    content_id,
)
from samtok_bench.task import DataStatus, Generation, HubSource, SampleSet, Task
from samtok_tasks.answers import without_tags
from samtok_tasks.captioning.judges import CaptionJudge, DLCJudge, FerretJudge, MDVPJudge, VideoReferJudge
from samtok_tasks.captioning.zoom import JPEG_QUALITY, zoom
from samtok_tasks.dlc_bench.reader import read_dlc_bench
from samtok_tasks.ferret_bench.reader import read_ferret_bench
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.formats.refer import ReferringExpression, read_refer
from samtok_tasks.formats.region_captions import CaptionRegion, CaptionRegions
from samtok_tasks.mdvp_bench.reader import read_mdvp_bench
from samtok_tasks.mini.writer import ensure_mini
from samtok_tasks.vg_caption.reader import read_visual_genome
from samtok_tasks.videorefer_bench.reader import read_videorefer_bench

REFERRING, VG = "refcocog", "vg"
SCORED = (REFERRING, VG)
"""Scored against references; the others are judged."""
SHORT_PROMPT = f"Please give me a short description of {MASK_PLACE}."
PROMPT = f"Given a detailed description of this region {MASK_PLACE}."
ZOOM_PROMPT = (
    f"Given a detailed description of this region {MASK_PLACE}. Zoom in with the perspective as ",
    ", ",
)
FERRET_PROMPT = f"What is the interaction between the object {MASK_PLACE} and its surroundings?"
READERS: dict[str, Callable[[Path], CaptionRegions]] = {
    "dlc": read_dlc_bench,
    "ferret": read_ferret_bench,
    "mdvp": read_mdvp_bench,
    "videorefer": read_videorefer_bench,
}
JUDGES: dict[str, type[CaptionJudge]] = {
    "dlc": DLCJudge,
    "ferret": FerretJudge,
    "mdvp": MDVPJudge,
    "videorefer": VideoReferJudge,
}
ZOOMED_BELOW = {"dlc": 0.3, "ferret": 0.0, "mdvp": 0.2, "videorefer": 0.2}
"""Share of the image that a region's box must stay below to be zoomed in on."""
FLOOR_CAPTION = "An object."
TEST = "test"
"""The one split of all but RefCOCOg."""


def _metric(
    id: str,
    display: str,
    description: str,
    source: str,
    direction: Literal["higher", "none"] = "higher",
    unit: str = "",
    aggregate: Aggregate = "ratio",
) -> MetricInfo:
    return MetricInfo(
        id, 1, display, direction, id, None, source, description, unit=unit, aggregate=aggregate
    )


class RegionCaption(Task, Judged):
    """Captions of regions, scored against references or judged."""

    name = "region_caption"
    summary = (
        "describe a region (RefCOCOg, Visual Genome; DLC-Bench, Ferret-Bench, MDVP-Bench, VideoRefer-Bench-D "
        "with a judge)"
    )
    data_formats: ClassVar[tuple[str, ...]] = (*SCORED, *READERS)
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        "dlc": HubSource("nvidia/DLC-Bench", ("*.json", "images/*", "annotations/*")),
        "videorefer": HubSource(
            "DAMO-NLP-SG/VideoRefer-Bench",
            ("VideoRefer-Bench-D.json",),
            rest="the frames in frames/VIDEO/INDEX.jpg, cut from Panda-70M-part.zip of the same data set; "
            "for judging system.txt (github.com/DAMO-NLP-SG/VideoRefer)",
        ),
    }
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"view": ("whole", "zoom")}

    _root: Path | None = None
    _regions: Mapping[str, CaptionRegion] = {}
    _judge: CaptionJudge | None = None

    @property
    def splits(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("val", TEST, "train") if self.data == REFERRING else (TEST,)

    @property
    def primary(self) -> str:  # type: ignore[override]
        return "cider" if self.data in SCORED else "captioned"

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        plain = (
            _metric("captioned", "captioned", "share of regions with a caption of any words", "this project"),
            _metric("words", "words", "mean words of a caption", "this project", "none", "words"),
        )
        if self.data not in SCORED:
            return plain
        source = "COCO caption evaluation (tylin/coco-caption)"
        return (
            _metric(
                "cider",
                "CIDEr",
                "CIDEr-D, one reference each; 10 at most, 1000 in tables",
                source,
                aggregate="corpus",
            ),
            _metric("meteor", "METEOR", "METEOR 1.5 of the corpus", source, aggregate="corpus"),
            *plain,
        )

    @property
    def generation(self) -> Generation:
        return Generation(128 if self.data in SCORED else 1024)

    def default_root(self) -> Path:
        if self.data not in SCORED:
            known = " and ".join(SCORED)
            raise ValueError(f"--data {self.data} needs a --data-root; without one there is mini, as {known}")
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        return mini_status() if root is None else super().data_status(root)

    def samples(self, root: Path, split: str) -> SampleSet:
        if self.data == REFERRING:
            data = read_refer(root, REFERRING).split(split)
            return SampleSet([_referring_sample(one) for one in data], dict(data.dropped))
        assert self.data is not None
        if split != TEST:
            raise NoSplitError(f"--data {self.data} has one split, {TEST}, got {split!r}")
        if self.data == VG:
            regions = read_visual_genome(root)
            samples = [_short_sample(one, root) for one in regions.regions]
            return SampleSet(samples, dict(regions.dropped), dict(regions.first))
        read = READERS[self.data](root)
        samples = [self._sample(one, root) for one in read.regions]
        self._regions = dict(zip((one.id for one in samples), read.regions, strict=True))
        self._root, self._judge = root, None
        return SampleSet(samples, dict(read.dropped), dict(read.first))

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        words = len(caption(prediction.text).split())
        return {"captioned": float(words > 0), "words": float(words)}

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """The same caption for every region."""
        return {"one caption": Prediction(text=FLOOR_CAPTION, stop_reason="stop")}

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction]
    ) -> Mapping[str, float | None]:
        if self.data not in SCORED:
            return {}
        answers = [caption(prediction.text) for prediction in predictions]
        return _text_scores(tuple(zip((one.target.text for one in samples), answers, strict=True)))

    # what a judge needs

    @property
    def judge_metrics(self) -> tuple[MetricInfo, ...]:
        if self.data in SCORED:
            return ()
        return self._make_judge(self._root or Path()).metrics

    @property
    def judge_settings(self) -> JudgeSettings:
        return self._make_judge(self._root or Path()).settings

    def judge_prompts(self, sample: Sample, answer: str) -> list[Messages]:
        return self._asked().prompts(self._regions[sample.id], answer)

    def judge_scores(self, sample: Sample, replies: Sequence[str]) -> Scores:
        return self._asked().scores(self._regions[sample.id], replies)

    def judge_totals(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        return self._asked().totals(values)

    def _asked(self) -> CaptionJudge:
        if self._judge is None:
            assert self._root is not None, "samples come first"
            self._judge = self._make_judge(self._root)
        return self._judge

    def _make_judge(self, root: Path) -> CaptionJudge:
        assert self.data is not None
        return JUDGES[self.data](root, self.protocol)

    def _sample(self, region: CaptionRegion, root: Path) -> Sample:
        assert self.data is not None
        place = region.image.relative_to(root).as_posix()
        close = zoom(region.mask, ZOOMED_BELOW[self.data])
        height, width = region.mask["size"]
        tags = {"view": "zoom" if close else "whole"}
        return Sample(
            id=content_id("region_caption", self.data, place, region.key, region.mask["counts"]),
            image=region.image,
            size=(height, width),
            turns=(Turn("user", self._question(region, close)),),
            cluster=place if self.data != "videorefer" else region.image.parent.name,
            target=Target(text=region.reference),
            tags=tags | ({"domain": region.group} if region.group else {}),
        )

    def _question(self, region: CaptionRegion, close: tuple[View, RLE] | None) -> tuple[Part, ...]:
        again = self.data == "videorefer" and self.protocol == "released"
        image = ImagePart(region.image, View(jpeg_quality=JPEG_QUALITY) if again else None)
        if close is not None:
            view, mask = close
            first, second = ZOOM_PROMPT
            asked = _with_region(first, region.mask)
            return (image, *asked, ImagePart(region.image, view), Text(second), Region(mask), Text("."))
        prompt = PROMPT
        if self.data == "ferret":
            prompt = FERRET_PROMPT if self.protocol == "released" else region.question
        return (image, *_with_region(prompt, region.mask))


def caption(answer: str) -> str:
    """An answer without mask words and special tokens, in one line."""
    return " ".join(without_tags(answer).split())


def _with_region(prompt: str, mask: RLE) -> tuple[Part, ...]:
    """A prompt with the region in its place, or after it where it names none."""
    before, place, after = prompt.partition(MASK_PLACE)
    parts = (Text(before if place else f"{before} "), Region(mask), Text(after))
    return tuple(part for part in parts if not isinstance(part, Text) or part.text)


def _referring_sample(expression: ReferringExpression) -> Sample:
    image, (mask,) = expression.image_path, expression.targets
    reference = expression.sent.strip().lower()
    place = f"{expression.ref_id}/{expression.sent_id}"
    return Sample(
        id=content_id("region_caption", REFERRING, image.name, place, reference, mask["counts"]),
        image=image,
        size=(expression.height, expression.width),
        turns=(Turn("user", (ImagePart(image), *_with_region(SHORT_PROMPT, mask))),),
        cluster=image.name,
        target=Target(text=reference),
    )


def _short_sample(region: CaptionRegion, root: Path) -> Sample:
    place = region.image.relative_to(root).as_posix()
    height, width = region.mask["size"]
    return Sample(
        id=content_id("region_caption", VG, place, region.key, region.reference, region.mask["counts"]),
        image=region.image,
        size=(height, width),
        turns=(Turn("user", (ImagePart(region.image), *_with_region(SHORT_PROMPT, region.mask))),),
        cluster=place,
        target=Target(text=region.reference),
    )


@lru_cache(maxsize=4)  # floors share their captions, and Java starts slowly
def _text_scores(captions: tuple[tuple[str, str], ...]) -> dict[str, float | None]:
    """Of pairs of reference and answer; None, with a warning, where they cannot be computed."""
    from samtok_bench.measures.captions import CaptionToolError, caption_scores

    try:
        scores = caption_scores(
            {str(k): [reference] for k, (reference, _) in enumerate(captions)},
            {str(k): answer for k, (_, answer) in enumerate(captions)},
        )
    except CaptionToolError as error:
        warnings.warn(f"METEOR and CIDEr are not computed: {error}", stacklevel=2)
        return {"cider": None, "meteor": None}
    return {"cider": scores.cider, "meteor": scores.meteor}

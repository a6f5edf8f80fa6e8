"""GCG: describe the image, with a mask for each phrase (GranD-f).

Prompt, token limit and reading of answers follow SAMTok's released script (bytedance/Sa2VA, projects/samtok);
the metrics and the differences between the protocols are in samtok_tasks.gcg.metrics. An answer is a text
such as `A <|object_ref_start|>red circle<|object_ref_end|> WORDS lies on sand.`

The protocols read answers differently in these points:

- released: tags and all else between < and > are cut out of the caption, line breaks too, without a space;
- standard: mask words, Qwen's special tokens and GLaMM's <p> </p> are cut out of the caption, a line break is
  a space. Phrases may also stand in <p> </p>.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.measures.captions import CaptionScores, CaptionToolError, caption_scores
from samtok_bench.measures.sentences import sentence_similarity
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import (
    MASK_PLACE,
    ImagePart,
    Prediction,
    Sample,
    Scores,
    Target,
    Text,
    Turn,
    content_id,
)
from samtok_bench.task import DataStatus, Generation, HubSource, Protocol, SampleSet, Task
from samtok_tasks.gcg.metrics import Grounded, TextSimilarity, ap50, gcg_metrics, gcg_scores
from samtok_tasks.gcg.reader import (
    IMAGE_FOLDERS,
    SPLITS,
    GroundedCaption,
    locate_grandf,
    read_grandf,
)
from samtok_tasks.mini.writer import ensure_mini

# the five spaces are the released script's
PROMPT = (
    "Could you please give me a brief description of the image? Please respond with interleaved     "
    "segmentation masks for the corresponding parts of the answer."
)
MAX_NEW_TOKENS = 512
BEGIN, END = "<|object_ref_start|>", "<|object_ref_end|>"
FLOOR_CAPTION = f"The picture shows {BEGIN}an object{END}"

_RELEASED_PHRASE = re.compile(rf"{re.escape(BEGIN)}(.*?){re.escape(END)}", re.DOTALL)
_PHRASE = re.compile(rf"{_RELEASED_PHRASE.pattern}|<p>(.*?)</p>", re.DOTALL)
_MARKUP = re.compile(r"<\|[^<>|]*\|>|</?(?:p|think|answer)>")
_NO_THOUGHT, _SPEAKER = "<think>\n\n</think>\n\n", "ASSISTANT: "
_BETWEEN = re.compile(r"[\s,]*")
"""What may stand between a phrase and its masks, or between these."""


@dataclass(frozen=True)
class CaptionTarget(Target):
    """A caption with masks. `text` has the labels in their tags, each with the place of its mask."""

    caption: str = ""
    """As the data set has it."""
    labels: tuple[str, ...] = ()
    """The label of the mask with the same number; there may be more or fewer."""


class GCG(Task):
    """Grounded conversation generation on GranD-f or mini."""

    name = "gcg"
    summary = "caption with a mask for each phrase (GranD-f)"
    primary = "miou"
    splits: ClassVar[tuple[str, ...]] = SPLITS
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource(
            "MBZUAI/GranD-f",
            ("val_test/*",),
            "GranDf/annotations",
            "the images in GranDf_HA_images/val_test/ (docs/datasets.md of "
            "github.com/mbzuai-oryx/groundingLMM)",
        )
    }
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"masks": ("none", "1", "2 to 4", "5 or more")}

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return gcg_metrics(self.protocol)

    @property
    def generation(self) -> Generation:
        policy = "released-gcg" if self.protocol == "released" else "standard"
        return Generation(MAX_NEW_TOKENS, policy, special_tokens=True)

    def default_root(self) -> Path:
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        if root is None:
            return mini_status()
        try:
            for split in self.splits:
                locate_grandf(root, split)
        except OSError as error:
            return DataStatus(False, str(error))
        if not any(any((root / folder).glob("*.jpg")) for folder in IMAGE_FOLDERS):
            return DataStatus(False, f"no images in {root / IMAGE_FOLDERS[0]}")
        return DataStatus(True, f"GranD-f, in {root}; `samtok-bench data check` reads all of it")

    def samples(self, root: Path, split: str) -> SampleSet:
        data = read_grandf(root, split)
        return SampleSet([_sample(record) for record in data.records], dict(data.dropped), data.first)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        target = sample.target
        assert isinstance(target, CaptionTarget)
        truth = Grounded(target.labels, target.masks, tuple(range(len(target.masks))))
        answer = grounded(prediction, self.protocol)
        return gcg_scores(
            truth, answer, self.protocol, _similarity() if self.protocol == "released" else None
        )

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """The same caption for every image, without a mask and with one of the whole image."""
        plain = Prediction(text=f"{FLOOR_CAPTION}.", stop_reason="stop")
        text, mask = f"{FLOOR_CAPTION} {MASK_PLACE}.", rle.full(*sample.size)
        return {
            "one caption": plain,
            "with whole": replace(plain, text=text, masks=(mask,), words=(MASK_PLACE,)),
        }

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction]
    ) -> Mapping[str, float | None]:
        images = [
            (sample.cluster, sample.target.masks, answer.masks)
            for sample, answer in zip(samples, predictions, strict=True)
        ]
        captions = tuple(
            (_caption_of(sample), caption(answer, self.protocol))
            for sample, answer in zip(samples, predictions, strict=True)
        )
        scores = _caption_scores(captions)
        return {
            "ap50": ap50(images),
            "meteor": scores.meteor if scores else None,
            "cider": scores.cider if scores else None,
        }


def _caption_of(sample: Sample) -> str:
    assert isinstance(sample.target, CaptionTarget)
    return sample.target.caption


@lru_cache(maxsize=4)  # floors share their captions, and Java starts slowly
def _caption_scores(captions: tuple[tuple[str, str], ...]) -> CaptionScores | None:
    """Of pairs of reference and answer; None, with a warning, where they cannot be computed."""
    try:
        return caption_scores(
            {str(k): [reference] for k, (reference, _) in enumerate(captions)},
            {str(k): answer for k, (_, answer) in enumerate(captions)},
        )
    except CaptionToolError as error:
        warnings.warn(f"not computed: {error}", stacklevel=2)
        return None


@lru_cache(maxsize=1)
def _similarity() -> TextSimilarity | None:
    """The sentence encoder of the released recall; None, with a warning, where there is none."""
    try:
        return sentence_similarity()
    except ValueError as error:
        warnings.warn(f"Recall is not computed: {error}", stacklevel=2)
        return None


# ---- answers ----------------------------------------------------------------------------------------------


def caption(prediction: Prediction, protocol: Protocol) -> str:
    """The plain caption in an answer, see the module's list of differences."""
    if protocol == "released":
        cleaned = _without_breaks(prediction.text.replace(_NO_THOUGHT, "")).split(_SPEAKER)[-1]
        return " ".join(re.sub("<.*?>", "", cleaned).split()).strip("'").strip()
    text, at = "", 0
    for start, end in _spans(prediction):
        text, at = text + prediction.text[at:start], end
    return " ".join(_MARKUP.sub("", text + prediction.text[at:]).split())


def grounded(prediction: Prediction, protocol: Protocol) -> Grounded:
    """The phrases and masks of an answer.

    A mask belongs to the phrase right before it; other masks, white space and commas may stand between. A
    mask whose words are not in the text has no phrase.
    """
    text, released = prediction.text, protocol == "released"
    pattern = _RELEASED_PHRASE if released else _PHRASE
    tagged = list(pattern.finditer(text, max(0, text.rfind(_SPEAKER)) if released else 0))
    owners = {match.end(): number for number, match in enumerate(tagged)}  # by where phrase or mask ends
    phrase_of: list[int | None] = []
    for start, end in _spans(prediction):
        before = max((at for at in owners if at <= start), default=None)
        if before is None or not _BETWEEN.fullmatch(text, before, start):
            phrase_of.append(None)
            continue
        owners[end] = owners[before]
        phrase_of.append(owners[before])
    phrase_of += [None] * (len(prediction.masks) - len(phrase_of))
    phrases = (match[1] if match[1] is not None else match[2] for match in tagged)
    read = (_without_breaks(phrase) if released else " ".join(phrase.split()) for phrase in phrases)
    return Grounded(tuple(phrase.strip() for phrase in read), prediction.masks, tuple(phrase_of))


def _spans(prediction: Prediction) -> list[tuple[int, int]]:
    """Where the words of the masks stand in the text, as far as they are there in order."""
    spans, at = [], 0
    for words in prediction.words[: len(prediction.masks)]:
        start = prediction.text.find(words, at)
        if not words or start < 0:
            break
        at = start + len(words)
        spans.append((start, at))
    return spans


def _without_breaks(text: str) -> str:
    """As the released script cleans a text first."""
    return text.replace("<s>", "").replace("\n", "").replace("  ", " ")


# ---- samples ----------------------------------------------------------------------------------------------


def _sample(record: GroundedCaption) -> Sample:
    return Sample(
        id=content_id("gcg", record.image_id, record.caption, *(mask["counts"] for mask in record.masks)),
        image=record.image,
        size=(record.height, record.width),
        turns=(Turn("user", (ImagePart(record.image), Text(PROMPT))),),
        cluster=record.image_id,
        target=_target(record),
        tags={"masks": _count(len(record.masks))},
    )


def _count(count: int) -> str:
    return ("none", "1", "2 to 4", "5 or more")[(count > 0) + (count > 1) + (count > 4)]


def _target(record: GroundedCaption) -> CaptionTarget:
    """The caption as a model writes it, and what belongs to its places in their order.

    A label that is not in the caption, or only inside another one, follows at the end.
    """
    spans = locate_labels(record.caption, record.labels)
    order = sorted(range(len(record.labels)), key=lambda k: (spans[k] is None, spans[k] or (0, 0), k))
    paired = [k for k in order if k < len(record.masks)]
    text, at = "", 0
    for k in order:
        span, place = spans[k], f" {MASK_PLACE}" if k < len(record.masks) else ""
        if span is None:
            text, at = text + record.caption[at:], len(record.caption)
            text += f" {BEGIN}{record.labels[k]}{END}{place}"
        else:
            text += f"{record.caption[at : span[0]]}{BEGIN}{record.caption[span[0] : span[1]]}{END}{place}"
            at = span[1]
    text += record.caption[at:] + f" {MASK_PLACE}" * (len(record.masks) - len(paired))
    unlabelled = record.masks[len(record.labels) :]
    return CaptionTarget(
        masks=(*(record.masks[k] for k in paired), *unlabelled),
        text=text,
        caption=record.caption,
        labels=tuple(record.labels[k] for k in [*paired, *(k for k in order if k not in paired)]),
    )


def locate_labels(caption: str, labels: Sequence[str]) -> list[tuple[int, int] | None]:
    """Where each label stands in a caption, no two in the same place; None for those that do not.

    Labels are looked for as whole words without regard to case, each after the one before it if it is there.
    """
    taken: list[tuple[int, int]] = []
    spans: list[tuple[int, int] | None] = []
    after = 0
    for label in labels:
        pattern = re.compile(rf"(?<!\w){re.escape(label)}(?!\w)", re.IGNORECASE)
        found = [match.span() for match in pattern.finditer(caption)] if label.strip() else []
        free = [one for one in found if all(one[1] <= start or end <= one[0] for start, end in taken)]
        span = next((one for one in free if one[0] >= after), next(iter(free), None))
        if span is not None:
            taken.append(span)
            after = span[1]
        spans.append(span)
    return spans

"""Multi-round segmentation: dialogues whose later questions refer to masks of earlier answers (SegLLM).

A mask in a turn is a Region, which each model renders in its own manner: SAMTok as mask words, in the place
of the mask's tag, as in its ready rounds. Boxes beside masks say nothing more and are left out. Metrics and
protocols are in samtok_tasks.multi_round.metrics.

The option `history` says what later rounds are told of earlier ones:

- `ground-truth`: the target masks. All rounds are independent, as in SAMTok's script and in SegLLM's for
  MR-PACO.
- `own`: what the model itself answered, as SegLLM's script for MR-RefCOCO does. A model that writes masks as
  words finds its own text, and in questions its own words; for another one there are the masks it gave. Where
  it gave none, a question refers to nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import ClassVar, Literal

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.reading import STANDARD
from samtok_bench.sample import (
    ImagePart,
    Part,
    Prediction,
    Region,
    Sample,
    Scores,
    Target,
    Text,
    Turn,
    content_id,
    image_key,
)
from samtok_bench.task import Generation, HubSource, SampleSet
from samtok_tasks import released
from samtok_tasks.formats.files import locate_any
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.multi_round.metrics import ROUNDS, multi_round_metrics, multi_round_scores
from samtok_tasks.multi_round.reader import Dialogue, DialogueReader, Piece, Round
from samtok_tasks.multi_round.ready_rounds import ReadyRoundReader
from samtok_tasks.multi_round.segllm_dialogues import SegLLMReader

MAX_NEW_TOKENS = 128
DIALOGUES = "dialogues"
READERS: dict[str | None, DialogueReader] = {DIALOGUES: SegLLMReader(), "rounds": ReadyRoundReader()}
"""By data format."""
GROUND_TRUTH, OWN = "ground-truth", "own"
ROLES: tuple[Literal["user", "assistant"], ...] = ("user", "assistant")


class MultiRound(MiniTask):
    """Dialogues of SegLLM's form, or ready rounds of SAMTok's."""

    name = "multi_round"
    summary = "segmentation over the rounds of a dialogue (MR-RefCOCO/+/g, MR-PACO)"
    primary = "ciou_later"
    source = "SegLLM, LLaVATrainer.evaluate (arXiv 2410.18923)"
    splits: ClassVar[tuple[str, ...]] = ("refcoco_val", "refcoco+_val", "refcocog_val", "paco_val")
    data_formats: ClassVar[tuple[str, ...]] = (DIALOGUES, "rounds")
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        DIALOGUES: HubSource(
            "Marlo-Z/SegLLM_dataset",
            ("conversations_folder/all_data_mix_val/*",),
            "segllm",
            "annotations_folder/ and COCO's images in images_folder/coco/, both below segllm/ (DATASET.md of "
            "github.com/berkeley-hipie/segllm)",
        )
    }
    option_values: ClassVar[dict[str, tuple[str, ...]]] = {"history": (GROUND_TRUTH, OWN)}
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "round": tuple(str(number) for number in range(1, ROUNDS + 1))
    }

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return multi_round_metrics(self.protocol)

    @property
    def _reader(self) -> DialogueReader:
        return READERS[self.data]

    @property
    def generation(self) -> Generation:
        return Generation(MAX_NEW_TOKENS, released.LAST if self.protocol == "released" else STANDARD)

    def locate(self, root: Path) -> str:
        path = locate_any(self.splits, lambda split: self._reader.locate(root, split))
        return f"SegLLM's dialogues, in {path.parent}"

    def samples(self, root: Path, split: str) -> SampleSet:
        if self.options["history"] == OWN and not self._reader.has_whole_dialogues:
            raise ValueError(
                f"ready rounds have their history; --option history=own needs --data {DIALOGUES}"
            )
        data = self._reader.read(root, split)
        samples = [sample for dialogue in data.dialogues for sample in self._asked(dialogue, root, split)]
        return SampleSet(samples, data.dropped)

    def with_history(self, sample: Sample, earlier: Sequence[Prediction]) -> Sample:
        """The turns with the model's own answers in the place of the target masks."""
        answers = iter(earlier)
        said: dict[str, Prediction] = {}  # by a target's mask, the last answer to it
        turns = []
        for turn in sample.turns:
            if turn.role == "user":
                turns.append(Turn("user", tuple(_referring(turn.parts, said))))
                continue
            answer = next(answers)
            said |= {part.rle["counts"]: answer for part in turn.parts if isinstance(part, Region)}
            turns.append(Turn("assistant", tuple(_answer(answer))))
        return replace(sample, turns=tuple(turns))

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        number = sum(turn.role == "user" for turn in sample.turns)
        return multi_round_scores(number, rle.union(sample.target.masks), prediction, self.protocol)

    def _asked(self, dialogue: Dialogue, root: Path, split: str) -> Iterator[Sample]:
        ids: list[str] = []
        for asked in dialogue:
            sample = self._sample(asked, root, split, tuple(ids) if self.options["history"] == OWN else ())
            ids.append(sample.id)
            yield sample

    def _sample(self, asked: Round, root: Path, split: str, after: tuple[str, ...]) -> Sample:
        # zip ends with the turns
        first, *later = (Turn(role, _parts(said)) for said, role in zip(asked.turns, cycle(ROLES)))
        turns = (Turn("user", (ImagePart(asked.image), *_stripped(first.parts))), *later)
        number = str(asked.number) if asked.number <= ROUNDS else f"{ROUNDS + 1} or later"
        return Sample(
            id=_id(split, asked, turns),
            image=asked.image,
            size=asked.size,
            turns=turns,
            cluster=image_key(asked.image, root),
            target=Target(asked.targets[:1] if self.protocol == "released" else asked.targets),
            tags={"round": number, **asked.tags},
            after=after,
        )


def _stripped(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The first turn without blanks at its ends, as SAMTok's script has it once the image's tag is out."""
    said = list(parts)
    if said and isinstance(first := said[0], Text):
        said[0] = Text(first.text.lstrip())
    if said and isinstance(last := said[-1], Text):
        said[-1] = Text(last.text.rstrip())
    return tuple(said)


def _parts(pieces: Sequence[Piece]) -> tuple[Part, ...]:
    return tuple(Text(piece) if isinstance(piece, str) else Region(piece) for piece in pieces)


def _id(split: str, asked: Round, turns: Sequence[Turn]) -> str:
    """Of the place in the data set and all that is said and shown, the same in both protocols."""
    said = [
        part.text.strip() if isinstance(part, Text) else part.rle["counts"]
        for turn in turns
        for part in turn.parts
        if not isinstance(part, ImagePart)
    ]
    targets = (mask["counts"] for mask in asked.targets)
    return content_id("multi_round", split, asked.place, asked.image.name, *said, *targets)


def _answer(prediction: Prediction) -> tuple[Part, ...]:
    """An earlier answer as the model sees it again."""
    if prediction.words or not prediction.masks:
        return (Text(prediction.text),)
    return tuple(Region(mask) for mask in prediction.masks if not rle.is_empty(mask))


def _referring(parts: Sequence[Part], said: Mapping[str, Prediction]) -> Iterator[Part]:
    """A question with the model's own masks in the place of target masks that it was asked for."""
    for part in parts:
        answer = said.get(part.rle["counts"]) if isinstance(part, Region) else None
        if answer is None:
            yield part
        elif answer.words:
            yield Text("".join(answer.words))
        else:
            yield from (Region(mask) for mask in answer.masks if not rle.is_empty(mask))

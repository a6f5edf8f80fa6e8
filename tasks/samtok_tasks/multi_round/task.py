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
from pathlib import Path
from typing import ClassVar, Literal

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
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
)
from samtok_bench.task import DataStatus, Generation, HubSource, SampleSet, Task
from samtok_tasks.mini.writer import ensure_mini
from samtok_tasks.multi_round.metrics import ROUNDS, multi_round_metrics, multi_round_scores
from samtok_tasks.multi_round.reader import (
    Dialogue,
    Piece,
    ReadyRound,
    conversations,
    read_dialogues,
    read_rounds,
)

MAX_NEW_TOKENS = 128
DIALOGUES, ROUNDS_FORMAT = "dialogues", "rounds"
GROUND_TRUTH, OWN = "ground-truth", "own"


class MultiRound(Task):
    """Dialogues of SegLLM's form, or ready rounds of SAMTok's."""

    name = "multi_round"
    summary = "segmentation over the rounds of a dialogue (MR-RefCOCO/+/g, MR-PACO)"
    primary = "ciou_later"
    splits: ClassVar[tuple[str, ...]] = ("refcoco_val", "refcoco+_val", "refcocog_val", "paco_val")
    data_formats: ClassVar[tuple[str, ...]] = (DIALOGUES, ROUNDS_FORMAT)
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
        return multi_round_metrics()

    @property
    def generation(self) -> Generation:
        policy = "released-last" if self.protocol == "released" else "standard"
        return Generation(MAX_NEW_TOKENS, policy)

    def default_root(self) -> Path:
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        if root is None:
            return mini_status()
        problem = ""
        for split in self.splits:
            try:
                path = conversations(root, split, ready=self.data == ROUNDS_FORMAT)
                return DataStatus(True, f"SegLLM's dialogues, in {path.parent}")
            except OSError as error:
                problem = problem or str(error)
        return DataStatus(False, problem)

    def samples(self, root: Path, split: str) -> SampleSet:
        if self.data == ROUNDS_FORMAT:
            if self.options["history"] == OWN:
                raise ValueError(
                    f"ready rounds have their history; --option history=own needs --data {DIALOGUES}"
                )
            ready = read_rounds(root, split)
            samples = [self._ready(one, split) for one in ready.rounds]
            return SampleSet(samples, dict(ready.dropped), ready.first)
        read = read_dialogues(root, split)
        samples = [sample for one in read.dialogues for sample in self._rounds(one, split)]
        return SampleSet(samples, dict(read.dropped), read.first)

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

    def _rounds(self, dialogue: Dialogue, split: str) -> Iterator[Sample]:
        turns: list[Turn] = []
        ids: list[str] = []
        for number, one in enumerate(dialogue.rounds, 1):
            question = _parts(one.question)
            if number == 1:
                question = (ImagePart(dialogue.image), *self._begun(question))
            turns.append(Turn("user", question))
            after = tuple(ids) if self.options["history"] == OWN else ()
            ids.append(_id(split, f"{dialogue.place}/{number}", dialogue.image, turns, one.targets))
            yield Sample(
                id=ids[-1],
                image=dialogue.image,
                size=(dialogue.height, dialogue.width),
                turns=tuple(turns),
                cluster=dialogue.image.name,
                target=self._target(one.targets),
                tags=_tags(number) | {"dataset": dialogue.dataset, "reference": one.reference},
                after=after,
            )
            turns.append(Turn("assistant", _parts(one.answer)))

    def _ready(self, ready: ReadyRound, split: str) -> Sample:
        roles: tuple[Literal["user", "assistant"], ...] = ("user", "assistant")
        turns = [Turn(roles[k % 2], (Text(text),)) for k, text in enumerate(ready.history)]
        turns[0] = Turn("user", (ImagePart(ready.image), *self._begun(turns[0].parts)))
        return Sample(
            id=_id(split, f"ready {ready.place}/{ready.number}", ready.image, turns, ready.targets),
            image=ready.image,
            size=(ready.height, ready.width),
            turns=tuple(turns),
            cluster=ready.image.name,
            target=self._target(ready.targets),
            tags=_tags(ready.number),
        )

    def _begun(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """What is said after the image; the blank between their tag and the text stays as released only."""
        first = parts[0] if parts else None
        if self.protocol == "released" or not isinstance(first, Text):
            return parts
        return (Text(first.text.lstrip()), *parts[1:])

    def _target(self, masks: tuple[RLE, ...]) -> Target:
        return Target(masks[:1] if self.protocol == "released" else masks)


def _parts(pieces: Sequence[Piece]) -> tuple[Part, ...]:
    return tuple(Text(piece) if isinstance(piece, str) else Region(piece) for piece in pieces)


def _id(split: str, place: str, image: Path, turns: Sequence[Turn], targets: Sequence[RLE]) -> str:
    """Of the place in the data set and all that is said and shown, the same in both protocols."""
    said = [
        part.text.strip() if isinstance(part, Text) else part.rle["counts"]
        for turn in turns
        for part in turn.parts
        if not isinstance(part, ImagePart)
    ]
    return content_id("multi_round", split, place, image.name, *said, *(mask["counts"] for mask in targets))


def _tags(number: int) -> dict[str, str]:
    return {"round": str(number) if number <= ROUNDS else f"{ROUNDS + 1} or later"}


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

"""Dialogues in LLaVA's form whose texts hold mask words, as SAMTok's authors publish their training data.

    [{"image": "coco/train2014/COCO_train2014_000000098304.jpg",
      "conversations": [{"from": "human", "value": "<image>\\n..."}, {"from": "gpt", "value": "..."}]}]

Source: zhouyik/SAMTok_Training_Data on the Hugging Face hub, mask_generation_gres209k.json (209,344 records).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from samtok_bench.images import ImageFileError, open_image
from samtok_bench.predictors.samtok import word_parser
from samtok_bench.reading import STANDARD
from samtok_tasks.dialogues import TrainingDialogue
from samtok_tasks.formats.files import PathBelow, Record, parse
from samtok_tasks.training.record_files import RecordFile
from samtok_tasks.training.streams import Options, Part, Records, UnusableError

IMAGE = "<image>"
_LOOKED_AT = 200
"""Records, evenly spread, by whose words the vocabulary is judged."""
_FOREIGN = "out_of_range"
_parse = word_parser(STANDARD)


class _Turn(Record):
    speaker: Annotated[Literal["human", "gpt"], Field(alias="from")]
    value: str


class LlavaItem(Record):
    """One record."""

    image: PathBelow | Annotated[list[PathBelow], Field(min_length=1, max_length=1)]
    conversations: Annotated[list[_Turn], Field(min_length=2)]

    @property
    def image_path(self) -> str:
        """Of the one image, below the data root."""
        return self.image if isinstance(self.image, str) else self.image[0]

    def exchanges(self) -> list[tuple[str, str]]:
        """Questions, without the mark of the image, and answers; ValueError for other dialogues."""
        said = [turn.value for turn in self.conversations]
        speakers = [turn.speaker for turn in self.conversations]
        if speakers != ["human", "gpt"] * (len(said) // 2):
            raise ValueError(f"human and gpt take turns, got {', '.join(speakers)}")
        marks = [text.count(IMAGE) for text in said]
        if marks[0] > 1 or any(marks[1:]):
            raise ValueError(f"one {IMAGE}, in the first question, is expected")
        said[0] = said[0].replace(IMAGE, "").strip()
        return list(zip(said[::2], said[1::2], strict=True))


class LlavaRecords(Records[TrainingDialogue]):
    """The records of a file.

    Args:
        file: a JSON list or JSON lines.
        root: the folder below which the images are.
        tokenizer: see `llava`.
        apart: see `llava`.

    Raises:
        ValueError: the words are of a larger vocabulary; see also `RecordFile`.
    """

    def __init__(self, file: Path, root: Path, tokenizer: str, apart: bool) -> None:
        super().__init__()
        self._file, self._root, self._tokenizer, self._apart = RecordFile(file), root, tokenizer, apart
        self._check_vocabulary()

    def __len__(self) -> int:
        return len(self._file)

    def where(self, place: int) -> str:
        return self._file.where(place)

    def item(self, place: int) -> LlavaItem:
        """A record; UnusableError if it is malformed or its mask words are."""
        where = self._file.where(place)
        try:
            item = parse(LlavaItem, self._file[place], where)
            item.exchanges()
        except UnusableError:
            raise
        except ValueError as error:
            raise UnusableError("malformed records", where, str(error)) from None
        for turn in item.conversations:
            if faults := _parse(turn.value).faults:
                shown = turn.value[faults[0].start : faults[0].end]
                raise UnusableError("records with malformed mask words", where, f"{faults[0].kind}: {shown}")
        return item

    def read(self, place: int, rng: np.random.Generator) -> TrainingDialogue:
        item = self.item(place)
        try:
            image = open_image(self._root / item.image_path)
        except ImageFileError as error:
            raise UnusableError(
                "records without a readable image", self._file.where(place), str(error)
            ) from None
        return {
            "image": np.asarray(image),
            "turns": [([asked], [answered]) for asked, answered in item.exchanges()],
            "regions": [],
            "apart": self._apart,
            "tokenizer": self._tokenizer,
        }

    def _check_vocabulary(self) -> None:
        worded = foreign = 0
        example = ""
        for place in np.linspace(0, len(self) - 1, min(len(self), _LOOKED_AT)).astype(int).tolist():
            try:
                self.item(place)
            except UnusableError as error:
                if error.details.startswith(_FOREIGN):
                    foreign, example = foreign + 1, example or str(error)
                continue
            worded += 1
        if foreign > worded:
            raise ValueError(f"the mask words are of another vocabulary than 2 codebooks of 256: {example}")


class LlavaOptions(Options):
    """See `llava`."""

    file: Path
    data_root: Path
    tokenizer: str
    apart: bool = False

    def parts(self) -> list[Part[TrainingDialogue]]:
        return [Part(LlavaRecords(self.file, self.data_root, self.tokenizer, self.apart))]


def llava(
    seed: int, *, start: int = 0, file: str, data_root: str, tokenizer: str, apart: bool = False
) -> Iterator[TrainingDialogue]:
    """Dialogues of a published file, for ever.

    Args:
        seed: equal seeds give equal streams.
        start: the number in the stream of the first dialogue.
        file: the JSON file.
        data_root: the folder below which the images are, as coco/train2014/COCO_train2014_000000098304.jpg.
        tokenizer: whose words the texts hold: its folder, its hub id or the hash of its codebooks. The file
            does not say it. The training refuses them if its own tokenizer is another one.
        apart: make each question about an image a dialogue of its own.

    Raises:
        ValueError, OSError: there is no such file, it is cut, or its words are of another vocabulary.
    """
    given = {"file": file, "data_root": data_root, "tokenizer": tokenizer, "apart": apart}
    return LlavaOptions.stream(seed, start, given)

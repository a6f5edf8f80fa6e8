"""Dialogues with their mask words, written once for many trainings: a folder of shards.

`dialogues.json` says what they are of, see `ShardSettings`. A shard, `shard-00000.jsonl`, is a file of JSON
lines: first a `ShardHeader`, then a `ShardLine` for each image.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from samtok_bench.predictors.pictures import open_at_size
from samtok_bench.validation import PathBelow
from samtok_tasks.dialogues import TrainingDialogue, drawn
from samtok_tasks.formats.coco import Side
from samtok_tasks.formats.files import parse, read_json, require_file
from samtok_tasks.training.record_files import RecordFile
from samtok_tasks.training.streams import Joined, Options, Part, Records, UnusableError

SETTINGS = "dialogues.json"
WRITTEN_BY = "`samtok-bench data dialogues` writes it, and goes on where it was ended"


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShardSettings(_Stored):
    """What the dialogues of a folder are of."""

    version: Literal[1] = 1
    task: str
    protocol: str
    data: str | None
    options: dict[str, str]
    split: str
    data_root: str
    """Below which the images were when they were written."""
    content: str
    """sha256 over what the task asks."""
    most_masks: int
    tokenizer: str
    """As it was named."""
    codebooks: str
    """Whose words the texts hold, see `Codec.words_hash`."""
    images: int
    images_per_shard: int = Field(gt=0)

    @property
    def shards(self) -> int:
        """How many files there are once all is written."""
        return -(-self.images // self.images_per_shard)

    def differences(self, other: "ShardSettings") -> list[str]:
        """The fields that make other dialogues."""
        aside = {"data_root", "tokenizer"}
        return [
            name
            for name, value in self.model_dump(exclude=aside).items()
            if value != other.model_dump()[name]
        ]


class LeftOutOf(_Stored):
    """Why images have no line."""

    count: int
    first: str


class ShardHeader(_Stored):
    """The first line of a shard."""

    shard: int
    codebooks: str
    left_out: dict[str, LeftOutOf]
    """By reason."""


class ShardLine(_Stored):
    """What is asked about one image."""

    image: PathBelow
    """Below the data root."""
    size: Annotated[list[Side], Field(min_length=2, max_length=2)]
    """[height, width], pixels."""
    upright: bool
    """See `Sample.upright`."""
    dialogues: Annotated[list[Annotated[list[tuple[str, str]], Field(min_length=1)]], Field(min_length=1)]
    """Each of one or more rounds, question and answer."""


def shard_path(folder: Path, number: int) -> Path:
    """The file of a shard."""
    return folder / f"shard-{number:05d}.jsonl"


def read_settings(folder: Path) -> ShardSettings:
    """What a folder's dialogues are of; FileNotFoundError or ValueError, in one line."""
    path = require_file(folder / SETTINGS, WRITTEN_BY)
    return parse(ShardSettings, read_json(path), str(path))


def read_header(path: Path) -> ShardHeader:
    """The first line of a shard; errors as `read_settings`."""
    return parse(ShardHeader, RecordFile(require_file(path, WRITTEN_BY))[0], f"{path}: line 1")


class ShardRecords(Records[TrainingDialogue]):
    """The images of a folder of shards.

    Args:
        folder: written whole.
        root: the folder below which the images are; None for that where they were.
        questions: see `samtok_tasks.training.tasks`.

    Raises:
        FileNotFoundError: a shard is missing.
        ValueError: a file is not what it should be.
    """

    def __init__(self, folder: Path, root: Path | None, questions: int) -> None:
        super().__init__()
        self.settings = read_settings(folder)
        self._root, self._questions = root or Path(self.settings.data_root), questions
        self._files: list[RecordFile] = []
        for number in range(self.settings.shards):
            path = shard_path(folder, number)
            header = read_header(path)
            if (header.shard, header.codebooks) != (number, self.settings.codebooks):
                raise ValueError(f"{path} is of other dialogues than {folder / SETTINGS}: write them anew")
            self._files.append(RecordFile(path))
        self._lines = Joined(len(file) - 1 for file in self._files)

    def __len__(self) -> int:
        return len(self._lines)

    def read(self, place: int, rng: np.random.Generator) -> TrainingDialogue:
        which, number = self._lines.find(place)
        file, number = self._files[which], number + 1  # after the header
        try:
            line = parse(ShardLine, file[number], file.where(number))
        except UnusableError:
            raise
        except ValueError as error:
            raise UnusableError("malformed lines of shards", file.where(number), str(error)) from None
        height, width = line.size
        try:
            image = open_at_size(self._root / line.image, (height, width), line.upright)
        except (OSError, ValueError) as error:
            raise UnusableError(
                "images that cannot be read or have another size", file.where(number), str(error)
            ) from None
        chosen = drawn(rng, [*map(len, line.dialogues)], self._questions)
        return {
            "image": np.asarray(image),
            "turns": [([asked], [answer]) for place in chosen for asked, answer in line.dialogues[place]],
            "regions": [],
            "apart": len(line.dialogues[chosen[0]]) == 1,
            "tokenizer": self.settings.codebooks,
        }


class ShardOptions(Options):
    """See `shards`."""

    folder: Path
    data_root: Path | None = None
    questions: int = Field(default=4, gt=0)

    def parts(self) -> list[Part[TrainingDialogue]]:
        return [Part(ShardRecords(self.folder, self.data_root, self.questions))]


def shards(
    seed: int, *, start: int = 0, folder: str, data_root: str | None = None, questions: int = 4
) -> Iterator[TrainingDialogue]:
    """The dialogues of a folder of shards, for ever: what `samtok_tasks.training.tasks` yields, in words.

    Args:
        seed: equal seeds give equal streams.
        start: the number in the stream of the first dialogue.
        folder: what `samtok-bench data dialogues` wrote.
        data_root: the folder below which the images are, if it is not where they were.
        questions: most questions about one image in a dialogue, each asked alone.

    Raises:
        ValueError, OSError: the folder is not whole, or wrong options.
    """
    given = {"folder": folder, "data_root": data_root, "questions": questions}
    return ShardOptions.stream(seed, start, given)

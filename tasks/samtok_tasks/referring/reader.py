"""RefCOCO, RefCOCO+ and RefCOCOg from files of several formats: sentences that mean one object."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.refer import locate_refer, read_refer
from samtok_tasks.referring.metrics import Expression


@dataclass(frozen=True)
class Sentence:
    """A sentence and the object that it means."""

    place: str
    """In the data set."""
    image: Path
    """Where the image must be; it was not opened."""
    text: str
    """Unchanged."""
    mask: RLE
    kind: str = ""
    """What kind of sentence it is, where the file says so."""


@dataclass(frozen=True)
class Sentences:
    """A split, in the order of the file."""

    sentences: tuple[Sentence, ...]
    dropped: Dropped
    second_list: tuple[Expression, ...] | None = None
    """VLM-R1's expressions of the split, if there is the list."""


class SentenceReader(ABC):
    """Reads one data format. Data sets go by the names of their tasks."""

    has_second_list: ClassVar[bool] = False
    """Whether `Sentences.second_list` belongs to the format."""

    @abstractmethod
    def locate(self, root: Path, dataset: str, split: str) -> None:
        """Look whether the files are there."""

    @abstractmethod
    def read(self, root: Path, dataset: str, split: str) -> Sentences:
        """Read a split; images are not opened."""


class ReferReader(SentenceReader):
    """refer's files, whose splits are by one of several makers."""

    def __init__(self, by: str) -> None:
        self.by = by

    def locate(self, root: Path, dataset: str, split: str) -> None:
        locate_refer(root, dataset, by=self.by)

    def read(self, root: Path, dataset: str, split: str) -> Sentences:
        data = read_refer(root, dataset, by=self.by).split(split)
        sentences = (
            Sentence(f"{said.ref_id}/{said.sent_id}", said.image_path, said.sent, said.target, said.kind)
            for said in data
        )
        return Sentences(tuple(sentences), data.dropped)

"""Dialogues in chat form, JSON lines, with regions as run lengths.

    {"image": "images/7.jpg", "messages": [
      {"role": "user", "content": [
        {"type": "text", "text": "What is "},
        {"type": "region", "mask": {"size": [480, 640], "counts": "..."}}]},
      {"role": "assistant", "content": "A black chair."}]}

Content is a text or a list of parts. The image comes first, whether or not a part {"type": "image"} says so.
A region is a COCO RLE of the image's size, which gets the words of the tokenizer that is trained with.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from pydantic import Field

from samtok_bench import rle
from samtok_bench.images import ImageFileError, open_image
from samtok_tasks.dialogues import TextOrMask, TrainingDialogue
from samtok_tasks.formats.files import PathBelow, Record, parse
from samtok_tasks.training.record_files import RecordFile
from samtok_tasks.training.streams import Options, Part, Records, UnusableError


class _Text(Record):
    type: Literal["text"]
    text: str


class _Region(Record):
    type: Literal["region"]
    mask: dict[str, Any]


class _Image(Record):
    type: Literal["image"]


_Content = Annotated[_Text | _Region | _Image, Field(discriminator="type")]


class _Message(Record):
    role: Literal["user", "assistant"]
    content: str | list[_Content]

    @property
    def parts(self) -> list[_Text | _Region | _Image]:
        content = self.content
        return [_Text(type="text", text=content)] if isinstance(content, str) else content


class _Dialogue(Record):
    image: PathBelow
    messages: Annotated[list[_Message], Field(min_length=2)]


class _Whose(TypedDict, total=False):
    tokenizer: str


class MessageRecords(Records[TrainingDialogue]):
    """The dialogues of a file, below whose `root` the images are."""

    def __init__(self, file: Path, root: Path, apart: bool, tokenizer: str | None) -> None:
        super().__init__()
        self._file, self._root, self._apart = RecordFile(file), root, apart
        self._whose: _Whose = {"tokenizer": tokenizer} if tokenizer else {}

    def __len__(self) -> int:
        return len(self._file)

    def where(self, place: int) -> str:
        return self._file.where(place)

    def read(self, place: int, rng: np.random.Generator) -> TrainingDialogue:
        where = self._file.where(place)
        try:
            dialogue = parse(_Dialogue, self._file[place], where)
            image = np.asarray(open_image(self._root / dialogue.image))
            said = list(_spoken(dialogue.messages, image.shape[:2]))
        except UnusableError:
            raise
        except ImageFileError as error:
            raise UnusableError("dialogues without a readable image", where, str(error)) from None
        except ValueError as error:
            raise UnusableError("malformed dialogues", where, str(error)) from None
        return {
            "image": image,
            "turns": list(zip(said[::2], said[1::2], strict=True)),
            "regions": [],
            "apart": self._apart,
            **self._whose,
        }


def _spoken(messages: list[_Message], size: tuple[int, ...]) -> Iterator[list[TextOrMask]]:
    """What is said in turns, with masks of an image (height, width); ValueError for other dialogues."""
    roles = [message.role for message in messages]
    if roles != ["user", "assistant"] * (len(roles) // 2):
        raise ValueError(f"user and assistant take turns, got {', '.join(roles)}")
    for number, message in enumerate(messages):
        images = [place for place, part in enumerate(message.parts) if isinstance(part, _Image)]
        if images not in ([], [0]) or (images and number):
            raise ValueError("there is one image, at the beginning")
        parts = [_text_or_mask(part, size) for part in message.parts if not isinstance(part, _Image)]
        if not parts:
            raise ValueError(f"message {number} is empty")
        yield parts


def _text_or_mask(part: _Text | _Region, size: tuple[int, ...]) -> TextOrMask:
    if isinstance(part, _Text):
        return part.text
    mask = rle.validate(part.mask)
    if tuple(mask["size"]) != size:
        raise ValueError(f"a region is {mask['size']} pixels (height, width), the image {list(size)}")
    if rle.is_empty(mask):
        raise ValueError("a region has no pixel")
    return rle.decode(mask)


class MessageOptions(Options):
    """See `messages`."""

    file: Path
    data_root: Path
    apart: bool = False
    tokenizer: str | None = None

    def parts(self) -> list[Part[TrainingDialogue]]:
        return [Part(MessageRecords(self.file, self.data_root, self.apart, self.tokenizer))]


def messages(
    seed: int,
    *,
    start: int = 0,
    file: str,
    data_root: str,
    apart: bool = False,
    tokenizer: str | None = None,
) -> Iterator[TrainingDialogue]:
    """Dialogues of a file in chat form, for ever.

    Args:
        seed: equal seeds give equal streams.
        start: the number in the stream of the first dialogue.
        file: JSON lines, or a JSON list.
        data_root: the folder below which the images are.
        apart: make each question about an image a dialogue of its own.
        tokenizer: of texts that hold mask words, see `samtok_tasks.training.llava`.

    Raises:
        ValueError, OSError: there is no such file.
    """
    given = {"file": file, "data_root": data_root, "apart": apart, "tokenizer": tokenizer}
    return MessageOptions.stream(seed, start, given)

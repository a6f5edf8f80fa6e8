"""Prompts of the published parquet files.

Columns: `images` (bytes, a path or {bytes, path}, or a list of one of these), `problem` (text, or a list of
one), `answer` (text with mask words), `masks` (COCO RLE, in the order of the words) and `source`.

Source: zhouyik/SAMTok_Training_Data on the Hugging Face hub: gres8k_train.parquet, which has paths of the
authors' machines alone, and with the bytes of images, 5 GB each, mix_gres8k_ver4k_train.parquet and
mix_gres8k_ver4k_with_thinking_train.parquet.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from samtok_bench import rle
from samtok_bench.images import image_size, open_image_bytes
from samtok_bench.predictors.samtok import word_parser
from samtok_bench.reading import STANDARD
from samtok_bench.rle import RLE
from samtok_tasks.dialogues import Stated
from samtok_tasks.formats.images import find_below
from samtok_tasks.training.llava import IMAGE
from samtok_tasks.training.parquet_table import PromptTable
from samtok_tasks.training.prompts import PromptRecord
from samtok_tasks.training.streams import Joined, Options, Part, Records, UnusableError, require_shape

_UNREADABLE = "prompts without a readable image"
_parse = word_parser(STANDARD)


class ParquetPrompts(Records[PromptRecord]):
    """The rows of several files."""

    def __init__(self, files: Sequence[Path], root: Path | None, tokenizer: str, unpack: Path | None) -> None:
        super().__init__()
        self._tables = [PromptTable(path, unpack) for path in files]
        self._rows = Joined(map(len, self._tables))
        names = [path.name for path in files]
        self._names = names if len(set(names)) == len(names) else list(map(str, files))
        self._root, self._tokenizer = root, tokenizer

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, place: int, rng: np.random.Generator) -> PromptRecord:
        which, number = self._rows.find(place)
        table = self._tables[which]
        where = f"{table.path}: row {number}"
        row = table.row(number)
        try:
            problem, answer, masks = _text(row["problem"]), row["answer"], _masks(row["masks"])
            if not isinstance(answer, str) or not isinstance(row["source"], str | None):
                raise ValueError("'answer' and 'source' are texts")
        except (ValueError, TypeError, RecursionError) as error:
            raise UnusableError("malformed prompts", where, str(error)) from None
        if any(map(rle.is_empty, masks)):
            raise UnusableError("prompts with an empty mask", where)
        problem = problem.replace(IMAGE, "", 1).strip()
        parsed = _parse(problem), _parse(answer)
        if faults := [fault.kind for text in parsed for fault in text.faults]:
            raise UnusableError("prompts with malformed mask words", where, faults[0])
        said = [
            text[word.start : word.end]
            for text, read in zip((problem, answer), parsed, strict=True)
            for word in read.words
        ]
        if len(said) != len(masks):
            details = f"{len(said)} words, {len(masks)} masks"
            raise UnusableError("prompts whose words and masks differ in number", where, details)
        image, size = self._image(table, number, row.get("images"), where)
        require_shape(size, where)
        if any(tuple(mask["size"]) != size for mask in masks):
            details = f"a mask is {masks[0]['size']} pixels (height, width), the image {list(size)}"
            raise UnusableError("prompts whose masks and image differ in size", where, details)
        left = iter(masks)
        return {
            "id": f"{self._names[which]}:{number}",
            "image": image,
            "problem": _in_parts(problem, parsed[0].words, left),
            "answer": _in_parts(answer, parsed[1].words, left),
            "source": row["source"] or "",
            "words": said,
            "tokenizer": self._tokenizer,
        }

    def _image(
        self, table: PromptTable, number: int, images: Any, where: str
    ) -> tuple[Path | Callable[[], Image.Image], tuple[int, int]]:
        """What opens the image, and its height and width; `images` is the column without bytes, if any."""
        if isinstance(images, list) and len(images) != 1:
            raise UnusableError("prompts without one image", where, f"{len(images)} images")
        try:
            content = table.content(number)
            if content is None:
                content = self._elsewhere(_path(images), where)
            if isinstance(content, Path):
                return content, image_size(content)
            opened = open_image_bytes(content, where)
        except UnusableError:
            raise
        except ValueError as error:
            raise UnusableError(_UNREADABLE, where, str(error)) from None
        return partial(_opened, table, number, where), (opened.height, opened.width)

    def _elsewhere(self, stated: str, where: str) -> Path:
        if self._root is None:
            details = f"it is not in the file, and there is no data_root for {stated!r}"
            raise UnusableError(_UNREADABLE, where, details)
        if (found := find_below(self._root, stated)) is None:
            details = f"no end of {stated!r} is a file below {self._root}"
            raise UnusableError(_UNREADABLE, where, details)
        return found


def _path(images: Any) -> str:
    """The path of the one image of a row; empty where there is none."""
    one = images[0] if isinstance(images, list) else images
    path = one.get("path") if isinstance(one, dict) else one
    if not isinstance(path, str | None):
        raise ValueError("'images' has neither bytes nor a path")
    return path or ""


def _opened(table: PromptTable, number: int, where: str) -> Image.Image:
    content = table.content(number)
    assert isinstance(content, bytes)
    return open_image_bytes(content, where)


def _text(problem: Any) -> str:
    if isinstance(problem, list) and len(problem) == 1:
        problem = problem[0]
    if not isinstance(problem, str):
        raise ValueError("'problem' is a text or a list of one")
    return problem


def _masks(stated: Any) -> list[RLE]:
    """RLE of a column of structs, or of their JSON."""
    found = json.loads(stated) if isinstance(stated, str) else stated or []
    found = [found] if isinstance(found, dict) else found
    masks = [json.loads(mask) if isinstance(mask, str) else mask for mask in found]
    return [_mask(mask) for mask in masks]


def _mask(stated: Any) -> RLE:
    if isinstance(stated, dict) and not stated.get("counts") and stated.get("size"):
        height, width = stated["size"]  # nothing at all says nothing inside
        return rle.empty(height, width)
    return rle.validate(stated)


def _in_parts(text: str, words: Sequence[Any], masks: Iterator[RLE]) -> list[Stated]:
    """A text with masks in the places of its words."""
    parts: list[Stated] = []
    end = 0
    for word in words:
        parts += [text[end : word.start], next(masks)]
        end = word.end
    return [part for part in (*parts, text[end:]) if part != ""]


class ParquetOptions(Options):
    """See `parquet`."""

    files: list[Path] = Field(min_length=1)
    tokenizer: str
    data_root: Path | None = None
    unpack: Path | None = None

    def parts(self) -> list[Part[PromptRecord]]:
        return [Part(ParquetPrompts(self.files, self.data_root, self.tokenizer, self.unpack))]


def parquet(
    seed: int,
    *,
    start: int = 0,
    files: Sequence[str],
    tokenizer: str,
    data_root: str | None = None,
    unpack: str | None = None,
) -> Iterator[PromptRecord]:
    """Prompts of published files, for ever.

    Args:
        seed: equal seeds give equal streams.
        start: the number in the stream of the first prompt.
        files: parquet files.
        tokenizer: whose words the answers hold: its folder, its hub id or the hash of its codebooks. A
            training with another one makes words of the masks anew.
        data_root: where images are that are not inside: the longest end of a stated path that is there.
        unpack: a folder to which the images inside are written, each once; without it, a whole row group is
            read for each prompt, unless the one before was in the same.

    Raises:
        ValueError, OSError: a file cannot be read, or wrong options.
    """
    given = {"files": list(files), "tokenizer": tokenizer, "data_root": data_root, "unpack": unpack}
    return ParquetOptions.stream(seed, start, given)

"""SegLLM's dialogues: MR-RefCOCO, MR-RefCOCO+, MR-RefCOCOg and MR-PACO (berkeley-hipie/segllm).

A dialogue is a list of turns of `human` and `gpt` by turns. Bracketed tags stand in the text for what is no
text: [IMAGE256:path], [MASK-ENCODE:image|dataset|mask], [BOX-ENCODE:image|dataset|mask] and
[MASK-DECODE:image|dataset|mask], this one also as [MASK-DECODE:task:reference:mask:image:dataset] or with two
references. A mask is the id of an annotation in the dataset's instances file. Other brackets are text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import Instances, read_instances
from samtok_tasks.formats.files import Record, field, path_below, read_list, require_file
from samtok_tasks.multi_round.reader import Dialogue, DialogueReader, Dialogues, Piece, Round, UnusableError
from samtok_tasks.multi_round.segllm_files import (
    LAYOUT,
    SpokenTurns,
    data_folder,
    find_image,
    part_of,
    same_image,
)

INSTANCES = {
    "paco_lvis": "paco_lvis/annotations/paco_lvis_v1_{part}.json",
    "lvis": "lvis/lvis_v1_{part}.json",
}
"""Instances files of datasets; those of others are NAME/instances.json."""
NO_REFERENCE = "none"
_ID = re.compile(r"[0-9]{1,18}")
_TAG = re.compile(r"\[(IMAGE256|MASK-ENCODE|BOX-ENCODE|MASK-DECODE):([^\[\]]+)\]")


class _Conversation(Record):
    conversations: SpokenTurns


class SegLLMReader(DialogueReader):
    """Files mr_SPLIT.json.

    A dialogue is left out as a whole where an answer has no mask or one of its masks is empty, not in the
    dataset's file, broken, or of another image: the rounds after it would lack their history.
    """

    has_whole_dialogues = True
    file_name = "mr_{split}"

    def read(self, root: Path, split: str) -> Dialogues:
        masks = _MaskFinder(root, split)
        dialogues = []
        dropped = Dropped()
        conversations = read_list(self.locate(root, split), _Conversation, "dialogue")
        for place, (where, record) in enumerate(conversations):
            try:
                dialogues.append(_dialogue(root, place, record.conversations, masks, where))
            except UnusableError as problem:
                dropped.add(problem.reason, where, problem.details)
        for instances in masks.read:
            dropped.update(instances.dropped)
        return Dialogues(tuple(dialogues), dropped)


@dataclass(frozen=True)
class _MaskTag:
    """A mask as the file has it."""

    dataset: str
    id: str
    task: str
    """Of the long form; empty in the short one."""


class _MaskFinder:
    """Masks by dataset and id; a dataset's file is read when the first is asked for."""

    def __init__(self, root: Path, split: str) -> None:
        self._folder = data_folder(root) / "annotations_folder"
        self._part = part_of(split)
        self._layout = LAYOUT.format(part=self._part, name=f"mr_{split}")
        self._read: dict[str, Instances] = {}

    @property
    def read(self) -> Iterable[Instances]:
        """The datasets' files that were asked for a mask."""
        return self._read.values()

    def find(self, tag: _MaskTag, image: str) -> RLE:
        """The mask that a tag names, on the image of this path.

        Raises:
            UnusableError: there is none that can be used.
            OSError, ValueError: the file cannot.
        """
        instances = self._instances(tag.dataset)
        said = f"mask {tag.id!r} of {tag.dataset}"
        annotation = instances.annotations.get(int(tag.id)) if _ID.fullmatch(tag.id) else None
        if annotation is None:
            raise UnusableError("dialogues with an unknown mask", f"{said} is not in {instances.path}")
        name = instances.images[annotation.image_id].file_name
        if not same_image(name, image):
            raise UnusableError(
                "dialogues with a mask of another image", f"{said} is on {name}, not on {image}"
            )
        try:
            mask = instances.mask(annotation.id)
        except ValueError as error:
            raise UnusableError("dialogues with a broken mask", str(error)) from None
        if rle.is_empty(mask):
            raise UnusableError("dialogues with an empty mask", f"{said} has no pixel")
        return mask

    def _instances(self, dataset: str) -> Instances:
        if dataset not in self._read:
            name = INSTANCES.get(dataset, f"{dataset}/instances.json").format(part=self._part)
            path = require_file(self._folder / name, self._layout)
            self._read[dataset] = read_instances(path, _any_name)
        return self._read[dataset]


def _any_name(record: Any, where: str) -> str:
    """The file name of an image's record, maybe with folders; of LVIS's address the last folder and name."""
    if isinstance(record, dict) and "file_name" in record:
        return field(record, "file_name", str, where)
    return "/".join(PurePosixPath(field(record, "coco_url", str, where)).parts[-2:])


def _dialogue(root: Path, place: int, turns: SpokenTurns, masks: _MaskFinder, where: str) -> Dialogue:
    if not turns or len(turns) % 2:
        raise ValueError(f"{where}: expected questions and answers by turns, got {len(turns)} turns")
    read = [list(_pieces(turn.value, number, f"{where}, turn {number}")) for number, turn in enumerate(turns)]
    tags = [piece for pieces in read for piece in pieces if isinstance(piece, _MaskTag)]
    path = next(tag[2] for tag in _TAG.finditer(turns[0].value) if tag[1] == "IMAGE256")
    path_below({"image": path}, "image", where)
    found = {(tag.dataset, tag.id): masks.find(tag, path) for tag in tags}
    sizes = {tuple(mask["size"]) for mask in found.values()}
    if len(sizes) > 1:
        raise UnusableError("dialogues with masks of several sizes", f"there are {sorted(sizes)}")
    height, width = sizes.pop()
    said = [_with_masks(pieces, found) for pieces in read]
    return tuple(
        Round(
            place=f"{place}/{number}",
            number=number,
            image=find_image(root, path),
            size=(height, width),
            turns=tuple(said[: 2 * number - 1]),
            targets=tuple(piece for piece in said[2 * number - 1] if not isinstance(piece, str)),
            tags={
                "dataset": tags[-1].dataset,
                "reference": _reference(read[2 * number - 2], read[2 * number - 1]),
            },
        )
        for number in range(1, len(turns) // 2 + 1)
    )


def _pieces(text: str, number: int, where: str) -> Iterator[str | _MaskTag]:
    """Texts and masks of a turn; what else a tag stands for is passed over.

    Raises:
        ValueError: a tag that is malformed or out of place.
        UnusableError: an answer without a mask, or another number of images than one.
    """
    kinds = [tag[1] for tag in _TAG.finditer(text)]
    is_answer = number % 2 == 1
    if not is_answer and "MASK-DECODE" in kinds:
        raise ValueError(f"{where}: a question has a MASK-DECODE: {text[:80]!r}")
    if is_answer and "MASK-DECODE" not in kinds:
        raise UnusableError("dialogues with an answer without a mask", repr(text[:80]))
    if kinds.count("IMAGE256") != (number == 0):
        raise UnusableError("dialogues without exactly one image at their beginning", repr(text[:80]))
    done = 0
    for tag in _TAG.finditer(text):
        if text[done : tag.start()]:
            yield text[done : tag.start()]
        done = tag.end()
        if tag[1] in ("MASK-ENCODE", "MASK-DECODE"):
            yield _mask_tag(tag[1], tag[2], where)
    if text[done:]:
        yield text[done:]


def _mask_tag(kind: str, content: str, where: str) -> _MaskTag:
    """Read image|dataset|mask, or task:reference:mask:image:dataset with one or two references."""
    if content.count("|") == 2:
        _, dataset, id = content.split("|")
        task = ""
    elif kind == "MASK-DECODE" and content.count(":") in (4, 5):
        task, *_, id, _, dataset = content.split(":")
    else:
        raise ValueError(f"{where}: cannot read the tag [{kind}:{content}]")
    path_below({"dataset": dataset}, "dataset", where)
    return _MaskTag(dataset, id, task)


def _with_masks(pieces: list[str | _MaskTag], found: dict[tuple[str, str], RLE]) -> tuple[Piece, ...]:
    return tuple(piece if isinstance(piece, str) else found[piece.dataset, piece.id] for piece in pieces)


def _reference(question: list[str | _MaskTag], answer: list[str | _MaskTag]) -> str:
    """What the answer's tag says of its relation to a reference, or whether the question has a mask."""
    task = next(piece.task for piece in answer if isinstance(piece, _MaskTag))
    has_mask = any(isinstance(piece, _MaskTag) for piece in question)
    return task or ("mask" if has_mask else NO_REFERENCE)

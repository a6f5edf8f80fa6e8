"""SegLLM's dialogues: MR-RefCOCO, MR-RefCOCO+, MR-RefCOCOg and MR-PACO (berkeley-hipie/segllm).

A dialogue is a list of turns of `human` and `gpt` by turns. Bracketed tags stand in the text for what is no
text: [IMAGE256:path], [MASK-ENCODE:image|dataset|mask], [BOX-ENCODE:image|dataset|mask] and
[MASK-DECODE:image|dataset|mask], this one also as [MASK-DECODE:task:reference:mask:image:dataset] or with two
references. A mask is the id of an annotation in the dataset's instances file. Other brackets are text.

SAMTok's script asks ready rounds instead, where the masks before are words already: a file of one list a
round, made from these dialogues. It is not published; see `read_rounds`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path, PurePosixPath
from typing import Any

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_tasks.formats.coco import Instances, parse_size, read_instances
from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.refer import IMAGE_FOLDERS
from samtok_tasks.formats.region_masks import image_size

INSTANCES = {
    "paco_lvis": "paco_lvis/annotations/paco_lvis_v1_{split}.json",
    "lvis": "lvis/lvis_v1_{split}.json",
}
"""Instances files of datasets; those of others are NAME/instances.json."""
CONVERSATIONS = ("conversations_folder", "conversation_folder")
"""As SegLLM and as SAMTok's script call it."""
LAYOUT = (
    "Expected below the data root, or below segllm/ in it: "
    "conversations_folder/all_data_mix_{part}/{name}.json (huggingface.co/datasets/Marlo-Z/SegLLM_dataset), "
    "annotations_folder with refcoco/instances.json and its like (github.com/lichengunc/refer) and "
    "paco_lvis/annotations/paco_lvis_v1_{part}.json (github.com/facebookresearch/paco), and COCO's images in "
    "images_folder/coco/train2014 and train2017, as in DATASET.md of github.com/berkeley-hipie/segllm."
)
NO_REFERENCE = "none"
_ID = re.compile(r"[0-9]{1,18}")
_TAG = re.compile(r"\[(IMAGE256|MASK-ENCODE|BOX-ENCODE|MASK-DECODE):([^\[\]]+)\]")


Piece = str | RLE
"""What a turn is made of, in order: texts, none of them empty, and masks, none of them empty either."""


@dataclass(frozen=True)
class Round:
    """A question and its answer."""

    question: tuple[Piece, ...]
    answer: tuple[Piece, ...]
    """With one mask at least."""
    reference: str
    """What the answer's tag says of its relation to a reference, or whether the question has a mask."""

    @property
    def targets(self) -> tuple[RLE, ...]:
        """The masks of the answer."""
        return tuple(piece for piece in self.answer if not isinstance(piece, str))


@dataclass(frozen=True)
class Dialogue:
    """A dialogue about one image."""

    place: int
    """In the file, from 0."""
    image: Path
    """Where the image must be; it was not opened."""
    height: int
    width: int
    dataset: str
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class ReadyRound:
    """A round whose history is text, mask words included."""

    number: int
    """Of the round, from 1."""
    place: int
    """In the list of its round, from 0."""
    image: Path
    height: int
    width: int
    history: tuple[str, ...]
    """What was said by turns, the question last."""
    targets: tuple[RLE, ...]


@dataclass(frozen=True)
class SegllmData:
    """The dialogues of a file, in its order, or its ready rounds, by rounds."""

    path: Path
    dialogues: tuple[Dialogue, ...] = ()
    rounds: tuple[ReadyRound, ...] = ()
    dropped: Counter[str] = dataclass_field(default_factory=Counter)
    """What was left out, by reason."""
    first: dict[str, str] = dataclass_field(default_factory=dict)
    """The first place of each reason, with what is wrong there."""


class _Unusable(Exception):
    """A dialogue that is left out: the reason and the details."""


def read_dialogues(root: Path, split: str) -> SegllmData:
    """Read a file of dialogues, with their masks.

    A dialogue is left out as a whole, and counted, where an answer has no mask or one of its masks is empty,
    not in the dataset's file, broken, or of another image: the rounds after it would lack their history.

    Args:
        root: the data root, see LAYOUT.
        split: as in the file's name mr_SPLIT.json, such as refcoco_val.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    path = conversations(root, split)
    masks = _Masks(root, split)
    records = read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a list of dialogues, got {type(records).__name__}")
    dialogues = []
    dropped: Counter[str] = Counter()
    first: dict[str, str] = {}
    for place, record in enumerate(records):
        where = f"{path}: dialogue {place}"
        try:
            dialogues.append(_dialogue(root, place, record, masks, where))
        except _Unusable as problem:
            reason, details = problem.args
            dropped[reason] += 1
            first.setdefault(reason, f"{where}: {details}")
    return SegllmData(path, dialogues=tuple(dialogues), dropped=dropped, first=first)


def read_rounds(root: Path, split: str) -> SegllmData:
    """Read a file of ready rounds, mr_SPLIT_sampled.json.

    It is {"1": [...], "2": [...], ...}, by rounds from 1 (from 0 where there is a "0"), each item
    {"image": path, "history": [{"from": "human" or "gpt", "value": text}, ...], "target_masks": [polygons or
    RLE, ...]}: the whole dialogue up to the question, which comes last. The first turn has "<image>" and a
    line break, which are taken out. Polygons have no size, so their images are opened for it; rounds whose
    image then cannot be read are left out and counted.

    Raises:
        FileNotFoundError, ValueError: as `read_dialogues`.
    """
    path = conversations(root, split, ready=True)
    content = read_json(path)
    if not isinstance(content, dict) or not all(key.isdecimal() for key in content):
        raise ValueError(f"{path}: expected a dictionary of rounds by their numbers")
    found: list[ReadyRound] = []
    dropped: Counter[str] = Counter()
    first: dict[str, str] = {}
    shift = 1 if any(int(key) == 0 for key in content) else 0
    for key in sorted(content, key=int):
        for place, record in enumerate(field(content, key, list, str(path))):
            where = f"{path}: round {key}, item {place}"
            try:
                found.append(_ready(root, int(key) + shift, place, record, where))
            except _Unusable as problem:
                reason, details = problem.args
                dropped[reason] += 1
                first.setdefault(reason, f"{where}: {details}")
    return SegllmData(path, rounds=tuple(found), dropped=dropped, first=first)


def _base(root: Path) -> Path:
    return root / "segllm" if (root / "segllm").is_dir() else root


def conversations(root: Path, split: str, ready: bool = False) -> Path:
    """The file of a split's dialogues, or of its ready rounds.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
    """
    part = split.rpartition("_")[2]
    name = f"mr_{split}_sampled" if ready else f"mr_{split}"
    paths = [_base(root) / one / f"all_data_mix_{part}" / f"{name}.json" for one in CONVERSATIONS]
    found = next((path for path in paths if path.is_file()), paths[0])
    return require_file(found, LAYOUT.format(part=part, name=name))


def _image(root: Path, path: str) -> Path:
    """Where an image is; of the path in the file, which has its writer's folders, the name may be enough."""
    images = _base(root) / "images_folder"
    folders = [images / "coco/train2014", images / "coco/train2017", *(root / one for one in IMAGE_FOLDERS)]
    places = [images / path, *(folder / _file_name(path) for folder in folders)]
    return next((place for place in places if place.is_file()), places[0])


def _file_name(path: str) -> str:
    """The name of an image's file; SegLLM's own reader too takes these two for one image."""
    return PurePosixPath(path).name.replace("val2014", "train2014").removeprefix("new_")


class _Masks:
    """Masks by dataset and id; a dataset's file is read when the first is asked for."""

    def __init__(self, root: Path, split: str) -> None:
        self._folder = _base(root) / "annotations_folder"
        self._part = split.rpartition("_")[2]
        self._layout = LAYOUT.format(part=self._part, name=f"mr_{split}")
        self._read: dict[str, Instances] = {}

    def find(self, tag: "_Tagged", image: str) -> RLE:
        """The mask that a tag names, on an image of this name.

        Raises:
            _Unusable: there is none that can be used.
            OSError, ValueError: the file cannot.
        """
        instances = self._instances(tag.dataset)
        said = f"mask {tag.id!r} of {tag.dataset}"
        annotation = instances.annotations.get(int(tag.id)) if _ID.fullmatch(tag.id) else None
        if annotation is None:
            raise _Unusable("dialogues with an unknown mask", f"{said} is not in {instances.path}")
        name = _file_name(instances.images[annotation.image_id].file_name)
        if name != image:
            raise _Unusable("dialogues with a mask of another image", f"{said} is on {name}, not on {image}")
        try:
            mask = instances.mask(annotation.id)
        except ValueError as error:
            raise _Unusable("dialogues with a broken mask", str(error)) from None
        if rle.is_empty(mask):
            raise _Unusable("dialogues with an empty mask", f"{said} has no pixel")
        return mask

    def _instances(self, dataset: str) -> Instances:
        if dataset not in self._read:
            name = INSTANCES.get(dataset, f"{dataset}/instances.json").format(split=self._part)
            path = require_file(self._folder / name, self._layout)
            self._read[dataset] = read_instances(path, _any_name)
        return self._read[dataset]


def _any_name(record: Any, where: str) -> str:
    """The file name of an image's record; LVIS has an address in its place."""
    name = "file_name" if isinstance(record, dict) and "file_name" in record else "coco_url"
    return PurePosixPath(field(record, name, str, where)).name


@dataclass(frozen=True)
class _Tagged:
    """A mask's tag as the file has it."""

    dataset: str
    id: str
    task: str
    """Of the long form; empty in the short one."""

    @property
    def key(self) -> tuple[str, str]:
        """What names the mask."""
        return self.dataset, self.id


def _dialogue(root: Path, place: int, record: Any, masks: _Masks, where: str) -> Dialogue:
    turns = field(record, "conversations", list, where)
    if not turns or len(turns) % 2:
        raise ValueError(f"{where}: expected questions and answers by turns, got {len(turns)} turns")
    read = [list(_pieces(turn, number, f"{where}, turn {number}")) for number, turn in enumerate(turns)]
    named = [piece for pieces in read for piece in pieces if isinstance(piece, _Tagged)]
    image = next(tag[2] for tag in _TAG.finditer(turns[0]["value"]) if tag[1] == "IMAGE256")
    path_below({"image": image}, "image", where)
    found = {tag.key: masks.find(tag, _file_name(image)) for tag in named}
    sizes = {tuple(mask["size"]) for mask in found.values()}
    if len(sizes) > 1:
        raise _Unusable("dialogues with masks of several sizes", f"there are {sorted(sizes)}")
    rounds = tuple(
        Round(_with_masks(question, found), _with_masks(answer, found), _reference(question, answer))
        for question, answer in zip(read[::2], read[1::2], strict=True)
    )
    height, width = sizes.pop()
    return Dialogue(place, _image(root, image), height, width, named[-1].dataset, rounds)


def _pieces(turn: Any, number: int, where: str) -> Iterator[str | _Tagged]:
    """Texts and masks of a turn; what else a tag stands for is passed over.

    Raises:
        ValueError: a turn of another speaker, or a tag that is malformed or out of place.
        _Unusable: an answer without a mask, or another number of images than one.
    """
    speaker = "gpt" if number % 2 else "human"
    if field(turn, "from", str, where) != speaker:
        raise ValueError(f"{where}: 'from' must be {speaker}, got {turn['from']!r}")
    text = field(turn, "value", str, where)
    kinds = [tag[1] for tag in _TAG.finditer(text)]
    if speaker == "human" and "MASK-DECODE" in kinds:
        raise ValueError(f"{where}: a question has a MASK-DECODE: {text[:80]!r}")
    if speaker == "gpt" and "MASK-DECODE" not in kinds:
        raise _Unusable("dialogues with an answer without a mask", repr(text[:80]))
    if kinds.count("IMAGE256") != (number == 0):
        raise _Unusable("dialogues without exactly one image at their beginning", repr(text[:80]))
    done = 0
    for tag in _TAG.finditer(text):
        if text[done : tag.start()]:
            yield text[done : tag.start()]
        done = tag.end()
        if tag[1] in ("MASK-ENCODE", "MASK-DECODE"):
            yield _tagged(tag[1], tag[2], where)
    if text[done:]:
        yield text[done:]


def _tagged(kind: str, content: str, where: str) -> _Tagged:
    """Read image|dataset|mask, or task:reference:mask:image:dataset with one or two references."""
    if content.count("|") == 2:
        _, dataset, id = content.split("|")
        task = ""
    elif kind == "MASK-DECODE" and content.count(":") in (4, 5):
        task, *_, id, _, dataset = content.split(":")
    else:
        raise ValueError(f"{where}: cannot read the tag [{kind}:{content}]")
    path_below({"dataset": dataset}, "dataset", where)
    return _Tagged(dataset, id, task)


def _with_masks(pieces: list[str | _Tagged], found: dict[tuple[str, str], RLE]) -> tuple[Piece, ...]:
    return tuple(piece if isinstance(piece, str) else found[piece.key] for piece in pieces)


def _reference(question: list[str | _Tagged], answer: list[str | _Tagged]) -> str:
    task = next(piece.task for piece in answer if isinstance(piece, _Tagged))
    has_mask = any(isinstance(piece, _Tagged) for piece in question)
    return task or ("mask" if has_mask else NO_REFERENCE)


def _ready(root: Path, number: int, place: int, record: Any, where: str) -> ReadyRound:
    image = _image(root, path_below(record, "image", where))
    turns = field(record, "history", list, where)
    if len(turns) != 2 * number - 1:
        raise ValueError(f"{where}: expected {2 * number - 1} turns, the question last, got {len(turns)}")
    texts = []
    for k, turn in enumerate(turns):
        speaker = "gpt" if k % 2 else "human"
        if field(turn, "from", str, f"{where}, turn {k}") != speaker:
            raise ValueError(f"{where}, turn {k}: 'from' must be {speaker}, got {turn['from']!r}")
        texts.append(field(turn, "value", str, f"{where}, turn {k}"))
    if "<image>\n" not in texts[0]:
        raise ValueError(
            f"{where}: the first turn must have '<image>' and a line break, got {texts[0][:80]!r}"
        )
    texts[0] = texts[0].replace("<image>\n", "", 1)
    segmentations = field(record, "target_masks", list, where)
    if not segmentations:
        raise ValueError(f"{where}: 'target_masks' is empty")
    height, width = _size(image, segmentations, where)
    try:
        targets = tuple(rle.from_segmentation(one, height, width) for one in segmentations)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return ReadyRound(number, place, image, height, width, tuple(texts), targets)


def _size(image: Path, segmentations: list[Any], where: str) -> tuple[int, int]:
    """Height and width that an RLE states, or else the image's."""
    stated = next((one["size"] for one in segmentations if isinstance(one, dict) and "size" in one), None)
    if isinstance(stated, list) and len(stated) == 2:
        return parse_size({"height": stated[0], "width": stated[1]}, where)
    try:
        return image_size(image)
    except ValueError as error:
        raise _Unusable("rounds without a readable image", str(error)) from None

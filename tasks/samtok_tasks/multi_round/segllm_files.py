"""Where SegLLM's files lie, and what turns look like in them (berkeley-hipie/segllm)."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from samtok_tasks.formats.files import Record, require_any
from samtok_tasks.formats.refer import IMAGE_FOLDERS

CONVERSATIONS = ("conversations_folder", "conversation_folder")
"""As SegLLM and as SAMTok's script call it."""
COCO_FOLDERS = frozenset(("coco", "train2014", "val2014", "train2017", "val2017"))
LAYOUT = (
    "Expected below the data root, or below segllm/ in it: "
    "conversations_folder/all_data_mix_{part}/{name}.json (huggingface.co/datasets/Marlo-Z/SegLLM_dataset), "
    "annotations_folder with refcoco/instances.json and its like (github.com/lichengunc/refer) and "
    "paco_lvis/annotations/paco_lvis_v1_{part}.json (github.com/facebookresearch/paco), and COCO's images in "
    "images_folder/coco/train2014 and train2017, as in DATASET.md of github.com/berkeley-hipie/segllm."
)


class SpokenTurn(Record):
    """What one of the two says."""

    speaker: Literal["human", "gpt"] = Field(alias="from")
    value: str


def _by_turns(turns: list[SpokenTurn]) -> list[SpokenTurn]:
    for number, turn in enumerate(turns):
        speaker = "gpt" if number % 2 else "human"
        if turn.speaker != speaker:
            raise ValueError(f"turn {number}: 'from' must be {speaker}, got {turn.speaker!r}")
    return turns


SpokenTurns = Annotated[list[SpokenTurn], AfterValidator(_by_turns)]
"""The human begins."""


def part_of(split: str) -> str:
    """The folder's part of a split's name: that of `refcoco_val` is `val`."""
    return split.rpartition("_")[2]


def data_folder(root: Path) -> Path:
    """The folder with SegLLM's own folders: segllm/ below the root, or the root itself."""
    return root / "segllm" if (root / "segllm").is_dir() else root


def require_conversations(root: Path, split: str, name: str) -> Path:
    """A file of conversations.

    Args:
        root: the data root, see LAYOUT.
        split: tells the folder.
        name: of the file, without its ending.
    """
    part = part_of(split)
    places = [data_folder(root) / folder / f"all_data_mix_{part}/{name}.json" for folder in CONVERSATIONS]
    return require_any(places, LAYOUT.format(part=part, name=name))


def find_image(root: Path, path: str) -> Path:
    """Where an image is; of the path in the file, which has its writer's folders, the name may be enough."""
    images = data_folder(root) / "images_folder"
    folders = [
        images / "coco/train2014",
        images / "coco/train2017",
        *(root / folder for folder in IMAGE_FOLDERS),
    ]
    places = [images / path, *(folder / image_name(path) for folder in folders)]
    return next((place for place in places if place.is_file()), places[0])


def image_name(path: str) -> str:
    """The name of an image's file; SegLLM's own reader too takes these two for one image."""
    return PurePosixPath(path).name.replace("val2014", "train2014").removeprefix("new_")


def same_image(first: str, second: str) -> bool:
    """Whether two paths are of one image: of one name, in folders that agree as far as both have them.

    COCO's own folders say nothing, as files have been moved between them; names in them are unique.
    """
    folders = (
        [part for part in reversed(PurePosixPath(path).parent.parts) if part not in COCO_FOLDERS]
        for path in (first, second)
    )
    return image_name(first) == image_name(second) and all(a == b for a, b in zip(*folders, strict=False))

"""DLC-Bench: objects to be described, and a judge's multiple-choice questions about each description.

The official files (nvidia/DLC-Bench, NVlabs/describe-anything) or the repack that SAMTok's script reads.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, RootModel

from samtok_tasks.formats.coco import read_instances
from samtok_tasks.formats.files import PathBelow, Record, parse, read_json, read_list, require_any
from samtok_tasks.formats.images import find_images
from samtok_tasks.formats.region_captions import CaptionRegions

REPACK = "DLC-bench.json"
LAYOUT = (
    "Expected below the data root: annotations/annotations.json, annotations/class_names.json and images/, "
    "for judging also annotations/qa.json (huggingface.co/datasets/nvidia/DLC-Bench; the files may also lie "
    f"in the root itself), or {REPACK} and images/ (huggingface.co/datasets/godx7/DLC-Bench)."
)
Choice = Annotated[tuple[str, Annotated[float, Field(ge=-1, le=1)]], Field(strict=False)]


class DLCQuestion(Record):
    """A question of the judge about a description."""

    question: str
    kind: Literal["positive", "negative"] = Field(alias="type")
    """About something that the description should have, or that it must not have."""
    choices: list[Choice] = Field(min_length=2, max_length=5)
    """Texts, and what each is worth."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Those of the choices."""
        return tuple(text for text, _ in self.choices)

    @property
    def scores(self) -> tuple[float, ...]:
        """What each choice is worth, -1 to 1."""
        return tuple(score for _, score in self.choices)


def _of_both_kinds(questions: list[DLCQuestion]) -> list[DLCQuestion]:
    if {question.kind for question in questions} != {"positive", "negative"}:
        raise ValueError("needs positive and negative questions")
    return questions


class _Names(RootModel[dict[str, str]]):
    """By annotation id."""


class _Questions(RootModel[dict[str, Annotated[list[DLCQuestion], AfterValidator(_of_both_kinds)]]]):
    """By annotation id."""


class _RepackedMask(Record):
    segmentation: Any
    class_name: str


class _RepackedImage(Record):
    image_name: PathBelow
    mask_samples: list[_RepackedMask]


def locate_dlc_bench(root: Path) -> Path:
    """The file of the objects: the official one, else the repack."""
    return require_any([*_official(root, "annotations.json"), root / REPACK], LAYOUT)


def read_dlc_bench(root: Path) -> CaptionRegions:
    """Read the objects. Keys are annotation ids, of the repack IMAGE/PLACE; references are class names."""
    path = locate_dlc_bench(root)
    if path.name == REPACK:
        return _read_repack(root)
    classes = require_any(_official(root, "class_names.json"), LAYOUT)
    names = parse(_Names, read_json(classes), str(classes)).root
    instances = read_instances(path)
    shown = next((image.file_name for image in instances.images.values()), None)
    folder = find_images([root / "images", path.parent / "images"], shown)
    found = CaptionRegions()
    for annotation in instances.annotations.values():
        key = str(annotation.id)
        if key not in names:
            raise ValueError(f"{classes}: the object {key} has no name")
        image = instances.images[annotation.image_id]
        found.add(
            f"{path}: annotation {key}",
            key,
            folder / image.file_name,
            (image.height, image.width),
            annotation.segmentation,
            reference=names[key],
        )
    return found


def read_dlc_questions(root: Path) -> dict[str, list[DLCQuestion]]:
    """The judge's questions by annotation id; every object has positive and negative ones."""
    path = require_any(_official(root, "qa.json"), LAYOUT)
    return parse(_Questions, read_json(path), str(path)).root


def _official(root: Path, name: str) -> list[Path]:
    """Where an official file may lie."""
    return [root / "annotations" / name, root / name]


def _read_repack(root: Path) -> CaptionRegions:
    found = CaptionRegions()
    for where, image in read_list(root / REPACK, _RepackedImage, "image"):
        for place, mask in enumerate(image.mask_samples):
            found.add(
                f"{where}: mask {place}",
                f"{image.image_name}/{place}",
                root / "images" / image.image_name,
                None,
                mask.segmentation,
                reference=mask.class_name,
            )
    return found

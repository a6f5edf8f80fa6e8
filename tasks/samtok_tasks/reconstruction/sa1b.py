"""SA-1B: a JSON file with all masks beside each image."""

from pathlib import Path
from typing import Any

from samtok_tasks.formats.annotated_masks import AnnotatedMasks, numbered_key
from samtok_tasks.formats.coco import Side
from samtok_tasks.formats.files import PathBelow, Record, parse, read_json

LAYOUT = (
    "Expected in one folder: NAME.jpg and NAME.json of each image, as in the archives of "
    "ai.meta.com/datasets/segment-anything; a split is a folder such as sa_000000 below the data root, "
    "the split `all` is the root itself."
)


class _Image(Record):
    file_name: PathBelow
    height: Side
    width: Side


class _Annotation(Record):
    id: int
    segmentation: Any


class _Content(Record):
    image: _Image
    annotations: list[_Annotation]


def locate_sa1b(root: Path, split: str) -> list[Path]:
    """The JSON files of a split: of the folder of this name, or with "all" of the root itself."""
    folder = root if split == "all" else root / split
    paths = sorted(folder.glob("*.json"))
    if not paths:
        below = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
        hint = f" There are folders: {', '.join(below[:5])}." if below else ""
        raise FileNotFoundError(f"{folder} holds no JSON file. {LAYOUT}{hint}")
    return paths


def read_sa1b(root: Path, split: str) -> AnnotatedMasks:
    """Read the masks of one folder of SA-1B."""
    masks = AnnotatedMasks()
    images: dict[str, Path] = {}
    for path in locate_sa1b(root, split):
        name = read_sa1b_image(path, masks)
        if name in images:
            raise ValueError(f"{path}: {name} is the image of {images[name]} too")
        images[name] = path
    return masks


def read_sa1b_image(path: Path, masks: AnnotatedMasks) -> str:
    """Read the masks of one image from its JSON file; the image's name. ValueError for a broken file."""
    content = parse(_Content, read_json(path), str(path))
    image = content.image
    size, file = (image.height, image.width), path.parent / image.file_name
    numbers: set[int] = set()
    for annotation in content.annotations:
        number = annotation.id
        if number in numbers:
            raise ValueError(f"{path}: two annotations have the id {number}")
        numbers.add(number)
        where = f"{path}: annotation {number}"
        masks.add(where, numbered_key(image.file_name, number), file, size, annotation.segmentation)
    return image.file_name

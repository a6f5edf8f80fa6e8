"""Masks from instances files: COCO, LVIS and EntitySeg."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from samtok_bench.images import image_size
from samtok_tasks.formats.annotated_masks import AnnotatedMasks
from samtok_tasks.formats.coco import Instances, nested_name, read_instances
from samtok_tasks.formats.files import PathBelow, Record, field, parse, read_json, require_file
from samtok_tasks.formats.images import find_images

COCO_LAYOUT = (
    "Expected: an instances file in COCO's form (then with its images in `images` beside it or in its own "
    "folder), or a data root with annotations/instances_{split}.json and the images in {split}/ or "
    "images/{split}/, or in images/train2014/ as referring data sets have them (cocodataset.org)."
)
LVIS_LAYOUT = (
    "Expected below the data root: lvis_v1_{split}.json, there or in annotations/ (www.lvisdataset.org), and "
    "COCO's images in train2017/ and val2017/ (images.cocodataset.org)."
)
ENTITYSEG_LAYOUT = (
    "Expected: entityseg_{split}_lr.json in the data root (github.com/adobe-research/EntitySeg-Dataset, "
    "release v1.0), or such a file itself, and beside it the images in the folders that it names."
)


class _ListedMask(Record):
    image_file: PathBelow
    segmentation: Any


def locate_coco(root: Path, split: str) -> Path:
    """The instances file: the root itself, or that of the split in it."""
    if root.is_file():
        return root
    return require_file(root / f"annotations/instances_{split}.json", COCO_LAYOUT.format(split=split))


def read_coco(root: Path, split: str) -> AnnotatedMasks:
    """Read the masks of an instances file; crowds are left out.

    A category of the supercategory "region" gives its name as the kind of the mask.

    Args:
        root: the data root, or an instances file (whatever the split).
        split: as in the file's name, such as val2017.
    """
    path = locate_coco(root, split)
    folders = [root / folder for folder in (split, f"images/{split}", "images/train2014")]
    beside = [path.parent / "images", path.parent]
    return _masks(read_instances(path, nested_name), beside if path == root else folders)


def locate_lvis(root: Path, split: str) -> Path:
    """The instances file of a split."""
    name = f"lvis_v1_{split}.json"
    path = root / name if (root / name).is_file() else root / "annotations" / name
    return require_file(path, LVIS_LAYOUT.format(split=split))


def read_lvis(root: Path, split: str) -> AnnotatedMasks:
    """Read the masks of LVIS v1, whose images are known by the address at COCO's server.

    Args:
        root: the data root.
        split: val or train. Images of LVIS's val come from both of COCO's folders.
    """
    return _masks(read_instances(locate_lvis(root, split), _name_in_url), [root, root / "images"])


def locate_entityseg(root: Path, split: str) -> Path:
    """The file of a split: the root itself, or that of the split in it."""
    path = root if root.is_file() else root / f"entityseg_{split}_lr.json"
    return require_file(path, ENTITYSEG_LAYOUT.format(split=split))


def read_entityseg(root: Path, split: str) -> AnnotatedMasks:
    """Read EntitySeg at low resolution.

    The file is an instances file, as released, or SAMTok's list of {image_file, segmentation}, one record
    per mask. Polygons of the list have no size, so their images are opened for it.

    Args:
        root: the data root, or the file (whatever the split).
        split: val or train.
    """
    path = locate_entityseg(root, split)
    content = read_json(path)
    if isinstance(content, list):
        return _listed(path, content)
    instances = read_instances(path, nested_name, content)
    del content  # the masks are converted next
    return _masks(instances, [path.parent, path.parent / "images_lr", path.parent / "images"])


def _masks(instances: Instances, folders: Sequence[Path]) -> AnnotatedMasks:
    names = (image.file_name for image in instances.images.values())
    folder = find_images(folders, next(names, None))
    masks = AnnotatedMasks()
    for number in list(instances.annotations):
        annotation = instances.annotations.pop(number)  # so that no polygon outlives its mask
        image = instances.images[annotation.image_id]
        where = f"{instances.path}: annotation {number}"
        if annotation.iscrowd:
            masks.dropped.add("crowds", where)
        else:
            masks.add(
                where,
                str(number),
                folder / image.file_name,
                (image.height, image.width),
                annotation.segmentation,
                instances.kinds.get(annotation.category_id),
            )
    return masks


def _listed(path: Path, records: list[Any]) -> AnnotatedMasks:
    masks = AnnotatedMasks()
    for place in range(len(records)):
        content, records[place] = records[place], None  # so that no polygon outlives its mask
        where = f"{path}: record {place}"
        record = parse(_ListedMask, content, where)
        image = path.parent / record.image_file
        size = None
        if isinstance(record.segmentation, list):  # polygons
            try:
                size = image_size(image)
            except ValueError as error:
                masks.dropped.lose("masks without a readable image", where, str(error))
                continue
        masks.add(where, str(place), image, size, record.segmentation)
    return masks


def _name_in_url(record: Any, where: str) -> str:
    """Folder and file of .../val2017/000000397133.jpg."""
    url = field(record, "coco_url", str, where)
    parts = PurePosixPath(urlsplit(url).path).parts[-2:]
    if len(parts) != 2 or parts[0] == "/" or ".." in parts or "\0" in url:
        raise ValueError(f"{where}: 'coco_url' must end in a folder and a file, got {url!r}")
    return "/".join(parts)

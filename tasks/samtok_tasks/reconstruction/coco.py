"""Regions from instances files: COCO, LVIS and EntitySeg."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from samtok_tasks.formats.coco import Instances, nested_name, parse_instances, read_instances
from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.region_masks import RegionCollector, RegionData, find_images, image_size

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


def read_coco(root: Path, split: str) -> RegionData:
    """Read the masks of an instances file; crowds are left out.

    Args:
        root: the data root, or an instances file (whatever the split).
        split: as in the file's name, such as val2017.

    A category of the supercategory "region" gives its name as the kind of the region.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    if root.is_file():
        path, folders = root, [root.parent / "images", root.parent]
    else:
        path = require_file(root / f"annotations/instances_{split}.json", COCO_LAYOUT.format(split=split))
        folders = [root / one for one in (split, f"images/{split}", "images/train2014")]
    return _regions(read_instances(path, nested_name), folders)


def read_lvis(root: Path, split: str) -> RegionData:
    """Read the masks of LVIS v1, whose images are known by the address at COCO's server.

    Args:
        root: the data root.
        split: val or train. Images of LVIS's val come from both of COCO's folders.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    name = f"lvis_v1_{split}.json"
    path = root / name if (root / name).is_file() else root / "annotations" / name
    require_file(path, LVIS_LAYOUT.format(split=split))
    return _regions(read_instances(path, _name_in_url), [root, root / "images"])


def read_entityseg(root: Path, split: str) -> RegionData:
    """Read EntitySeg at low resolution.

    The file is an instances file, as released, or SAMTok's list of {image_file, segmentation}, a mask each.
    Polygons of the list have no size, so their images are opened for it.

    Args:
        root: the data root, or the file (whatever the split).
        split: val or train.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    path = root if root.is_file() else root / f"entityseg_{split}_lr.json"
    content = read_json(require_file(path, ENTITYSEG_LAYOUT.format(split=split)))
    if isinstance(content, list):
        return _listed(path, content)
    instances = parse_instances(path, content, nested_name)
    del content  # the masks are converted next
    return _regions(instances, [path.parent, path.parent / "images_lr", path.parent / "images"])


def _regions(instances: Instances, folders: Sequence[Path]) -> RegionData:
    folder = find_images(folders, next((one.file_name for one in instances.images.values()), None))
    found = RegionCollector()
    for number in list(instances.annotations):
        annotation = instances.annotations.pop(number)  # so that no polygon outlives its mask
        image = instances.images[annotation.image_id]
        where = f"{instances.path}: annotation {number}"
        if annotation.iscrowd:
            found.drop("crowds", where)
        elif annotation.unusable_polygons:
            details = f"{annotation.unusable_polygons} polygons with fewer than 3 points or half a point"
            found.drop("broken masks", where, details)
        else:
            found.add(
                where,
                str(number),
                folder / image.file_name,
                (image.height, image.width),
                annotation.segmentation,
                instances.kinds.get(annotation.category_id),
            )
    return found.data()


def _listed(path: Path, records: list[Any]) -> RegionData:
    found = RegionCollector()
    for place in range(len(records)):
        record, records[place] = records[place], None  # so that no polygon outlives its mask
        where = f"{path}: record {place}"
        image = path.parent / path_below(record, "image_file", where)
        segmentation: Any = field(record, "segmentation", object, where)
        size = None
        if isinstance(segmentation, list):  # polygons
            try:
                size = image_size(image)
            except ValueError as error:
                found.drop("masks without a readable image", where, str(error))
                continue
        found.add(where, str(place), image, size, segmentation)
    return found.data()


def _name_in_url(record: Any, where: str) -> str:
    """Folder and file of .../val2017/000000397133.jpg."""
    url = field(record, "coco_url", str, where)
    parts = PurePosixPath(urlsplit(url).path).parts[-2:]
    if len(parts) != 2 or parts[0] == "/" or ".." in parts or "\0" in url:
        raise ValueError(f"{where}: 'coco_url' must end in a folder and a file, got {url!r}")
    return "/".join(parts)

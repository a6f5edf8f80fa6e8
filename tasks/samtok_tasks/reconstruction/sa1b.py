"""SA-1B: a JSON file with all masks beside each image."""

from pathlib import Path

from samtok_tasks.formats.coco import nested_name, parse_size
from samtok_tasks.formats.files import field, read_json
from samtok_tasks.formats.region_masks import RegionCollector, RegionData

LAYOUT = (
    "Expected in one folder: NAME.jpg and NAME.json of each image, as in the archives of "
    "ai.meta.com/datasets/segment-anything; a split is a folder such as sa_000000 below the data root, "
    "the split `all` is the root itself."
)


def read_sa1b(root: Path, split: str) -> RegionData:
    """Read the masks of one folder of SA-1B.

    Args:
        root: the data root.
        split: the name of a folder in it, or "all" for the files in the root itself.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    folder = root if split == "all" else root / split
    paths = sorted(folder.glob("*.json"))
    if not paths:
        below = sorted(one.name for one in root.iterdir() if one.is_dir()) if root.is_dir() else []
        hint = f" There are folders: {', '.join(below[:5])}." if below else ""
        raise FileNotFoundError(f"{folder} holds no JSON file. {LAYOUT}{hint}")
    found = RegionCollector()
    images: dict[str, Path] = {}
    for path in paths:
        content = read_json(path)
        record = field(content, "image", dict, str(path))
        where = f"{path}: image"
        name = nested_name(record, where)
        if name in images:
            raise ValueError(f"{path}: {name} is the image of {images[name]} too")
        images[name] = path
        size = parse_size(record, where)
        numbers: set[int] = set()
        for place, annotation in enumerate(field(content, "annotations", list, str(path))):
            number = field(annotation, "id", int, f"{path}: annotation {place}")
            if number in numbers:
                raise ValueError(f"{path}: two annotations have the id {number}")
            numbers.add(number)
            where = f"{path}: annotation {number}"
            segmentation: object = field(annotation, "segmentation", object, where)
            found.add(where, str(number), folder / name, size, segmentation)
    return found.data()

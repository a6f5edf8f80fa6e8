"""SA-Co/Gold and SA-Co/Silver: COCO-like files whose `images` are pairs of an image and a noun phrase.

Gold has three annotators with a file each. The first file lists the pairs; those count in which no annotator
left an instance without its own mask, and crowds are no instances (facebookresearch/sam3,
sam3/eval/cgf1_eval.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import Field

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped, HubSource
from samtok_tasks.formats.coco import Crowd, Side, read_mask
from samtok_tasks.formats.files import PathBelow, Record, read_json, read_part, require_file, require_split

State = TypeVar("State", bound="PairState")
ANNOTATORS = ("a", "b", "c")


@dataclass(frozen=True)
class Collection:
    """Where the subsets of a data set lie below the data root."""

    name: str
    folder: str
    files: Mapping[str, tuple[str, ...]]
    """By subset the file of each annotator."""
    images: Mapping[str, str]
    """By subset the folder of its images."""
    hub: HubSource

    def place(self, root: Path, name: str) -> Path:
        """Where a file of the annotators lies, in the folder itself or as the hub has it."""
        as_fetched = root / self.folder / "gt-annotations" / name
        return as_fetched if as_fetched.is_file() else root / self.folder / name

    @property
    def layout(self) -> str:
        """What is expected, and from where."""
        places = ", ".join(f"{place}/" for place in dict.fromkeys(self.images.values()))
        return (
            f"Expected below the data root: {self.name}'s annotations in {self.folder}/ "
            f"(huggingface.co/datasets/{self.hub.id}, or universe.roboflow.com) and the images in {places}."
        )


_GOLD = (*("metaclip", "sa1b", "crowded", "fg_food", "fg_sports_equipment", "attributes", "wiki_common"),)
_SILVER = (
    *("bdd100k", "droid", "ego4d", "food_rec", "geode", "inaturalist", "nga_art", "sav", "yt1b", "fathomnet"),
)
GOLD = Collection(
    "SA-Co/Gold",
    "saco-gold",
    {
        subset: tuple(f"gold_{subset}_merged_{annotator}_release_test.json" for annotator in ANNOTATORS)
        for subset in _GOLD
    },
    {subset: f"saco-gold/images/{'sa1b' if subset == 'sa1b' else 'metaclip'}" for subset in _GOLD},
    HubSource(
        "facebook/SACo-Gold",
        ("*gold_*_merged_?_release_test.json",),
        "saco-gold",
        "the images in saco-gold/images/metaclip/ (universe.roboflow.com/sa-co-gold) and "
        "saco-gold/images/sa1b/ (there too, or sa_co_gold.tar of SA-1B's page)",
    ),
)
SILVER = Collection(
    "SA-Co/Silver",
    "saco-silver",
    {
        subset: (f"silver_{subset}_{'' if subset == 'fathomnet' else 'merged_'}test.json",)
        for subset in _SILVER
    },
    {subset: f"saco-silver/images/{subset}" for subset in _SILVER},
    HubSource(
        "facebook/SACo-Silver",
        ("*silver_*_test.json",),
        "saco-silver",
        "the images in saco-silver/images/SUBSET/ (universe.roboflow.com/sa-co-silver)",
    ),
)


class PairState(Record):
    """What each annotator's file is asked of a pair."""

    id: int
    """The same in the files of all annotators."""
    is_instance_exhaustive: Crowd
    """Whether every instance has its own mask: 0 or 1."""


class PairRecord(PairState):
    """One of `images` of the first file: a pair, not an image."""

    text_input: str
    file_name: PathBelow
    """Below the folder of images."""
    height: Side
    width: Side


class MaskRecord(Record):
    """One of `annotations`."""

    id: int
    image_id: int
    """Of a pair."""
    iscrowd: Crowd
    segmentation: Any = Field(repr=False)
    """Polygons or RLE, unchecked."""


@dataclass(frozen=True)
class Pair:
    """A pair that is evaluated."""

    record: PairRecord
    image: Path
    found: tuple[tuple[RLE, ...], ...]
    """By annotator the instances, each of the image's size."""


@dataclass
class Pairs:
    """Those of a subset in the order of the first file."""

    pairs: list[Pair] = field(default_factory=list)
    dropped: Dropped = field(default_factory=Dropped)


def locate_subset(root: Path, collection: Collection, subset: str) -> list[Path]:
    """The files of the annotators, unread."""
    return [
        require_file(collection.place(root, name), collection.layout) for name in collection.files[subset]
    ]


def read_pairs(root: Path, collection: Collection, subset: str) -> Pairs:
    """Read a subset; images are not opened.

    A pair with a broken mask is left out whole and counted. A pair that a later file lacks is one where that
    annotator found nothing.

    Raises:
        NoSplitError: an unknown subset.
        ValueError, OSError: as all readers.
    """
    require_split(collection.name, subset, list(collection.files))
    first, *others = locate_subset(root, collection, subset)
    listing = _File(first, PairRecord)
    files: list[_File[Any]] = [listing, *(_File(path, PairState) for path in others)]
    read = Pairs()
    folder, images = root / collection.images[subset], dict[str, Path]()
    for id, record in listing.pairs.items():
        listed = [file.pairs.get(id) for file in files]
        if not all(other is None or other.is_instance_exhaustive for other in listed):
            read.dropped.add("pairs that are not exhaustive")
            continue
        for file, other in zip(files, listed, strict=True):
            if other is None:
                read.dropped.keep("pairs that an annotator's file lacks", f"{file.path}: pair {id}")
        try:
            found = tuple(tuple(file.masks(record, read.dropped)) for file in files)
        except ValueError as error:
            read.dropped.add("pairs with broken masks", str(error))
            continue
        image = images.get(record.file_name) or images.setdefault(record.file_name, folder / record.file_name)
        read.pairs.append(Pair(record, image, found))
    return read


class _File(Generic[State]):
    """The file of one annotator, with as much of its pairs as is asked for."""

    def __init__(self, path: Path, kind: type[State]) -> None:
        self.path = path
        content = read_json(path)
        self.pairs: dict[int, State] = {}
        for where, pair in read_part(content, "images", kind, path, "image"):
            if pair.id in self.pairs:
                raise ValueError(f"{where}: two images have the id {pair.id}")
            self.pairs[pair.id] = pair
        self._by_pair: dict[int, list[tuple[MaskRecord, int]]] = {}
        ids: set[int] = set()
        records = []
        for where, mask in read_part(content, "annotations", MaskRecord, path, "annotation"):
            if mask.id in ids:
                raise ValueError(f"{where}: two annotations have the id {mask.id}")
            ids.add(mask.id)
            records.append(mask)
        areas = rle.canonical_areas([mask.segmentation for mask in records]).tolist()
        for mask, area in zip(records, areas, strict=True):
            self._by_pair.setdefault(mask.image_id, []).append((mask, area))

    def masks(self, pair: PairRecord, dropped: Dropped) -> Iterator[RLE]:
        """The instances of a pair; ValueError names the annotation that is broken."""
        for record, area in self._by_pair.get(pair.id, ()):
            if record.iscrowd:
                dropped.add("crowds")
                continue
            where = f"{self.path}: annotation {record.id}"
            mask, size = record.segmentation, (pair.height, pair.width)
            if area < 0 or tuple(mask["size"]) != size:
                mask = read_mask(mask, size, where, dropped)
                area = rle.area(mask)
            if not area:
                dropped.keep("empty instances", where)
            yield mask

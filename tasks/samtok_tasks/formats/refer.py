"""RefCOCO, RefCOCO+ and RefCOCOg as distributed by lichengunc/refer.

`refs(unc).p` and its like are pickled lists of references; a reference is one object with several
sentences. Every sentence is one sample (LAVT test.py, LISA ValDataset).
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import CocoImage, Instances, read_instances
from samtok_tasks.formats.files import NoSplitError, Record, parse, read_json, require_file
from samtok_tasks.formats.pickles import read_plain_pickle

PARTITIONS = {"refcoco": "unc", "refcoco+": "unc", "refcocog": "umd"}
IMAGE_FOLDERS = ("images/mscoco/images/train2014", "images/train2014")
LAYOUT = (
    "Expected below the data root: {dataset}/refs({by}).p, {dataset}/instances.json (the archive "
    "{dataset}.zip that github.com/lichengunc/refer names, kept at web.archive.org) and COCO's train2014 "
    f"images in {IMAGE_FOLDERS[0]} or {IMAGE_FOLDERS[1]} (images.cocodataset.org/zips/train2014.zip)."
)


class ReferenceSentence(Record):
    """One sentence of a reference."""

    sent_id: int
    sent: str
    raw: str = ""
    kind: str = ""


class Reference(Record):
    """What references of all files of this form have; a file adds how it names the objects."""

    ref_id: int
    image_id: int
    split: str
    sentences: list[ReferenceSentence]

    @property
    @abstractmethod
    def objects(self) -> tuple[int, ...]:
        """Annotation ids; none at all where the sentences fit nothing."""


class _OneObject(Reference):
    ann_id: int

    @property
    def objects(self) -> tuple[int, ...]:
        return (self.ann_id,)


@dataclass(frozen=True)
class ReferringExpression:
    """One sentence about one image, with the objects that it means."""

    ref_id: int
    sent_id: int
    image_id: int
    split: str
    image_path: Path
    """Where the image must be; it was not opened."""
    height: int
    width: int
    raw: str
    """As it was written."""
    sent: str
    """Cleaned and in lower case by the data set's makers."""
    annotation_ids: tuple[int, ...]
    """The objects; empty where the sentence fits nothing."""
    instances: Instances
    """The file that knows their masks."""
    kind: str = ""
    """What kind of sentence it is, where the file says so; the official files do not."""

    def __repr__(self) -> str:  # without the whole instances file
        return f"ReferringExpression(ref {self.ref_id}, sentence {self.sent_id}: {self.raw!r})"

    @property
    def targets(self) -> tuple[RLE, ...]:
        """One mask per object, in the order of `annotation_ids`; ValueError for a broken one."""
        return tuple(self.instances.mask(annotation_id) for annotation_id in self.annotation_ids)

    @property
    def target(self) -> RLE:
        """The union of all objects' masks, empty where there are none."""
        return rle.union(self.targets, (self.height, self.width))


@dataclass(frozen=True)
class ReferringData:
    """All sentences of a file, or of one split, in the order of the file."""

    root: Path
    name: str
    expressions: tuple[ReferringExpression, ...]
    dropped: Dropped
    """What was left out of the whole file, and of the masks that were made."""

    @property
    def splits(self) -> list[str]:
        """The splits, in the order in which they first come."""
        return list(dict.fromkeys(expression.split for expression in self.expressions))

    def split(self, name: str) -> "ReferringData":
        """The sentences of the split of exactly this name; NoSplitError names those there are."""
        chosen = tuple(expression for expression in self.expressions if expression.split == name)
        if not chosen:
            raise NoSplitError(
                f"{self.name} in {self.root} has no split {name!r}; it has {', '.join(self.splits)}"
            )
        return ReferringData(self.root, self.name, chosen, self.dropped)

    def __iter__(self) -> Iterator[ReferringExpression]:
        return iter(self.expressions)

    def __len__(self) -> int:
        return len(self.expressions)


def read_refer(root: Path, dataset: str = "refcoco", *, by: str | None = None) -> ReferringData:
    """Read RefCOCO, RefCOCO+ or RefCOCOg.

    Args:
        root: the data root, see LAYOUT.
        dataset: a key of PARTITIONS.
        by: who made the splits, as in the file's name; the usual one of PARTITIONS by default.

    Raises:
        ValueError: a broken file or record, or an unknown data set.
    """
    return collect(root, dataset, *locate_refer(root, dataset, by=by), _OneObject)


def locate_refer(root: Path, dataset: str, *, by: str | None = None) -> tuple[Path, Path]:
    """The files of the references and of the annotations, unread; arguments as of `read_refer`.

    Raises:
        ValueError: an unknown data set.
    """
    if dataset not in PARTITIONS:
        raise ValueError(f"unknown data set {dataset!r}; there are {', '.join(PARTITIONS)}")
    by = by or PARTITIONS[dataset]
    layout = LAYOUT.format(dataset=dataset, by=by)
    refs = require_file(root / dataset / f"refs({by}).p", layout)
    return refs, require_file(root / dataset / "instances.json", layout)


def collect(
    root: Path,
    name: str,
    path: Path,
    annotations: Path,
    form: type[Reference],
    *,
    keep_crowds: bool = False,
) -> ReferringData:
    """Read the sentences of a file of references.

    Args:
        root: the data root.
        name: the data set's name, for messages.
        path: the file of the references, a pickle or JSON.
        annotations: the instances file that it refers to.
        form: what its references look like.
        keep_crowds: take a crowd region for a target like any other. By default crowds are left out of the
            targets, and a sentence whose targets are all crowds is left out altogether, since it is not one
            without a target; both are counted.
    """
    instances = read_instances(annotations)
    records = read_plain_pickle(path) if path.suffix == ".p" else read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a list of references, got {type(records).__name__}")
    folder = image_folder(root)
    expressions: list[ReferringExpression] = []
    dropped = instances.dropped  # more comes when masks are made
    for place, record in enumerate(records):
        where = f"{path}: reference {place}"
        reference = parse(form, record, where)
        image = instances.images.get(reference.image_id)
        if image is None:
            raise ValueError(f"{where}: image {reference.image_id} is not in {instances.path}")
        named = reference.objects
        crowds = {number for number in named if _is_crowd(number, image, instances, where)}
        kept = named if keep_crowds else tuple(number for number in named if number not in crowds)
        dropped.add("crowd targets", where, count=len(named) - len(kept))
        if named and not kept:
            dropped.add("sentences about crowds", where, count=len(reference.sentences))
            continue
        expressions += [
            ReferringExpression(
                ref_id=reference.ref_id,
                sent_id=sentence.sent_id,
                image_id=image.id,
                split=reference.split,
                image_path=folder / image.file_name,
                height=image.height,
                width=image.width,
                raw=sentence.raw or sentence.sent,
                sent=sentence.sent,
                annotation_ids=kept,
                instances=instances,
                kind=sentence.kind,
            )
            for sentence in reference.sentences
        ]
    return ReferringData(root, name, tuple(expressions), dropped)


def image_folder(root: Path) -> Path:
    """Where the images are, or where they belong if they are nowhere."""
    folders = [root / folder for folder in IMAGE_FOLDERS]
    return next((folder for folder in folders if folder.is_dir()), folders[-1])


def require_images(root: Path) -> None:
    """FileNotFoundError where no images are in their folder."""
    if not any(image_folder(root).glob("*.jpg")):
        raise FileNotFoundError(f"no images in {image_folder(root)}")


def _is_crowd(annotation_id: int, image: CocoImage, instances: Instances, where: str) -> bool:
    annotation = instances.annotations.get(annotation_id)
    if annotation is None:
        raise ValueError(f"{where}: annotation {annotation_id} is not in {instances.path}")
    if annotation.image_id != image.id:
        raise ValueError(
            f"{where}: annotation {annotation_id} is on image {annotation.image_id}, not on {image.id}"
        )
    return annotation.iscrowd

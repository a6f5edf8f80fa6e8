"""RefCOCOm's files: sentences about objects and parts of COCO's train2014, each with a mask as a PNG.

They are in CRIS's form (Rubics-Xuan/MRES, README): a JSON list of {`img_name`, `segment_id`, `sentences`},
and `masks/SEGMENT_ID.png`; folders as jdg900/MMR reads them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from samtok_bench import rle
from samtok_bench.images import ImageFileError, NotBinaryError, mask_pixels
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.files import PathBelow, Record, read_list, require_file
from samtok_tasks.formats.refer import IMAGE_FOLDERS, image_folder

FOLDER = "RefCOCOm"
LAYOUT = (
    f"Expected below the data root: {FOLDER}/annotations/SPLIT.json and {FOLDER}/masks/ (the archive that "
    "github.com/Rubics-Xuan/MRES names), and COCO's train2014 images in "
    f"{IMAGE_FOLDERS[0]} or {IMAGE_FOLDERS[1]}."
)


class _Sentence(Record):
    sent: str


class _Reference(Record):
    img_name: PathBelow
    segment_id: Annotated[PathBelow, BeforeValidator(lambda id: str(id) if type(id) is int else id)]
    """The name of the mask's file, without its ending."""
    sentences: list[_Sentence]


@dataclass(frozen=True)
class PartSentence:
    """A sentence about an object or a part."""

    image: Path
    place: str
    """SEGMENT.SENTENCE, unique in a split."""
    text: str
    """Lower case, as jdg900/MMR asks it."""
    mask: RLE
    """Never empty; its size is taken for the image's."""


def locate_refcocom(root: Path, split: str) -> Path:
    """The annotations of a split, unread; any file's name is a split."""
    if not split or Path(split).name != split:
        raise ValueError(f"a split is a plain name, got {split!r}")
    return require_file(root / FOLDER / "annotations" / f"{split}.json", LAYOUT)


def read_refcocom(root: Path, split: str) -> tuple[list[PartSentence], Dropped]:
    """The sentences of a split in the order of the file; images are not opened."""
    path, dropped = locate_refcocom(root, split), Dropped()
    images, found = image_folder(root), []
    for number, (where, reference) in enumerate(read_list(path, _Reference)):
        file = root / FOLDER / "masks" / f"{reference.segment_id}.png"
        try:
            mask = rle.encode(mask_pixels(file, ("PNG",)))
        except (ImageFileError, NotBinaryError) as error:
            dropped.add("references without a readable mask", where, str(error))
            continue
        if rle.is_empty(mask):
            dropped.add("references with an empty mask", where)
            continue
        for place, sentence in enumerate(reference.sentences):
            text = sentence.sent.strip().lower()
            found.append(PartSentence(images / reference.img_name, f"{number}.{place}", text, mask))
    return found, dropped

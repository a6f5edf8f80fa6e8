"""RefCOCO, RefCOCO+ and RefCOCOg as SAMTok's released scripts read them.

`refcoco_val.json` and its like are JSON lines made by PaDT from refer's files, one line per sentence, without
the objects that are too small for its patches: they have fewer lines than refer has sentences. The second
list, of the same sentences by other hands, is VLM-R1's.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import StatedSize, read_mask
from samtok_tasks.formats.files import PathBelow, Record, parse, read_lines, read_list, require_file
from samtok_tasks.formats.refer import IMAGE_FOLDERS, image_folder
from samtok_tasks.referring.metrics import Expression
from samtok_tasks.referring.reader import Sentence, SentenceReader, Sentences

FOLDER = "RefCOCO"
SECOND_FOLDER = f"{FOLDER}/rec_jsons_processed"
LAYOUT = (
    f"Expected below the data root: {FOLDER}/{{name}}.json (huggingface.co/datasets/PaDT-MLLM/RefCOCO) and "
    f"COCO's train2014 images in {IMAGE_FOLDERS[0]} or {IMAGE_FOLDERS[1]} "
    "(images.cocodataset.org/zips/train2014.zip); for the figures over VLM-R1's list also "
    f"{SECOND_FOLDER}/ (rec_jsons_processed.zip of huggingface.co/datasets/omlab/VLM-R1)."
)


class _Line(Record):
    image: PathBelow
    objects: Annotated[list[Any], Field(min_length=1)]
    """The first alone is asked for."""


class _RunLengths(StatedSize):
    counts: Any


class _Object(Record):
    label: str
    rle: _RunLengths


class _ListedSentence(Record):
    image: PathBelow
    normal_caption: str


class RepackReader(SentenceReader):
    """PaDT's JSON lines, with VLM-R1's list beside them."""

    has_second_list = True

    def locate(self, root: Path, dataset: str, split: str) -> None:
        _file(root, dataset, split)

    def read(self, root: Path, dataset: str, split: str) -> Sentences:
        folder = image_folder(root)
        sentences: list[Sentence] = []
        dropped = Dropped()
        for number, (where, line) in enumerate(read_lines(_file(root, dataset, split), _Line), start=1):
            dropped.add("further objects", where, count=len(line.objects) - 1)
            asked = parse(_Object, line.objects[0], where)
            height, width = asked.rle.size
            mask = read_mask(asked.rle.model_dump(), (height, width), where, dropped)
            sentences.append(Sentence(str(number), folder / line.image, asked.label, mask))
        return Sentences(tuple(sentences), dropped, read_second_list(root, dataset, split))


def _file(root: Path, dataset: str, split: str) -> Path:
    """The file of a split."""
    name = f"{dataset}_{split}"
    if Path(name).name != name:
        raise ValueError(f"a split is a plain name, got {split!r}")
    return require_file(root / FOLDER / f"{name}.json", LAYOUT.format(name=name))


def read_second_list(root: Path, dataset: str, split: str) -> tuple[Expression, ...] | None:
    """VLM-R1's expressions of a split, each the image's number and the sentence; None if there is no list."""
    path = root / SECOND_FOLDER / f"{dataset.replace('+', 'p')}_{split}.json"
    if not path.is_file():
        return None
    listed = read_list(path, _ListedSentence)
    return tuple((image_number(sentence.image), sentence.normal_caption) for _, sentence in listed)


def image_number(name: str) -> str:
    """The number at the end of COCO's file names, `COCO_train2014_000000000009.jpg` is `9`."""
    return Path(name).stem.rsplit("_", 1)[-1].lstrip("0")

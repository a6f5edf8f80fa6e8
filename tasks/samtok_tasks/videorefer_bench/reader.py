"""VideoRefer-Bench-D, single frame: an object on one frame of a video (DAMO-NLP-SG/VideoRefer-Bench).

Videos are not decoded here: the frames lie as pictures beside the annotations.
"""

from pathlib import Path
from typing import Any

from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.region_captions import CaptionCollector, CaptionRegions

FILE = "VideoRefer-Bench-D.json"
INSTRUCTION = "system.txt"
LAYOUT = (
    f"Expected below the data root: {FILE} (huggingface.co/datasets/DAMO-NLP-SG/VideoRefer-Bench) and the "
    "frames that it asks for as frames/VIDEO/INDEX.jpg, cut from Panda-70M-part.zip there: VIDEO is the "
    "video's name without .mp4, INDEX its frame_idx, counted from 0; for judging also "
    f"{INSTRUCTION}, the judge's instruction from videorefer/eval/videorefer_bench_d of "
    "github.com/DAMO-NLP-SG/VideoRefer."
)


def read_videorefer_bench(root: Path) -> CaptionRegions:
    """Read the first object of each entry on its frame `frame_idx`, as SAMTok's script does.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    path = require_file(root / FILE, LAYOUT)
    records = read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a list of entries, got {type(records).__name__}")
    found = CaptionCollector()
    for place, record in enumerate(records):
        where = f"{path}: entry {place}"
        index = field(record, "frame_idx", str, where)
        if not (index.isascii() and index.isdigit()):
            raise ValueError(f"{where}: 'frame_idx' must be a number in digits, got {index!r}")
        video = path_below(record, "video", where).removesuffix(".mp4")
        found.add(
            where,
            str(place),
            root / "frames" / video / f"{index}.jpg",
            None,
            _segmentation(record, index, where),
            reference=field(record, "caption", str, where),
        )
    return found.regions()


def read_videorefer_instruction(root: Path) -> str:
    """The judge's instruction.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: it is no text.
    """
    path = require_file(root / INSTRUCTION, LAYOUT)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text: {error}") from None


def _segmentation(record: Any, index: str, where: str) -> Any:
    objects = field(record, "annotation", list, where)
    if not objects:
        raise ValueError(f"{where}: 'annotation' has no object")
    frame = field(objects[0], index, dict, f"{where}: annotation 0")
    return field(frame, "segmentation", object, f"{where}: frame {index}")

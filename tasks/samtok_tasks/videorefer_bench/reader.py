"""VideoRefer-Bench-D, single frame: an object on one frame of a video (DAMO-NLP-SG/VideoRefer-Bench).

Videos are not decoded here: the frames lie as pictures beside the annotations.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from samtok_tasks.formats.files import PathBelow, Record, field, read_list, require_file
from samtok_tasks.formats.region_captions import CaptionRegions

FILE = "VideoRefer-Bench-D.json"
INSTRUCTION = "system.txt"
LAYOUT = (
    f"Expected below the data root: {FILE} (huggingface.co/datasets/DAMO-NLP-SG/VideoRefer-Bench) and the "
    "frames that it asks for as frames/VIDEO/INDEX.jpg, cut from Panda-70M-part.zip there: VIDEO is the "
    "video's name without .mp4, INDEX its frame_idx, counted from 0; for judging also "
    f"{INSTRUCTION}, the judge's instruction from videorefer/eval/videorefer_bench_d of "
    "github.com/DAMO-NLP-SG/VideoRefer."
)


class _Entry(Record):
    video: PathBelow
    caption: str
    frame_idx: str = Field(pattern=r"^[0-9]+$")
    annotation: list[Any] = Field(min_length=1)
    """For each object its masks by frame."""


def read_videorefer_bench(root: Path) -> CaptionRegions:
    """Read the first object of each entry on its frame `frame_idx`, as SAMTok's script does."""
    found = CaptionRegions()
    entries = read_list(require_file(root / FILE, LAYOUT), _Entry, "entry")
    for place, (where, entry) in enumerate(entries):
        frame = field(entry.annotation[0], entry.frame_idx, dict, f"{where}: annotation 0")
        found.add(
            where,
            str(place),
            root / "frames" / entry.video.removesuffix(".mp4") / f"{entry.frame_idx}.jpg",
            None,
            field(frame, "segmentation", object, f"{where}: frame {entry.frame_idx}"),
            reference=entry.caption,
        )
    return found


def read_videorefer_instruction(root: Path) -> str:
    """The judge's instruction.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: it is no text.
    """
    path = require_file(root / INSTRUCTION, LAYOUT)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text: {error}") from None

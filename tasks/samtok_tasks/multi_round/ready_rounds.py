"""The ready rounds that SAMTok's script asks, where the masks before are words already.

Their file is made from SegLLM's dialogues and not published. It is {"1": [...], "2": [...], ...}, by rounds
from 1 (from 0 where there is a "0"), each item {"image": path, "history": [{"from": "human" or "gpt",
"value": text}, ...], "target_masks": [polygons or RLE, ...]}: the whole dialogue up to the question, which
comes last. The first turn has "<image>" and a line break, which are taken out.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from samtok_bench import rle
from samtok_bench.images import image_size
from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import StatedSize, read_mask
from samtok_tasks.formats.files import PathBelow, Record, field, parse, read_json
from samtok_tasks.multi_round.reader import DialogueReader, Dialogues, Round, UnusableError
from samtok_tasks.multi_round.segllm_files import SpokenTurns, find_image

IMAGE = "<image>\n"


class _Item(Record):
    image: PathBelow
    history: SpokenTurns
    target_masks: Annotated[list[Any], Field(min_length=1)]


class ReadyRoundReader(DialogueReader):
    """Files mr_SPLIT_sampled.json.

    Polygons have no size, so their images are opened for it; rounds whose image then cannot be read are left
    out, and so are rounds with an empty mask.
    """

    has_whole_dialogues = False
    file_name = "mr_{split}_sampled"

    def read(self, root: Path, split: str) -> Dialogues:
        path = self.locate(root, split)
        content = read_json(path)
        if not isinstance(content, dict) or not all(key.isdecimal() for key in content):
            raise ValueError(f"{path}: expected a dictionary of rounds by their numbers")
        rounds: list[Round] = []
        dropped = Dropped()
        shift = 1 if any(int(key) == 0 for key in content) else 0
        for key in sorted(content, key=int):
            for place, record in enumerate(field(content, key, list, str(path))):
                where = f"{path}: round {key}, item {place}"
                item = parse(_Item, record, where)
                try:
                    rounds.append(_round(root, int(key) + shift, place, item, where, dropped))
                except UnusableError as problem:
                    count = dropped.lose if problem.lost else dropped.add
                    count(problem.reason, where, problem.details)
        return Dialogues(tuple((asked,) for asked in rounds), dropped)


def _round(root: Path, number: int, place: int, item: _Item, where: str, dropped: Dropped) -> Round:
    texts = [turn.value for turn in item.history]
    if len(texts) != 2 * number - 1:
        raise ValueError(f"{where}: expected {2 * number - 1} turns, the question last, got {len(texts)}")
    if IMAGE not in texts[0]:
        raise ValueError(
            f"{where}: the first turn must have '<image>' and a line break, got {texts[0][:80]!r}"
        )
    texts[0] = texts[0].replace(IMAGE, "", 1)
    image = find_image(root, item.image)
    size = _size(image, item.target_masks, where)
    targets = tuple(
        read_mask(mask, size, f"{where}, mask {number}", dropped)
        for number, mask in enumerate(item.target_masks)
    )
    if empty := [number for number, mask in enumerate(targets) if rle.is_empty(mask)]:
        raise UnusableError("rounds with an empty mask", f"mask {empty[0]} has no pixel")
    turns = tuple((text,) for text in texts)
    return Round(f"ready {place}/{number}", number, image, size, turns, targets)


def _size(image: Path, segmentations: list[Any], where: str) -> tuple[int, int]:
    """Height and width that an RLE states, or else the image's."""
    for segmentation in segmentations:
        if isinstance(segmentation, dict) and "size" in segmentation:
            height, width = parse(StatedSize, segmentation, where).size
            return height, width
    try:
        return image_size(image)
    except ValueError as error:
        raise UnusableError("rounds without a readable image", str(error), lost=True) from None

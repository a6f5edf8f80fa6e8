"""lmms-eval's referring expression comprehension, asked as SAMTok is asked: `lmms:refcoco_bbox_rec_val`.

Data, metrics and the reading of boxes are lmms-eval's own (0.7.3), of its tasks `refcoco_bbox_rec_*`,
`refcoco+_bbox_rec_*` and `refcocog_bbox_rec_*`. Two things are not, so a figure is not that of a model which
lmms-eval asks itself: the prompt is SAMTok's for segmentation, and the answer is the box around the union of
its masks, in shares of the image. An answer without a mask is lmms-eval's box of zeros.

Tasks of similar names are refused: `refcoco_seg_*` and `refcoco_bbox_*` ask for a caption of a region, and
`refcoco_grounding_*` scores the best of the boxes in an answer.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from PIL import Image

from samtok_bench import rle
from samtok_bench.files import whole_file
from samtok_bench.measures.boxes import pixel_box
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, question
from samtok_bench.task import DataStatus, Generation, SampleSet, Task
from samtok_tasks.lmms_rec.reader import Document, picture_cache, rec_config
from samtok_tasks.prompts import REFERRING_PROMPT
from samtok_tasks.referring.task import MAX_NEW_TOKENS

MANNER = "SAMTok prompt, box of the mask"
METRICS = {
    "ACC@0.5": MetricInfo("acc50", f"ACC@0.5 ({MANNER})", "share of sentences with a box of IoU >= 0.5"),
    "IoU": MetricInfo("iou", "IoU", "mean IoU of the boxes"),
    **{
        f"ACC@0.{k}": MetricInfo(f"acc{k}0", f"ACC@0.{k}", f"share of sentences with a box of IoU >= 0.{k}")
        for k in (1, 3, 7, 9)
    },
    "Center_ACC": MetricInfo("center", "Center_ACC", "share of boxes whose centre is in the target's"),
}
"""By lmms-eval's names."""
_REC = re.compile(r"refcoco[+g]?_bbox_rec_(\w+)")
_TRAPS = (
    (
        r"refcoco[+g]?_grounding.*",
        "it scores the best of the boxes in an answer, which compares with nothing",
    ),
    (r"refcoco[+g]?_bbox_rec", "it is a group of splits: name one, such as refcoco_bbox_rec_val"),
    (r"refcoco[+g]?_(seg|bbox).*", "it asks for a caption of a region, not for a box"),
)


class LmmsRec(Task):
    """What the splits have in common."""

    inner: ClassVar[str]
    """lmms-eval's name."""
    primary = "acc50"
    source = "lmms-eval 0.7.3, tasks/refcoco/utils_rec.py"
    protocols = ("standard",)
    metrics = tuple(METRICS.values())
    generation = Generation(MAX_NEW_TOKENS)

    def default_root(self) -> Path:
        return picture_cache()

    def own_data(self) -> DataStatus:
        return DataStatus(True, "downloaded by lmms-eval from the Hugging Face hub")

    def samples(self, root: Path, split: str) -> SampleSet:
        if split not in self.splits:
            raise ValueError(f"{self.name} is the split {self.splits[0]}, not {split}")
        own = root == picture_cache()
        return SampleSet(
            [self._sample(doc) for doc in rec_config(self.inner).documents(None if own else root)]
        )

    def _sample(self, doc: Document) -> Sample:
        picture = doc["image"].convert("RGB")
        image = _stored(picture)
        truth = {name: value for name, value in doc.items() if name != "image"}
        size = picture.height, picture.width
        target = _filled(doc["bbox"], size)
        return Sample(
            id=content_id(self.name, image.stem, str(doc["question_id"]), doc["answer"], str(doc["bbox"])),
            image=image,
            size=size,
            turns=question(image, REFERRING_PROMPT.format(phrase=doc["answer"])),
            cluster=image.stem,
            target=Target((target,)),
            truth=truth,
        )

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        box = pixel_box(rle.union(prediction.masks, sample.size))
        height, width = sample.size
        shares = (side / full for side, full in zip(box, (width, height) * 2, strict=True))
        answer = f"[{', '.join(f'{share:.9f}' for share in shares)}]"
        values = rec_config(self.inner).values(sample.truth, answer)
        return {METRICS[name.partition("_")[2]].id: value for name, value in values.items()}


def rec_task(name: str) -> type[LmmsRec]:
    """The task `lmms:NAME`; ValueError for a name of another kind, with the reason."""
    match = _REC.fullmatch(name)
    if match is None:
        for pattern, reason in _TRAPS:
            if re.fullmatch(pattern, name):
                raise ValueError(f"lmms:{name} is refused: {reason}")
        raise ValueError(
            f"unknown task lmms:{name}; of lmms-eval's tasks those of REC run here, such as "
            "refcoco_bbox_rec_val, and others in lmms-eval itself: "
            f"samtok-bench lmms run --model samtok --tasks {name} ..."
        )
    summary = f"lmms-eval's {name}: {MANNER}"
    fields = {"name": f"lmms:{name}", "inner": name, "splits": (match[1],), "summary": summary}
    return type("LmmsRec", (LmmsRec,), {**fields, "__module__": __name__, "__doc__": f"{summary}."})


def _stored(picture: Image.Image) -> Path:
    """A picture as a file, once."""
    path = picture_cache() / f"{content_id(str(picture.size), picture.tobytes().hex())}.png"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            picture.save(file, "PNG")
    return path


def _filled(box: Sequence[float], size: tuple[int, int]) -> RLE:
    """What a box in shares covers, at least a pixel of it; for pictures and the ceiling."""
    height, width = size
    x0, y0 = int(box[0] * width), int(box[1] * height)
    return rle.rectangle(
        x0, y0, max(x0 + 1, round(box[2] * width)), max(y0 + 1, round(box[3] * height)), height, width
    )

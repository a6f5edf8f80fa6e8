"""VideoRefer-Bench-D: describe an object on a frame of a video, for a judge who gives four scores.

After videorefer_bench_d of DAMO-NLP-SG/VideoRefer. A reply is left out of the means of the scores
it lacks; one with a number that is none, as "2.5.", is left out of all of them, as in the script.

The released script gives the language model each frame after a JPEG of quality 75; standard gives the frame.
It also keeps one answer per video, so of several objects of a video the last one; here all are scored.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from samtok_bench.aggregate import Corpus
from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import ImagePart, Sample, Scores, View
from samtok_bench.task import HubSource
from samtok_tasks.captioning.judged import UNREADABLE, JudgedCaption, mean
from samtok_tasks.captioning.zoom import JPEG_QUALITY
from samtok_tasks.formats.files import require_file
from samtok_tasks.formats.region_captions import CaptionRegion, CaptionRegions
from samtok_tasks.videorefer_bench.reader import (
    FILE,
    LAYOUT,
    read_videorefer_bench,
    read_videorefer_instruction,
)

DIMENSIONS = {
    "Subject Correspondence": "sc",
    "Appearance Description": "ad",
    "Temporal Description": "td",
    "Hallucination Detection": "hd",
}
"""The scores, 0 to 5, with the ids of their metrics."""
_NUMBERED = re.compile(r"(?<!\d)\d++\.\s++")
_VALUE = re.compile(r":\s++([\d.]++)")


class VideoReferBench(JudgedCaption):
    """The judge sees the two texts alone; the paper's judge is GPT-4o."""

    name = "videorefer-bench"
    summary = "describe an object on a video's frame, judged in four respects (VideoRefer-Bench-D)"
    source = "VideoRefer-Bench-D (arXiv 2501.00599)"
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource(
            "DAMO-NLP-SG/VideoRefer-Bench",
            ("VideoRefer-Bench-D.json",),
            rest="the frames in frames/VIDEO/INDEX.jpg, cut from Panda-70M-part.zip of the same data set; "
            "for judging system.txt (github.com/DAMO-NLP-SG/VideoRefer)",
        )
    }
    data_name = "videorefer"
    zoomed_below = 0.2
    judge_settings = JudgeSettings(temperature=0.7, max_tokens=800, top_p=0.95)
    judge_metrics = (
        MetricInfo("average", "Avg", "mean of the four means", unit="of 5", aggregate=Corpus(), version=2),
        *(
            MetricInfo(
                id, id.upper(), f"mean {name}, 0 to 5", denominator=f"{id}_read", unit="of 5", version=2
            )
            for name, id in DIMENSIONS.items()
        ),
        UNREADABLE,
    )

    def locate(self, root: Path) -> str:
        return f"VideoRefer-Bench-D, {require_file(root / FILE, LAYOUT)}"

    def regions(self, root: Path) -> CaptionRegions:
        return read_videorefer_bench(root)

    def picture(self, region: CaptionRegion) -> ImagePart:
        again = self.protocol == "released"
        return ImagePart(region.image, View(jpeg_quality=JPEG_QUALITY) if again else None)

    def cluster(self, region: CaptionRegion, root: Path) -> str:
        """The video."""
        return region.image.parent.name

    def judge_files(self, root: Path) -> str:
        return read_videorefer_instruction(root)

    def judge_prompts(self, sample: Sample, answer: str, files: str) -> list[Messages]:
        text = f"##Correct answer: {sample.truth.reference}\n##Predicted answer: {answer}\n"
        return [[{"role": "system", "content": files}, {"role": "user", "content": text}]]

    def judge_scores(self, sample: Sample, replies: Sequence[str], files: str) -> Scores:
        """What "1. Name: 3" says for each name, the last time it is said."""
        try:
            said = {name: float(text) for name, text in _said(replies[0])}
        except ValueError:  # the script gives up the whole reply
            said = {}
        read = {id: said[name] for name, id in DIMENSIONS.items() if math.isfinite(said.get(name, math.nan))}
        scores = {"replies": 1.0, "unreadable": float(len(read) < len(DIMENSIONS))}
        for id in DIMENSIONS.values():
            scores |= {id: read.get(id, 0.0), f"{id}_read": float(id in read)}
        return scores

    def judge_totals(self, values: Mapping[str, float | None]) -> dict[str, float | None]:
        return {"average": mean([values[id] for id in DIMENSIONS.values()])}


def _said(reply: str) -> Iterator[tuple[str, str]]:
    r"""Names and numbers of a reply: the script's `\d+\.\s+(.*?):\s+([\d.]+)`, in linear time."""
    values = list(_VALUE.finditer(reply))
    starts = [value.start() for value in values]
    at = line_end = 0
    for numbered in _NUMBERED.finditer(reply):
        begin = numbered.end()
        if numbered.start() < at:  # it is the number said before
            continue
        if line_end < begin:
            found = reply.find("\n", begin)
            line_end = found if found >= 0 else len(reply)
        number = bisect_left(starts, begin)
        if number < len(values) and starts[number] < line_end:
            at = values[number].end()
            yield reply[begin : starts[number]], values[number][1]

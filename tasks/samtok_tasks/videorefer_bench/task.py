"""VideoRefer-Bench-D: describe an object on a frame of a video, for a judge who gives four scores.

After videorefer_bench_d of DAMO-NLP-SG/VideoRefer. A reply is left out of the means of the scores
it lacks; one with a number that is none, as "2.5.", is left out of all of them, as in the script.

The released script gives the language model each frame after a JPEG of quality 75; standard gives the frame.
It also keeps one answer per video, so of several objects of a video the last one; here all are scored.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from samtok_bench.aggregate import Corpus
from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import ImagePart, Sample, Scores, View, image_key
from samtok_bench.task import HubSource
from samtok_tasks.captioning.judged import UNREADABLE, JudgedCaption, mean
from samtok_tasks.captioning.zoom import JPEG_QUALITY
from samtok_tasks.formats.files import require_file
from samtok_tasks.formats.region_captions import CaptionRegion, CaptionRegions
from samtok_tasks.lenient import LENIENT
from samtok_tasks.videorefer_bench.judge import DIMENSIONS, dimension_scores, mended_dimensions
from samtok_tasks.videorefer_bench.reader import (
    FILE,
    LAYOUT,
    read_videorefer_bench,
    read_videorefer_instruction,
)


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
    judge_readings: ClassVar[Mapping[str, Callable[[str], str]]] = {LENIENT: mended_dimensions}
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
        return image_key(region.image.parent, root)

    def judge_files(self, root: Path) -> str:
        return read_videorefer_instruction(root)

    def judge_prompts(self, sample: Sample, answer: str, files: str) -> list[Messages]:
        text = f"##Correct answer: {sample.truth.reference}\n##Predicted answer: {answer}\n"
        return [[{"role": "system", "content": files}, {"role": "user", "content": text}]]

    def judge_scores(self, sample: Sample, replies: Sequence[str], files: str) -> Scores:
        return dimension_scores(replies[0])

    def judge_reads(self, sample: Sample, replies: Sequence[str], files: str) -> list[bool]:
        return [not dimension_scores(reply)["unreadable"] for reply in replies]

    def judge_totals(self, values: Mapping[str, float | None]) -> dict[str, float | None]:
        return {"average": mean([values[id] for id in DIMENSIONS.values()])}

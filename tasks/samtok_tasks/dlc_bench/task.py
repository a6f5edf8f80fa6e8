"""DLC-Bench: describe an object in detail, for a judge who is asked multiple-choice questions."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.sample import Sample, Scores
from samtok_bench.task import HubSource
from samtok_tasks.captioning.judged import JudgedCaption
from samtok_tasks.dlc_bench import judge
from samtok_tasks.dlc_bench.reader import (
    LAYOUT,
    DLCQuestion,
    locate_dlc_bench,
    read_dlc_bench,
    read_dlc_questions,
)
from samtok_tasks.formats.region_captions import CaptionRegion, CaptionRegions
from samtok_tasks.lenient import LENIENT


class DLCBench(JudgedCaption):
    """The judge sees the text alone; the paper's judge is Llama-3.1-8B-Instruct."""

    name = "dlc-bench"
    summary = "describe an object in detail, judged by multiple-choice questions (DLC-Bench)"
    source = "DLC-Bench, eval_model_outputs.py (arXiv 2504.16072)"
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource("nvidia/DLC-Bench", ("*.json", "images/*", "annotations/*"))
    }
    data_name = "dlc"
    zoomed_below = 0.3
    judge_metrics = judge.METRICS
    judge_settings = JudgeSettings(temperature=0.0, max_tokens=300, top_p=1.0)
    judge_readings: ClassVar[Mapping[str, Callable[[str], str]]] = {LENIENT: judge.mended_choice}

    def locate(self, root: Path) -> str:
        return f"DLC-Bench, {locate_dlc_bench(root)}"

    def regions(self, root: Path) -> CaptionRegions:
        return read_dlc_bench(root)

    def judge_files(self, root: Path) -> dict[str, list[DLCQuestion]]:
        return read_dlc_questions(root)

    def judge_prompts(
        self, sample: Sample, answer: str, files: Mapping[str, Sequence[DLCQuestion]]
    ) -> list[Messages]:
        region: CaptionRegion = sample.truth
        if region.key not in files:
            raise ValueError(f"no questions for the object {region.key}. {LAYOUT}")
        return judge.object_prompts(region.reference, files[region.key], answer)

    def judge_scores(
        self, sample: Sample, replies: Sequence[str], files: Mapping[str, Sequence[DLCQuestion]]
    ) -> Scores:
        return judge.object_scores(replies, files[sample.truth.key])

    def judge_reads(
        self, sample: Sample, replies: Sequence[str], files: Mapping[str, Sequence[DLCQuestion]]
    ) -> list[bool]:
        return judge.replies_read(replies, files[sample.truth.key])

"""ViP-Bench: free questions about regions, whose answers a judge scores.

A run gives the answers, `samtok-bench judge` scores them afterwards (samtok_tasks.vip_bench.judge). Questions
are asked as they are, with each region in place of its name. SAMTok's repository has no script for them, so
the protocols are the same.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from samtok_bench.judging.contract import Judged, JudgeSettings, Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.shown import Statement
from samtok_bench.task import Generation, HubSource, SampleSet
from samtok_tasks.answers import without_tags
from samtok_tasks.formats.files import require_split
from samtok_tasks.lenient import LENIENT
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.region_questions import COUNTS, counted, with_regions
from samtok_tasks.vip_bench.judge import JUDGE_METRICS, judge_prompt, judge_scores, mended_score, read_score
from samtok_tasks.vip_bench.reader import (
    LAYOUT,
    PLACE,
    VipQuestion,
    locate_vip_bench,
    read_marked_questions,
    read_vip_bench,
)


class ViPBench(MiniTask, Judged):
    """Free questions about regions of ViP-Bench or mini; `Sample.truth` is the VipQuestion."""

    name = "vip-bench"
    answer_form = "text"
    summary = "free questions about regions, for a judge (ViP-Bench)"
    group = "region_vqa"
    primary = "answered"
    source = "ViP-Bench, vip-bench_evaluator.py (arXiv 2312.00784)"
    splits = ("test",)
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource(
            "mucai/ViP-Bench",
            ("vip-bench-meta-data.json", "source_image/*", "bbox/questions.jsonl"),
            "ViP-Bench",
        )
    }
    tag_values: ClassVar[Mapping[str, tuple[str, ...]]] = {"regions": COUNTS}
    generation = Generation(1024)
    metrics = (
        MetricInfo(
            "answered", "answered", "share of questions with an answer of any words", source="this project"
        ),
        MetricInfo(
            "words", "words", "mean words of an answer", source="this project", direction="none", unit="words"
        ),
    )
    judge_metrics = JUDGE_METRICS
    judge_settings = JudgeSettings(temperature=0.0, max_tokens=3)
    judge_readings: ClassVar[Mapping[str, Callable[[str], str]]] = {LENIENT: mended_score}

    def locate(self, root: Path) -> str:
        locate_vip_bench(root)
        return f"ViP-Bench, in {root}"

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split(self.name, split, self.splits)
        data = read_vip_bench(root)
        return SampleSet([_sample(asked, root) for asked in data.questions], data.dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        words = len(without_tags(prediction.text).split())
        return {"answered": float(words > 0), "words": float(words)}

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """Always one word."""
        return {"one answer": Prediction(text="Yes.", stop_reason="stop")}

    def shown(self, sample: Sample, prediction: Prediction) -> Statement:
        reference = sample.target.text.replace("<AND>", " and ").replace("<OR>", " or ")
        return Statement(" ".join(reference.split()), " ".join(without_tags(prediction.text).split()))

    def judge_files(self, root: Path) -> dict[str, str]:
        return read_marked_questions(root)

    def judge_prompts(self, sample: Sample, answer: str, files: Mapping[str, str]) -> list[Messages]:
        asked: VipQuestion = sample.truth
        if asked.key not in files:
            raise ValueError(f"no question {asked.key} for the judge. {LAYOUT}")
        prompt = judge_prompt(files[asked.key], asked.answer, answer)
        return [[{"role": "user", "content": prompt}]]

    def judge_scores(self, sample: Sample, replies: Sequence[str], files: Mapping[str, str]) -> Scores:
        return judge_scores(replies[0], sample.truth.capabilities)

    def judge_reads(self, sample: Sample, replies: Sequence[str], files: Mapping[str, str]) -> list[bool]:
        return [read_score(reply) is not None for reply in replies]


def _sample(asked: VipQuestion, root: Path) -> Sample:
    place = image_key(asked.image, root)
    counts = [mask["counts"] for mask in asked.masks.values()]
    return Sample(
        id=content_id("region_vqa", "vip-bench", place, asked.key, asked.question, asked.answer, *counts),
        image=asked.image,
        size=asked.size,
        turns=question(asked.image, *with_regions(asked.question, PLACE, asked.masks.__getitem__)),
        cluster=place,
        target=Target(text=asked.answer),
        tags={"regions": counted(len(asked.masks))},
        truth=asked,
    )

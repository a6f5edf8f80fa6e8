"""MDVP-Bench: describe a region of a photo, a document, a figure or a screen, for a judge who sees the image.

The protocols differ in the judge's settings alone, see samtok_tasks.mdvp_bench.judge.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.sample import Sample, Scores
from samtok_tasks.captioning.judged import JudgedCaption
from samtok_tasks.captioning.review import ReviewRule, review_scores
from samtok_tasks.formats.files import require_file
from samtok_tasks.formats.region_captions import CaptionRegions
from samtok_tasks.mdvp_bench import judge
from samtok_tasks.mdvp_bench.reader import DOMAINS, FILE, LAYOUT, read_mdvp_bench, read_mdvp_rule


class MDVPBench(JudgedCaption):
    """The paper's judge is GPT-4V."""

    name = "mdvp-bench"
    summary = "describe a region of a photo, document or screen, judged beside a reference (MDVP-Bench)"
    source = "MDVP-Bench (arXiv 2403.20271)"
    data_name = "mdvp"
    zoomed_below = 0.2
    judge_metrics = judge.METRICS

    @property
    def judge_settings(self) -> JudgeSettings:
        return judge.settings(self.protocol)

    def locate(self, root: Path) -> str:
        return f"MDVP-Bench, {require_file(root / FILE, LAYOUT)}"

    def regions(self, root: Path) -> CaptionRegions:
        return read_mdvp_bench(root)

    def judge_files(self, root: Path) -> ReviewRule:
        return read_mdvp_rule(root)

    def judge_prompts(self, sample: Sample, answer: str, files: ReviewRule) -> list[Messages]:
        return judge.prompts(sample.truth, answer, files, self.protocol)

    def judge_scores(self, sample: Sample, replies: Sequence[str], files: ReviewRule) -> Scores:
        return review_scores(replies[0], self.protocol, sample.truth.group, DOMAINS)

    def judge_totals(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        return judge.totals(values)

"""What a task has besides, whose answers a judge scores."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Sample, Scores

Messages: TypeAlias = Sequence[dict[str, Any]]
"""[{"role": ..., "content": text or parts}], as OpenAI's chat completions take them."""

OFFICIAL = "official"
"""The reading of replies that every judged task has: that of the official script."""


@dataclass(frozen=True)
class JudgeSettings:
    """How the judge writes; None leaves the server's default."""

    temperature: float
    max_tokens: int | None = None
    top_p: float | None = None


class Judged(ABC):
    """A mixin of tasks: a run gives the answers, `samtok-bench judge` scores them afterwards."""

    judge_readings: ClassVar[Mapping[str, Callable[[str], str]]] = {}
    """Beside OFFICIAL, by name: each makes one that the official script reads of a reply that it cannot."""

    @property
    @abstractmethod
    def judge_metrics(self) -> tuple[MetricInfo, ...]:
        """Over the scores of `judge_scores`, the one that ranks models first."""

    @property
    @abstractmethod
    def judge_settings(self) -> JudgeSettings:
        """Those of the official script."""

    def judge_files(self, root: Path) -> Any:
        """What judging needs of the data root beside the samples; handed to the methods below.

        Raises:
            ValueError: malformed files; names the file and the record.
            OSError: missing files; names them and the expected layout.
        """
        return None

    @abstractmethod
    def judge_prompts(self, sample: Sample, answer: str, files: Any) -> list[Messages]:
        """What the judge is asked about an answer, in order. An answer that failed is judged as "".

        Raises:
            ValueError: the files do not have the sample.
        """

    @abstractmethod
    def judge_scores(self, sample: Sample, replies: Sequence[str], files: Any) -> Scores:
        """What one sample adds to the metrics; `replies` are to `judge_prompts`. Does not raise."""

    def judge_reads(self, sample: Sample, replies: Sequence[str], files: Any) -> Sequence[bool]:
        """Whether the official script can read each of the replies to `judge_prompts`. Does not raise."""
        return [True] * len(replies)

    def judge_totals(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        """The metrics of the aggregate `Corpus` by id, from the values of the others."""
        return {}

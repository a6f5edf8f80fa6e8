"""A finished run as a judge scored it: a view, which leaves the run as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from samtok_bench.judging.contract import Judged
from samtok_bench.judging.transcript import SUMMARY, TRANSCRIPT, JudgeSummary, read_judges, read_transcript
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import RunRecord
from samtok_bench.runs.journal import Line
from samtok_bench.runs.reading import LoadedRun, NotComparable
from samtok_bench.runs.settings import RunSettings
from samtok_bench.runs.summary import Summary
from samtok_bench.sample import Scores
from samtok_bench.task import Task


@dataclass(frozen=True)
class JudgedRun:
    """The answers of a run with the metrics and scores of a judge."""

    run: LoadedRun
    said: JudgeSummary
    scores: dict[str, Scores]
    """Of the judge, by sample id."""
    files: str = f"{SUMMARY} and {TRANSCRIPT}"
    mend: str = "judge it again"

    @property
    def path(self) -> Path:
        """Of the run."""
        return self.run.path

    @property
    def record(self) -> RunRecord:
        """Of the run."""
        return self.run.record

    @property
    def settings(self) -> RunSettings:
        """Of the run."""
        return self.run.settings

    @property
    def task(self) -> Task:
        """Of the run."""
        return self.run.task

    @property
    def judge(self) -> str:
        """The judge's model with its settings: scores of different judges do not compare."""
        settings = ", ".join(f"{name} {value}" for name, value in self.said.settings.items())
        return f"{self.said.model} ({settings})"

    @property
    def metrics(self) -> Sequence[MetricInfo]:
        """Of the judge."""
        assert isinstance(self.task, Judged)
        return self.task.judge_metrics

    @cached_property
    def summary(self) -> Summary:
        """The run's, with the judge's metrics and without break-downs, which a judge has none of."""
        own = {"primary": self.said.primary, "metrics": self.said.metrics, "breakdown": {}}
        return self.run.summary.model_copy(update=own)

    @cached_property
    def lines(self) -> dict[str, Line]:
        """The answers with the judge's scores."""
        return {id: replace(line, scores=self.scores[id]) for id, line in self.run.lines.items()}


def as_judged(run: LoadedRun, said: JudgeSummary) -> JudgedRun:
    """A run as a judge scored it.

    Raises:
        NotComparable: the transcript is malformed, or lacks samples; the task has no judge.
    """
    if not isinstance(run.task, Judged):
        raise NotComparable(f"{run.path}: the answers of {run.task.name} are not for a judge")
    try:
        judgements = read_transcript(run.path)
    except ValueError as error:
        raise NotComparable(str(error)) from None
    scores = {judged.sample: judged.scores for judged in judgements if judged.judge == said.judge}
    lacking = len(run.lines.keys() - scores.keys())
    if lacking:
        raise NotComparable(
            f"{run.path}: {TRANSCRIPT} lacks {lacking} of {len(run.lines)} samples: judge it again"
        )
    return JudgedRun(run, said, scores)


def judged_by(run: LoadedRun, model: str) -> JudgedRun:
    """A run as the judge of this model scored it.

    Raises:
        NotComparable: this judge did not judge all of the run, or two of this name did; says who judged it.
            Or judge.json is malformed.
    """
    judges = judges_of(run)
    found = [judge for judge in judges if judge.model == model and judge.samples == run.record.samples]
    if len(found) != 1:
        there = ", ".join(f"{judge.model} ({judge.samples} samples)" for judge in judges) or "nobody"
        raise NotComparable(f"{run.path}: {len(found)} judges {model} of all samples; judged by {there}")
    return as_judged(run, found[0])


def judges_of(run: LoadedRun) -> list[JudgeSummary]:
    """What judges said of a run; NotComparable where judge.json is malformed."""
    try:
        return read_judges(run.path)
    except ValueError as error:
        raise NotComparable(str(error)) from None

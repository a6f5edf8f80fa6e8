"""A finished run as a judge scored it: a view, which leaves the run as it is."""

from dataclasses import replace

from samtok_bench.judging.contract import Judged
from samtok_bench.judging.transcript import (
    READING,
    SUMMARY,
    TRANSCRIPT,
    JudgeSummary,
    read_judges,
    read_transcript,
)
from samtok_bench.runs.reading import LoadedRun, NotComparable


def as_judged(run: LoadedRun, said: JudgeSummary) -> LoadedRun:
    """The answers of a run with the metrics and scores of a judge, without break-downs.

    Raises:
        NotComparable: the transcript is malformed, or lacks samples; the task has no judge.
    """
    if not isinstance(run.task, Judged):
        raise NotComparable(f"{run.path}: the answers of {run.task.name} are not for a judge")
    scores = {
        judged.sample: judged.scores for judged in read_transcript(run.path) if judged.judge == said.judge
    }
    lacking = len(run.lines.keys() - scores.keys())
    if lacking:
        raise NotComparable(
            f"{run.path}: {TRANSCRIPT} lacks {lacking} of {len(run.lines)} samples: judge it again"
        )
    own = {"primary": said.primary, "metrics": said.metrics, "breakdown": {}}
    others = {name: value for name, value in said.settings.items() if name != READING}
    settings = ", ".join(f"{name} {value}" for name, value in others.items())
    reading = f"{said.settings[READING]} reading of " if READING in said.settings else ""
    return replace(
        run,
        summary=run.summary.model_copy(update=own),
        lines={id: replace(line, scores=scores[id]) for id, line in run.lines.items()},
        metrics=run.task.judge_metrics,
        judge=f"{reading}{said.model} ({settings})",  # scores of other settings do not compare
        served=", ".join(model.name for model in said.served),
        files=f"{SUMMARY} and {TRANSCRIPT}",
        mend="judge it again",
    )


def judged_by(run: LoadedRun, name: str) -> LoadedRun:
    """A run as the judge of this name scored it, see `JudgeSummary.name`.

    Raises:
        NotComparable: this judge did not judge all of the run, or two of this name did; says who judged it.
            Or judge.json is malformed.
    """
    judges = read_judges(run.path)
    found = [judge for judge in judges if judge.name == name and judge.samples == run.record.samples]
    if len(found) != 1:
        there = ", ".join(f"{judge.name} ({judge.samples} samples)" for judge in judges) or "nobody"
        raise NotComparable(f"{run.path}: {len(found)} judges {name} of all samples; judged by {there}")
    return as_judged(run, found[0])

"""What judges made of the answers of runs, as a table beside the runs' own metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from samtok_bench.judging.transcript import JudgeSummary, read_judges
from samtok_bench.report.figures import MetricCell, metric_cells
from samtok_bench.runs.summary import MetricValue
from samtok_bench.showing.run_tables import unread_line


@dataclass(frozen=True)
class JudgeRow:
    """A metric of a judge in all runs."""

    display: str
    direction: str
    cells: list[MetricCell]


@dataclass(frozen=True)
class JudgeRows:
    """The metrics of one judge."""

    name: str
    samples: list[int]
    """How many it judged, of each run."""
    rows: list[JudgeRow]
    notes: list[str]
    """Replies that cannot be read."""


def judge_rows(folders: Sequence[Path]) -> list[JudgeRows]:
    """The metrics of each judge, who is the same in runs that it judged by the same settings.

    Raises:
        NotComparable: judge.json of a run is malformed.
    """
    of_runs = [{judge.judge: judge for judge in read_judges(folder)} for folder in folders]
    first: dict[str, JudgeSummary] = {}
    for judges in of_runs:
        first = judges | first
    return [
        JudgeRows(
            name=judge.name,
            samples=[judges[hash].samples if hash in judges else 0 for judges in of_runs],
            rows=[
                JudgeRow(
                    metric.display,
                    metric.direction,
                    metric_cells(
                        [_metric(judges.get(hash), metric.id) for judges in of_runs], metric.direction
                    ),
                )
                for metric in judge.metrics
            ],
            notes=[line for judges in of_runs if hash in judges and (line := unread_line(judges[hash]))],
        )
        for hash, judge in first.items()
    ]


def _metric(judge: JudgeSummary | None, id: str) -> MetricValue | None:
    return next((metric for metric in judge.metrics if metric.id == id), None) if judge else None

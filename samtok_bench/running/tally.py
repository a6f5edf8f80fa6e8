"""What a summary needs of a journal, gathered line by line: the lines themselves stay in the file."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samtok_bench.metric import Columns, Gathering
from samtok_bench.runs.journal import Journal, Line, StoredLines
from samtok_bench.runs.reading import require_scores, score_keys
from samtok_bench.runs.step_times import StepTimes
from samtok_bench.sample import Outcome, Prediction, Sample
from samtok_bench.task import Task


@dataclass(frozen=True)
class Tally:
    """Of the answers to all samples of a run."""

    scores: Columns
    """Those that the task's metrics look at, in the order of the samples."""
    predictions: Sequence[Prediction]
    """The same, for tasks with metrics of all answers together; else none."""
    outcomes: Counter[Outcome]
    details: dict[Outcome, str]
    """Why, of the first line with such an outcome."""
    times: StepTimes
    lines: StoredLines


def tally(journal: Journal, samples: Sequence[Sample], task: Task) -> Tally:
    """Read a journal that has a line for each of the samples.

    Raises:
        NotComparable: a line lacks a score, as an older task left it.
        ValueError: as `Journal.read`.
    """
    places = {sample.id: place for place, sample in enumerate(samples)}
    keys = score_keys(task.metrics)
    gathered, order = Gathering(task.metrics), array("q")
    kept = needs_answers(task)
    answers: dict[int, Prediction] = {}
    outcomes: Counter[Outcome] = Counter()
    details: dict[Outcome, str] = {}
    times = StepTimes()

    def see(line: Line) -> None:
        require_scores(journal.path, line, keys)
        gathered.add(line.scores)
        order.append(places[line.id])
        if kept:
            answers[order[-1]] = line.prediction
        outcomes[line.prediction.outcome] += 1
        details.setdefault(line.prediction.outcome, line.prediction.detail)
        times.add(line.prediction)

    lines = journal.walk(see)
    scores = gathered.columns().chosen(np.argsort(order))
    return Tally(scores, [answers[place] for place in sorted(answers)], outcomes, details, times, lines)


def needs_answers(task: Task) -> bool:
    """Whether the task has metrics of all answers together."""
    return type(task).corpus is not Task.corpus

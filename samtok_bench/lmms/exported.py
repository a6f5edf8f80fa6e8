"""An exported split, read again: its questions as messages, and what answers to them are worth."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from PIL import Image

from samtok_bench import metric
from samtok_bench.lmms.settings import ExportSettings
from samtok_bench.metric import MetricInfo
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.manner import Manner, manner_of
from samtok_bench.sample import Prediction, Sample
from samtok_bench.task import Task

Item = Mapping[str, Any]
"""What one sample adds to one metric, as JSON values: lmms-eval gathers and logs it."""
_lock = Lock()


def manner(task: Task, elsewhere: Mapping[str, str]) -> Manner:
    """How lmms-eval's models are asked; see `ExportSettings.elsewhere`. ValueError as `manner_of`."""
    options = PredictorOptions(task.generation, answer_form=task.answer_form, **elsewhere)  # type: ignore[arg-type]
    return manner_of(options, picture=_picture)


class Exported:
    """One split.

    Raises:
        ValueError, OSError: as the task's reader.
    """

    def __init__(self, settings: ExportSettings) -> None:
        self.task = settings.make_task()
        root = self.task.default_root() if settings.data_root is None else Path(settings.data_root)
        read = self.task.samples(root, settings.split)
        self._shared = read.shared
        self._by_id = {sample.id: sample for sample in read.samples}
        self._manner = manner(self.task, settings.elsewhere)
        self._keeps = not all(info.aggregate.from_scores for info in self.task.metrics)
        self._read: dict[tuple[str, str], Prediction] = {}

    def sample(self, id: str) -> Sample:
        """By its id; ValueError where the data has changed since."""
        if id not in self._by_id:
            raise ValueError(
                f"{self.task.name} has no sample {id} any more: the data has changed, export it again"
            )
        return self._by_id[id]

    def messages(self, id: str) -> list[dict[str, Any]]:
        """The question of a sample; errors as the image's reader."""
        return self._manner.rendering.messages(self.sample(id))

    def items(self, id: str, text: str) -> dict[str, Item]:
        """What an answer adds to each metric, by the metric's id."""
        sample = self.sample(id)
        scores = self.task.score(sample, self._prediction(id, text))
        return {
            info.id: {"id": id, "metric": info.id, "scores": {key: scores[key] for key in info.keys}}
            if info.aggregate.from_scores
            else {"id": id, "metric": info.id, "text": text}
            for info in self.task.metrics
        }

    def value(self, info: MetricInfo, items: Sequence[Item]) -> float | None:
        """A metric of all samples; None where it is undefined."""
        samples = [self.sample(item["id"]) for item in items]
        if info.aggregate.from_scores:
            scores = [item["scores"] for item in items]
            return metric.values([info], scores, [sample.cluster for sample in samples])[info.id]
        answers = [self._prediction(item["id"], item["text"]) for item in items]
        return self.task.corpus(samples, answers, self._shared)[info.id]

    def _prediction(self, id: str, text: str) -> Prediction:
        """Kept where the answers are needed again, all together."""
        prediction = self._read.get((id, text)) or self._manner.read(self.sample(id), text)
        if self._keeps:
            self._read[id, text] = prediction
        return prediction


def exported(settings: str) -> Exported:
    """The split that settings in JSON name, read once: several threads ask for it."""
    with _lock:
        return _exported(settings)


@cache
def _exported(settings: str) -> Exported:
    return Exported(ExportSettings.model_validate_json(settings))


def _picture(picture: Image.Image) -> dict[str, Any]:
    return {"type": "image", "url": picture}

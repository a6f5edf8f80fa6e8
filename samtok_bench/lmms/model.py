"""SAMTok as a model of lmms-eval: `--model samtok --model_args pretrained=FOLDER`. Imported there only."""

import json
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest
from PIL import Image

from samtok_bench.images import open_image
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.samtok import SAMTokPredictor
from samtok_bench.task import Generation

NAME = "samtok"
MOST_NEW_TOKENS = 1024
"""Where a task does not say."""


def manifests() -> list[ModelManifest]:
    """What the entry point `lmms_eval.models` gives."""
    return [ModelManifest(model_id=NAME, chat_class_path=f"{__name__}.SAMTokModel")]


class SAMTokModel(lmms):
    """A local model, greedy whatever a task asks for.

    Args:
        pretrained: nano, a folder or a hub id.
        batch_size: of lmms-eval's --batch_size.
        device: auto, cpu, cuda or cuda:N; of several processes each takes its own GPU.
        constrained: allow well-formed mask words only.
        threads: CPU threads.
        max_batch_size: not read; lmms-eval gives it.
    """

    is_simple = False

    def __init__(
        self,
        pretrained: str = "nano",
        batch_size: int | str = 1,
        device: str | None = None,
        constrained: bool = False,
        threads: int | None = None,
        max_batch_size: int | str | None = None,
    ) -> None:
        super().__init__()
        if device is None and torch.cuda.is_available():
            device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        self._batch_size, self._constrained = int(batch_size), constrained
        options = PredictorOptions(Generation(MOST_NEW_TOKENS), device=device or "auto", threads=threads)
        self._chat = SAMTokPredictor(str(pretrained), options).loaded().chat
        self.device = torch.device(device if device not in (None, "auto") else "cpu")
        """Where lmms-eval puts what several processes tell each other."""

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """The answers, in order."""
        return [
            answer for settings, batch in self._batches(requests) for answer in self._answers(settings, batch)
        ]

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError("SAMTok gives answers, no likelihoods: choose a task of generate_until")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[str]:
        raise NotImplementedError("SAMTok is asked one question at a time: choose a task of generate_until")

    def _batches(self, requests: Sequence[Instance]) -> Iterator[tuple[dict[str, Any], list[Instance]]]:
        for text, same in groupby(requests, lambda request: json.dumps(request.args[2], sort_keys=True)):
            alike = list(same)
            for start in range(0, len(alike), self._batch_size):
                yield json.loads(text), alike[start : start + self._batch_size]

    def _answers(self, settings: dict[str, Any], batch: Sequence[Instance]) -> Iterator[str]:
        answers = self._chat(
            [self._conversation(request) for request in batch],
            max_new_tokens=int(settings.get("max_new_tokens", MOST_NEW_TOKENS)),
            constrained=self._constrained,
            skip_special_tokens=bool(settings.get("skip_special_tokens", True)),
        )
        for answer in answers:
            yield _before(answer.text, settings.get("until") or ())

    def _conversation(self, request: Instance) -> list[dict[str, Any]]:
        _, doc_to_messages, _, doc_id, task, split = request.args
        messages = doc_to_messages(self.task_dict[task][split][doc_id])
        return [
            {"role": message["role"], "content": [_part(part) for part in message["content"]]}
            for message in messages
        ]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] == "text":
        return {"type": "text", "text": part["text"]}
    if part["type"] != "image":
        raise ValueError(f"SAMTok sees images, the task shows it {part['type']}")
    image = part["url"]
    return {"type": "image", "image": image if isinstance(image, Image.Image) else open_image(image)}


def _before(text: str, marks: str | Sequence[str]) -> str:
    """A text up to the first of some marks."""
    for mark in [marks] if isinstance(marks, str) else marks:
        text = text.partition(mark)[0] if mark else text
    return text

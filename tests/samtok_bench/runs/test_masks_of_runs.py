"""Masks of run folders, models and tasks are looked at before C code gets them, which would crash or hang."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from samtok_bench import rle
from samtok_bench.predictor import Predictor
from samtok_bench.running.engines.careful import predict
from samtok_bench.runs.folder import CEILING, JOURNAL
from samtok_bench.runs.journal import Journal, Line
from samtok_bench.sample import ImagePart, Outcome, Prediction, Region, Sample, Target, Text, Turn
from samtok_bench.task import SampleSet

SIZE = [10, 10]
HOSTILE: list[Any] = [
    None,
    "mask",
    [],
    {},
    {"size": SIZE},
    {"counts": "T3"},
    *(
        {"size": SIZE, "counts": counts}
        for counts in (
            "1" * 200,
            "0",
            "",
            "ooo",
            "é",
            "\ud800",
            None,
            100,
            100.0,
            [],
            [99],
            [101, -1],
            [True] * 100,
        )
    ),
    *(
        {"size": size, "counts": [100]}
        for size in ([10], [10.0, 10.0], ["10", "10"], [-10, -10], 10, [True, 100])
    ),
    {"size": [1 << 20, 1 << 20], "counts": [1 << 40]},
]


@pytest.fixture
def folder(plugin, monkeypatch, tmp_path, called) -> Path:
    """A finished run with its ceiling."""
    monkeypatch.chdir(tmp_path)
    assert called("run", "--task", "squares", "--model", "perfect", "--out", "run")[0] == 0
    assert called("run", "--task", "squares", "--model", "perfect", "--out", "other")[0] == 0
    Path("results").mkdir()
    Path("gate.yaml").write_text("checks: [{metric: giou, baseline: other, tolerance: 0.1}]")
    return Path("run")


def put(path: Path, mask: Any) -> None:
    """Give the answer in the journal's second line one mask."""
    lines = path.read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | {"masks": [mask]})
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    "command",
    [
        "show run",
        "show run --sample 0",
        "rescore run",
        "report run",
        "report other run",
        "compare other run",
        "compare other run --show 3 --pictures drawn",
        "gate gate.yaml run",
        "leaderboard add run --name stranger --results results",
        "run --task squares --model perfect --out run",
    ],
)
def test_every_command_refuses_them_in_one_line(folder, called, command):
    put(folder / JOURNAL, {"size": SIZE, "counts": "1" * 200})
    code, out, err = called(*command.split())
    assert code == (3 if command.startswith("gate") else 2)
    assert "run/samples.jsonl: line 2 is malformed (mask 0: RLE counts cover 10001 pixels" in out + err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("command", ["rescore run", "run --task squares --model perfect --out run"])
def test_the_ceiling_too(folder, called, command):
    put(folder / CEILING, {"size": SIZE, "counts": ""})
    code, out, err = called(*command.split())
    assert code == 2
    assert "run/ceiling.jsonl: line 2 is malformed (mask 0: RLE counts are empty)" in out + err


@pytest.fixture
def journal(tmp_path) -> Journal:
    """Two lines."""
    journal = Journal(tmp_path / JOURNAL)
    journal.append(Line(id, "image.png", {}, Prediction(), {}) for id in "ab")
    return journal


@pytest.mark.parametrize("mask", HOSTILE, ids=lambda mask: repr(mask)[:40])
def test_a_line_with_one_is_named(journal, mask):
    put(journal.path, mask)
    with pytest.raises(ValueError, match=r"samples\.jsonl: line 2 is malformed \(mask 0: [^\n]*\)$"):
        journal.read()


def test_every_form_of_a_sound_one_is_read(journal):
    sound = rle.from_runs([40, 60], *SIZE)
    for counts in (sound["counts"], [40, 60], [40, 30, 0, 30], f"{sound['counts']}0"):
        put(journal.path, {"size": SIZE, "counts": counts})
        _, line = journal.read().values()
        assert line.prediction.masks == (sound,)


class Answering(Predictor):
    """Always answers with one mask."""

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def identity(self) -> dict[str, Any]:
        return {}

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        return [Prediction(masks=(self.mask,)) for _ in samples]


@pytest.mark.parametrize("mask", [*HOSTILE, {"size": SIZE, "counts": b"1"}], ids=lambda mask: repr(mask)[:40])
def test_a_model_that_answers_with_one_has_an_error(mask):
    for batch in ([sample()], [sample()] * 2):
        for prediction in predict(Answering(mask), batch):
            assert (prediction.outcome, prediction.masks) == (Outcome.MODEL_ERROR, ())
            assert re.fullmatch(
                r"ValueError: (an )?RLE .*|RuntimeError: a mask of size .*", prediction.detail
            )


def test_what_pycocotools_gives_a_model_is_an_answer():
    full = rle.full(*SIZE)
    by_coco = {"size": SIZE, "counts": full["counts"].encode()}
    (prediction,) = predict(Answering(by_coco), [sample()])
    assert prediction == Prediction(masks=(full,))


def sample(*parts: Region, masks: tuple[Any, ...] = (), ignore: Any = None) -> Sample:
    image = Path("data/image.png")
    turns = (Turn("user", (ImagePart(image), Text("this"), *parts)),)
    return Sample("s7", image, (10, 10), turns, "image.png", Target(masks, ignore=ignore))


@pytest.mark.parametrize(
    "mask", [*HOSTILE, {"size": SIZE, "counts": [100]}], ids=lambda mask: repr(mask)[:40]
)
@pytest.mark.parametrize("place", ["target", "ignored", "region"])
def test_a_task_that_passes_one_on_is_told(mask, place):
    made = {
        "target": lambda: sample(masks=(rle.full(10, 10), mask)),
        "ignored": lambda: sample(ignore=mask if mask is not None else {}),
        "region": lambda: sample(Region(mask)),
    }[place]()
    with pytest.raises(ValueError, match=r"^sample s7 on data/image\.png: [^\n]*$"):
        SampleSet([sample(), made])

"""Questions of tasks on their own splits, and mixtures of sources."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gref_train import file_name

from samtok.training.codes import GeometryCodes
from samtok.training.prompts import read_prompts
from samtok.training.questions import draw_questions
from samtok.training.recipe import DataSource
from samtok.words import parse_words
from samtok_tasks.training.mixture import mixture
from samtok_tasks.training.prompts import task_prompts
from samtok_tasks.training.tasks import tasks


def asked(dialogue: Any) -> list[str]:
    return ["".join(part for part in question if isinstance(part, str)) for question, _ in dialogue["turns"]]


def test_the_questions_of_an_image_come_together_and_each_image_once(
    holed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dialogues = list(islice(tasks(1, tasks={"gres": 1}, data_root=str(holed)), 6))
    numbers = [{text.split(" in this")[0][-1] for text in asked(dialogue)} for dialogue in dialogues]
    assert all(len(found) == 1 for found in numbers)
    assert set().union(*numbers) == {*"12345"}  # the sixth has no image, and another came
    assert "1 images that cannot be read or have another size, the first:" in capsys.readouterr().err
    for dialogue in dialogues:
        assert dialogue["apart"]
        assert len(dialogue["turns"]) == 3
        for question, answer in zip(asked(dialogue), dialogue["turns"], strict=True):
            if "cat" in question:
                assert answer[1] == ["No target."]
            else:
                assert answer[1][0].sum() == 4
    assert len(next(tasks(1, tasks={"gres": 1}, data_root=str(holed), questions=2))["turns"]) == 2


def test_a_task_may_say_more_than_its_weight(holed: Path) -> None:
    given = {"gres": {"weight": 2, "data_root": str(holed), "split": "train", "protocol": "released"}}
    assert len(next(tasks(1, tasks=given))["turns"]) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": {}}, "tasks: Dictionary should have at least 1 item"),
        ({"tasks": {"gres": 0}}, "tasks.gres.weight: Input should be greater than 0"),
        ({"tasks": {"greys": 1}}, "unknown task 'greys'; did you mean 'gres'"),
        ({"tasks": {"evil.py": 1}}, "which a run or a gate's file cannot make run"),
        ({"tasks": {"gres": 1}, "split": "val"}, "gRefCOCO in .* has no split 'val'; it has train"),
        ({"tasks": {"gres": 1}, "data_root": "nowhere"}, "is missing"),
        ({"tasks": {"gres": {"wait": 1}}}, "tasks.gres.wait: Extra inputs"),
    ],
)
def test_wrong_options_are_one_line(holed: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, OSError), match=message) as caught:
        next(tasks(1, **{"data_root": str(holed), **options}))
    assert "\n" not in str(caught.value)


def test_sources_are_mixed_by_weight(holed: Path) -> None:
    image = f"images/train2014/{file_name(1)}"
    turns = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]
    (holed / "chat.jsonl").write_text(json.dumps({"image": image, "messages": turns}))
    files = {"file": str(holed / "chat.jsonl"), "data_root": str(holed)}
    sources = [
        {"source": "messages", "weight": 1, "options": files},
        {"source": "tasks", "weight": 3, "options": {"tasks": {"gres": 1}, "data_root": str(holed)}},
    ]
    drawn = [asked(dialogue)[0] == "Hello?" for dialogue in islice(mixture(1, sources=sources), 40)]
    assert np.mean(drawn) == pytest.approx(0.25, abs=0.05)
    with pytest.raises(ValueError, match="'tusks' cannot be mixed; there are "):
        next(mixture(1, sources=[{"source": "tusks"}]))
    with pytest.raises(ValueError, match="messages: data_root: Field required"):
        next(mixture(1, sources=[{"source": "messages", "options": {"file": "a"}}]))


def test_the_questions_of_a_task_are_prompts_of_their_own(
    holed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = task_prompts(1, tasks={"gres": 1}, data_root=str(holed))
    records = list(islice(stream, 18))
    assert {record["image"].name for record in records} == {file_name(k) for k in range(1, 6)}
    assert "images that cannot be read, the first:" in capsys.readouterr().err
    prompts = list(read_prompts(records, GeometryCodes()))
    assert {prompt.source for prompt in prompts} == {"gres"}
    for prompt in prompts:
        assert prompt.open().size == (10, 8)
        if "cat" in prompt.problem:
            assert (prompt.answer, prompt.masks) == ("No target.", [])
        else:
            assert len(parse_words(prompt.answer).words) == len(prompt.masks) == 1


def test_reinforcement_learning_draws_prompts_and_dialogues_alike(holed: Path) -> None:
    options = {"tasks": {"gres": 1}, "data_root": str(holed)}
    asked = []
    for name in ("tasks:tasks", "prompts:task_prompts"):
        data = DataSource(source=f"samtok_tasks.training.{name}", options=options)
        prompts = draw_questions(data, GeometryCodes(), 1, 30, no_target=0.2)
        assert len(prompts) == 30
        assert sum(not prompt.masks for prompt in prompts) <= 6
        asked.append({(prompt.problem, prompt.answer) for prompt in prompts})
    assert asked[0] & asked[1]


def test_words_without_their_masks_are_no_prompts(holed: Path) -> None:
    turns = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "There."}]
    image = f"images/train2014/{file_name(1)}"
    (holed / "worded.jsonl").write_text(json.dumps({"image": image, "messages": turns}))
    options = {"file": str(holed / "worded.jsonl"), "data_root": str(holed), "tokenizer": "nano"}
    data = DataSource(source="samtok_tasks.training.messages:messages", options=options)
    with pytest.raises(ValueError, match="mask words without their masks"):
        draw_questions(data, GeometryCodes(), 1, 4)

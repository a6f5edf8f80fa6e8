"""Training dialogues made of tasks."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from samtok_bench import registry
from samtok_bench.task import Dropped, SampleSet
from samtok_tasks.lessons.curriculum import TASKS, curriculum, task_dialogues
from samtok_tasks.mini.training import TRAINING_SEEDS
from samtok_tasks.mini.writer import SPLITS


def text(parts) -> str:
    return "".join(part if isinstance(part, str) else "#" for part in parts)


def test_every_task_is_taught_in_its_own_words():
    stream = task_dialogues(np.random.default_rng(0), TASKS | {"scene_graph prompt=given": 2}, 6)
    asked: Counter[str] = Counter()
    for dialogue in islice(stream, 80):
        assert dialogue["image"].shape == (192, 192, 3)
        assert 1 <= len(dialogue["turns"]) <= 6
        for question, answer in dialogue["turns"]:
            asked[text(question)[:24]] += 1
            assert text(answer)
            for part in (*question, *answer):
                assert isinstance(part, str) or part.any()
        if not dialogue["apart"]:
            assert len(dialogue["turns"]) > 1
    prompts = " ".join(asked)
    for beginning in ("Question: What is", "Please carefully check", "Could you please give"):
        assert beginning in prompts


def test_lessons_are_a_share_of_the_curriculum():
    def first(**options):
        return [text(d["turns"][0][0]) for d in islice(curriculum(3, tasks={"gar-bench": 1}, **options), 60)]

    shares = [
        np.mean([q.startswith(("Question", "Which", "Somebody")) for q in first(lessons=s)])
        for s in (0, 0.5, 1)
    ]
    assert shares[0] == 0
    assert 0.3 < shares[1] < 0.7
    assert shares[2] == 1
    assert first(lessons=0.5) == first(lessons=0.5)


def test_tasks_are_asked_beside_other_questions_about_a_scene():
    kinds = {"scene_graph": 1, "attribute": 1, "lookup": 1, "gar-bench": 1}
    asked = [
        sum(text(question).startswith(beginning) for question, _ in dialogue["turns"])
        for dialogue in islice(curriculum(4, lessons=0, turns=8, kinds=kinds), 12)
        for beginning in ("CANDIDATE CATEGORIES", "Question: Which option says", "Question: What is the")
    ]
    graphs, lookups, choices = asked[::3], asked[1::3], asked[2::3]
    assert max(graphs) == 1, "the same question does not come twice"
    assert sum(graphs) > 6
    assert min(sum(lookups), sum(choices)) > 6


def test_no_scene_comes_twice():
    images = [
        d["image"].tobytes() for d in islice(task_dialogues(np.random.default_rng(1), {"gcg": 1}, 1), 20)
    ]
    assert len(set(images)) == 20


def test_a_task_that_finds_nothing_to_ask_is_named(monkeypatch):
    monkeypatch.setattr("samtok_tasks.gcg.task.GCG.samples", lambda *_: SampleSet([], Dropped()))
    with pytest.raises(ValueError, match="gcg: no question about any of 100 training scenes"):
        next(task_dialogues(np.random.default_rng(1), {"gcg": 1}, 1))


def test_training_scenes_are_of_no_split():
    assert all(plan.first_seed + 1_000_000 <= TRAINING_SEEDS for plan in SPLITS.values())
    assert set(TASKS) <= set(registry.names("task"))

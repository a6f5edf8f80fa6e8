"""The batches of a training: what each step draws, from a stream or from a pool."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from qwen_parts import SMALL, TEXTS
from test_supervised import DATA, squares

from samtok.build import build_nano
from samtok.training.codes import GeometryCodes
from samtok.training.dialogues import Batches, Collator, DialogueStage
from samtok.training.recipe import DataSource
from samtok.training.sources import trust
from samtok.training.workers import Loader, afresh

trust(Path(__file__))


@pytest.fixture(scope="module")
def processor():
    return build_nano(SMALL, TEXTS)[1]


def numbered(seed, *, start=0):
    for number in count(start):
        yield {**next(squares(seed)), "number": number}


def test_each_record_comes_once_over_stages_of_different_steps(processor, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Collator, "prepare", lambda _, drawn: seen.extend(d["number"] for d in drawn) or drawn
    )
    monkeypatch.setattr(Collator, "collate", lambda _, drawn: drawn)
    stages = [
        DialogueStage(until=2, images=2),
        DialogueStage(until=3, images=1, pool=1),
        DialogueStage(until=5, images=6),
    ]
    data = DataSource(source="test_batches:numbered")
    monkeypatch.setattr(Batches, "_fill", lambda *_: [])
    monkeypatch.setattr(Batches, "_alike", lambda *_: [0])
    list(Batches(data, Collator(processor, GeometryCodes()), 1, stages))
    assert seen == list(range(16))
    seen.clear()
    list(Batches(data, Collator(processor, GeometryCodes()), 1, stages, start=4))
    assert seen == list(range(10, 16))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_pool_is_prepared_once_and_used_again_and_again(processor, workers):
    drawn = []

    class Counting(Collator):
        def prepare(self, dialogues):
            drawn.append(len(dialogues))
            return super().prepare(dialogues)

    collator = Counting(processor, GeometryCodes())
    stages = [DialogueStage(until=2, images=2), DialogueStage(until=5, images=3, pool=3)]
    batches = Batches(DATA, collator, seed=1, stages=stages, workers=workers)
    assert drawn == ([] if workers else [3])
    seen = list(batches)
    assert [len(batch["input_ids"]) for batch in seen] == [2, 2, 3, 3, 3]
    pictures = [set(map(bytes, batch["pixel_values"].reshape(3, -1).numpy())) for batch in seen[2:]]
    assert pictures[0] == pictures[1] == pictures[2]
    assert len(pictures[0]) == 3
    again = list(Batches(DATA, collator, seed=1, stages=stages, start=3, workers=workers))
    assert len(again) == 2
    assert all(torch.equal(a["input_ids"], b["input_ids"]) for a, b in zip(seen[3:], again, strict=True))


def test_processes_started_afresh_draw_the_same_batches(processor):
    """As on a GPU, which no forked process can use; the file of the data is the user's own."""
    batches = Batches(DATA, Collator(processor, GeometryCodes()), 1, [DialogueStage(until=3, images=2)])
    drawn = Loader(batches, batch_size=None, num_workers=2, multiprocessing_context=afresh())
    for one, [other] in zip(batches, drawn, strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_pools_batches_are_of_one_length(processor):
    """Half of the dialogues are long; a batch holds one sort, and both sorts come."""

    class Long(Collator):
        def prepare(self, dialogues):
            made = super().prepare(dialogues)
            return [
                replace(dialogue, text=dialogue.text + dialogue.text[-40:] * 5 * (k % 2))
                for k, dialogue in enumerate(made)
            ]

    stages = [DialogueStage(until=12, images=2, pool=16)]
    batches = Batches(DATA, Long(processor, GeometryCodes()), seed=1, stages=stages)
    lengths = [batch["attention_mask"].sum(1) for batch in batches]
    assert all(max(batch) - min(batch) < 10 for batch in lengths)
    assert max(map(max, lengths)) > min(map(min, lengths)) + 40

"""Trainings that end by time."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from test_supervised import entries, recipe
from torch import nn
from transformers import TrainerCallback, TrainerControl, get_scheduler

from samtok.training import resumable, supervised
from samtok.training.folders import newest_checkpoint, step_of
from samtok.training.resumable import TimeLimit
from samtok.training.supervised import train


@pytest.mark.parametrize(
    ("step", "seconds", "rate", "ends"),
    [
        (50, 0.0, 0.5, False),  # half of the steps, in no time
        (50, 7.5, 0.25, False),  # the time is further
        (75, 5.0, 0.25, False),  # the steps are
        (10, 10.0, 0.0, True),
        (10, 25.0, 0.0, True),
    ],
)
def test_the_learning_rate_follows_the_steps_or_the_time(step, seconds, rate, ends):
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    schedule = get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=100)
    limit, control, state = (
        TimeLimit(SimpleNamespace(seconds=seconds), 10.0),
        TrainerControl(),
        SimpleNamespace(global_step=step, max_steps=100),
    )
    limit.on_step_end(None, state, control, optimizer=optimizer, lr_scheduler=schedule)
    assert optimizer.param_groups[0]["lr"] == schedule.get_last_lr()[0] == pytest.approx(rate)
    assert control.should_training_stop == control.should_save == ends


def test_a_limit_of_time_goes_on_after_a_stop(tmp_path, monkeypatch):
    """The checkpoint knows how long the training took until then."""
    clock = SimpleNamespace(monotonic=lambda: 100.0)
    monkeypatch.setattr(resumable, "time", clock)
    looked_at = {"seed": 9, "images": 2, "every": 3, "sets": {"red": {}}}
    path = recipe(tmp_path, evaluation=looked_at, seconds=100, save_every=1)

    class Slow(TrainerCallback):
        def on_step_begin(self, *args, **kwargs):
            before = clock.monotonic()
            clock.monotonic = lambda: before + 30

    made = supervised.TimeLimit
    monkeypatch.setattr(
        supervised, "TimeLimit", lambda trainer, limit: trainer.add_callback(Slow()) or made(trainer, limit)
    )
    train(path, tmp_path / "out")
    assert step_of(newest_checkpoint(tmp_path / "out")) == 4  # at 120 s
    evaluated = [line["step"] for line in entries(tmp_path / "out") if "eval_red_text" in line]
    assert evaluated == [3, 4]  # at the end too
    shutil.rmtree(tmp_path / "out" / "checkpoint-4")
    shutil.rmtree(tmp_path / "out" / "final")
    train(path, tmp_path / "out", resume=True)
    lines = entries(tmp_path / "out")
    assert [line["step"] for line in lines if "loss_text" in line] == [1, 2, 3, 4]
    rates = {line["step"]: line["learning_rate"] for line in lines if "loss_text" in line}
    assert rates[4] < rates[3] < rates[2]

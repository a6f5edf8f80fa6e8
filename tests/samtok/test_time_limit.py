"""Trainings that end by time."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import TrainerControl, get_scheduler

from samtok.training.resumable import TimeLimit


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

"""Runs of the fake task."""

import importlib

import pytest
from notes import Notes

from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run


@pytest.fixture
def go(plugin, tmp_path):
    def go(out, reporter=None, **options):
        chosen = {"task": "squares", "model": "perfect", "batch_size": 5, **options}
        return run(RunOptions(out=tmp_path / out, **chosen), reporter or Notes())

    return go


@pytest.fixture
def fakes(plugin):
    return importlib.import_module("bench_fakes")

"""The hash of what answers are scored against, and what a run with another one is to other commands."""

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from notes import Notes
from pydantic import BaseModel
from stored_runs import settings_of
from synthetic_runs import Synthetic, edit

from samtok_bench import rle
from samtok_bench.running.options import RunOptions
from samtok_bench.running.rescore import rescore
from samtok_bench.running.run import run
from samtok_bench.running.samples import data_hash, truth_hash
from samtok_bench.runs.comparable import comparability
from samtok_bench.runs.folder import RUN, RunFolder
from samtok_bench.runs.reading import open_run
from samtok_bench.sample import Sample, Target
from samtok_bench.task import SampleSet

ONE, TWO = rle.rectangle(0, 0, 2, 2, 4, 4), rle.rectangle(1, 1, 3, 3, 4, 4)


@dataclass(frozen=True, slots=True)
class Labels:
    """As a task may have it."""

    image: Path
    names: frozenset[str]
    mask: Any = None


class Record(BaseModel):
    """As a file may have it."""

    names: list[str]


def hash_of(truth: Any = None, shared: Any = None, target: Target | None = None, **more: Any) -> str | None:
    sample = Sample("a", Path("a.png"), (4, 4), (), "a", target or Target(), truth=truth, **more)
    return truth_hash(SampleSet([sample], shared=shared))


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (Labels(Path("/here/a.png"), frozenset("abc")), Labels(Path("there/a.png"), frozenset("cba"))),
        ({"b": 1, "a": (ONE, None)}, {"a": [dict(reversed(ONE.items())), None], "b": 1}),
        ([np.int64(3), np.array([1.5, 2]), np.bool_(True)], [3, [1.5, 2.0], True]),
        (Record(names=["a"]), {"names": ["a"]}),
        (b"a", b"a"),
    ],
)
def test_equal_truth_has_one_hash(one: Any, same: Any) -> None:
    assert hash_of(one) == hash_of(same) != hash_of()
    assert hash_of(shared=one) == hash_of(shared=same) != hash_of(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (((ONE,), (TWO,)), ((ONE, TWO), ())),
        (b"a", "61"),
        (Labels(Path("a"), frozenset("a")), Labels(Path("a"), frozenset("b"))),
        ((frozenset("a"), frozenset("ab")), (frozenset("ab"), frozenset("a"))),
    ],
)
def test_other_truth_has_another_hash(one: Any, other: Any) -> None:
    assert hash_of(one) != hash_of(other)


def test_tags_and_the_border_between_what_counts_and_what_does_not_are_in_it() -> None:
    assert hash_of(tags={"area": "small"}) != hash_of(tags={"area": "large"})
    both, ignored = Target((ONE, TWO)), Target((ONE,), ignore=TWO)
    samples = [[Sample("a", Path("a.png"), (4, 4), (), "a", target)] for target in (both, ignored)]
    assert data_hash(samples[0]) == data_hash(samples[1])
    assert hash_of(target=both) != hash_of(target=ignored)


@pytest.mark.parametrize("strange", [object(), {(1, 2): 3}, {1: 2, "a": 3}, [print]])
def test_what_has_no_canonical_form_has_no_hash(strange: Any) -> None:
    assert hash_of(strange) is None
    assert hash_of(shared=strange) is None


def test_settings_of_older_runs_keep_their_hash() -> None:
    older = settings_of(Synthetic(), task="squares", data_format=None, options={})
    assert older.hash == "ea494684"
    assert older.model_copy(update={"truth": "t"}).hash != older.hash


# ---- runs -------------------------------------------------------------------------------------------------


def other_truth(read: SampleSet) -> SampleSet:
    return replace(read, samples=[replace(read.samples[0], truth=1), *read.samples[1:]])


def other_tags(read: SampleSet) -> SampleSet:
    return replace(read, samples=[replace(read.samples[0], tags={"parity": "odd"}), *read.samples[1:]])


def other_shared(read: SampleSet) -> SampleSet:
    return replace(read, shared=["a"])


@pytest.fixture
def go(plugin: str, tmp_path: Path) -> Callable[[str], Path]:
    def go(name: str) -> Path:
        options = RunOptions(task="squares", model="perfect", batch_size=5, out=tmp_path / name)
        return run(options, Notes()).folder

    return go


@pytest.fixture
def changed(
    plugin: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[SampleSet], SampleSet]], None]:
    """Let the task read other data."""
    task = importlib.import_module("bench_fakes").Squares
    read = task.samples

    def changed(change: Callable[[SampleSet], SampleSet]) -> None:
        monkeypatch.setattr(task, "samples", lambda *given: change(read(*given)))

    return changed


@pytest.mark.parametrize("change", [other_truth, other_tags, other_shared])
def test_a_run_of_other_truth_is_of_other_data(go, changed, change) -> None:
    first = go("first")
    changed(change)
    with pytest.raises(
        ValueError, match=r"another configuration: data \w{12}\.\.\. there, \w{12}\.\.\. now\."
    ):
        go("first")
    (grave,) = comparability(open_run(first), open_run(go("second"))).grave
    assert (grave.setting, grave.text.endswith(" now, 24 samples in common")) == ("data", True)
    rescore(first, told := Notes())
    assert told.notes == [f"what the answers are scored against changed since {first} was scored"]
    assert comparability(open_run(first), open_run(go("second"))).grave == []


def test_a_run_of_before_the_hash_goes_on_and_compares(go, changed) -> None:
    first = go("first")
    edit(first / RUN, lambda record: record["settings"].pop("truth"))
    changed(other_tags)
    assert go("first") == first
    assert RunFolder(first).record().settings.truth is None
    found = comparability(open_run(first), open_run(go("second")))
    assert [*found.fatal, *found.grave, *found.notes] == []
    rescore(first, told := Notes())
    assert told.notes == []
    assert RunFolder(first).record().settings.truth == RunFolder(go("second")).record().settings.truth
    assert json.loads((first / RUN).read_text())["status"] == "complete"

"""The benchmarks that are read by schema, on mini: the oracle is perfect, refusing gives what it must."""

from pathlib import Path

import pytest

from samtok_bench import registry
from samtok_bench.sample import Prediction
from samtok_tasks.data.check import check
from samtok_tasks.mini.writer import SplitPlan, write_mini

TASKS = (
    *("hub-masks", "mmr", "pixcv-bench", "pixmmvp", "reasonseg-hub", "refcoco-m", "refcoco-rle"),
    *("refcoco+-rle", "refcocom"),
)


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plans = {"val": SplitPlan(first_seed=8_100, images=8, expressions=24)}
    return write_mini(tmp_path_factory.mktemp("mini"), plans=plans).root


@pytest.mark.parametrize("name", TASKS)
def test_oracle_and_refusal(mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SAMTOK_BENCH_CACHE", str(tmp_path))
    task = registry.task_class(name)()
    root = mini / name if name == "hub-masks" else mini
    report = check(task, root, [task.default_split(root)], decode=True)
    assert report.verdict == "complete"
    samples = task.samples(root, task.default_split(root)).samples
    clusters = [sample.cluster for sample in samples]
    assert len(set(clusters)) > 2
    assert len({sample.id for sample in samples}) == len(samples)
    perfect = [task.score(sample, Prediction(masks=sample.target.masks)) for sample in samples]
    assert task.summarize(perfect, clusters)[task.primary] == 1
    refused = [task.score(sample, Prediction()) for sample in samples]
    empty = sum(not sample.target.masks for sample in samples) / len(samples)
    assert task.summarize(refused, clusters)[task.primary] == pytest.approx(empty)

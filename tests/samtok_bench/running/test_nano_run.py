"""The whole line on nano's weights."""

import json

import pytest

from samtok.locate import nano_is_installed
from samtok_bench.cli.progress import PlainReporter
from samtok_bench.predictors.samtok import preflight
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run
from samtok_bench.runs.folder import JOURNAL, SUMMARY

pytestmark = pytest.mark.skipif(
    not nano_is_installed(), reason="nano's weights are not there: train them first"
)


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nano")

    def go(name, **options):
        chosen = {"task": "gres", "limit": 12, "out": folder / name, **options}
        return run(RunOptions(**chosen), PlainReporter())

    return go


@pytest.fixture(scope="module")
def result(go):
    return go("first")


def test_every_sample_has_an_outcome_and_the_ceiling_is_above_the_floor(result):
    summary = result.summary
    assert sum(summary.outcomes.values()) == summary.samples == 12
    assert summary.outcomes["model_error"] == summary.outcomes["skipped"] == 0
    miou = summary.metric("miou_targeted")
    assert miou.ceiling is not None
    assert miou.ceiling > miou.floor


def test_twice_is_equal(go, result):
    assert (go("second").folder / SUMMARY).read_bytes() == (result.folder / SUMMARY).read_bytes()


def test_batches_do_not_change_answers(go, result):
    single = go("single", batch_size=1, ceiling=False)
    assert {id: line.prediction.text for id, line in single.lines.items()} == {
        id: line.prediction.text for id, line in result.lines.items()
    }


def test_masks_fit_their_images(result):
    for line in (result.folder / JOURNAL).read_text().splitlines():
        record = json.loads(line)
        assert len(record["masks"]) == len(record["words"])
        assert all(mask["size"] == [192, 192] for mask in record["masks"])


def test_a_disc_survives_two_words():
    assert preflight() > 0.5

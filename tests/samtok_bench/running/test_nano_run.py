"""The whole line on nano's weights."""

import json

import pytest
import torch

from samtok.locate import model_folder, nano_is_installed, vlm_part
from samtok.qwen import load_qwen
from samtok_bench.cli.progress import PlainReporter
from samtok_bench.predictors.samtok import ATTENTIONS, preflight
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run
from samtok_bench.runs.folder import JOURNAL, SUMMARY, RunFolder

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


def test_options_of_the_language_model_are_used_and_recorded(go, result):
    options = {"dtype": "bfloat16", "attn": "eager", "min_pixels": 64, "max_pixels": 96 * 96}
    changed = go("changed", limit=2, max_new_tokens=3, elsewhere=options, ceiling=False)
    before, now = (RunFolder(run.folder).record().settings for run in (result, changed))
    assert [now.predictor[name] for name in ("dtype", "attention")] == ["bfloat16", "eager"]
    assert [now.predictor[name] for name in ("min_pixels", "max_pixels")] == [64, 96 * 96]
    assert [before.predictor[name] for name in ("dtype", "attention")] == ["float32", "sdpa"]
    assert [before.predictor[name] for name in ("min_pixels", "max_pixels")] == [None, None]
    assert (before.max_new_tokens > 3, now.max_new_tokens) == (True, 3)
    for id, line in changed.lines.items():
        assert line.prediction.new_tokens <= 3
        assert line.prediction.prompt_tokens < result.lines[id].prediction.prompt_tokens
    with pytest.raises(ValueError, match="pixels of an image: at least 90000 and at most 36864"):
        go("wrong", elsewhere={"min_pixels": 90000})


def test_they_do_not_matter_where_the_tokenizer_alone_answers(go):
    found = go("codec", task="reconstruction", limit=1, max_new_tokens=3, elsewhere={"dtype": "bfloat16"})
    settings = RunFolder(found.folder).record().settings
    assert found.summary.outcomes["ok"] == 1
    assert (settings.max_new_tokens, "dtype" in settings.predictor["codec"]) == (0, False)


def test_what_transformers_calls_its_choice_of_attention():
    model, _ = load_qwen(vlm_part(model_folder("nano")), torch.float32)
    assert model.config._attn_implementation == ATTENTIONS[0]


def test_masks_fit_their_images(result):
    for line in (result.folder / JOURNAL).read_text().splitlines():
        record = json.loads(line)
        assert len(record["masks"]) == len(record["words"])
        assert all(mask["size"] == [192, 192] for mask in record["masks"])


def test_a_disc_survives_two_words():
    assert preflight() > 0.5

"""The gate on nano and mini catches what really goes wrong with a tokenizer."""

import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from samtok.locate import TOKENIZER, has_weights, nano_folder
from samtok_bench.cli.main import build_app
from samtok_bench.runs.folder import RunFolder

NANO = nano_folder() / TOKENIZER
LIMIT = 256
"""Masks: enough for these regressions to be certain."""
BOOKS = [f"quantizer.codebooks.{level}.weight" for level in range(2)]

pytestmark = pytest.mark.skipif(not has_weights(NANO), reason="nano's tokenizer is not there")


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """Gate a tokenizer folder against nano's own figures; (exit code, what was printed)."""
    work = tmp_path_factory.mktemp("gate")
    app = build_app()
    run = {"task": "reconstruction", "limit": LIMIT}
    baseline = work / "baseline"
    made = CliRunner().invoke(
        app, ["run", "--task", "reconstruction", "--limit", str(LIMIT), "--out", str(baseline)]
    )
    assert made.exit_code == 0, made.output
    summary = RunFolder(baseline).summary()
    used = {id: summary.metric(id).value for id in ("used_1", "used_2")}

    def gate(model):
        entry = {
            "run": {**run, "model": str(model), "out": str(work / model.name)},
            "baseline": str(baseline),
        }
        checks = [{**entry, "metric": "mean_iou", "tolerance": 0.01}]
        checks += [{**entry, "metric": id, "floor": 0.9 * value} for id, value in used.items()]
        file = work / f"{model.name}.yaml"
        file.write_text(yaml.safe_dump({"checks": checks}))
        result = CliRunner().invoke(app, ["gate", str(file), "--pictures", str(work / "pictures")])
        return result.exit_code, result.output

    return gate


@pytest.fixture
def tokenizer(tmp_path):
    """A copy of nano's tokenizer with changed weights."""

    def make(name, change):
        folder = tmp_path / name
        shutil.copytree(NANO, folder)
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return make


def test_the_same_weights_pass(gate, tokenizer):
    code, shown = gate(tokenizer("same", lambda weights: None))
    assert code == 0, shown
    assert "is ruled out" in shown


def test_one_codebook_row_in_five_is_caught(gate, tokenizer):
    """Other rows take over, so the IoU hardly moves: the use of the codebooks shows it."""

    def corrupt(weights):
        for name in BOOKS:
            book = weights[name].clone()
            noise = torch.randn(book[::5].shape, generator=torch.Generator().manual_seed(0))
            book[::5] += (book.float().std() * noise).to(book.dtype)
            weights[name] = book

    code, shown = gate(tokenizer("rows", corrupt))
    assert code == 1, shown
    assert "below the floor" in shown


def test_swapped_codebooks_are_caught(gate, tokenizer):
    def swap(weights):
        weights[BOOKS[0]], weights[BOOKS[1]] = weights[BOOKS[1]].clone(), weights[BOOKS[0]].clone()

    code, shown = gate(tokenizer("swapped", swap))
    assert code == 1, shown
    assert "a drop of more than 1.00 is certain" in shown


def test_a_shifted_threshold_is_caught(gate, tokenizer, monkeypatch):
    monkeypatch.setattr("samtok.tokenizer.THRESHOLD", 4.0)
    code, shown = gate(tokenizer("threshold", lambda weights: None))
    assert code == 1, shown
    assert "a drop of more than 1.00 is certain" in shown

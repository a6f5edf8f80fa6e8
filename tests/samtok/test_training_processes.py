"""Two processes train together, by accelerate: the steps of one, and the same weights after a resume."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import test_supervised
import test_train_tokenizer
import torch
from accelerate import debug_launcher
from accelerate.state import AcceleratorState
from qwen_parts import base_qwen
from safetensors.torch import load_file
from torch.distributed.fsdp import fully_shard

from samtok.training import supervised, token_losses, tokenizer
from samtok.training.codes import GeometryCodes
from samtok.training.dialogues import Collator
from samtok.training.folders import newest_checkpoint
from samtok.training.lora import LoRA
from samtok.vocabulary import extend_vocabulary

pytestmark = pytest.mark.slow


def begin(train: Callable[..., Path], recipe: Path, out: Path, resume: bool) -> None:
    AcceleratorState._reset_state(reset_partial_state=True)  # which the fork has from a process that is alone
    torch.set_num_threads(1)
    train(recipe, out, resume)


def in_two(
    train: Callable[..., Path], recipe: Path, out: Path, resume: bool = False
) -> dict[str, torch.Tensor]:
    """The weights that two processes train."""
    debug_launcher(begin, (train, recipe, out, resume), num_processes=2)
    return load_file(out / "final/model.safetensors")


def entries(folder: Path, key: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in line.items() if "second" not in name and "runtime" not in name}
        for line in lines
        if key in line
    ]


def assert_close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], tolerance: float) -> None:
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-2, atol=tolerance, msg=name)


@pytest.mark.parametrize("lora", [None, {"rank": 4, "alpha": 8}])
def test_a_fine_tuning(tmp_path, lora):
    base = tmp_path / "base"
    for part in base_qwen("qwen3_vl"):
        part.save_pretrained(base)
    recipe = test_supervised.recipe(
        tmp_path, start={"checkpoint": str(base)}, lora=lora, images_per_pass=1, threads=1,
        stages=[{"until": 4, "images": 4}],
    )  # fmt: skip
    alone = load_file(supervised.train(recipe, tmp_path / "alone") / "model.safetensors")
    together = in_two(supervised.train, recipe, tmp_path / "two")
    assert_close(together, alone, 5e-3)
    for key in ("loss_text", "eval_red_text"):
        for one, other in zip(entries(tmp_path / "two", key), entries(tmp_path / "alone", key), strict=True):
            assert one == pytest.approx(other, rel=2e-2, abs=2e-2)

    shutil.rmtree(tmp_path / "two/final")
    shutil.rmtree(tmp_path / "two/checkpoint-4")
    assert newest_checkpoint(tmp_path / "two") == tmp_path / "two/checkpoint-2"
    before = entries(tmp_path / "two", "loss_text")
    resumed = in_two(supervised.train, recipe, tmp_path / "two", resume=True)
    assert all(torch.equal(resumed[name], together[name]) for name in together)
    assert entries(tmp_path / "two", "loss_text") == before


def test_a_tokenizer(tmp_path):
    """Both processes' vectors move the codebooks."""
    stage = {"steps": 2, "learning_rate": 1e-3, "points": 20_000, "masks": "all", "restart_below": 0.0}
    recipe = test_train_tokenizer.written_recipe(
        tmp_path, images_per_step=4, stages=[{"name": "codes", "paths": {"codes": 1}, **stage}]
    )
    alone = load_file(tokenizer.train(recipe, tmp_path / "alone") / "model.safetensors")
    together = in_two(tokenizer.train, recipe, tmp_path / "two")
    assert_close(together, alone, 5e-3)
    moved = alone["quantizer.codebooks.0.cluster_size_ema"]
    assert moved.sum() == pytest.approx(8 * (1 - 0.99**2), rel=1e-3)  # four images with two masks
    assert len(entries(tmp_path / "two", "loss")) == 2


def test_a_tokenizer_resumed(tmp_path):
    def recipe(steps: int) -> Path:
        stage = {"steps": steps, "learning_rate": 1e-3, "points": 64, "schedule": "constant_with_warmup"}
        stages = [{"name": "codes", "paths": {"codes": 1}, **stage}]
        return test_train_tokenizer.written_recipe(tmp_path, images_per_step=4, stages=stages)

    whole = in_two(tokenizer.train, recipe(4), tmp_path / "whole")
    in_two(tokenizer.train, recipe(2), tmp_path / "parts")
    for made in ("final", "codes/done"):
        shutil.rmtree(tmp_path / "parts" / made)
    parts = in_two(tokenizer.train, recipe(4), tmp_path / "parts", resume=True)
    assert all(torch.equal(parts[name], whole[name]) for name in whole)


def compare_sharded(lora: LoRA | None, folder: Path) -> None:
    """In each of two processes: losses and gradients with sharded weights, and with whole ones."""
    torch.set_num_threads(1)
    model, processor = base_qwen("qwen3_vl")
    extend_vocabulary(model, processor.tokenizer)
    draw = test_supervised.draw(test_supervised.DATA, 1, torch.distributed.get_rank(), {})
    batch = Collator(processor, GeometryCodes())([draw])
    token_losses.compute_losses_in_forward(model)
    whole = lora.add_to(model, processor.tokenizer, 1) if lora else model
    whole(**batch)[0].losses.sum().backward()
    expected = {
        name: weight.grad.clone() for name, weight in whole.named_parameters() if weight.grad is not None
    }
    for gradient in expected.values():
        torch.distributed.all_reduce(gradient, torch.distributed.ReduceOp.AVG)
    whole.zero_grad()
    for layer in (*model.model.language_model.layers, *model.model.visual.blocks):
        fully_shard(layer)
    fully_shard(whole)
    whole(**batch)[0].losses.sum().backward()
    for name, weight in whole.named_parameters():
        assert (name in expected) == weight.requires_grad
        if weight.requires_grad:
            torch.testing.assert_close(
                weight.grad.full_tensor(), expected[name], rtol=1e-3, atol=1e-4, msg=name
            )
    (folder / str(torch.distributed.get_rank())).touch()


@pytest.mark.parametrize("lora", [None, LoRA(rank=2, alpha=4)])
def test_sharded_weights_have_the_gradients_of_whole_ones(tmp_path, lora):
    """As FSDP 2 shards them."""
    debug_launcher(compare_sharded, (lora, tmp_path), num_processes=2)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}

"""The memory and the operations that a training is said to need, counted on a small model."""

import pytest
import torch
import yaml
from qwen_parts import base_qwen
from test_recipes import fine_tuning
from test_supervised import DATA, draw, recipe
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from samtok.cli import app
from samtok.training.codes import GeometryCodes
from samtok.training.dialogues import Collator
from samtok.training.plan import Dialogues, plan, report
from samtok.training.recipe import load_recipe
from samtok.training.supervised import SupervisedRecipe
from samtok.training.token_losses import token_losses
from samtok.vocabulary import extend_vocabulary


@pytest.mark.parametrize("family", ["qwen3_vl", "qwen2_5_vl"])
@pytest.mark.parametrize("lora", [None, {"rank": 2, "alpha": 4}])
def test_operations_are_those_that_torch_counts(tmp_path, family, lora):
    model, processor = base_qwen(family)
    extend_vocabulary(model, processor.tokenizer)
    model.set_attn_implementation("eager")
    batch = Collator(processor, GeometryCodes())([draw(DATA, 1, 0, {"turns": 1})])
    of = Dialogues(batch["input_ids"].numel(), len(batch["pixel_values"]), int((batch["labels"] >= 0).sum()))
    path = recipe(
        tmp_path, start={"checkpoint": "x"}, lora=lora, evaluation=None,
        frozen=[] if lora else ["model.visual"], stages=[{"until": 1, "images": 1}],
    )  # fmt: skip
    settings = load_recipe(path, SupervisedRecipe)
    parameters = sum(p.numel() for p in model.parameters())
    planned = plan(settings, model, of, 1)
    trained = settings.lora.add_to(model, processor.tokenizer, 1) if lora else model
    if not lora:
        settings.freeze(model)
    assert planned.parameters == parameters
    assert planned.trained == sum(p.numel() for p in trained.parameters() if p.requires_grad)
    with FlopCounterMode(display=False) as counter:
        token_losses(model, batch)[0].losses.mean().backward()
    assert planned.flop == pytest.approx(counter.get_total_flops(), rel=0.06)


def test_memory_by_hand(tmp_path):
    model, _ = base_qwen("qwen3_vl")
    path = recipe(
        tmp_path, start={"checkpoint": "x"}, evaluation=None, stages=[{"until": 1, "images": 8}],
        images_per_pass=2, gradient_checkpointing=True,
    )  # fmt: skip
    found = plan(load_recipe(path, SupervisedRecipe), model, Dialogues(100, 16, 10), gpus=2)
    parameters = sum(p.numel() for p in model.parameters())
    assert found.passes == 2
    assert found.memory["weights"] == 4 * parameters
    assert found.memory["gradients"] == 8 * parameters  # and their copies on the way to the other GPU
    assert found.memory["AdamW"] == 8 * parameters
    # two layers of 32 keep their inputs; one has queries, keys and values of 32 and an inner width of 32
    assert found.memory["activations"] == 2 * 200 * 32 * 2 + 2 * 200 * (4 + 2 + 2 + 4) * 32
    assert found.memory["logits"] == 10 * 20 * model.config.text_config.vocab_size
    assert found.hours(3600, 2) == pytest.approx(found.flop / 800e12)


@pytest.mark.parametrize(("from_number", "kind"), [(0, "prompts"), (1, "regions")])
def test_data_of_another_kind_are_not_planned(tmp_path, from_number, kind):
    path = fine_tuning(tmp_path)
    content = yaml.safe_load(path.read_text())
    content["data"] = {"source": "test_supervised:other_kinds", "options": {"from_number": from_number}}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=f"other_kinds yields {kind}, where dialogues are needed"):
        report(path, 1)


def test_a_shipped_recipe_is_planned_without_its_weights(tmp_path):
    path = fine_tuning(tmp_path)
    (tmp_path / "base/model.safetensors").unlink()
    result = CliRunner().invoke(app, ["train", "sft", str(path), "--plan", "2"])
    assert result.exit_code == 0, result.output
    assert result.output.strip().endswith(report(path, 2))
    assert "a step has 4 dialogues, 2 passes on each of 2 GPUs" in result.output
    assert "LoRA and rows of words" in result.output
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="only a training that begins with a checkpoint"):
        report("nano-sft", 1)
    assert torch.is_grad_enabled()
    refused = CliRunner().invoke(app, ["train", "sft", str(path), "--plan", "3"])
    assert str(refused.exception) == "steps of 4 images cannot be divided among 3 processes"

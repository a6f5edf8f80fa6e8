"""What a fine-tuning needs, worked out from the sizes of its model and of its dialogues before it begins.

The formulae are those of docs/training.md, with its letters. They leave out what no size tells: fragments of
the memory, the libraries' own buffers (one or two GB on a GPU), and waiting for data or other processes.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from samtok.loading import load_processor
from samtok.locate import model_folder, vlm_part
from samtok.processor import QwenVLProcessor
from samtok.qwen import QWENS
from samtok.tokenizer import SAMTok
from samtok.training.codes import CodeSource, GeometryCodes, TokenizerCodes
from samtok.training.dialogues import IGNORED, Collator, draw
from samtok.training.lora import LINEAR
from samtok.training.processes import Share
from samtok.training.recipe import load_recipe
from samtok.training.supervised import SupervisedRecipe
from samtok.vocabulary import add_mask_words
from samtok.words import VOCABULARY

RATE = 400e12
"""FLOP/s of a GPU that the hours are for: 40 % of an H100's 989 in bfloat16, an assumption."""
_LOOKED_AT = 32
"""Dialogues whose tokens are counted."""


@dataclass(frozen=True)
class Dialogues:
    """Means over dialogues."""

    tokens: float
    patches: float
    """Of the image, before the vision tower merges them."""
    answered: float
    """Tokens that carry loss."""


@dataclass(frozen=True)
class Plan:
    """Bytes on each GPU by what they are for, and the operations of a step."""

    parameters: int
    trained: int
    memory: dict[str, float]
    passes: int
    flop: float
    """Of a step, on all GPUs together."""

    def hours(self, steps: int, gpus: int) -> float:
        """Of so many steps at RATE."""
        return self.flop * steps / (RATE * gpus) / 3600


def plan(recipe: SupervisedRecipe, model: PreTrainedModel, of: Dialogues, gpus: int) -> Plan:
    """Work out the last stage of a recipe.

    Args:
        model: as it is before the mask words are added; weights may be on the meta device.
        of: the dialogues.
        gpus: how many, each with a process.

    Raises:
        ValueError: the training would refuse so many.
    """
    text, language = model.config.text_config, model.model.language_model
    images = recipe.stages[-1].step_images
    passes = _share(recipe, gpus).passes
    at_once = images // (gpus * passes)
    n, tokens, answered = of.tokens, of.tokens * at_once, of.answered * at_once  # n, N, A
    width, layers, inner = text.hidden_size, text.num_hidden_layers, text.intermediate_size  # D, L, I
    head = getattr(text, "head_dim", None) or width // text.num_attention_heads
    queries, keys = head * text.num_attention_heads, head * text.num_key_value_heads  # Q, K
    rows = text.vocab_size * width  # V D
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight

    parameters = _count(model)
    size = 2 if recipe.weights == "bfloat16" else 4
    added = 0
    if lora := recipe.lora:
        linear = [part for name, part in model.named_modules() if re.fullmatch(LINEAR, name)]
        sides = [part.in_features + part.out_features for part in linear if isinstance(part, nn.Linear)]
        added = lora.rank * sum(sides)
        trained = added + (1 if tied else 2) * len(VOCABULARY) * width
    else:
        recipe.freeze(model)
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    layer = 2 * tokens * (4 * width + 2 * queries + 2 * keys + 4 * inner)
    kept = 2 * tokens * width * layers + layer if recipe.gradient_checkpointing else layer * layers
    memory = {
        "weights": parameters * size,
        "LoRA and rows of words": 4 * trained if lora else 0,
        "bfloat16 copies of the weights": 2 * parameters if recipe.autocast and size == 4 else 0,
        "gradients": 4 * trained * (2 if gpus > 1 else 1),  # and once more to exchange them
        "AdamW": 8 * trained,
        "activations": kept,
        "matrices with the words' rows": 4 * size * rows if lora else 0,
        "logits": 10 * answered * text.vocab_size,
    }

    tower = model.model.visual
    depth, side = model.config.vision_config.depth, model.config.vision_config.hidden_size
    sees = lora is None and any(parameter.requires_grad for parameter in tower.parameters())
    again = 1 if recipe.gradient_checkpointing else 0
    forward = n * (2 * _count(language.layers) + 4 * n * queries * layers)
    merged = sum(_count(part) for name, part in tower.named_children() if "merger" in name)
    merged /= model.config.vision_config.spatial_merge_size**2
    seen = 2 * (_count(tower.patch_embed) + _count(tower.blocks) + merged) + 4 * of.patches * side * depth
    flop = images * (
        forward * (1 + again + (1 if lora else 2))
        + n * 2 * added * (3 + again)
        + of.answered * 2 * rows * 3
        + of.patches * seen * (3 + again if sees else 1)
    )
    return Plan(parameters, trained, memory, passes, flop)


def _share(recipe: SupervisedRecipe, gpus: int) -> Share:
    return Share.of_steps([stage.step_images for stage in recipe.stages], recipe.images_per_pass, gpus)


def _count(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


def report(recipe_path: str | Path, gpus: int) -> str:
    """What a recipe needs on so many GPUs, in lines; dialogues of its data are counted.

    Raises:
        OSError, ValueError: as the training's on so many; or the recipe builds a new model.
    """
    recipe = load_recipe(recipe_path, SupervisedRecipe)
    _share(recipe, gpus)
    if not recipe.start.checkpoints:
        raise ValueError("only a training that begins with a checkpoint can be planned")
    folder = vlm_part(model_folder(next(iter(recipe.start.checkpoints))))
    config = AutoConfig.from_pretrained(folder)
    if config.model_type not in QWENS:
        raise ValueError(f"{folder}: a plan needs a Qwen, not the model_type {config.model_type!r}")
    with torch.device("meta"):
        model: Any = QWENS[config.model_type](config)
    model.tie_weights()
    of, stage = _counted(recipe, folder), recipe.stages[-1]
    found = plan(recipe, model, of, gpus)
    gigabytes = [f"  {value / 1e9:7.1f}  {name}" for name, value in found.memory.items() if value]
    return "\n".join(
        [
            f"{found.parameters / 1e9:.2f} G parameters, {found.trained / 1e6:.0f} M of them trained",
            f"a dialogue has {of.tokens:.0f} tokens, {of.answered:.0f} of them in answers, and "
            f"{of.patches:.0f} patches (means of {_LOOKED_AT})",
            f"a step has {stage.step_images} dialogues, {found.passes} passes on each of {gpus} GPUs",
            "GB on a GPU:",
            *gigabytes,
            f"  {sum(found.memory.values()) / 1e9:7.1f}  in all",
            f"{found.flop / 1e15:.2f} PFLOP a step; {stage.until} steps are "
            f"{found.hours(stage.until, gpus):.1f} hours at {RATE / 1e12:.0f} TFLOP/s on each GPU",
        ]
    )


def _counted(recipe: SupervisedRecipe, folder: Path) -> Dialogues:
    recipe.first_dialogues()
    processor = load_processor(QwenVLProcessor.from_pretrained, folder)
    add_mask_words(processor.tokenizer)
    if recipe.start.pixels:
        processor.limit_pixels(*recipe.start.pixels)
    codes: CodeSource = GeometryCodes()
    if recipe.codes != "geometry":
        codes = TokenizerCodes(SAMTok.from_pretrained(recipe.codes))
    collator = Collator(processor, codes, max_tokens=recipe.max_tokens)
    drawn = draw(recipe.data, recipe.seed, range(_LOOKED_AT), recipe.stages[-1].options)
    batches = [collator([dialogue]) for dialogue in drawn]
    return Dialogues(
        tokens=sum(batch["input_ids"].numel() for batch in batches) / _LOOKED_AT,
        patches=sum(int(batch["image_grid_thw"].prod(-1).sum()) for batch in batches) / _LOOKED_AT,
        answered=sum(int((batch["labels"] != IGNORED).sum()) for batch in batches) / _LOOKED_AT,
    )

"""Build a small Qwen3-VL from scratch: the class of the large models at a size that fits a CPU."""

import math
from collections.abc import Iterable
from typing import Annotated

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    model_validator,
)
from torch import Tensor
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from samtok.processor import QwenVLProcessor
from samtok.vocabulary import SPECIAL_TOKENS, add_mask_words, build_text_tokenizer

_Size = Annotated[int, Field(gt=0, le=2**14)]
_Layers = Annotated[int, Field(gt=0, le=256)]


class NanoOptions(BaseModel):
    """Sizes of a small Qwen3-VL.

    A square image with sides of `image_size` pixels has (image_size / patch_size / merge_size)^2 tokens.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    image_size: int = Field(default=192, gt=0, le=2**12)
    patch_size: _Size = 16
    merge_size: _Size = 2
    vision_layers: _Layers = 4
    vision_width: _Size = 192
    vision_heads: _Size = 6
    vision_mlp: _Size = 512
    deepstack: tuple[NonNegativeInt, ...] = (0, 1)
    """Layers of the vision tower that the language model also sees, counted from 0."""
    text_layers: _Layers = 5
    text_width: _Size = 256
    text_heads: _Size = 8
    text_mlp: _Size = 768
    head_dim: int = Field(default=32, gt=0, le=2**12, multiple_of=16)
    rope_theta: PositiveFloat = 10_000.0
    vocabulary: int = Field(default=1024, ge=256 + len(SPECIAL_TOKENS), le=2**20)
    initializer_range: NonNegativeFloat = 0.02
    position_scale: float = 0.5

    @model_validator(mode="after")
    def _fits(self) -> "NanoOptions":
        if self.image_size % (self.patch_size * self.merge_size):
            raise ValueError(
                f"image_size: {self.image_size} is no multiple of patch_size {self.patch_size} times "
                f"merge_size {self.merge_size}"
            )
        if self.vision_width % (4 * self.vision_heads):  # a head's width is divided among sines and axes
            raise ValueError(
                f"vision_width: {self.vision_width} is no multiple of four times the {self.vision_heads} "
                "vision_heads"
            )
        if strange := [layer for layer in self.deepstack if layer >= self.vision_layers]:
            raise ValueError(f"deepstack: there is no layer {strange[0]} of {self.vision_layers}")
        return self


def build_nano(
    options: NanoOptions, corpus: Iterable[str], seed: int = 0
) -> tuple[Qwen3VLForConditionalGeneration, QwenVLProcessor]:
    """Build a random Qwen3-VL in float32 and its processor, with the 514 mask words.

    Two things differ from the stock initialisation, because a small model has little time to learn them. The
    vision tower's position table starts as sines and cosines of row and column, because the stock random
    table is drowned out by the patches. And `initializer_range` can be chosen.

    The text tokenizer is trained on `corpus`; `seed` is that of the weights.
    """
    tokenizer = build_text_tokenizer(corpus, options.vocabulary)
    add_mask_words(tokenizer)
    pixels = options.image_size**2
    images = Qwen2VLImageProcessorPil(
        # an image of another shape keeps its aspect ratio and has about as many tokens
        size={"shortest_edge": pixels * 3 // 4, "longest_edge": pixels},
        patch_size=options.patch_size,
        merge_size=options.merge_size,
        temporal_patch_size=1,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    processor = QwenVLProcessor(images, tokenizer, chat_template=tokenizer.chat_template)
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(_config(options, processor)).float()
    model.generation_config.do_sample = False
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    table = model.model.visual.pos_embed.weight
    side = math.isqrt(table.shape[0])
    with torch.no_grad():
        table.copy_(options.position_scale * position_waves(side, table.shape[1]))
    return model, processor


def position_waves(side: int, width: int) -> Tensor:
    """Sines and cosines of row and column, (side * side, width) float32.

    The wavelengths grow geometrically from 2.5 cells to four times the side.
    """
    per_axis = math.ceil(width / 4)
    steps = torch.linspace(0, 1, per_axis)
    wavelengths = 2.5 * (4 * side / 2.5) ** steps  # (F,)
    angles = 2 * math.pi * torch.arange(side)[:, None] / wavelengths  # (side, F)
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)  # (side, 2F)
    rows, columns = waves[:, None].expand(-1, side, -1), waves[None].expand(side, -1, -1)
    return torch.cat([rows, columns], dim=-1).reshape(side * side, -1)[:, :width]


def _config(options: NanoOptions, processor: QwenVLProcessor) -> Qwen3VLConfig:
    # a head's frequencies are divided among time, rows and columns as in Qwen3-VL (24, 20, 20 of 64)
    half = options.head_dim // 2
    section = [half - 2 * (half * 5 // 16), half * 5 // 16, half * 5 // 16]
    tokenizer = processor.tokenizer
    return Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": options.text_width,
            "intermediate_size": options.text_mlp,
            "num_hidden_layers": options.text_layers,
            "num_attention_heads": options.text_heads,
            "num_key_value_heads": options.text_heads,
            "head_dim": options.head_dim,
            "max_position_embeddings": 4096,
            "initializer_range": options.initializer_range,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": options.rope_theta,
                "mrope_section": section,
                "mrope_interleaved": True,
            },
            "pad_token_id": tokenizer.pad_token_id,
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": options.vision_layers,
            "hidden_size": options.vision_width,
            "intermediate_size": options.vision_mlp,
            "num_heads": options.vision_heads,
            "patch_size": options.patch_size,
            "spatial_merge_size": options.merge_size,
            "temporal_patch_size": 1,
            "out_hidden_size": options.text_width,
            "num_position_embeddings": (options.image_size // options.patch_size) ** 2,
            "deepstack_visual_indexes": list(options.deepstack),
            "initializer_range": options.initializer_range,
        },
        image_token_id=processor.image_token_id,
        video_token_id=processor.video_token_id,
        vision_start_token_id=processor.vision_start_token_id,
        vision_end_token_id=processor.vision_end_token_id,
        tie_word_embeddings=True,
    )

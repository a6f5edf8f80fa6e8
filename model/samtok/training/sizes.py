"""The sizes of a SAMTok in a recipe: what fits no SAM 2 is refused before anything is built."""

from itertools import accumulate, pairwise
from typing import Annotated, Any

from pydantic import Field, NonNegativeInt, model_validator

from samtok.training.recipe import RecipePart

Size = Annotated[int, Field(gt=0, le=2**14)]
Stages = tuple[Size, Size, Size, Size]
STRIDE = 4
"""Pixels of the image per side of a token of the first stage."""


class BackboneSizes(RecipePart):
    """Fields of Sam2HieraDetConfig, with its defaults."""

    hidden_size: Size = 96
    num_attention_heads: Size = 1
    blocks_per_stage: Stages = (1, 2, 7, 2)
    embed_dim_per_stage: Stages = (96, 192, 384, 768)
    num_attention_heads_per_stage: Stages = (1, 2, 4, 8)
    window_size_per_stage: Stages = (8, 4, 14, 7)
    global_attention_blocks: tuple[NonNegativeInt, ...] = (5, 7, 9)
    window_positional_embedding_background_size: tuple[Size, Size] = (7, 7)

    @model_validator(mode="after")
    def _fits(self) -> "BackboneSizes":
        widths, windows = self.embed_dim_per_stage, self.window_size_per_stage
        for width, heads in zip(widths, self.num_attention_heads_per_stage, strict=True):
            if width % heads:
                raise ValueError(f"embed_dim_per_stage: {width} is no multiple of its {heads} heads")
        if same := [width for width, following in pairwise(widths) if width == following]:
            raise ValueError(f"embed_dim_per_stage: two stages in a row have {same[0]}")
        if self.hidden_size != widths[0]:
            raise ValueError(f"hidden_size: {self.hidden_size} is not the first stage's {widths[0]}")
        # the first block of a stage halves the windows of the stage before it
        if odd := [window for window in windows[:-1] if window % 2]:
            raise ValueError(f"window_size_per_stage: {odd[0]} is odd, and the next stage halves it")
        *halving, blocks = accumulate(self.blocks_per_stage)
        for block in self.global_attention_blocks:
            if block >= blocks:
                raise ValueError(f"global_attention_blocks: there is no block {block} of {blocks}")
            if block in halving:
                raise ValueError(f"global_attention_blocks: block {block} is the first of a stage")
        return self


class DecoderSizes(RecipePart):
    """Fields of Sam2MaskDecoderConfig that may be set, with its defaults."""

    mlp_dim: Size = 2048
    num_hidden_layers: Size = 2
    num_attention_heads: Size = 8
    attention_downsample_rate: Size = 2
    iou_head_depth: Size = 3
    iou_head_hidden_dim: Size | None = None
    """By default the width of the model."""


class SAMTokSizes(RecipePart):
    """Arguments of `build_sam2_config`; without any, those of SAM 2.1 large."""

    image_size: int = Field(default=1024, gt=0, le=2**13, multiple_of=32)
    hidden_size: int = Field(default=256, gt=0, le=2**14, multiple_of=8)
    backbone: BackboneSizes | None = None
    mask_decoder: DecoderSizes = DecoderSizes()

    @model_validator(mode="after")
    def _fits(self) -> "SAMTokSizes":
        heads, rate = self.mask_decoder.num_attention_heads, self.mask_decoder.attention_downsample_rate
        if self.hidden_size % (heads * rate):
            raise ValueError(
                f"hidden_size: {self.hidden_size} is no multiple of the mask decoder's {heads} attention "
                f"heads times its attention_downsample_rate of {rate}"
            )
        tokens = self.image_size // STRIDE
        if self.backbone and tokens % (window := self.backbone.window_size_per_stage[0]):
            raise ValueError(
                f"backbone.window_size_per_stage: an image of {self.image_size} pixels has {tokens} tokens a "
                f"side, no multiple of the first stage's {window}"
            )
        return self

    def arguments(self) -> dict[str, Any]:
        """Those of `build_sam2_config`."""
        return {
            "image_size": self.image_size,
            "hidden_size": self.hidden_size,
            "backbone": self.backbone.model_dump(mode="json") if self.backbone else None,
            "mask_decoder": self.mask_decoder.model_dump(exclude_none=True),
        }

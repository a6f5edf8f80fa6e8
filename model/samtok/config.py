"""The configuration of a SAMTok tokenizer: a SAM 2 image model and a residual quantizer."""

from typing import Any, ClassVar

from transformers import PreTrainedConfig, Sam2Config

# the backbone of SAM 2.1 large (Hiera-L), which every published SAMTok has
HIERA_LARGE_BACKBONE: dict[str, Any] = {
    "hidden_size": 144,
    "num_attention_heads": 2,
    "blocks_per_stage": [2, 6, 36, 4],
    "embed_dim_per_stage": [144, 288, 576, 1152],
    "num_attention_heads_per_stage": [2, 4, 8, 16],
    "window_size_per_stage": [8, 4, 16, 8],
    "global_attention_blocks": [23, 33, 43],
    "window_positional_embedding_background_size": [7, 7],
}


def build_sam2_config(
    image_size: int = 1024,
    hidden_size: int = 256,
    backbone: dict[str, Any] | None = None,
    mask_decoder: dict[str, Any] | None = None,
) -> Sam2Config:
    """Build a Sam2Config of any size; without arguments, that of SAM 2.1 large.

    Args:
        image_size: side of the square input in pixels, a multiple of 32.
        hidden_size: channels D of the FPN, the prompts, the decoder and the codes.
        backbone: fields of Sam2HieraDetConfig; None for Hiera-L.
        mask_decoder: further fields of Sam2MaskDecoderConfig.

    Raises:
        ValueError: `image_size` is not a multiple of 32.
    """
    if image_size % 32:
        raise ValueError(f"image_size must be a multiple of 32, got {image_size}")
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "image_size": [image_size, image_size],
        **(HIERA_LARGE_BACKBONE if backbone is None else backbone),
    }
    return Sam2Config(
        vision_config={
            "model_type": "sam2_vision_model",
            "backbone_config": backbone,
            "backbone_channel_list": backbone["embed_dim_per_stage"][::-1],
            "backbone_feature_sizes": [[image_size // s] * 2 for s in (4, 8, 16)],
            "fpn_hidden_size": hidden_size,
        },
        prompt_encoder_config={"image_size": image_size, "hidden_size": hidden_size},
        mask_decoder_config={
            "hidden_size": hidden_size,
            "iou_head_hidden_dim": hidden_size,
            "dynamic_multimask_via_stability": False,
            **(mask_decoder or {}),
        },
    )


class SAMTokConfig(PreTrainedConfig):
    """A SAM 2 image model and `codebook_depth` separate codebooks of `codebook_size` codes each."""

    model_type = "samtok"
    sub_configs: ClassVar = {"sam2_config": Sam2Config}

    def __init__(
        self,
        sam2_config: dict[str, Any] | Sam2Config | None = None,
        codebook_size: int = 256,
        codebook_depth: int = 2,
        **kwargs: Any,
    ) -> None:
        if isinstance(sam2_config, dict):
            sam2_config = Sam2Config(**sam2_config)
        self.sam2_config: Sam2Config = sam2_config if sam2_config is not None else build_sam2_config()
        self.codebook_size = codebook_size
        self.codebook_depth = codebook_depth
        super().__init__(**kwargs)

    @property
    def image_size(self) -> int:
        """Side S of the square input in pixels."""
        return int(self.sam2_config.prompt_encoder_config.image_size)

    @property
    def hidden_size(self) -> int:
        """Width D of embeddings and codes."""
        return int(self.sam2_config.prompt_encoder_config.hidden_size)

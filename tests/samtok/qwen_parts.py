"""Small random models for tests: both Qwen families and a SAMTok."""

import torch
from transformers import PreTrainedModel, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from samtok import QwenVLSAMTok, SAMTok
from samtok.build import NanoOptions, build_nano
from samtok.config import SAMTokConfig, build_sam2_config
from samtok.processor import QwenVLProcessor
from samtok.vocabulary import build_text_tokenizer

TEXTS = ["Please segment red circle in this image.", "What is blue star?", "No target.", "a small ring."]
SMALL = NanoOptions(
    image_size=64, vision_layers=2, vision_width=32, vision_heads=2, vision_mlp=32, deepstack=(0,),
    text_layers=2, text_width=32, text_heads=2, text_mlp=32, head_dim=16, vocabulary=320,
)  # fmt: skip


def tiny_samtok(seed: int = 0) -> SAMTok:
    """A random SAMTok at 64 px."""
    torch.manual_seed(seed)
    backbone = {
        "hidden_size": 16, "num_attention_heads": 1, "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [16, 32, 64, 128], "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 4, 4, 2], "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [4, 4],
    }  # fmt: skip
    decoder = {"num_attention_heads": 2, "mlp_dim": 32}
    return SAMTok(SAMTokConfig(build_sam2_config(64, 32, backbone, decoder))).eval()


def tiny_vlm(family: str, seed: int = 0) -> tuple[PreTrainedModel, QwenVLProcessor]:
    """A random model of "qwen3_vl" or "qwen2_5_vl" with wide weights, so that answers vary."""
    model, processor = build_nano(SMALL, TEXTS, seed)
    if family == "qwen2_5_vl":
        processor.image_processor.temporal_patch_size = 2
        torch.manual_seed(seed)
        model = Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(
                text_config={
                    "vocab_size": len(processor.tokenizer), "hidden_size": 32, "intermediate_size": 32,
                    "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
                    "rope_parameters": {
                        "rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2],
                    },
                    "bos_token_id": None, "eos_token_id": processor.tokenizer.eos_token_id,
                },
                vision_config={
                    "depth": 2, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "patch_size": 16,
                    "out_hidden_size": 32, "window_size": 64, "fullatt_block_indexes": [1],
                },
                image_token_id=processor.image_token_id, video_token_id=processor.video_token_id,
                vision_start_token_id=processor.vision_start_token_id,
                vision_end_token_id=processor.vision_end_token_id,
            )
        )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)
    return model.eval(), processor


def tiny_qwen(family: str, seed: int = 0) -> QwenVLSAMTok:
    """The whole of it."""
    return QwenVLSAMTok(*tiny_vlm(family, seed), tiny_samtok())


def base_qwen(family: str) -> tuple[PreTrainedModel, QwenVLProcessor]:
    """A random model without mask words, with more rows than its text tokenizer has, as Qwen's own."""
    model, processor = tiny_vlm(family)
    processor.tokenizer = build_text_tokenizer(TEXTS, SMALL.vocabulary)
    model.resize_token_embeddings(len(processor.tokenizer) + 10)
    return model, processor

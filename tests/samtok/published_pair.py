"""A random pair of files in the published layout, at any size."""

from pathlib import Path

import torch

from samtok.config import SAMTokConfig, build_sam2_config
from samtok.verification import ReleasedSAMTok


def small_config() -> SAMTokConfig:
    """A SAMTok of 128 px and width 32, with the widths that the release fixes."""
    backbone = {
        "hidden_size": 8,
        "num_attention_heads": 1,
        "blocks_per_stage": [1, 2, 3, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 4, 8, 4],
        "global_attention_blocks": [5],
        "window_positional_embedding_background_size": [7, 7],
    }
    sam2 = build_sam2_config(128, 32, backbone, {"iou_head_hidden_dim": 256})
    return SAMTokConfig(sam2)


def write_pair(folder: Path, config: SAMTokConfig, seed: int = 0) -> tuple[Path, Path]:
    """Write sam2.pt and tokenizer.pth with random weights; no two tensors are equal.

    The two differ in every weight, so that a test notices which one was loaded.
    """
    torch.manual_seed(seed)
    released = ReleasedSAMTok(config)
    paths = folder / "sam2.pt", folder / "tokenizer.pth"
    for path in paths:
        state = released.state_dict()
        # norms, biases and empty embeddings start alike; noise tells them apart
        state = {key: value + 0.05 * torch.randn_like(value) for key, value in state.items()}
        if path.suffix == ".pt":
            prefix = "model.sam2_model."
            state = {
                key.removeprefix(prefix): value
                for key, value in state.items()
                if key.startswith(prefix) and "sam_mask_encoder" not in key
            }
            torch.save({"model": state}, path)
        else:
            torch.save(state, path)
    return paths

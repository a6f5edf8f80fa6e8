import numpy as np
import pytest
import torch

from samtok.config import SAMTokConfig, build_sam2_config
from samtok.tokenizer import SAMTok


@pytest.fixture(scope="session")
def tiny() -> SAMTok:
    """Random weights at 64 px: logits 16 x 16, image embedding 4 x 4, 8 codes."""
    torch.manual_seed(0)
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 16,
        "num_attention_heads": 1,
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [16, 32, 64, 128],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [8, 4, 4, 2],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [4, 4],
    }
    config = SAMTokConfig(build_sam2_config(64, 32, backbone, {"mlp_dim": 64}), codebook_size=8)
    model = SAMTok(config).eval()
    with torch.no_grad():  # transformers' initialisation is too flat to tell masks apart
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)


@pytest.fixture
def masks() -> np.ndarray:
    """Three masks on `photo`: a box, a single pixel, everything."""
    out = np.zeros((3, 40, 60), bool)
    out[0, 5:20, 10:50] = True
    out[1, 39, 0] = True
    out[2] = True
    return out

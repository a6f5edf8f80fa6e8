"""Masks from code vectors, by SAM 2's mask decoder."""

import torch
from torch import Tensor
from transformers import Sam2Model

from samtok.image_encoder import Features


def decode_vectors(sam2: Sam2Model, features: Features, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Decode code vectors to mask logits.

    A vector is the third sparse token, after two "not a point" tokens. The dense prompt is "no mask". The
    decoder runs with multimask output, which gives its masks 1 to 3.

    Args:
        features: of B images.
        vectors: (B, N, D), N masks per image.

    Returns:
        logits (B, N, 3, 4h, 4w) and predicted IoUs (B, N, 3), both float32, for features of h x w.
    """
    nothing = sam2.prompt_encoder.not_a_point_embed.weight.expand(*vectors.shape[:2], 2, -1)
    return decode_prompts(sam2, features, torch.cat([nothing, vectors[:, :, None]], dim=2))


def decode_prompts(sam2: Sam2Model, features: Features, sparse: Tensor) -> tuple[Tensor, Tensor]:
    """Decode sparse prompt tokens (B, N, T, D); returns the same as `decode_vectors`."""
    batch = features.top.shape[0]
    dense = sam2.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
    logits, iou, _, _ = sam2.mask_decoder(
        image_embeddings=features.top,
        image_positional_embeddings=sam2.get_image_wide_positional_embeddings().expand(batch, -1, -1, -1),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense.expand_as(features.top),
        multimask_output=True,
        high_resolution_features=[features.s0, features.s1],
    )
    return logits.float(), iou.float()


def best_mask(logits: Tensor, iou: Tensor) -> Tensor:
    """Pick the mask with the highest predicted IoU: (B, N, 3, h, w) and (B, N, 3) -> (B, N, h, w)."""
    best = iou.argmax(-1)[..., None, None, None]
    return logits.gather(2, best.expand(*best.shape[:3], *logits.shape[3:])).squeeze(2)

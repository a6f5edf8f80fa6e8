"""The parts of SAM 2 that SAMTok uses: features of images, the mask encoder, the mask decoder."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import Sam2MaskDecoderConfig, Sam2Model
from transformers.models.sam2.modeling_sam2 import Sam2TwoWayTransformer


@dataclass(frozen=True)
class Features:
    """Feature maps of B images of side S, with h = w = S / 16."""

    s0: Tensor
    """(B, D / 8, 4h, 4w), after the mask decoder's projection."""
    s1: Tensor
    """(B, D / 4, 2h, 2w), after the mask decoder's projection."""
    top: Tensor
    """(B, D, h, w), with the "no memory" embedding added."""

    def __getitem__(self, index: slice) -> "Features":
        return Features(self.s0[index], self.s1[index], self.top[index])


def encode_images(sam2: Sam2Model, pixels: Tensor) -> Features:
    """Compute the features of normalised images (B, 3, S, S) float32."""
    maps = sam2.get_image_features(pixels, return_dict=True).fpn_hidden_states  # each (hw, B, C)
    grids = sam2.backbone_feature_sizes
    s0, s1, top = (m.permute(1, 2, 0).unflatten(2, tuple(g)) for m, g in zip(maps, grids, strict=True))
    return Features(s0, s1, top + sam2.no_memory_embedding.reshape(1, -1, 1, 1))


class MaskEncoder(nn.Module):
    """A second two-way transformer of SAM with a single query token (the release's `sam_mask_encoder`)."""

    def __init__(self, config: Sam2MaskDecoderConfig) -> None:
        super().__init__()
        self.query = nn.Embedding(1, config.hidden_size)
        self.transformer = Sam2TwoWayTransformer(config)

    def forward(self, image: Tensor, position: Tensor, box: Tensor) -> Tensor:
        """Encode M masks to vectors z (M, D).

        Args:
            image: (M, D, h, w), image embedding plus each mask's dense embedding.
            position: (1, D, h, w), dense positional encoding.
            box: (M, T, D), sparse tokens of each mask's box.
        """
        query = self.query.weight[None].expand(len(box), 1, -1)
        out, _ = self.transformer(
            point_embeddings=torch.cat([query, box.to(query.dtype)], dim=1)[:, None],  # (M, 1, 1 + T, D)
            image_embeddings=image,
            image_positional_embeddings=position,
            attention_similarity=None,
        )
        return out[:, 0, 0]


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

"""The mask encoder: a learned query reads the image where the mask is and becomes the vector z."""

import torch
from torch import Tensor, nn
from transformers import Sam2MaskDecoderConfig
from transformers.models.sam2.modeling_sam2 import Sam2TwoWayTransformer


class MaskEncoder(nn.Module):
    """A second two-way transformer of SAM with a single query token (the release's `sam_mask_encoder`)."""

    def __init__(self, config: Sam2MaskDecoderConfig) -> None:
        super().__init__()
        self.query = nn.Embedding(1, config.hidden_size)
        self.transformer = Sam2TwoWayTransformer(config)

    def forward(self, image: Tensor, position: Tensor, box: Tensor) -> Tensor:
        """Encode M masks.

        Args:
            image: (M, D, h, w), image embedding plus each mask's dense embedding.
            position: (1, D, h, w), dense positional encoding.
            box: (M, T, D), sparse tokens of each mask's box.

        Returns:
            vectors z (M, D).
        """
        query = self.query.weight[None].expand(len(box), 1, -1)
        out, _ = self.transformer(
            point_embeddings=torch.cat([query, box.to(query.dtype)], dim=1)[:, None],  # (M, 1, 1 + T, D)
            image_embeddings=image,
            image_positional_embeddings=position,
            attention_similarity=None,
        )
        return out[:, 0, 0]

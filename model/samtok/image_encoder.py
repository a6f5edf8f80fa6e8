"""SAM 2 features of images, computed once and used for all masks of an image."""

from dataclasses import dataclass

from torch import Tensor
from transformers import Sam2Model


@dataclass(frozen=True)
class Features:
    """Feature maps of B images of side S, with h = w = S / 16.

    Attributes:
        s0: (B, D / 8, 4h, 4w), after the mask decoder's projection.
        s1: (B, D / 4, 2h, 2w), after the mask decoder's projection.
        top: (B, D, h, w), with the "no memory" embedding added.
    """

    s0: Tensor
    s1: Tensor
    top: Tensor

    def __getitem__(self, index: slice) -> "Features":
        return Features(self.s0[index], self.s1[index], self.top[index])


def encode_images(sam2: Sam2Model, pixels: Tensor) -> Features:
    """Compute the features of normalised images (B, 3, S, S) float32."""
    maps = sam2.get_image_features(pixels, return_dict=True).fpn_hidden_states  # each (hw, B, C)
    grids = sam2.backbone_feature_sizes
    s0, s1, top = (m.permute(1, 2, 0).unflatten(2, tuple(g)) for m, g in zip(maps, grids, strict=True))
    return Features(s0, s1, top + sam2.no_memory_embedding.reshape(1, -1, 1, 1))

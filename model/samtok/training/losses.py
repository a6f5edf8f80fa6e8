"""Mask losses at sampled points (PointRend sampling, as in Mask2Former and the released SAMTok)."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, grid_sample

OVERSAMPLE = 3.0
"""Random points for each that is chosen among them, Mask2Former's."""


def sample_at(maps: Tensor, points: Tensor) -> Tensor:
    """Interpolate maps (M, H, W) bilinearly at points (M, P, 2), x and y in [0, 1] -> (M, P)."""
    return grid_sample(maps[:, None], 2 * points[:, :, None] - 1, align_corners=False)[:, 0, :, 0]


@torch.no_grad()
def uncertain_points(logits: Tensor, count: int, importance: float) -> Tensor:
    """Sample `count` points per map: logits (M, h, w) -> (M, count, 2), x and y in [0, 1].

    A share `importance` of them are the least certain (smallest |logit|) of OVERSAMPLE * `count` random
    points; the rest are random.
    """
    candidates = torch.rand(len(logits), int(count * OVERSAMPLE), 2, device=logits.device)
    uncertain = int(count * importance)
    index = (-sample_at(logits, candidates).abs()).topk(uncertain, dim=1).indices
    chosen = candidates.gather(1, index[..., None].expand(-1, -1, 2))
    random = torch.rand(len(logits), count - uncertain, 2, device=logits.device)
    return torch.cat([chosen, random], dim=1)


def mask_losses(
    logits: Tensor, targets: Tensor, count: int, importance: float = 0.75
) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy (M,) and naive dice loss with eps 1 (M,) of each mask at sampled points.

    Args:
        logits: (M, h, w).
        targets: (M, H, W) bool.
        count: points per mask; the release takes 12544 for 256 x 256 logits.
        importance: see `uncertain_points`.
    """
    points = uncertain_points(logits, count, importance)
    predicted = sample_at(logits, points)
    target = sample_at(targets.to(logits.dtype), points)
    entropy = binary_cross_entropy_with_logits(predicted, target, reduction="none").mean(1)
    p = predicted.sigmoid()
    dice = 1 - (2 * (p * target).sum(1) + 1) / (p.sum(1) + target.sum(1) + 1)
    return entropy, dice

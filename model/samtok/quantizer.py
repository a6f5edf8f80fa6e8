"""Residual vector quantization (RVQ) with unshared codebooks, learned by moving averages.

The rules are those of the released code (section "VQ embedding" of its training): nearest code in squared
L2, exponential moving average (EMA) of counts and vector sums, restart of unused codes, commitment loss.
"""

from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Codebook(nn.Module):
    """K code vectors of width D, without gradients.

    Buffers: `weight` (K, D), `cluster_size_ema` (K,), `embed_ema` (K, D).
    """

    weight: Tensor
    cluster_size_ema: Tensor
    embed_ema: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        weight = torch.randn(size, dim)
        self.register_buffer("weight", weight)
        self.register_buffer("cluster_size_ema", torch.zeros(size))
        self.register_buffer("embed_ema", weight.clone())

    def nearest(self, x: Tensor) -> Tensor:
        """Index of the nearest code in squared L2: (..., D) -> (...) int64."""
        distance = (  # (..., K), without the constant |x|^2
            self.weight.square().sum(-1) - 2 * x @ self.weight.T
        )
        return distance.argmin(-1)

    def forward(self, index: Tensor) -> Tensor:
        """Code vectors: (...) int64 in [0, K) -> (..., D)."""
        return nn.functional.embedding(index, self.weight)

    @torch.no_grad()
    def update(self, x: Tensor, index: Tensor, decay: float, eps: float, restart_below: float) -> None:
        """One EMA step from vectors x (B, D) that were assigned to index (B,).

        A code whose moving count falls below `restart_below` restarts at a vector of this batch. All
        ranks see the same sums; rank 0's vectors restart codes.
        """
        size = self.weight.shape[0]
        x = x.float()
        counts = torch.zeros_like(self.cluster_size_ema).index_add_(0, index, torch.ones_like(x[:, 0]))
        sums = torch.zeros_like(self.embed_ema).index_add_(0, index, x)
        candidates = self._restart_candidates(x)
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(counts)
            dist.all_reduce(sums)
            dist.broadcast(candidates, 0)
        self.cluster_size_ema.mul_(decay).add_(counts, alpha=1 - decay)
        self.embed_ema.mul_(decay).add_(sums, alpha=1 - decay)

        unused = self.cluster_size_ema < restart_below  # (K,)
        self.embed_ema[unused] = candidates[unused]
        self.cluster_size_ema[unused] = 1.0

        total = self.cluster_size_ema.sum()
        smoothed = total * (self.cluster_size_ema + eps) / (total + size * eps)
        self.weight.copy_(self.embed_ema / smoothed[:, None])

    def _restart_candidates(self, x: Tensor) -> Tensor:
        """K random vectors of the batch; a small batch is tiled with a little noise."""
        size, (batch, dim) = self.weight.shape[0], x.shape
        if batch < size:
            x = x.repeat(-(-size // batch), 1)
            x = x + torch.rand_like(x) * 0.01 / dim**0.5
        return x[torch.randperm(len(x), device=x.device)[:size]]

    @torch.no_grad()
    def start_from(self, centres: Tensor) -> None:
        """Set the codes to given centres (K, D), each counted once."""
        self.weight.copy_(centres)
        self.embed_ema.copy_(centres)
        self.cluster_size_ema.fill_(1.0)


class ResidualQuantizer(nn.Module):
    """`depth` codebooks; each quantizes what the levels before it left over."""

    def __init__(self, size: int, depth: int, dim: int) -> None:
        super().__init__()
        self.codebooks = nn.ModuleList(Codebook(size, dim) for _ in range(depth))

    @property
    def levels(self) -> list[Codebook]:
        """The codebooks by depth."""
        return [cast(Codebook, book) for book in self.codebooks]

    def encode(self, z: Tensor) -> Tensor:
        """Codes of vectors: (..., D) -> (..., depth) int64."""
        residual, codes = z.detach().float(), []
        for codebook in self.levels:
            codes.append(codebook.nearest(residual))
            residual = residual - codebook(codes[-1])
        return torch.stack(codes, dim=-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Sum of the code vectors: (..., n) int64 -> (..., D), of the first n levels, n up to depth.

        Raises:
            ValueError: a code outside the codebook, or more levels than there are.
        """
        size, depth = self.levels[0].weight.shape[0], len(self.codebooks)
        if not 1 <= codes.shape[-1] <= depth:
            raise ValueError(f"codes must have 1 to {depth} columns, got shape {tuple(codes.shape)}")
        if codes.numel() and not (int(codes.min()) >= 0 and int(codes.max()) < size):
            raise ValueError(f"codes must lie in [0, {size}), got {int(codes.min())} to {int(codes.max())}")
        return torch.stack([self.levels[i](codes[..., i]) for i in range(codes.shape[-1])]).sum(0)

    def forward(
        self,
        z: Tensor,
        update: bool = False,
        decay: float = 0.99,
        eps: float = 1e-5,
        restart_below: float = 1.0,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Quantize for training.

        Args:
            z: (..., D) float32.
            update: also move the codebooks; lookups still use the vectors before the move.
            restart_below: moving count under which a code restarts; 1.0 as released, which supposes
                several hundred masks a step.

        Returns:
            the quantized vectors with a straight-through gradient (..., D), the codes (..., depth), and
            the commitment loss: the mean over levels of mean((z - sum of codes so far)^2).
        """
        residual = z.detach()
        total = torch.zeros_like(z)
        codes, losses, moves = [], [], []
        for codebook in self.levels:
            index = codebook.nearest(residual)
            chosen = codebook(index)
            moves.append((codebook, residual.reshape(-1, z.shape[-1]), index.reshape(-1)))
            residual = residual - chosen
            total = total + chosen
            codes.append(index)
            losses.append((z - total.detach()).square().mean())
        if update:
            for codebook, x, index in moves:
                codebook.update(x, index, decay, eps, restart_below)
        return z + (total - z).detach(), torch.stack(codes, -1), torch.stack(losses).mean()

"""Residual vector quantization (RVQ) with separate codebooks, learned by moving averages.

The rules are those of the released training code ("VQ embedding"): nearest code in squared L2, exponential
moving averages (EMA) of counts and vector sums, restart of unused codes, commitment loss.
"""

from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Codebook(nn.Module):
    """K code vectors of width D, without gradients."""

    weight: Tensor
    """Code vectors (K, D)."""
    cluster_size_ema: Tensor
    """Moving counts of the vectors assigned to each code, (K,)."""
    embed_ema: Tensor
    """Moving sums of these vectors, (K, D)."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        weight = torch.randn(size, dim)
        self.register_buffer("weight", weight)
        self.register_buffer("cluster_size_ema", torch.zeros(size))
        self.register_buffer("embed_ema", weight.clone())

    def nearest(self, x: Tensor) -> Tensor:
        """Find the nearest codes in squared L2: vectors (..., D) -> indices (...) int64."""
        distance = (  # (..., K), without the constant |x|^2
            self.weight.square().sum(-1) - 2 * x @ self.weight.T
        )
        return distance.argmin(-1)

    def forward(self, index: Tensor) -> Tensor:
        """Look up code vectors: indices (...) int64 in [0, K) -> (..., D)."""
        return nn.functional.embedding(index, self.weight)

    @torch.no_grad()
    def update(self, x: Tensor, index: Tensor, decay: float, restart_below: float, eps: float = 1e-5) -> None:
        """Make an EMA step with vectors x (B, D) that are assigned to the codes index (B,) int64.

        A code whose moving count falls below `restart_below` restarts at a vector of this batch; `eps`
        smooths the counts. In a distributed training all ranks use the same sums, and codes restart at
        vectors of rank 0.
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
        """K random vectors of the batch (B, D); a batch of fewer is repeated with a little noise."""
        size, (batch, dim) = self.weight.shape[0], x.shape
        if batch < size:
            x = x.repeat(-(-size // batch), 1)
            x = x + torch.rand_like(x) * 0.01 / dim**0.5
        return x[torch.randperm(len(x), device=x.device)[:size]]

    @torch.no_grad()
    def start_from(self, centres: Tensor) -> None:
        """Set the codes to the given centres (K, D), each with a count of 1."""
        self.weight.copy_(centres)
        self.embed_ema.copy_(centres)
        self.cluster_size_ema.fill_(1.0)


class ResidualQuantizer(nn.Module):
    """`depth` codebooks; each quantizes the residual of the levels before it."""

    def __init__(self, size: int, depth: int, dim: int) -> None:
        super().__init__()
        self.codebooks = nn.ModuleList(Codebook(size, dim) for _ in range(depth))
        self._held: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(depth)]

    @property
    def levels(self) -> list[Codebook]:
        """The codebooks in order of depth."""
        return [cast(Codebook, book) for book in self.codebooks]

    def encode(self, z: Tensor) -> Tensor:
        """Quantize vectors: (..., D) -> codes (..., depth) int64."""
        return self(z.float())[1]

    def decode(self, codes: Tensor) -> Tensor:
        """Sum the code vectors of the first n levels, 1 <= n <= depth: codes (..., n) int64 -> (..., D).

        Raises:
            ValueError: a code is outside the codebook, or n is out of range.
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
        hold: bool = False,
        decay: float = 0.99,
        restart_below: float = 1.0,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Quantize for training.

        Args:
            z: (..., D) float32.
            update: also update the codebooks; lookups use the vectors from before the update.
            hold: instead of that keep the vectors for the next update: a step of several passes makes one, by
                the vectors of all of them.
            decay: of the moving averages.
            restart_below: moving count below which a code restarts. The released 1.0 assumes several hundred
                masks per step.

        Returns:
            the quantized vectors with a straight-through gradient (..., D), the codes (..., depth) int64, and
            the commitment loss, a scalar: the mean over levels of mean((z - sum of code vectors so far)^2).
        """
        residual = z.detach()
        total = torch.zeros_like(z)
        codes, losses = [], []
        for codebook, held in zip(self.levels, self._held, strict=True):
            index = codebook.nearest(residual)
            chosen = codebook(index)
            if update:
                held.append((residual.reshape(-1, z.shape[-1]), index.reshape(-1)))
            residual = residual - chosen
            total = total + chosen
            codes.append(index)
            losses.append((z - total.detach()).square().mean())
        if update and not hold:
            for codebook, held in zip(self.levels, self._held, strict=True):
                vectors, indices = (torch.cat(parts) for parts in zip(*held, strict=True))
                codebook.update(vectors, indices, decay, restart_below)
                held.clear()
        return z + (total - z).detach(), torch.stack(codes, -1), torch.stack(losses).mean()

"""SAMTok as released, built from the authors' `sam2` package, to compare our implementation with.

`ReleasedSAMTok` uses the modules of that package and none of ours. It follows the steps of the released model
class (arXiv 2601.16093), in float32. Its module tree is the release's, so the weight files load as they are.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from samtok.checkpoints import read_published
from samtok.config import SAMTokConfig
from samtok.sam2_parts import Features, best_mask, decode_vectors, encode_images
from samtok.tokenizer import SAMTok

TOLERANCE = 1e-4
"""Largest difference allowed, relative to a quantity's scale."""
INSTALL = (
    "the sam2 package is not installed; no extra installs it, because of its own dependencies: "
    "pip install 'samtok-bench[sam2]', then "
    "SAM2_BUILD_CUDA=0 pip install --no-deps --no-build-isolation sam2==1.1.0"
)


@dataclass(frozen=True)
class QuantityDifference:
    """How far two implementations differ in a quantity."""

    name: str
    largest: float
    """The largest absolute difference; for codes, how many differ."""
    scale: float
    """The largest absolute value, at least 1."""

    @property
    def is_small(self) -> bool:
        """Whether the difference is at most TOLERANCE times the scale; no code may differ."""
        return self.largest == 0 if self.name == "codes" else self.largest <= TOLERANCE * self.scale


@torch.no_grad()
def verify(model: SAMTok, tokenizer_pth: str | Path, seed: int = 0) -> list[QuantityDifference]:
    """Compare a SAMTok with the release, which loads `tokenizer_pth` itself, on random inputs.

    Every quantity is compared, and each implementation goes on from its own earlier ones.

    Args:
        model: on the CPU, in float32.

    Raises:
        ValueError: the sam2 package is not installed (the message says how to install it), or the weights do
            not fit its modules.
    """
    released = ReleasedSAMTok(model.config)
    try:
        released.load_state_dict(read_published(tokenizer_pth))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{tokenizer_pth} does not fit the released modules: {reason}") from None
    pixels, masks = random_inputs(model.config.image_size, seed)
    ours = encode_images(model.sam2, pixels)
    theirs = released.embed(pixels)
    result = [difference(name, getattr(ours, name), getattr(theirs, name)) for name in ("s0", "s1", "top")]
    sparse, dense = released.prompts(masks)
    result += [
        difference("box tokens", model._box_tokens(masks[None])[0], sparse),
        difference("mask prompt", model._dense_prompt(masks), dense),
    ]
    z, their_z = model.encode_vectors(ours, masks[None])[0], released.encode_vectors(theirs, masks)
    codes, their_codes = model.quantizer.encode(z), released.quantize(their_z)
    logits, iou = decode_vectors(model.sam2, ours, model.quantizer.decode(their_codes)[None])
    their_logits, their_iou = released.decode(theirs, their_codes)
    best = their_logits[torch.arange(len(codes)), their_iou.argmax(-1)]
    return [
        *result,
        difference("z", z, their_z),
        QuantityDifference("codes", float((codes != their_codes).sum()), 1.0),
        difference("mask logits", logits[0], their_logits),
        difference("predicted IoU", iou[0], their_iou),
        difference("best mask", best_mask(logits, iou)[0], best),
    ]


def difference(name: str, ours: Tensor, theirs: Tensor) -> QuantityDifference:
    """Compare two tensors; ValueError if their shapes differ."""
    if ours.shape != theirs.shape:
        raise ValueError(f"{name}: shape {tuple(ours.shape)}, released {tuple(theirs.shape)}")
    return QuantityDifference(name, float((ours - theirs).abs().max()), max(1.0, float(theirs.abs().max())))


def random_inputs(size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw a noise image (1, 3, size, size) and four ellipses (4, H, W) bool on an oblong grid."""
    random = torch.Generator().manual_seed(seed)
    pixels = torch.randn(1, 3, size, size, generator=random)
    height, width = size * 3 // 4, size + 7
    centre, radius = torch.rand(2, 4, 1, 1, 2, generator=random)
    place = torch.stack(
        torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij"), dim=-1
    )  # (H, W, 2)
    inside = ((place - centre) / (0.1 + radius / 2)).square().sum(-1) < 1
    return pixels, inside


class ReleasedSAMTok(nn.Module):
    """The released tokenizer at any size, with random weights.

    The widths that the release fixes (2048 inside the two-way transformers, 8 heads, 256 in the IoU head)
    are fixed here too. Without the sam2 package there is a ValueError that says how to install it.
    """

    def __init__(self, config: SAMTokConfig) -> None:
        super().__init__()
        self.size = config.image_size
        self.model = nn.Module()
        self.model.sam2_model = _build_sam2(config)
        books = [_codebook(config.codebook_size, config.hidden_size) for _ in range(config.codebook_depth)]
        self.quantizer = nn.ModuleDict({"codebooks": nn.ModuleList(books)})
        self.eval()

    @property
    def sam2(self) -> Any:
        """The SAM2Base, which also contains the mask encoder."""
        return self.model.sam2_model

    @property
    def codebooks(self) -> list[Tensor]:
        """The code vectors (K, D) of each level, without the padding row."""
        return [book.weight[:-1] for book in cast(Any, self.quantizer["codebooks"])]

    def embed(self, pixels: Tensor) -> Features:
        """Compute the features of images (B, 3, S, S), with the "no memory" embedding."""
        s0, s1, top = self.sam2.forward_image(pixels)["backbone_fpn"]
        return Features(s0, s1, top + self.sam2.no_mem_embed.reshape(1, -1, 1, 1))

    def prompts(self, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Compute sparse (N, 3, D) and dense (N, D, h, w) prompt embeddings of masks (N, H, W) bool."""
        height, width = masks.shape[1:]
        corners = []
        for mask in masks:
            y, x = mask.nonzero(as_tuple=True)
            box = torch.stack([x.min(), y.min(), x.max(), y.max()]).float()
            corners.append(box / torch.tensor([width, height, width, height]))
        points = torch.stack(corners).reshape(-1, 2, 2) * self.size
        labels = torch.tensor([[2, 3]], dtype=torch.int32).repeat(len(masks), 1)
        encoder = self.sam2.sam_prompt_encoder
        small = nn.functional.interpolate(
            masks[:, None].float(), encoder.mask_input_size, mode="bilinear", antialias=True
        )
        return cast(tuple[Tensor, Tensor], encoder(points=(points, labels), boxes=None, masks=small))

    def encode_vectors(self, features: Features, masks: Tensor) -> Tensor:
        """Encode masks (N, H, W) bool on one image: vectors z (N, D)."""
        sparse, dense = self.prompts(masks)
        encoder, position = self.sam2.sam_mask_encoder, self.sam2.sam_prompt_encoder.get_dense_pe()
        query = encoder.mask_tokens.weight[None].repeat(len(masks), 1, 1)
        tokens, _ = encoder.transformer(
            features.top + dense, position.repeat(len(masks), 1, 1, 1), torch.cat([query, sparse], dim=1)
        )
        return cast(Tensor, tokens[:, 0])

    def quantize(self, z: Tensor) -> Tensor:
        """Quantize vectors z (N, D): codes (N, depth). The padding row is never chosen."""
        codes = []
        for rows in self.codebooks:
            codes.append((z[:, None] - rows[None]).square().sum(-1).argmin(-1))
            z = z - rows[codes[-1]]
        return torch.stack(codes, dim=-1)

    def decode(self, features: Features, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Decode codes (N, depth) on one image: logits (N, 3, 4h, 4w) and predicted IoUs (N, 3)."""
        vector = torch.stack([rows[codes[:, i]] for i, rows in enumerate(self.codebooks)]).sum(0)
        nothing = torch.zeros(len(codes), 1, 2), -torch.ones(len(codes), 1, dtype=torch.int32)
        sparse, dense = self.sam2.sam_prompt_encoder(points=nothing, boxes=None, masks=None)
        high = [level.repeat(len(codes), 1, 1, 1) for level in (features.s0, features.s1)]
        logits, iou, _, _ = self.sam2.sam_mask_decoder(
            image_embeddings=features.top.repeat(len(codes), 1, 1, 1),
            image_pe=self.sam2.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=torch.cat([sparse, vector[:, None]], dim=1),
            dense_prompt_embeddings=dense,
            multimask_output=True,
            repeat_image=False,
            high_res_features=high,
        )
        return logits, iou


def _codebook(size: int, width: int) -> nn.Module:
    book = nn.Embedding(size + 1, width, padding_idx=size)
    book.register_buffer("cluster_size_ema", torch.zeros(size))
    book.register_buffer("embed_ema", book.weight[:-1].detach().clone())
    return book


def _build_sam2(config: SAMTokConfig) -> nn.Module:
    """Build SAM2Base as in sam2.1_hiera_l.yaml, with the sizes of `config`, and the mask encoder."""
    try:
        from hydra.utils import instantiate
        from omegaconf import OmegaConf
        from sam2.modeling.sam.transformer import TwoWayTransformer
    except ImportError as error:
        raise ValueError(f"{INSTALL} ({error})") from None
    width, grid = config.hidden_size, config.image_size // 16
    ours = cast(Any, config.sam2_config).vision_config.backbone_config
    plan = OmegaConf.load(str(files("sam2") / "configs/sam2.1/sam2.1_hiera_l.yaml")).model
    plan.image_size = config.image_size
    plan.image_encoder.trunk.update(
        embed_dim=ours.hidden_size,
        num_heads=ours.num_attention_heads,
        stages=ours.blocks_per_stage,
        global_att_blocks=ours.global_attention_blocks,
        window_pos_embed_bkg_spatial_size=ours.window_positional_embedding_background_size,
        window_spec=ours.window_size_per_stage,
    )
    neck, attention, memory = plan.image_encoder.neck, plan.memory_attention, plan.memory_encoder
    neck.update(d_model=width, backbone_channel_list=ours.embed_dim_per_stage[::-1])
    neck.position_encoding.num_pos_feats = width
    attention.d_model = attention.layer.d_model = width
    for part in (attention.layer.self_attention, attention.layer.cross_attention):
        part.update(embedding_dim=width, feat_sizes=[grid, grid])
    memory.in_dim = memory.mask_downsampler.embed_dim = memory.fuser.layer.dim = width
    sam2 = instantiate(plan)
    sam2.sam_mask_encoder = nn.Module()
    sam2.sam_mask_encoder.mask_tokens = nn.Embedding(1, width)
    sam2.sam_mask_encoder.transformer = TwoWayTransformer(
        depth=2, embedding_dim=width, num_heads=8, mlp_dim=2048
    )
    return cast(nn.Module, sam2)

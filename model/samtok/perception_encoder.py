"""The vision tower of PerceptionLM, without timm and torchvision.

transformers takes it from timm, which brings torchvision: `Eva` of timm/models/eva.py, with the settings of
`vit_pe_core_large_patch14_336` or `vit_pe_lang_large_patch14_448`. Names of configuration and weights are
those of transformers' `TimmWrapperModel`, so folders are the same either way. Perception Encoder: Bolya et
al., arXiv 2504.13181.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel, TimmWrapperConfig
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPooling

_LARGE = {"patch_size": 14, "embed_dim": 1024, "num_heads": 16, "mlp_ratio": 4.0}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "vit_pe_core_large_patch14_336": {
        **_LARGE,
        **{"depth": 24, "img_size": 336, "ref_feat_shape": 24, "init_values": None},
        **{"global_pool": "map", "use_post_transformer_norm": True},
    },
    "vit_pe_lang_large_patch14_448": {
        **_LARGE,
        **{"depth": 23, "img_size": 448, "ref_feat_shape": 32, "init_values": 0.1},
        **{"global_pool": "", "use_post_transformer_norm": False},
    },
}
"""timm's settings of the towers with a class token, before `model_args` change them."""
_FIXED = {"global_pool": "", "use_post_transformer_norm": False}
"""As PerceptionLM has them."""
_TEMPERATURE = 10_000.0


class PerceptionEncoderConfig(TimmWrapperConfig):
    """A `TimmWrapperConfig` of an architecture that this module has."""

    def settings(self) -> dict[str, Any]:
        """The sizes, all of them; ValueError for an architecture or a setting that is not supported."""
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"vision_config: architecture {self.architecture!r} is not supported; "
                f"supported: {', '.join(ARCHITECTURES)}"
            )
        known = ARCHITECTURES[self.architecture]
        given = {name: value for name, value in (self.model_args or {}).items() if value is not None}
        if unknown := [name for name in given if name not in known]:
            raise ValueError(f"vision_config: model_args {', '.join(unknown)}: not supported")
        settings = known | given
        for name, value in _FIXED.items():
            if settings[name] != value:
                raise ValueError(
                    f"vision_config: model_args {name} must be {value!r}, got {settings[name]!r}"
                )
        for name in ("img_size", "ref_feat_shape"):
            sides = settings[name] if isinstance(settings[name], list | tuple) else [settings[name]]
            if len(set(sides)) != 1:
                raise ValueError(f"vision_config: model_args {name} must be square, got {sides}")
            settings[name] = sides[0]
        return settings


class _Heads(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """All tokens (B, T, D) see each other; all but the first, the class token, know their place."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, h, T, d)
        q, k = (torch.cat([part[:, :, :1], _turned(part[:, :, 1:], *rotation)], 2) for part in (q, k))
        return self.proj(nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class _Block(GradientCheckpointingLayer):
    def __init__(self, width: int, heads: int, hidden: int, scale: float | None) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = _Heads(width, heads), _Mlp(width, hidden)
        for name in ("gamma_1", "gamma_2"):
            self.register_parameter(
                name, None if scale is None else nn.Parameter(torch.full((width,), scale))
            )

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        seen = self.attn(self.norm1(x), rotation)
        x = x + (seen if self.gamma_1 is None else self.gamma_1 * seen)
        thought = self.mlp(self.norm2(x))
        return x + (thought if self.gamma_2 is None else self.gamma_2 * thought)


class _Patches(nn.Module):
    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, side, side, bias=False)  # a norm follows


class _Encoder(nn.Module):
    """Tiles (B, 3, S, S) to tokens (B, 1 + (S / patch)^2, D), the class token first, then row by row."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        width, heads = settings["embed_dim"], settings["num_heads"]
        self.scale, self.head = settings["init_values"], width // heads
        self.grid, self.reference = settings["img_size"] // settings["patch_size"], settings["ref_feat_shape"]
        self.patch_embed = _Patches(width, settings["patch_size"])
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid**2, width))
        self.norm_pre = nn.LayerNorm(width)
        hidden = int(width * settings["mlp_ratio"])
        self.blocks = nn.ModuleList(
            _Block(width, heads, hidden, self.scale) for _ in range(settings["depth"])
        )

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.patch_embed.proj(pixels).flatten(2).transpose(1, 2)
        x = self.norm_pre(torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed)
        rotation = self._rotation(x.device)
        for block in self.blocks:
            x = block(x, rotation)
        return x

    def _rotation(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Sines and cosines (T - 1, d) of the patches' places, x before y, counted from 1."""
        count = self.head // 4
        bands = _TEMPERATURE ** -(torch.arange(count, device=device) / count)
        along = (torch.arange(self.grid, device=device) + 1.0) / self.grid * self.reference
        y, x = torch.meshgrid(along, along, indexing="ij")
        angles = torch.stack([x, y], -1)[..., None] * bands  # (rows, columns, 2, d / 4)
        angles = angles.flatten(2).flatten(0, 1).repeat_interleave(2, -1)
        return angles.sin(), angles.cos()


def _turned(x: Tensor, sin: Tensor, cos: Tensor) -> Tensor:
    """Turn each pair of neighbouring numbers in (..., d) by its angle."""
    turned = torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2)
    return (x * cos + turned * sin).to(x.dtype)


class PerceptionEncoder(PreTrainedModel):
    """What `TimmWrapperModel` is to PerceptionLM."""

    config_class = PerceptionEncoderConfig
    base_model_prefix = "timm_model"
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ("_Block",)

    def __init__(self, config: PerceptionEncoderConfig) -> None:
        super().__init__(config)
        self.timm_model = _Encoder(config.settings())
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, _Encoder):
            init.normal_(module.cls_token, std=0.02)
            init.normal_(module.pos_embed, std=0.02)
        if isinstance(module, _Block) and module.gamma_1 is not None:
            for gamma in (module.gamma_1, module.gamma_2):
                init.constant_(gamma, self.timm_model.scale)

    def get_input_embeddings(self) -> None:
        """There are none of tokens."""

    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """The tokens of tiles (B, 3, S, S)."""
        return BaseModelOutputWithPooling(self.timm_model(pixel_values.to(self.device, self.dtype)))


AutoModel.register(PerceptionEncoderConfig, PerceptionEncoder)

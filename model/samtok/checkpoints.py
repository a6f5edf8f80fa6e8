"""The published pair of files, SAM 2.1 weights and mask tokenizer, as a state dict of SAMTok.

`sam2.1_hiera_large.pt` holds SAM 2 under its authors' names. `mask_tokenizer_256x2.pth` holds every weight,
including SAM 2's fine-tuned ones, under `model.sam2_model.` and `quantizer.`. Every key of both files is
accounted for: it is loaded, or it belongs to the video parts that images never use, or it is an error. No
code in the files is run.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from samtok.loading import listed
from samtok.torch_files import read_tensors

SAM2_PREFIX = "model.sam2_model."

# our names to the published ones, without the prefix of SAM 2; all that match apply, in this order
_RENAMES = (
    # image encoder
    (r"^sam2\.vision_encoder\.backbone\.", "image_encoder.trunk."),
    (r"^sam2\.vision_encoder\.neck\.convs\.(\d+)\.", r"image_encoder.neck.convs.\1.conv."),
    (r"patch_embed\.projection\.", "patch_embed.proj."),
    (r"^sam2\.no_memory_embedding$", "no_mem_embed"),
    # prompt encoder
    (
        r"^sam2\.(shared_image_embedding|prompt_encoder\.shared_embedding)\.positional_embedding$",
        "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"^sam2\.prompt_encoder\.", "sam_prompt_encoder."),
    (r"mask_embed\.conv1\.", "mask_downscaling.0."),
    (r"mask_embed\.layer_norm1\.", "mask_downscaling.1."),
    (r"mask_embed\.conv2\.", "mask_downscaling.3."),
    (r"mask_embed\.layer_norm2\.", "mask_downscaling.4."),
    (r"mask_embed\.conv3\.", "mask_downscaling.6."),
    # mask encoder and mask decoder
    (r"^mask_encoder\.query\.", "sam_mask_encoder.mask_tokens."),
    (r"^mask_encoder\.", "sam_mask_encoder."),
    (r"^sam2\.mask_decoder\.", "sam_mask_decoder."),
    (r"\.o_proj\.", ".out_proj."),
    (r"upscale_conv1\.", "output_upscaling.0."),
    (r"upscale_layer_norm\.", "output_upscaling.1."),
    (r"upscale_conv2\.", "output_upscaling.3."),
    (r"((?:mlps\.\d+|_head)\.)layers\.0\.", r"\1layers.1."),
    (r"((?:mlps\.\d+|_head)\.)proj_out\.", r"\1layers.2."),
    (r"((?:mlps\.\d+|_head)\.)proj_in\.", r"\1layers.0."),
    # shared by all
    (r"\.mlp\.proj_in\.", ".mlp.layers.0."),
    (r"\.mlp\.proj_out\.", ".mlp.layers.1."),
    (r"\.layer_norm(\d|_final_attn)\.", r".norm\1."),
)

# the parts of SAM 2 that look at earlier frames of a video
_VIDEO_ONLY = (
    r"maskmem_tpos_enc|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial"
    r"|(?:mask_downsample|obj_ptr_tpos_proj|obj_ptr_proj\.layers\.[0-2])\.(?:weight|bias)"
    r"|memory_attention\.(?:norm"
    r"|layers\.\d+\.(?:(?:self_attn|cross_attn_image)\.(?:q|k|v|out)_proj|linear[12]|norm[123])"
    r")\.(?:weight|bias)"
    r"|memory_encoder\.(?:pix_feat_proj|out_proj|mask_downsampler\.encoder\.\d+"
    r"|fuser\.layers\.\d+\.(?:dwconv|norm|pwconv1|pwconv2))\.(?:weight|bias)"
    r"|memory_encoder\.fuser\.layers\.\d+\.gamma"
)


def published_state(
    sam2_pt: str | Path | None, tokenizer_pth: str | Path, own: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Read the published files: a tensor for each name of `own`, in the files' dtypes.

    Args:
        sam2_pt: SAM 2.1 weights, plain or under "model" or "state_dict". They are checked but not used,
            because the tokenizer file has all of them too; None skips the check.
        tokenizer_pth: the mask tokenizer, plain or under "state_dict", with or without the "hf_model."
            prefix of its training checkpoints.
        own: the state dict of a SAMTok; only its names and shapes count, so it may be on the meta device.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file does not hold tensors, or its keys are missing, unexpected or of another shape.
    """
    sources = {name: published_names(name) for name in own}
    shapes = _shapes(sources, own)
    weights = read_published(tokenizer_pth)
    _check(tokenizer_pth, weights, shapes, SAM2_PREFIX)
    if sam2_pt is not None:
        plain = {
            key.removeprefix(SAM2_PREFIX): shape
            for key, shape in shapes.items()
            if key.startswith(SAM2_PREFIX) and not key.startswith(f"{SAM2_PREFIX}sam_mask_encoder.")
        }
        _check(sam2_pt, read_published(sam2_pt), plain, "")

    return _gathered(sources, weights)


def sam2_state(sam2_pt: str | Path, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read SAM 2.1's own weights: a tensor for each name of `own` that SAM 2 has; see `published_state`."""
    sources = {
        name: [key.removeprefix(SAM2_PREFIX) for key in published_names(name)]
        for name in own
        if name.startswith("sam2.")
    }
    weights = read_published(sam2_pt)
    _check(sam2_pt, weights, _shapes(sources, own), "")
    return _gathered(sources, weights)


def _shapes(sources: Mapping[str, list[str]], own: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for name, keys in sources.items():
        rows, *rest = own[name].shape
        for key in keys:
            shapes[key] = ((rows + _is_codebook(name)) // len(keys), *rest)
    return shapes


def _gathered(sources: Mapping[str, list[str]], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = {}
    for name, keys in sources.items():
        tensor = torch.cat([weights[key] for key in keys]) if len(keys) > 1 else weights[keys[0]]
        state[name] = tensor[:-1] if _is_codebook(name) else tensor  # without the padding row
    return state


def published_names(name: str) -> list[str]:
    """The published key of one of our names; for the point embeddings four keys, to be concatenated."""
    if name.startswith("quantizer."):
        return [name]
    if name == "sam2.prompt_encoder.point_embed.weight":
        return [f"{SAM2_PREFIX}sam_prompt_encoder.point_embeddings.{i}.weight" for i in range(4)]
    for pattern, published in _RENAMES:
        name = re.sub(pattern, published, name)
    return [SAM2_PREFIX + name]


def _is_codebook(name: str) -> bool:
    return name.startswith("quantizer.") and name.endswith(".weight")


def read_published(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a PyTorch file, without wrapper or training prefix; errors as `read_tensors`."""
    return {key.removeprefix("hf_model."): value for key, value in read_tensors(path).items()}


def _check(
    path: str | Path, weights: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], prefix: str
) -> None:
    """Raise unless every expected key is there with its shape, and every other key belongs to video."""
    video_only = re.compile(f"{re.escape(prefix)}(?:{_VIDEO_ONLY})")
    found = {
        "missing": [key for key in shapes if key not in weights],
        "unexpected": [key for key in weights if key not in shapes and not video_only.fullmatch(key)],
        "of another shape": [
            f"{key} {tuple(weights[key].shape)} instead of {shape}"
            for key, shape in shapes.items()
            if key in weights and tuple(weights[key].shape) != shape
        ],
        "of whole numbers": [
            key for key in shapes if key in weights and not weights[key].is_floating_point()
        ],
    }
    if faults := [f"{len(keys)} keys {kind}: {listed(keys)}" for kind, keys in found.items() if keys]:
        raise ValueError(f"{path} does not fit SAMTok; {'; '.join(faults)}")

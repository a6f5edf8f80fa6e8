"""Sizes and numbers in recipes that fit no model: one line that names the field, before anything is built."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from samtok.build import NanoOptions
from samtok.config import SAMTokConfig, build_sam2_config
from samtok.tokenizer import SAMTok
from samtok.training.recipe import RECIPES, load_recipe
from samtok.training.sizes import SAMTokSizes
from samtok.training.supervised import SupervisedRecipe
from samtok.training.tokenizer import TokenizerRecipe

SMALL: dict[str, Any] = {
    "image_size": 64,
    "hidden_size": 32,
    "backbone": {
        "hidden_size": 16,
        "num_attention_heads": 1,
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [16, 32, 64, 128],
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 4, 4, 2],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [4, 4],
    },
    "mask_decoder": {"num_attention_heads": 2, "mlp_dim": 32},
}


def changed(content: Any, field: str, value: Any) -> Any:
    """A copy with another value at `a.b.0.c`."""
    content = copy.deepcopy(content)
    *path, last = (int(key) if key.isdigit() else key for key in field.split("."))
    place = content
    for key in path:
        place = place[key]
    place[last] = value
    return content


def refusal(tmp_path: Path, kind: type, shipped: str, field: str, value: Any) -> str:
    path = tmp_path / "recipe.yaml"
    content = yaml.safe_load((RECIPES / f"{shipped}.yaml").read_text())
    path.write_text(yaml.safe_dump(changed(content, field, value)))
    with pytest.raises(ValueError, match=r"recipe\.yaml: ") as caught:
        load_recipe(path, kind)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("start.nano.patch_size", 0, "start.nano.patch_size: Input should be greater than 0"),
        ("start.nano.merge_size", 0, "start.nano.merge_size: Input should be greater than 0"),
        ("start.nano.vision_heads", 0, "start.nano.vision_heads: Input should be greater than 0"),
        (
            "start.nano.vision_heads",
            3,
            "start.nano: vision_width: 128 is no multiple of four times the 3 vision_heads",
        ),
        ("start.nano.head_dim", 24, "start.nano.head_dim: Input should be a multiple of 16"),
        ("start.nano.image_size", 100, "start.nano: image_size: 100 is no multiple of patch_size 16 times"),
        ("start.nano.deepstack", [9], "start.nano: deepstack: there is no layer 9 of 4"),
        (
            "start.nano.text_width",
            10**9,
            "start.nano.text_width: Input should be less than or equal to 16384",
        ),
        ("start.nano.rope_theta", float("nan"), "start.nano.rope_theta: Input should be "),
        ("start.corpus", 0, "start.corpus: "),
        ("threads", 0, "threads: "),
        ("seed", -1, "seed: "),
        ("seed", 2**32, "seed: "),
        ("beta2", 1, "beta2: "),
        ("log_every", 0, "log_every: "),
        ("save_every", -5, "save_every: "),
        ("learning_rate", float("inf"), "learning_rate: "),
        ("warmup_steps", -1, "warmup_steps: "),
        ("image_loss", -0.5, "image_loss: "),
    ],
)
def test_numbers_of_a_fine_tuning(tmp_path: Path, field: str, value: Any, said: str):
    assert refusal(tmp_path, SupervisedRecipe, "nano-sft", field, value).startswith(said)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("model", {"image_sise": 64}, "model.image_sise: Extra inputs are not permitted"),
        ("model.image_size", 0, "model.image_size: "),
        ("model.image_size", 100, "model.image_size: Input should be a multiple of 32"),
        ("model.image_size", "wide", "model.image_size: "),
        ("model.hidden_size", 0, "model.hidden_size: "),
        (
            "model.hidden_size",
            72,
            "model: hidden_size: 72 is no multiple of the mask decoder's 8 attention heads",
        ),
        ("model.backbone", [], "model.backbone: "),
        (
            "model.backbone.num_attention_heads_per_stage",
            [1, 2, 4, 0],
            "model.backbone.num_attention_heads_per_stage.3: ",
        ),
        (
            "model.backbone.num_attention_heads_per_stage.1",
            7,
            "model.backbone: embed_dim_per_stage: 96 is no multiple of its 7 heads",
        ),
        (
            "model.backbone.embed_dim_per_stage",
            [48, 96, 192],
            "model.backbone.embed_dim_per_stage.3: Field required",
        ),
        (
            "model.backbone.embed_dim_per_stage.1",
            48,
            "model.backbone: embed_dim_per_stage: two stages in a row have 48",
        ),
        ("model.backbone.hidden_size", 64, "model.backbone: hidden_size: 64 is not the first stage's 48"),
        ("model.backbone.window_size_per_stage.1", 3, "model.backbone: window_size_per_stage: 3 is odd"),
        (
            "model.backbone.window_size_per_stage.0",
            10,
            "model: backbone.window_size_per_stage: an image of 192 pixels",
        ),
        (
            "model.backbone.global_attention_blocks",
            [7],
            "model.backbone: global_attention_blocks: there is no block 7 of 7",
        ),
        (
            "model.backbone.global_attention_blocks",
            [3],
            "model.backbone: global_attention_blocks: block 3 is the first of a stage",
        ),
        (
            "model.backbone.window_positional_embedding_background_size",
            [0, 8],
            "model.backbone.window_positional_embedding_background_size.0: ",
        ),
        ("model.mask_decoder.attention_downsample_rate", 0, "model.mask_decoder.attention_downsample_rate: "),
        ("codebook_size", 0, "codebook_size: "),
        ("codebook_depth", 0, "codebook_depth: "),
        ("mask_size", 0, "mask_size: "),
        ("stages.0.paths", {}, "stages.0: paths: one of them needs a frequency above 0"),
        ("stages.0.paths", {"box": 0, "mask": 0}, "stages.0: paths: one of them needs a frequency above 0"),
        ("stages.0.paths", {"box": -1, "mask": 2}, "stages.0.paths.box: "),
        ("stages.0.points", 0, "stages.0.points: "),
        ("stages.1.start_codes", 100, "(top): stages.1.start_codes: 100 vectors cannot start 256 codes"),
        ("stages.1.decay", 2, "stages.1.decay: "),
    ],
)
def test_numbers_of_a_tokenizer(tmp_path: Path, field: str, value: Any, said: str):
    assert refusal(tmp_path, TokenizerRecipe, "nano-tokenizer", field, value).startswith(said)


def test_the_shipped_sizes_are_what_they_were():
    recipe = load_recipe("nano-tokenizer", TokenizerRecipe)
    written = yaml.safe_load((RECIPES / "nano-tokenizer.yaml").read_text())["model"]
    assert build_sam2_config(**recipe.model.arguments()).to_dict() == build_sam2_config(**written).to_dict()
    assert build_sam2_config(**SAMTokSizes().arguments()).to_dict() == build_sam2_config().to_dict()


SIZE = st.sampled_from([1, 2, 3, 4, 6, 8, 12, 16])
FIELDS = st.one_of(
    st.tuples(st.just("image_size"), st.sampled_from([32, 64, 96, 160])),
    st.tuples(st.just("hidden_size"), st.sampled_from([8, 16, 24, 40, 48])),
    st.tuples(st.sampled_from(["backbone.hidden_size", "backbone.num_attention_heads"]), SIZE),
    st.tuples(
        st.builds(
            "backbone.{}.{}".format,
            st.sampled_from(
                [
                    "blocks_per_stage",
                    "embed_dim_per_stage",
                    "num_attention_heads_per_stage",
                    "window_size_per_stage",
                ]
            ),
            st.integers(0, 3),
        ),
        SIZE,
    ),
    st.tuples(st.just("backbone.global_attention_blocks"), st.lists(st.integers(0, 5), max_size=3)),
    st.tuples(
        st.just("backbone.window_positional_embedding_background_size"),
        st.lists(SIZE, min_size=2, max_size=2),
    ),
    st.tuples(
        st.builds(
            "mask_decoder.{}".format,
            st.sampled_from(
                [
                    "mlp_dim",
                    "num_hidden_layers",
                    "num_attention_heads",
                    "attention_downsample_rate",
                    "iou_head_depth",
                    "iou_head_hidden_dim",
                ]
            ),
        ),
        SIZE,
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(changes=st.lists(FIELDS, min_size=1, max_size=3))
def test_what_is_accepted_can_be_built_and_run(changes: list[tuple[str, Any]]):
    content = SMALL
    for field, value in changes:
        content = changed(content, field, value)
    try:
        sizes = SAMTokSizes.model_validate(content)
    except ValidationError:
        assume(False)
    model = SAMTok(SAMTokConfig(build_sam2_config(**sizes.arguments()), 8, 2))
    masks = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    masks[..., 3:9, 2:5] = True
    side = sizes.image_size // 4
    assert model(torch.zeros(1, 3, sizes.image_size, sizes.image_size), masks).logits.shape == (
        1,
        1,
        3,
        side,
        side,
    )


def test_a_size_that_divides_by_nothing_is_no_bug():
    with pytest.raises(ValidationError, match="greater than 0"):
        NanoOptions(patch_size=0)

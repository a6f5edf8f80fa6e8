import json
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from published_pair import small_config, write_pair
from safetensors.torch import load_file

from samtok.checkpoints import sam2_state
from samtok.tokenizer import SAMTok
from samtok.training.losses import mask_losses, sample_at, uncertain_points
from samtok.training.processes import Share
from samtok.training.recipe import load_recipe
from samtok.training.sources import trust
from samtok.training.tokenizer import Numbers, Progress, TokenizerRecipe, from_scratch, resize_masks, train

trust(Path(__file__))


def squares(seed: int, masks: int = 2) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """White squares on black, 32 x 32."""
    rng = np.random.default_rng(seed)
    while True:
        image, out = np.zeros((32, 32, 3), np.uint8), np.zeros((masks, 32, 32), bool)
        for mask in out:
            y, x, side = *rng.integers(0, 20, 2), rng.integers(6, 12)
            mask[y : y + side, x : x + side] = True
            image[mask] = 255
        yield image, out


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return written_recipe(tmp_path)


def written_recipe(tmp_path: Path, **changes: Any) -> Path:
    """A recipe of two stages of a few steps each."""
    data = {"source": "test_train_tokenizer:squares"}
    stage = {"steps": 4, "learning_rate": 1e-3, "points": 64, "masks": "all", "iou": 1.0}
    text = {
        "seed": 3,
        "threads": 1,
        "model": {
            "image_size": 64,
            "hidden_size": 32,
            "backbone": {
                "hidden_size": 16,
                "num_attention_heads": 1,
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": [16, 32, 64, 128],
                "num_attention_heads_per_stage": [1, 1, 2, 2],
                "window_size_per_stage": [8, 4, 4, 2],
                "global_attention_blocks": [3],
            },
            "mask_decoder": {"mlp_dim": 64},
        },
        "codebook_size": 16,
        "data": data,
        "evaluation": {"data": data, "seed": 9, "images": 2, "every": 4},
        "mask_size": 32,
        "images_per_step": 2,
        "log_every": 1,
        "save_every": 2,
        "stages": [
            {"name": "mask", "paths": {"box": 0.5, "mask": 0.5}, "frozen": ["sam2.vision_encoder"], **stage},
            {"name": "codes", "paths": {"codes": 1.0}, "start_codes": 20, **stage, "masks": "predicted"},
        ],
        **changes,
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(text))
    return path


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recipe and its training in `out`."""
    folder = tmp_path_factory.mktemp("once")
    train(written_recipe(folder), folder / "out")
    return folder


@pytest.fixture
def trained(once: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to go on in; its recipe is `recipe`."""
    return Path(shutil.copytree(once, tmp_path, dirs_exist_ok=True))


def test_all_stages_run_and_leave_a_log(trained: Path, tmp_path: Path) -> None:
    final = tmp_path / "out/final"
    model = SAMTok.from_pretrained(final)
    assert model.config.codebook_size == 16
    lines = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    losses = [line for line in lines if "loss" in line]
    assert [line["step"] for line in losses] == [1, 2, 3, 4] * 2
    assert {line["path"] for line in losses if line["stage"] == "codes"} == {"codes"}
    rounds = [line for line in lines if "iou_codes" in line]
    assert len(rounds) == 1
    assert 0 <= rounds[0]["iou_codes"] <= 1
    assert 1 <= rounds[0]["perplexity_1"] <= 4  # two images with two masks
    assert "iou_codes_large" in rounds[0]
    assert "iou_codes_small" not in rounds[0]  # a mask of that size is not among them


def test_frozen_parts_stay_and_the_others_move(trained: Path, tmp_path: Path) -> None:
    settings = load_recipe(trained / "recipe.yaml", TokenizerRecipe)
    torch.manual_seed(settings.seed)
    before = {name: value.clone() for name, value in from_scratch(settings).state_dict().items()}
    after = load_file(tmp_path / "out/mask/done/model.safetensors")
    vision = [name for name in before if name.startswith("sam2.vision_encoder")]
    assert all(torch.equal(before[name], after[name]) for name in vision)
    assert not torch.equal(
        before["sam2.mask_decoder.mask_tokens.weight"], after["sam2.mask_decoder.mask_tokens.weight"]
    )


def test_a_finished_training_is_not_overwritten_and_resumes_to_itself(trained: Path, tmp_path: Path) -> None:
    recipe = trained / "recipe.yaml"
    weights = load_file(tmp_path / "out/final/model.safetensors")
    with pytest.raises(FileExistsError, match="already holds a training"):
        train(recipe, tmp_path / "out")
    again = load_file(train(recipe, tmp_path / "out", resume=True) / "model.safetensors")
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_an_unfinished_stage_goes_on_from_its_checkpoint(trained: Path) -> None:
    recipe, out = trained / "recipe.yaml", trained / "out"
    shutil.rmtree(out / "codes/done")
    text = yaml.safe_load(recipe.read_text())
    text["stages"][1]["steps"] = 6
    recipe.write_text(yaml.safe_dump(text))
    train(recipe, out, resume=True)
    steps = [
        line["step"]
        for line in map(json.loads, (out / "log.jsonl").read_text().splitlines())
        if line["stage"] == "codes" and "loss" in line
    ]
    assert steps == [1, 2, 3, 4, 5, 6]


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training; a line of its log is the mean of steps before and after a checkpoint."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    train(written_recipe(folder, log_every=3), folder / "whole")
    return folder / "whole"


@pytest.mark.parametrize("killed_at", [("codes", 1), ("codes", 3)])
def test_a_resumed_training_equals_an_uninterrupted_one(
    uninterrupted: Path, tmp_path: Path, killed_at: tuple[str, int]
) -> None:
    recipe = written_recipe(tmp_path, log_every=3)

    def kill(self, args, state, control, **_) -> None:  # type: ignore[no-untyped-def]
        if (self.trainer.stage.name, state.global_step) == killed_at:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "on_step_begin", kill)
        with pytest.raises(Killed):
            train(recipe, tmp_path / "parts")
    parts = train(recipe, tmp_path / "parts", resume=True)
    assert (parts / "model.safetensors").read_bytes() == (
        uninterrupted / "final/model.safetensors"
    ).read_bytes()
    timeless = [
        [
            {
                key: str(value)
                for key, value in json.loads(line).items()
                if "second" not in key and "runtime" not in key
            }
            for line in (folder / "log.jsonl").read_text().splitlines()
        ]
        for folder in (uninterrupted, tmp_path / "parts")
    ]
    assert timeless[0] == timeless[1]


def test_a_stage_whose_weights_are_lost_is_done_again(trained: Path, tmp_path: Path) -> None:
    recipe = trained / "recipe.yaml"
    before = (tmp_path / "out/final/model.safetensors").read_bytes()
    (tmp_path / "out/codes/done/model.safetensors").unlink()
    (tmp_path / "out/mask/unfinished/checkpoint-2").mkdir(parents=True)  # a kill while it was removed
    (tmp_path / "out/final/model.safetensors").unlink()
    after = (train(recipe, tmp_path / "out", resume=True) / "model.safetensors").read_bytes()
    assert before == after
    assert (tmp_path / "out/codes/done/model.safetensors").read_bytes() == before
    assert not (tmp_path / "out/mask/unfinished").exists()


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp/x", "", "final", "unfinished", "codes", "."])
def test_a_stage_has_a_folder_of_its_own(recipe: Path, tmp_path: Path, name: str) -> None:
    text = yaml.safe_load(recipe.read_text())
    text["stages"][0]["name"] = name
    recipe.write_text(yaml.safe_dump(text))
    with pytest.raises(ValueError, match="stages"):
        train(recipe, tmp_path / "out")


def test_scratch_weights_share_one_positional_encoding(recipe: Path) -> None:
    model = from_scratch(load_recipe(recipe, TokenizerRecipe))
    assert torch.equal(
        model.sam2.shared_image_embedding.positional_embedding,
        model.sam2.prompt_encoder.shared_embedding.positional_embedding,
    )


def test_losses_of_certain_masks() -> None:
    target = torch.zeros(2, 8, 8, dtype=torch.bool)
    target[0, :4] = True
    target[1, :, :2] = True
    sure = torch.where(target, 8.0, -8.0)
    sure[1] = -sure[1]
    torch.manual_seed(0)
    entropy, dice = mask_losses(sure, target, count=200, importance=0.0)
    assert entropy[0] < entropy[1] / 5  # interpolation leaves doubt only at the boundary
    assert dice[0] < 0.1
    assert dice[1] > 0.7


def test_uncertain_points_lie_at_the_boundary() -> None:
    logits = torch.linspace(-8, 8, 32).expand(1, 32, 32)  # zero in the middle column
    torch.manual_seed(0)
    points = uncertain_points(logits, 100, importance=1.0)
    assert sample_at(logits, points).abs().max() < sample_at(logits, torch.rand(1, 100, 2)).abs().max() / 2


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"seed": "x"}, "seed"),
        ({"colour": 1}, "colour"),
        ({"stages": []}, "stages"),
        ({"data": {"source": "nowhere:regions"}}, "cannot be imported"),
        (
            {"data": {"source": "tasks", "options": {"tasks": {"gres": 1}, "split": "val"}}},
            "yields dialogues",
        ),
        ({"data": {"source": "tasks", "options": {"task": 1}}}, "options of tasks: "),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(recipe: Path, tmp_path: Path, edit: dict, message: str) -> None:
    recipe.write_text(yaml.safe_dump({**yaml.safe_load(recipe.read_text()), **edit}))
    with pytest.raises(ValueError, match=message) as error:
        train(recipe, tmp_path / "out")
    assert "\n" not in str(error.value)


def images_and_dialogues(seed, *, start=0):
    """Images with masks, and then dialogues: what a mixture of different sources yields."""
    image = np.zeros((64, 64, 3), np.uint8)
    for number in count(start):
        yield (image, np.ones((1, 64, 64), bool)) if number < 1 else {"image": image, "turns": []}


@pytest.mark.parametrize("place", ["data", "evaluation"])
def test_what_a_mixture_yields_besides_regions_is_one_line(recipe: Path, tmp_path: Path, place: str) -> None:
    content = yaml.safe_load(recipe.read_text())
    (content if place == "data" else content[place])["data"] = {
        "source": "test_train_tokenizer:images_and_dialogues"
    }
    recipe.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match="images_and_dialogues yields dialogues, where regions are needed"):
        train(recipe, tmp_path / "out")


def test_a_missing_recipe_names_the_shipped_ones() -> None:
    with pytest.raises(FileNotFoundError, match="nano-tokenizer"):
        load_recipe("none.yaml", TokenizerRecipe)


def test_the_shipped_recipe_is_valid() -> None:
    assert load_recipe("nano-tokenizer", TokenizerRecipe).stages[-1].paths["codes"] > 0


@pytest.mark.parametrize("route", ["mask", "codes"])
def test_several_passes_make_the_step_of_one(tmp_path: Path, route: str) -> None:
    stage = {"name": "s", "paths": {route: 1}, "steps": 2, "learning_rate": 1e-3, "masks": "all"}
    stage |= {"restart_below": 0.0}  # at vectors that are drawn
    # all points of a mask nearly, so that which ones are drawn does not matter
    options = {"images_per_step": 4, "stages": [{**stage, "points": 20_000}]}
    whole = load_file(train(written_recipe(tmp_path, **options), tmp_path / "whole") / "model.safetensors")
    path = written_recipe(tmp_path, **options, images_per_pass=2, workers=1)
    parts = load_file(train(path, tmp_path / "parts") / "model.safetensors")
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-2, atol=4e-3, msg=name)


def test_a_thin_mask_keeps_pixels_wherever_it_lies() -> None:
    for row in range(60):
        masks = torch.zeros(2, 600, 300, dtype=torch.bool)
        masks[0, row, 20:200] = True
        masks[1, 100:300, 100:200] = True
        small = resize_masks(masks, 64)
        assert small[0].any()
        assert not small[0, 7:].any()
        assert torch.equal(small[1], torch.nn.functional.interpolate(masks[None].float(), (64, 64))[0, 1] > 0)


def test_numbers_of_a_process_by_hand() -> None:
    numbers = Numbers(range(1, 3), 8, Share(process=1, processes=2, passes=2))
    assert list(numbers) == [12, 13, 14, 15, 20, 21, 22, 23]
    assert len(numbers) == 8


def test_a_training_starts_from_sam2s_own_weights(tmp_path: Path) -> None:
    config = small_config()
    pair = write_pair(tmp_path, config)
    sizes = {
        "image_size": 128, "hidden_size": 32, "mask_decoder": {"iou_head_hidden_dim": 256},
        "backbone": {
            "hidden_size": 8, "num_attention_heads": 1, "blocks_per_stage": [1, 2, 3, 1],
            "embed_dim_per_stage": [8, 16, 32, 64], "num_attention_heads_per_stage": [1, 2, 4, 8],
            "window_size_per_stage": [8, 4, 8, 4], "global_attention_blocks": [5],
            "window_positional_embedding_background_size": [7, 7],
        },
    }  # fmt: skip
    stage = {"name": "codes", "paths": {"codes": 1}, "steps": 1, "learning_rate": 0.0, "points": 16}
    path = written_recipe(tmp_path, sam2=str(pair[0]), model=sizes, codebook_size=256, stages=[stage])
    trained = load_file(train(path, tmp_path / "out") / "model.safetensors")
    expected = sam2_state(pair[0], trained)
    assert {name for name in trained if name.startswith("sam2.")} == expected.keys()
    assert all(torch.equal(trained[name], expected[name]) for name in expected)
    with pytest.raises(ValueError, match=r"sam2\.pt does not fit SAMTok; .* keys of another shape"):
        train(written_recipe(tmp_path, sam2=str(pair[0])), tmp_path / "other")
    with pytest.raises(ValueError, match="either start or sam2"):
        load_recipe(written_recipe(tmp_path, sam2="x.pt", start="nano"), TokenizerRecipe)

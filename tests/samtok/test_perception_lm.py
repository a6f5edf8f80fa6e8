"""PerceptionLM through the interface of the other families, in folders of the official form."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from perception_parts import VISION, write_perception_lm
from PIL import Image
from qwen_parts import TEXTS, tiny_samtok
from safetensors.torch import load_file
from test_supervised import entries, recipe

from samtok import QwenVLSAMTok
from samtok.perception_encoder import PerceptionEncoder, PerceptionEncoderConfig
from samtok.perception_lm import PerceptionLMProcessor
from samtok.qwen import load_qwen
from samtok.serving import serve
from samtok.tiles import Tiles, grid_of
from samtok.training.supervised import train
from samtok.vocabulary import extend_vocabulary


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """The language model as published, without mask words."""
    return write_perception_lm(tmp_path_factory.mktemp("plm") / "base", TEXTS)


@pytest.fixture(scope="module")
def vlm(published) -> QwenVLSAMTok:
    model, processor = load_qwen(published, torch.float32)
    extend_vocabulary(model, processor.tokenizer)
    return QwenVLSAMTok(model, processor, tiny_samtok())


def conversation(seed: int = 0, size: tuple[int, int] = (100, 60)):
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), bool)
    mask[5:20, 10:40] = True
    content = [
        {"type": "image", "image": Image.fromarray(pixels)},
        {"type": "text", "text": "What is "},
        {"type": "region", "mask": mask},
        {"type": "text", "text": "?"},
    ]
    return [{"role": "user", "content": content}]


@pytest.mark.parametrize(
    ("width", "height", "grid"),
    [
        (448, 448, (2, 2)),  # 4 tiles of 8 make it largest
        (640, 480, (3, 2)),  # both 3 x 2 and 4 x 2 make 480 rows 896; the last of the list is taken
        (1344, 300, (5, 1)),  # 4 x 1 would make it 400 high, 5 x 1 a whole tile
        (300, 3000, (1, 8)),
        (9000, 100, (8, 1)),  # fits nowhere: the widest of those less wide
        (5000, 4000, (2, 2)),  # fits nowhere: of ratio 1
    ],
)
def test_the_grid_of_tiles(width, height, grid):
    assert grid_of(width, height, 448, 8) == grid


def test_tiles_are_the_small_picture_and_then_the_grid_row_by_row():
    image = Image.new("RGB", (112, 56))
    image.paste((255, 0, 0), (56, 0, 112, 56))
    tiles = Tiles({"tile_size": 56}, 2)(image)
    assert tiles.shape == (3, 3, 56, 56)
    assert tiles[1].unique().tolist() == [-1]  # black
    assert tiles[2, 0].unique().tolist() == [1]  # red
    assert tiles[0, 0, :, :20].max() < 0 < tiles[0, 0, :, -20:].min()
    assert Tiles({"tile_size": 56}, 2).count(56, 112) == 3


def test_the_tower_is_timms():
    timm = pytest.importorskip("timm", reason="timm, with torchvision, is not installed")
    model = PerceptionEncoder(PerceptionEncoderConfig(**VISION))
    theirs = timm.create_model(VISION["architecture"], num_classes=0, **VISION["model_args"])
    theirs.load_state_dict(model.timm_model.state_dict(), strict=True)
    tiles = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, other = model.timm_model(tiles), theirs.eval().forward_features(tiles)
    torch.testing.assert_close(ours, other, atol=1e-5, rtol=1e-5)


def test_rotations_by_hand():
    """The second patch of the second row of 4 x 4: place 2 of 4 both ways, in the units of the reference."""
    settings = {**VISION, "model_args": {**VISION["model_args"], "ref_feat_shape": [8, 8]}}
    tower = PerceptionEncoder(PerceptionEncoderConfig(**settings)).timm_model
    sin, cos = tower._rotation(torch.device("cpu"))
    angles = [4 / 10 ** (k * 4 / 4) for k in range(4)]  # 10000 ** -(k / 4)
    expected = np.repeat([*angles, *angles], 2)
    np.testing.assert_allclose(sin[5], np.sin(expected), atol=1e-5)
    np.testing.assert_allclose(cos[5], np.cos(expected), atol=1e-5)
    np.testing.assert_allclose(sin[1, :8], sin[5, :8], atol=1e-6)  # the same column above: x comes first


def test_texts_and_images_become_inputs(published):
    processor = PerceptionLMProcessor.from_pretrained(published)
    images = [Image.new("RGB", size) for size in ((56, 56), (448, 56))]
    counts = [processor.image_processor.count(image.height, image.width) for image in images]
    assert counts == [5, 9]  # 2 x 2 and 8 x 1, each with the small picture
    batch = processor(["a<|image|>b", "<|image|>"], images, padding=True, return_tensors="pt")
    assert batch["pixel_values"].shape == (1, 14, 3, 56, 56)
    assert (batch["input_ids"] == processor.image_token_id).sum(1).tolist() == [4 * 5, 4 * 9]
    assert [processor.image_tokens(i.height, i.width) for i in images] == [20, 36]
    with pytest.raises(ValueError, match="the texts have 1 marks of images, and there are 2 images"):
        processor(["<|image|>"], images)


def test_a_conversation_is_answered_with_masks(vlm):
    first, second = conversation(), conversation(1, (50, 90))
    together = vlm.chat([first, second], max_new_tokens=12, constrained=True)
    alone = [vlm.chat([each], max_new_tokens=12, constrained=True)[0] for each in (first, second)]
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    for answer, shape in zip(together, ((60, 100), (90, 50)), strict=True):
        assert answer.masks.shape == (len(answer.words.words), *shape)
        assert answer.stop_reason == ("length" if answer.new_tokens == 12 else "stop")
    # the space before the mask stays, though the template trims; the image's mark becomes its tokens
    word = "<|mt_start|><|mt_0001|><|mt_0258|><|mt_end|>"
    text = vlm.processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": f"What is {word}?"}]}],
        tokenize=False,
        add_generation_prompt=True,
    )
    prompt = vlm.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert together[0].prompt_tokens == len(prompt) - 1 + vlm.processor.image_tokens(60, 100)


def test_the_image_and_the_region_matter(vlm):
    one, other = conversation(0), conversation(5)
    batch = [
        vlm.processor([text], [part["image"]], return_tensors="pt")
        for text, part in (("<|image|>x", c[0]["content"][0]) for c in (one, other))
    ]
    with torch.no_grad():
        logits = [vlm.model(**each).logits[0, -1] for each in batch]
    assert not torch.allclose(*logits)


def test_saved_folders_have_the_official_form_and_answer_the_same(vlm, published, tmp_path):
    vlm.save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "vlm/config.json").read_text())
    assert stored["model_type"] == "perception_lm"
    for name in ("model_type", "architecture", "model_args"):
        assert stored["vision_config"][name] == VISION[name]
    for name in ("processor_config.json", "preprocessor_config.json"):
        assert json.loads((tmp_path / "vlm" / name).read_text()) == json.loads((published / name).read_text())
    keys = load_file(tmp_path / "vlm/model.safetensors").keys()
    assert "model.vision_tower.timm_model.blocks.1.attn.qkv.weight" in keys
    assert "model.language_model.layers.0.self_attn.q_proj.weight" in keys
    again = QwenVLSAMTok.from_pretrained(tmp_path, device="cpu")
    ours, theirs = (each.chat([conversation()], max_new_tokens=8)[0].text for each in (vlm, again))
    assert ours == theirs


def test_plain_transformers_loads_what_is_saved(vlm, tmp_path):
    for needed in ("timm", "torchvision"):
        pytest.importorskip(needed)
    from transformers import AutoModelForImageTextToText

    vlm.save_pretrained(tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "vlm")
    batch = vlm.processor(["<|image|>x"], [Image.new("RGB", (56, 56))], return_tensors="pt")
    with torch.no_grad():
        torch.testing.assert_close(model(**batch).logits, vlm.model(**batch).logits, atol=1e-4, rtol=1e-4)


def test_a_fine_tuning_trains_and_resumes(published, tmp_path):
    path = recipe(
        tmp_path,
        start={"checkpoint": str(published)},
        stages=[{"until": 2, "images": 2}],
        frozen=["model.vision_tower", "model.multi_modal_projector"],
        evaluation=None,
        save_every=1,
    )
    final = train(path, tmp_path / "out")
    logged = [entry for entry in entries(tmp_path / "out") if "loss_first_code" in entry]
    assert [entry["step"] for entry in logged] == [1, 2]
    before, after = load_file(published / "model.safetensors"), load_file(final / "model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], after[name][: len(before[name])])}
    assert "model.language_model.layers.0.mlp.up_proj.weight" in moved
    assert not [name for name in moved if "vision_tower" in name or "projector" in name]
    model, processor = load_qwen(final, torch.float32)
    assert isinstance(processor, PerceptionLMProcessor)
    assert model.get_input_embeddings().num_embeddings == len(processor.tokenizer)
    assert train(path, tmp_path / "out", resume=True) == final


def test_questions_that_stand_alone_are_trained_and_several_are_refused(published, tmp_path):
    """A task's questions are each asked alone: of a Qwen several in one pass."""
    options = {"tasks": {"gres": 1}, "split": "val"}
    changes = {
        "start": {"checkpoint": str(published)},
        "stages": [{"until": 1, "images": 2}],
        "evaluation": None,
    }
    path = recipe(tmp_path, data={"source": "tasks", "options": {**options, "questions": 1}}, **changes)
    assert load_qwen(train(path, tmp_path / "one"), torch.float32)
    [entry] = [entry for entry in entries(tmp_path / "one") if "loss" in entry]
    assert entry["loss"] > 0
    path = recipe(tmp_path, data={"source": "tasks", "options": options}, workers=1, **changes)
    with pytest.raises(ValueError, match="turns apart about one image, and only a Qwen takes") as caught:
        train(path, tmp_path / "several")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("config.json", {"architecture": "resnet50"}, "architecture 'resnet50' is not supported"),
        ("config.json", {"model_args": {"global_pool": "map"}}, "global_pool must be '', got 'map'"),
        ("config.json", {"model_args": {"rope_type": "mixed"}}, "model_args rope_type: not supported"),
        ("processor_config.json", {"patch_size": None}, "processor_config.json has no patch_size"),
        (
            "preprocessor_config.json",
            {"vision_input_type": "vanilla"},
            "input_type must be thumb\\+tile",
        ),
    ],
)
def test_what_is_not_supported_is_one_line(published, tmp_path, file, change, said):
    for path in published.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = json.loads((tmp_path / file).read_text())
    (content["vision_config"] if file == "config.json" else content).update(change)
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=said) as caught:
        load_qwen(tmp_path, torch.float32)
    assert "\n" not in str(caught.value)


def test_parts_that_do_not_fit_are_named(vlm, published, tmp_path):
    processor = PerceptionLMProcessor.from_pretrained(published)
    extend_vocabulary(vlm.model, processor.tokenizer)
    processor.pooling = 1
    with pytest.raises(ValueError, match="the pooling_ratio is 2 for the language model and 1 for its proc"):
        QwenVLSAMTok(vlm.model, processor, vlm.samtok)


def test_settings_for_a_qwen_alone_are_refused(published, tmp_path):
    start = {"checkpoint": str(published)}
    path = recipe(tmp_path, start=start, image_loss=0.5, evaluation=None)
    with pytest.raises(ValueError, match="image_loss: only a Qwen's visual tokens"):
        train(path, tmp_path / "out")
    path = recipe(tmp_path, start={**start, "pixels": [100, 1000]}, evaluation=None)
    with pytest.raises(ValueError, match=re.escape("pixels: PerceptionLM sees tiles of a fixed size")):
        train(path, tmp_path / "other")
    with pytest.raises(ValueError, match="is a perception_lm, whose images `transformers serve` would drop"):
        serve(published)

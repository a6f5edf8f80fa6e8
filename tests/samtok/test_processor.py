import json

import numpy as np
import pytest
import torch
from PIL import Image
from qwen_parts import SMALL, TEXTS, tiny_vlm

from samtok.build import build_nano, position_waves
from samtok.processor import QwenVLProcessor
from samtok.vocabulary import (
    SPECIAL_TOKENS,
    add_mask_words,
    build_text_tokenizer,
    extend_vocabulary,
    mask_word_ids,
    random_rows,
    reset_code_rows,
)
from samtok.words import VOCABULARY


def picture(width=64, height=64, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_each_image_gets_as_many_placeholders_as_visual_tokens(family):
    model, processor = tiny_vlm(family)
    batch = processor(
        text=["<|vision_start|><|image_pad|><|vision_end|>red"] * 2,
        images=[picture(64, 64), picture(96, 32)],
        padding=True,
        return_tensors="pt",
    )
    grid = batch["image_grid_thw"]
    assert grid.tolist() == [[1, 4, 4], [1, 2, 6]]
    assert (batch["input_ids"] == processor.image_token_id).sum(1).tolist() == [4, 3]
    assert torch.equal(batch["mm_token_type_ids"] == 1, batch["input_ids"] == processor.image_token_id)
    assert torch.isfinite(model(**batch).logits).all()


def test_pixels_are_the_images_patches_in_merge_order():
    _, processor = tiny_vlm("qwen3_vl")
    image = picture()
    values = processor(text=["<|image_pad|>"], images=[image], return_tensors="pt")["pixel_values"]
    scaled = np.asarray(image, np.float32).transpose(2, 0, 1) / 127.5 - 1
    # the second patch of the first 2 x 2 group lies to the right of the first one
    np.testing.assert_allclose(values[1], scaled[:, :16, 16:32].ravel(), atol=1e-5)
    np.testing.assert_allclose(values[2], scaled[:, 16:32, :16].ravel(), atol=1e-5)


def test_an_ordinary_checkpoint_folder_loads(tmp_path):
    _, processor = tiny_vlm("qwen3_vl")
    # as Qwen distributes them: no processor_config.json, stock classes in preprocessor_config.json
    processor.tokenizer.save_pretrained(tmp_path)
    config = {
        "size": {"longest_edge": 16777216, "shortest_edge": 65536}, "patch_size": 16,
        "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "processor_class": "Qwen3VLProcessor", "image_processor_type": "Qwen2VLImageProcessorFast",
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    loaded = QwenVLProcessor.from_pretrained(tmp_path)
    batch = loaded(text=["<|image_pad|>"], images=[picture(300, 200)], return_tensors="pt")
    assert batch["image_grid_thw"].tolist() == [[1, 14, 20]]  # raised to at least 65536 pixels
    assert loaded.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False).startswith("<|im_")


def test_saved_processor_loads_the_same(tmp_path):
    _, processor = tiny_vlm("qwen3_vl")
    processor.save_pretrained(tmp_path)
    again = QwenVLProcessor.from_pretrained(tmp_path)
    arguments = {"text": ["<|image_pad|> red <|mt_0007|>"], "images": [picture()], "return_tensors": "pt"}
    saved, loaded = processor(**arguments), again(**arguments)
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(saved[key], loaded[key]) for key in saved)


def test_a_tokenizer_without_vision_tokens_is_refused():
    tokenizer = build_text_tokenizer(TEXTS, 300)
    plain = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer.from_str(_bare_json()))
    with pytest.raises(ValueError, match=r"no token <\|image_pad\|>"):
        QwenVLProcessor(tiny_vlm("qwen3_vl")[1].image_processor, plain)


def _bare_json():
    from tokenizers import Tokenizer, models

    return Tokenizer(models.BPE()).to_str()


def test_text_tokenizer_is_lossless_and_keeps_special_tokens_whole():
    tokenizer = build_text_tokenizer(TEXTS, 400)
    for text in ("Please segment red circle.", "ünïcode ☃\n\n  x", "<|im_start|>user\nhi<|im_end|>"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer(" circle")["input_ids"] == [tokenizer.get_vocab()["Ġcircle"]]
    for place, token in enumerate(SPECIAL_TOKENS):
        assert tokenizer(token)["input_ids"] == [place]


def test_mask_words_follow_in_order_and_survive_skipping_special_tokens():
    tokenizer = build_text_tokenizer(TEXTS, 300)
    assert add_mask_words(tokenizer) == 514
    assert add_mask_words(tokenizer) == 0
    start, first, second, end = mask_word_ids(tokenizer)
    assert (first.start, second.start, end) == (start + 1, start + 257, start + 513)
    assert end == len(tokenizer) - 1
    text = "x<|mt_start|><|mt_0012|><|mt_0300|><|mt_end|>"
    ids = tokenizer(text + "<|im_end|>")["input_ids"]
    assert ids[1:5] == [start, first[12], second[44], end]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_half_of_the_words_is_an_error():
    tokenizer = build_text_tokenizer(TEXTS, 300)
    tokenizer.add_tokens(list(VOCABULARY[:7]))
    with pytest.raises(ValueError, match="7 of 514"):
        add_mask_words(tokenizer)


def test_new_rows_have_the_mean_and_a_fiftieth_of_the_spread_of_the_old_ones():
    old = torch.randn(500, 3) * torch.tensor([1.0, 10.0, 0.0]) + torch.tensor([5.0, -2.0, 1.0])
    rows = random_rows(old, 20_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(rows.mean(0), old.mean(0), atol=0.01, rtol=0)
    expected = 0.02 * old.std(0).clamp_min(1e-3)
    torch.testing.assert_close(rows.std(0), expected, rtol=0.03, atol=0)


def test_extending_a_model_trims_padding_rows_keeps_old_ones_and_runs_once():

    model, _ = build_nano(SMALL, TEXTS)
    tokenizer = build_text_tokenizer(TEXTS, 300)
    old = len(tokenizer)
    model.resize_token_embeddings(old + 900)  # more rows than entries, like Qwen's checkpoints
    before = model.get_input_embeddings().weight.detach().clone()
    extend_vocabulary(model, tokenizer, seed=3)
    after = model.get_input_embeddings().weight.detach().clone()
    assert after.shape[0] == len(tokenizer) == old + 514
    assert torch.equal(after[:old], before[:old])
    assert torch.equal(after[old:], random_rows(before[:old], 514, torch.Generator().manual_seed(3)))
    extend_vocabulary(model, tokenizer, seed=4)
    assert torch.equal(model.get_input_embeddings().weight, after)


def test_near_codes_start_as_near_words_and_only_codes_are_drawn_anew():
    model, processor = tiny_vlm("qwen3_vl")
    start, first, second, _ = mask_word_ids(processor.tokenizer)
    before = model.get_input_embeddings().weight.detach().clone()
    line = torch.linspace(0, 3, 256)
    described = torch.stack([line.sin(), line.cos()], 1)
    reset_code_rows(model, processor.tokenizer, features=[described, described])
    after = model.get_input_embeddings().weight.detach()
    changed = (after != before).any(1).nonzero().flatten()
    assert changed.tolist() == [*first, *second]
    rows = after[first.start : first.stop]
    distance = torch.cdist(rows, rows)
    assert distance[0, 1] < distance[0, 50] < distance[0, 200]
    assert rows.std().item() == pytest.approx(before[:start].std().item(), rel=0.5)


def test_position_waves_tell_every_place_apart():
    waves = position_waves(12, 64)
    assert waves.shape == (144, 64)
    distance = torch.cdist(waves, waves) + 100 * torch.eye(144)
    assert distance.min() > 0.5
    assert distance[0, 1] < distance[0, 5]

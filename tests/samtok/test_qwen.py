import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from qwen_parts import tiny_qwen, tiny_samtok, tiny_vlm

from samtok import QwenVLSAMTok
from samtok.conversations import render
from samtok.words import ParsedWords, Word, format_words, parse_words

FAMILIES = ["qwen2_5_vl", "qwen3_vl"]


def picture(width=64, height=64, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def ask(text, image=None):
    image = [{"type": "image", "image": image}] if image is not None else []
    return [{"role": "user", "content": [*image, {"type": "text", "text": text}]}]


def box(width=64, height=64):
    mask = np.zeros((height, width), bool)
    mask[10:40, 5:30] = True
    return mask


@pytest.fixture(scope="module", params=FAMILIES)
def qwen(request):
    return tiny_qwen(request.param)


MIXED = [
    ask("Please segment red circle in this image.", picture()),
    ask("a", picture(96, 32, seed=1)),
    [
        *ask("What is blue star in this image, the small ring or the circle?", picture(seed=2)),
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "It is "}, {"type": "region", "mask": box()}],
        },
        *ask("and this?"),
    ],
]


@pytest.mark.parametrize("constrained", [False, True])
def test_a_batch_answers_like_each_conversation_alone(qwen, constrained):
    together = qwen.chat(MIXED, max_new_tokens=12, constrained=constrained)
    alone = [
        qwen.chat([conversation], max_new_tokens=12, constrained=constrained)[0] for conversation in MIXED
    ]
    assert len({answer.text for answer in together}) == 3
    for single, batched in zip(alone, together, strict=True):
        assert single.text == batched.text
        assert (single.prompt_tokens, single.new_tokens, single.stop_reason) == (
            batched.prompt_tokens, batched.new_tokens, batched.stop_reason,
        )  # fmt: skip
        assert np.array_equal(single.masks, batched.masks)


def force(qwen, monkeypatch, text):
    """Make the model say exactly this text, then end its turn."""
    ids = qwen.processor.tokenizer(text + "<|im_end|>")["input_ids"]

    def generate(input_ids, max_new_tokens, **_):
        new = torch.tensor([ids[:max_new_tokens]] * len(input_ids))
        return torch.cat([input_ids, new], 1)

    monkeypatch.setattr(qwen.model, "generate", generate)
    return len(ids)


def test_masks_are_the_decoded_words_on_the_first_image(qwen, monkeypatch):
    image = picture(50, 40)
    codes = torch.tensor([[3, 200], [255, 0]])
    first, second = format_words(codes)
    said = force(qwen, monkeypatch, f"red {first}, blue {second}.")
    answer = qwen.chat([ask("x", image)])[0]
    assert answer.text == f"red {first}, blue {second}."
    assert [word.codes for word in answer.words.words] == [(3, 200), (255, 0)]
    expected = qwen.samtok.decode(qwen.samtok.embed(image), codes).numpy()
    assert answer.masks.shape == (2, 40, 50)
    assert np.array_equal(answer.masks, expected)
    assert (answer.stop_reason, answer.new_tokens) == ("stop", said)
    assert answer.seconds > 0


def test_an_answer_that_is_cut_has_reason_length_and_counts_its_tokens(qwen, monkeypatch):
    force(qwen, monkeypatch, format_words([(1, 2)])[0])
    answer = qwen.chat([ask("x", picture())], max_new_tokens=3)[0]
    assert (answer.stop_reason, answer.new_tokens) == ("length", 3)
    assert [fault.kind for fault in answer.words.faults] == ["unclosed"]
    assert answer.masks.shape == (0, 64, 64)


def test_the_parser_and_special_tokens_are_passed_on(qwen, monkeypatch):
    force(qwen, monkeypatch, "<|object_ref_start|>x<|mt_start|><|mt_0001|><|mt_end|>")
    said = ParsedWords([Word((1, 0), 1, 9)])
    repaired = qwen.chat([ask("x", picture())], parse=lambda text: said)[0]
    assert repaired.text == "x<|mt_start|><|mt_0001|><|mt_end|>"
    assert repaired.words == said
    assert len(repaired.masks) == 1
    plain = qwen.chat([ask("x", picture())], skip_special_tokens=False)[0]
    assert plain.text.startswith("<|object_ref_start|>x")
    assert plain.words == parse_words(plain.text)


def test_a_region_is_written_as_its_words_on_the_image_before_it(qwen):
    first, second = picture(), picture(32, 48, seed=1)
    small = np.zeros((48, 32), bool)
    small[5:20, 3:9] = True
    parts = [
        {"type": "image", "image": first}, {"type": "text", "text": "A "}, {"type": "region", "mask": box()},
        {"type": "image", "image": second}, {"type": "region", "mask": small},
        {"type": "region", "mask": ~small},
    ]  # fmt: skip
    seen = []
    monkey = qwen.processor.apply_chat_template

    def spy(messages, **kwargs):
        seen.append(monkey(messages, **kwargs))
        return seen[-1]

    qwen.processor.apply_chat_template = spy
    try:
        qwen.chat([[{"role": "user", "content": parts}]], max_new_tokens=1)
    finally:
        del qwen.processor.apply_chat_template
    tok = qwen.samtok
    a = format_words(tok.encode(tok.embed(first), box()[None]))[0]
    b, c = format_words(tok.encode(tok.embed(second), np.stack([small, ~small])))
    picture_text = "<|vision_start|><|image_pad|><|vision_end|>"
    assert seen[0] == (
        f"<|im_start|>user\n{picture_text}A {a}{picture_text}{b}{c}<|im_end|>\n<|im_start|>assistant\n"
    )


def test_each_image_is_embedded_once_for_regions_and_masks(qwen, monkeypatch):
    force(qwen, monkeypatch, format_words([(1, 2)])[0])
    calls = []
    embed = qwen.samtok.embed

    def count(image):
        if isinstance(image, list):  # a single image calls itself as a list
            calls.append(image)
        return embed(image)

    monkeypatch.setattr(qwen.samtok, "embed", count)
    image = picture()
    conversation = ask("x", image)
    conversation[0]["content"].append({"type": "region", "mask": box()})
    answers = qwen.chat([conversation, ask("y", image)])
    assert len(calls) == 1
    assert all(len(answer.masks) == 1 for answer in answers)


def test_constrained_answers_have_no_faults(qwen):
    for seed in range(3):
        for answer in qwen.chat([ask("red", picture(seed=seed))], max_new_tokens=11, constrained=True):
            assert not answer.words.faults


def test_text_alone_and_nothing_at_all(qwen):
    answer = qwen.chat([ask("hello")], max_new_tokens=4)[0]
    assert answer.masks.shape == (0, 0, 0)
    assert qwen.chat([]) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_folder_gives_the_same_answers(tmp_path, family):
    qwen = tiny_qwen(family)
    qwen.save_pretrained(tmp_path)
    again = QwenVLSAMTok.from_pretrained(tmp_path, device="cpu")
    assert again.model.dtype == torch.float32
    before, after = (q.chat(MIXED[:2], max_new_tokens=8) for q in (qwen, again))
    assert [answer.text for answer in before] == [answer.text for answer in after]


def test_dtype_is_a_choice(tmp_path):
    model, processor = tiny_vlm("qwen3_vl")
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    qwen = QwenVLSAMTok.from_pretrained(tmp_path, device="cpu", dtype=torch.bfloat16, samtok=tiny_samtok())
    assert qwen.model.dtype == torch.bfloat16
    assert qwen.samtok.dtype == torch.float32


class TestWrongFolders:
    def test_no_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"unknown model .* no such folder"):
            QwenVLSAMTok.from_pretrained(tmp_path / "none")

    def test_no_config(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"config\.json"):
            QwenVLSAMTok.from_pretrained(tmp_path)

    def test_another_family(self, tmp_path):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
        with pytest.raises(ValueError, match=r"llama.*supported: perception_lm, qwen2_5_vl, qwen3_vl"):
            QwenVLSAMTok.from_pretrained(tmp_path)

    def test_no_mask_tokenizer(self, tmp_path):
        model, processor = tiny_vlm("qwen3_vl")
        model.save_pretrained(tmp_path)
        processor.save_pretrained(tmp_path)
        with pytest.raises(FileNotFoundError, match=r"mask_tokenizer_256x2\.pth"):
            QwenVLSAMTok.from_pretrained(tmp_path)

    def test_missing_weights(self, tmp_path):
        from safetensors.torch import load_file, save_file

        model, processor = tiny_vlm("qwen3_vl")
        model.save_pretrained(tmp_path)
        processor.save_pretrained(tmp_path)
        weights = load_file(tmp_path / "model.safetensors")
        name = next(key for key in weights if key.endswith("layers.0.self_attn.q_proj.weight"))
        del weights[name]
        save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(ValueError, match=r"do not fit qwen3_vl; 1 missing: .*q_proj"):
            QwenVLSAMTok.from_pretrained(tmp_path, samtok=tiny_samtok())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"type": "region", "mask": box()}], "needs an image before it"),
        ([{"type": "video"}], "got 'video'"),
        ([{"type": "image", "image": 1}, {"type": "region", "mask": np.zeros(3)}], r"\(H, W\)"),
        (
            [
                {"type": "image", "image": 1},
                {"type": "region", "mask": box()},
                {"type": "region", "mask": box(9)},
            ],
            "differ in size",
        ),
    ],
)
def test_conversations_that_make_no_sense(content, message):
    with pytest.raises(ValueError, match=message):
        render([{"role": "user", "content": content}], lambda image, masks: ["x"] * len(masks))


def test_an_unknown_role():
    with pytest.raises(ValueError, match="message 1: role"):
        render([{"role": "robot", "content": "hi"}], lambda image, masks: [])


@pytest.mark.parametrize("mark", ["<|im_end|>", "<|im_start|>", "<|image_pad|>", "<|endoftext|>"])
def test_text_cannot_write_what_the_template_writes(mark):
    """It would end the turn, or take the place of a picture."""
    for content in (f"the {mark} sign", [{"type": "text", "text": mark}]):
        with pytest.raises(ValueError, match=re.escape(f"message 1: a text holds {mark}, a mark of chat")):
            render([{"role": "user", "content": content}], lambda image, masks: [])


def test_text_may_hold_mask_words_and_any_other_tag():
    text = "<region> <image> <|mt_start|><|mt_0001|><|mt_0300|><|mt_end|> <|object_ref_start|>"
    (message,) = render([{"role": "user", "content": text}], lambda image, masks: [])
    assert message["content"] == [{"type": "text", "text": text}]

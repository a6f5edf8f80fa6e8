"""A group's prompt is read once, and all that follows is as if each answer had its own."""

import numpy as np
import pytest
import torch
from PIL import Image
from qwen_parts import tiny_vlm

from samtok.training.shared_prompts import Groups, generate_from_shared_prompts, pack

ASKED = ["one", "one and another one", "one", "one"]
"""The last two about other images than the first."""
ANSWERS = 3


@pytest.fixture(params=["qwen3_vl", "qwen2_5_vl"])
def vlm(request):
    model, processor = tiny_vlm(request.param)
    processor.tokenizer.padding_side = "left"
    return model.eval(), processor


def asked(processor, order):
    """Model inputs of prompts, in this order."""
    images = [
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (64, side, 3), dtype=np.uint8))
        for seed, side in ((0, 64), (0, 64), (1, 64), (0, 96))
    ]
    texts = [
        processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}],
            add_generation_prompt=True,
        )
        for text in ASKED
    ]
    return processor(
        text=[texts[k] for k in order], images=[images[k] for k in order], padding=True, return_tensors="pt"
    )


def patches(model):
    """How many patches the vision tower sees from now on."""
    seen = []
    model.model.visual.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    return seen


def test_groups_are_of_equal_text_about_equal_images():
    red, blue, long = torch.zeros(4, 3), torch.ones(4, 3), torch.zeros(8, 3)
    groups = Groups.of([[1, 2], [1, 2], [1], [1, 2], [1, 2]], [red, blue, red, red.clone(), long])
    assert groups == Groups(firsts=[0, 1, 2, 4], of_rows=[0, 1, 2, 0, 3])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_answers_behind_one_prompt_have_the_probabilities_and_gradients_of_their_own(vlm, attention):
    model, processor = vlm
    model.set_attn_implementation(attention)
    order = [k for k in range(len(ASKED)) for _ in range(ANSWERS)]
    np.random.default_rng(0).shuffle(order)  # as TRL shuffles what it has sampled
    inputs = asked(processor, order)
    rng = torch.Generator().manual_seed(0)
    plain = torch.tensor(processor.tokenizer.encode("the square of another colour and no target"))
    said = plain[torch.randint(len(plain), (len(order), 6), generator=rng)]
    known = (torch.arange(6) < torch.randint(1, 7, (len(order), 1), generator=rng)).long()
    ids = torch.cat([inputs["input_ids"], said], 1)
    mask = torch.cat([inputs["attention_mask"], known], 1)
    kinds = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(said)], 1)
    of_images = {key: inputs[key] for key in ("pixel_values", "image_grid_thw")}

    logits = model(input_ids=ids, attention_mask=mask, mm_token_type_ids=kinds, **of_images).logits
    expected = logits[:, -7:-1].log_softmax(-1).gather(2, said[..., None])[..., 0] * known
    weights = torch.randn(expected.shape, generator=rng)
    model.zero_grad()
    (expected * weights).sum().backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    seen = patches(model)
    packed = pack(model, ids, mask, 6, **of_images, mm_token_type_ids=kinds)
    labels = packed.inputs.pop("labels")
    assert len(labels) == len(ASKED)
    assert int((labels >= 0).sum()) == int(known.sum())
    logits = model(**packed.inputs).logits[:, :-1].log_softmax(-1)
    found = packed.unpacked(logits.gather(2, labels[:, 1:, None].clamp_min(0))[..., 0])
    assert seen == [len(of_images["pixel_values"]) / ANSWERS]
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
    model.zero_grad()
    (found * weights).sum().backward()
    for name, parameter in model.named_parameters():
        if name in gradients:
            torch.testing.assert_close(parameter.grad, gradients[name], atol=2e-3, rtol=1e-3, msg=name)


def test_the_mark_of_an_image_in_an_answer_is_none(vlm):
    model, processor = vlm
    inputs = asked(processor, [0, 0])
    said = torch.tensor([[processor.image_token_id, 9], [9, processor.image_token_id]])
    packed = pack(
        model,
        torch.cat([inputs["input_ids"], said], 1),
        torch.cat([inputs["attention_mask"], torch.ones_like(said)], 1),
        2,
        **{key: inputs[key] for key in ("pixel_values", "image_grid_thw", "mm_token_type_ids")},
    )
    labels = packed.inputs.pop("labels")
    assert labels[labels >= 0].tolist() == said.flatten().tolist()
    assert model(**packed.inputs).logits.isfinite().all()


def test_answers_that_begin_from_one_prompt_are_those_of_their_own(vlm):
    model, processor = vlm
    order = [k for k in range(len(ASKED)) for _ in range(ANSWERS)]
    inputs = asked(processor, order)
    options = {"max_new_tokens": 8, "do_sample": False}
    expected = model.generate(**inputs, **options)
    generate_from_shared_prompts(model)
    seen = patches(model)
    assert torch.equal(model.generate(**inputs, **options), expected)
    assert seen == [len(inputs["pixel_values"]) / ANSWERS]
    alone = asked(processor, range(len(ASKED)))
    assert torch.equal(model.generate(**alone, **options), expected[::ANSWERS])

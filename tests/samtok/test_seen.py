"""An image part with another picture for the language model than for the mask tokenizer."""

import numpy as np
from PIL import Image
from qwen_parts import tiny_qwen

from samtok.words import format_words


def picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_the_model_sees_one_picture_and_the_words_are_of_the_other(monkeypatch):
    qwen = tiny_qwen("qwen3_vl")
    kept, shown = picture(0), picture(1)
    mask = np.zeros((64, 64), bool)
    mask[10:40, 5:30] = True
    prompts, given = [], []
    process = type(qwen.processor).__call__

    def spy(self, *arguments, text, images, **options):
        prompts.extend(text)
        given.extend(images)
        return process(self, *arguments, text=text, images=images, **options)

    monkeypatch.setattr(type(qwen.processor), "__call__", spy)

    embedded = []
    embed = qwen.samtok.embed

    def spy_embed(image):  # which asks itself with a list of one
        embedded.extend([] if isinstance(image, list) else [image])
        return embed(image)

    monkeypatch.setattr(qwen.samtok, "embed", spy_embed)

    def ask(image):
        parts = [{"type": "image", **image}, {"type": "region", "mask": mask}]
        return qwen.chat([[{"role": "user", "content": parts}]], max_new_tokens=1)

    ask({"image": kept, "seen": shown})
    assert np.array_equal(np.asarray(given[0]), np.asarray(shown))
    assert embedded == [kept]
    assert format_words(qwen.samtok.encode(embed([kept])[0], mask[None]))[0] in prompts[0]
    ask({"image": kept})
    assert np.array_equal(np.asarray(given[1]), np.asarray(kept))
    assert embedded == [kept, kept]

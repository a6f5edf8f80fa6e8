"""Conversations with images and regions, and their rendering as text.

A conversation is a list of messages {"role": "user" | "assistant" | "system", "content": str or [part, ...]}.
A part is {"type": "image", "image": PIL image}, {"type": "text", "text": str} or {"type": "region", "mask":
(H, W) bool}. A region is a mask on the last image before it; in the text it becomes that mask's words. An
image part may also have "seen", a picture that the language model sees in place of "image", which then only
the mask tokenizer gets.

Text may hold mask words, as the answers of earlier rounds do, but none of the marks that a chat template
writes around turns and images: the tokenizer could not tell them from the template's own.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

Conversation: TypeAlias = Sequence[dict[str, Any]]
ToWords: TypeAlias = Callable[[Any, np.ndarray], list[str]]
"""From an image of the conversation and masks (N, H, W) bool on it to N words."""
_TEMPLATE_MARK = re.compile(
    r"<\|(?:endoftext|im_start|im_end|vision_start|vision_end|vision_pad|image_pad|video_pad"
    r"|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|image|video)\|>"
)
"""Of the chat templates of Qwen, and of PerceptionLM."""


def template_mark(text: str) -> str:
    """The first mark of chat templates in a text; empty if there is none."""
    found = _TEMPLATE_MARK.search(text)
    return found[0] if found else ""


def render(conversation: Conversation, to_words: ToWords) -> list[dict[str, Any]]:
    """Turn a conversation into messages for a chat template, with its regions written as words.

    `to_words` is called once for each image that has regions, with all of them.

    Raises:
        ValueError: an unknown role or part, a template's mark in a text, a region before any image, a mask
            that is not (H, W), or regions of different sizes on one image.
    """
    images: list[Any] = []
    regions: dict[int, list[np.ndarray]] = {}
    spots: list[tuple[dict[str, Any], int]] = []  # text parts that wait for words, and their image
    messages = []
    for number, message in enumerate(conversation, 1):
        if (role := message.get("role")) not in ("system", "user", "assistant"):
            raise ValueError(f"message {number}: role must be system, user or assistant, got {role!r}")
        content = message["content"]
        parts: list[dict[str, Any]] = []
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            kind = part.get("type")
            if kind == "image":
                images.append(part["image"])
                parts.append({"type": "image"})
            elif kind == "text":
                if mark := template_mark(part["text"]):
                    raise ValueError(f"message {number}: a text holds {mark}, a mark of chat templates")
                parts.append({"type": "text", "text": part["text"]})
            elif kind == "region":
                mask = np.asarray(part["mask"])
                if not images:
                    raise ValueError(f"message {number}: a region needs an image before it")
                if mask.ndim != 2:
                    raise ValueError(f"message {number}: a region is a mask (H, W), got shape {mask.shape}")
                parts.append({"type": "text", "text": ""})
                spots.append((parts[-1], len(images) - 1))
                regions.setdefault(len(images) - 1, []).append(mask)
            else:
                raise ValueError(f"message {number}: a part is an image, text or region, got {kind!r}")
        messages.append({"role": role, "content": parts})
    for index, masks in regions.items():
        if len({mask.shape for mask in masks}) > 1:
            raise ValueError(f"regions on image {index + 1} differ in size: {[m.shape for m in masks]}")
    words = {index: iter(to_words(images[index], np.stack(masks))) for index, masks in regions.items()}
    for spot, index in spots:
        spot["text"] = next(words[index])
    for message in messages:
        message["content"] = joined(message["content"])
    return messages


def joined(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Parts with neighbouring texts as one: PerceptionLM's template would trim each of them."""
    whole: list[dict[str, Any]] = []
    for part in parts:
        if whole and part["type"] == whole[-1]["type"] == "text":
            whole[-1] = {"type": "text", "text": whole[-1]["text"] + part["text"]}
        else:
            whole.append(part)
    return whole

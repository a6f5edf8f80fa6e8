"""QwenVLSAMTok: a Qwen vision-language model that reads and writes masks."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    LogitsProcessorList,
    PreTrainedModel,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLForConditionalGeneration,
)

from samtok.constrained import WellFormedMasks
from samtok.conversations import Conversation, render
from samtok.images import to_rgb
from samtok.locate import TOKENIZER, VLM, model_folder, tokenizer_part, vlm_part
from samtok.processor import QwenVLProcessor
from samtok.tokenizer import ImageEmbedding, SAMTok
from samtok.vocabulary import mask_word_ids
from samtok.words import ParsedWords, format_words, parse_words

FAMILIES: dict[str, type[PreTrainedModel]] = {
    "qwen2_5_vl": Qwen2_5_VLForConditionalGeneration,
    "qwen3_vl": Qwen3VLForConditionalGeneration,
}


@dataclass(frozen=True)
class Answer:
    """What the model said to one conversation."""

    text: str
    words: ParsedWords
    masks: NDArray[np.bool_]
    """(N, H, W), one for each word in reading order, on the conversation's first image."""
    stop_reason: Literal["stop", "length"]
    prompt_tokens: int
    new_tokens: int
    """The end of the turn included."""
    seconds: float
    """An equal share of the batch's time."""


class QwenVLSAMTok:
    """A Qwen2.5-VL or Qwen3-VL with mask words (`model`, `processor`) and its tokenizer (`samtok`)."""

    def __init__(self, model: PreTrainedModel, processor: QwenVLProcessor, samtok: SAMTok) -> None:
        self.model, self.processor, self.samtok = model.eval(), processor, samtok.eval()
        self._word_ids = mask_word_ids(processor.tokenizer)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        samtok: SAMTok | str | Path | None = None,
    ) -> "QwenVLSAMTok":
        """Load "nano", a folder or a hub id, see `samtok.locate`.

        Args:
            device: by default CUDA where there is one, else the CPU.
            dtype: of the VLM; by default bfloat16 on CUDA and float32 elsewhere. The tokenizer stays in
                float32, its transformers run under bfloat16 autocast on CUDA, as released.
            samtok: the tokenizer or where to load it from, for a folder that has none.

        Raises:
            OSError: no such folder or hub id, or a part of it is missing.
            ValueError: another model family, or weights that do not fit.
        """
        folder = model_folder(name)
        device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        on_cuda = device.type == "cuda"
        dtype = dtype or (torch.bfloat16 if on_cuda else torch.float32)
        model, processor = load_qwen(vlm_part(folder), dtype)
        if not isinstance(samtok, SAMTok):
            where = samtok or tokenizer_part(folder)
            samtok = SAMTok.from_pretrained(
                where, device=device, autocast=torch.bfloat16 if on_cuda else None
            )
        return cls(model.to(device), processor, samtok.to(device))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `folder`/vlm and `folder`/tokenizer."""
        self.model.save_pretrained(Path(folder) / VLM)
        self.processor.save_pretrained(Path(folder) / VLM)
        self.samtok.save_pretrained(Path(folder) / TOKENIZER)

    @torch.no_grad()
    def chat(
        self,
        conversations: Sequence[Conversation],
        max_new_tokens: int = 128,
        constrained: bool = False,
        parse: Callable[[str], ParsedWords] = parse_words,
        skip_special_tokens: bool = True,
    ) -> list[Answer]:
        """Answer conversations greedily, all in one batch; other settings are the checkpoint's own.

        Args:
            conversations: see `samtok.conversations`; each ends with a user's message.
            constrained: mask words are always well formed. The papers decode freely.
            parse: reads the mask words of an answer.
            skip_special_tokens: leave Qwen's own special tokens out of the text; mask words always stay.

        Raises:
            ValueError: a conversation that cannot be rendered.
        """
        if not conversations:
            return []
        begin = time.perf_counter()
        embeddings: dict[int, ImageEmbedding] = {}
        texts, images, seen = [], [], []
        for conversation in conversations:
            parts = _image_parts(conversation)
            pictures = [part["image"] for part in parts]

            def to_words(index: int, masks: NDArray[Any], pictures: list[Any] = pictures) -> list[str]:
                return format_words(self.samtok.encode(self._embed(pictures[index], embeddings), masks))

            messages = render(conversation, to_words)
            texts.append(
                self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            )
            images.append(pictures)
            seen.append([part.get("seen", part["image"]) for part in parts])
        new, prompt_tokens = self._generate(texts, seen, max_new_tokens, constrained)
        answers = []
        for row, pictures, prompt in zip(new, images, prompt_tokens, strict=True):
            text = self.processor.tokenizer.decode(
                row, skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=False
            )
            words = parse(text)
            stopped = bool(row) and row[-1] in self._ends()
            answers.append(
                Answer(
                    text=text,
                    words=words,
                    masks=self._masks(words, pictures, embeddings),
                    stop_reason="stop" if stopped else "length",
                    prompt_tokens=prompt,
                    new_tokens=len(row),
                    seconds=0.0,
                )
            )
        seconds = (time.perf_counter() - begin) / len(conversations)
        return [replace(answer, seconds=seconds) for answer in answers]

    def _generate(
        self, texts: list[str], images: list[list[Any]], max_new_tokens: int, constrained: bool
    ) -> tuple[list[list[int]], list[int]]:
        """New token ids of each text, up to and with the end of the turn, and the prompts' lengths."""
        pictures = [to_rgb(image) for group in images for image in group]
        batch = self.processor(
            text=texts, images=pictures or None, padding=True, padding_side="left", return_tensors="pt"
        ).to(self.model.device)
        length = batch["input_ids"].shape[1]
        limits = LogitsProcessorList()
        if constrained:
            limits.append(WellFormedMasks(*self._word_ids, length, max_new_tokens))
        output = self.model.generate(
            **batch,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            # checkpoints carry sampling settings, which greedy decoding would warn about
            temperature=None,
            top_p=None,
            top_k=None,
            eos_token_id=sorted(self._ends()),
            pad_token_id=self.processor.tokenizer.pad_token_id,
            logits_processor=limits,
        )
        return (
            [_up_to(row, self._ends()) for row in output[:, length:].tolist()],
            batch["attention_mask"].sum(1).tolist(),
        )

    def _ends(self) -> set[int]:
        """Ids that end a turn: <|im_end|> and what the checkpoint names besides."""
        named = self.model.generation_config.eos_token_id
        named = named if isinstance(named, list) else [] if named is None else [named]
        return {self.processor.tokenizer.convert_tokens_to_ids("<|im_end|>"), *named}

    def _embed(self, image: Any, embeddings: dict[int, ImageEmbedding]) -> ImageEmbedding:
        """The embedding of an image, computed once a call."""
        if id(image) not in embeddings:
            embeddings[id(image)] = self.samtok.embed(image)
        return embeddings[id(image)]

    def _masks(
        self, words: ParsedWords, images: list[Any], embeddings: dict[int, ImageEmbedding]
    ) -> NDArray[np.bool_]:
        if not images:
            return np.zeros((0, 0, 0), bool)
        if not words.words:
            width, height = to_rgb(images[0]).size
            return np.zeros((0, height, width), bool)
        embedding = self._embed(images[0], embeddings)
        return self.samtok.decode(embedding, np.array(words.codes)).cpu().numpy()


def load_qwen(folder: str | Path, dtype: torch.dtype) -> tuple[PreTrainedModel, QwenVLProcessor]:
    """A Qwen vision-language model and its processor; config.json says which family.

    Raises:
        FileNotFoundError: no config.json in `folder`.
        ValueError: another family, or weights that do not fit.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"no config.json in {folder}: expected the folder of a Qwen vision-language model"
        )
    family = json.loads((folder / "config.json").read_text()).get("model_type")
    if family not in FAMILIES:
        raise ValueError(
            f"{folder / 'config.json'}: model_type {family!r} is not supported; "
            f"supported: {', '.join(sorted(FAMILIES))}"
        )
    model, info = FAMILIES[family].from_pretrained(folder, dtype=dtype, output_loading_info=True)
    if faults := sorted(
        map(str, {*info["missing_keys"], *info["unexpected_keys"], *info["mismatched_keys"]})
    ):
        raise ValueError(f"{len(faults)} weights in {folder} do not fit {family}: {', '.join(faults[:10])}")
    return model, QwenVLProcessor.from_pretrained(folder)


def _image_parts(conversation: Conversation) -> list[dict[str, Any]]:
    return [
        part
        for message in conversation
        if not isinstance(message["content"], str)
        for part in message["content"]
        if part.get("type") == "image"
    ]


def _up_to(row: list[int], ends: set[int]) -> list[int]:
    for place, token in enumerate(row):
        if token in ends:
            return row[: place + 1]
    return row

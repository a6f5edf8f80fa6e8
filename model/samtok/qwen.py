"""QwenVLSAMTok: a vision-language model, of Qwen's families or PerceptionLM, that reads and writes masks."""

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

from samtok.agreement import check_parts
from samtok.constrained import WellFormedMasks
from samtok.conversations import Conversation, render
from samtok.file_kinds import read_object
from samtok.images import to_rgb
from samtok.loading import CONFIG, load_model, load_processor
from samtok.locate import TOKENIZER, VLM, model_folder, tokenizer_part, vlm_part
from samtok.perception_lm import FAMILY, PerceptionLMProcessor, load_perception_lm
from samtok.processor import Processor, QwenVLProcessor
from samtok.tokenizer import ImageEmbedding, SAMTok
from samtok.vocabulary import mask_word_ids, special_ids
from samtok.words import ParsedWords, format_words, parse_words

QWENS: dict[str, type[PreTrainedModel]] = {
    "qwen2_5_vl": Qwen2_5_VLForConditionalGeneration,
    "qwen3_vl": Qwen3VLForConditionalGeneration,
}
FAMILIES: dict[str, tuple[Callable[..., Any], Callable[..., Processor]]] = {
    **{name: (model.from_pretrained, QwenVLProcessor.from_pretrained) for name, model in QWENS.items()},
    FAMILY: (load_perception_lm, PerceptionLMProcessor.from_pretrained),
}
"""What loads the model and the processor of a folder, by `model_type`."""


@dataclass(frozen=True)
class Answer:
    """The model's answer to a conversation."""

    text: str
    words: ParsedWords
    masks: NDArray[np.bool_]
    """(N, H, W), a mask for each word in reading order, at the size of the conversation's first image."""
    stop_reason: Literal["stop", "length"]
    """Whether the model ended its turn, or the limit of new tokens cut it."""
    prompt_tokens: int
    new_tokens: int
    """Including the end of the turn."""
    seconds: float
    """The batch's time, divided by its number of conversations."""


class QwenVLSAMTok:
    """A vision-language model with mask words (`model`, `processor`) and its mask tokenizer (`samtok`).

    It is a Qwen2.5-VL, a Qwen3-VL or a PerceptionLM.
    """

    def __init__(self, model: PreTrainedModel, processor: Processor, samtok: SAMTok) -> None:
        """Raises ValueError if the parts do not fit together, see `samtok.agreement`."""
        check_parts(model, processor, samtok.config)
        self.model, self.processor, self.samtok = model.eval(), processor, samtok.eval()
        self._word_ids = mask_word_ids(processor.tokenizer)
        self._special_ids = special_ids(processor.tokenizer)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        samtok: SAMTok | str | Path | None = None,
        attention: str | None = None,
        revision: str | None = None,
    ) -> "QwenVLSAMTok":
        """Load a model by its name: "nano", a folder or a hub id.

        Args:
            name: see `samtok.locate`.
            device: by default CUDA if there is a GPU, else the CPU.
            dtype: of the language model; by default bfloat16 on CUDA and float32 elsewhere. The mask
                tokenizer stays in float32; on CUDA its transformers run under bfloat16 autocast, as released.
            samtok: the mask tokenizer, or the name of one, for a folder without a tokenizer.
            attention: how the language model computes it, as transformers' `attn_implementation`.
            revision: branch, tag or commit of a hub id.

        Raises:
            OSError: there is no such folder or hub id, or a part of it is missing.
            ValueError: the model family is not supported, a file is broken, or parts do not fit each other.
        """
        folder = model_folder(name, revision)
        device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        on_cuda = device.type == "cuda"
        dtype = dtype or (torch.bfloat16 if on_cuda else torch.float32)
        model, processor = load_qwen(vlm_part(folder), dtype, attention)
        if not isinstance(samtok, SAMTok):
            where = samtok or tokenizer_part(folder)
            samtok = SAMTok.from_pretrained(
                where, device=device, autocast=torch.bfloat16 if on_cuda else None
            )
        try:
            return cls(model.to(device), processor, samtok.to(device))
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from None

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model to `folder`/vlm and the mask tokenizer to `folder`/tokenizer."""
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
        """Answer conversations in their order, by greedy decoding, all in one batch.

        Settings that are not named here are those of the checkpoint.

        Args:
            conversations: see `samtok.conversations`; each ends with a user's message.
            max_new_tokens: the limit of each answer, including the end of the turn.
            constrained: force mask words to be well formed. The papers decode freely.
            parse: reads the mask words in an answer's text.
            skip_special_tokens: leave the model's own special tokens out of the text. Mask words always stay.

        Raises:
            ValueError: a conversation cannot be rendered.
        """
        if not conversations:
            return []
        begin = time.perf_counter()
        embeddings: dict[int, ImageEmbedding] = {}

        def embed(image: Any) -> ImageEmbedding:
            if id(image) not in embeddings:
                embeddings[id(image)] = self.samtok.embed(image)
            return embeddings[id(image)]

        def to_words(image: Any, masks: NDArray[Any]) -> list[str]:
            return format_words(self.samtok.encode(embed(image), masks))

        texts = [
            self.processor.apply_chat_template(
                render(conversation, to_words), tokenize=False, add_generation_prompt=True
            )
            for conversation in conversations
        ]
        images = [_image_parts(conversation) for conversation in conversations]
        seen = [part.get("seen", part["image"]) for parts in images for part in parts]
        ends = self._ends()
        new, prompt_tokens = self._generate(texts, seen, ends, max_new_tokens, constrained)
        answers = []
        for row, parts, prompt in zip(new, images, prompt_tokens, strict=True):
            text = self._text(row, skip_special_tokens)
            words = parse(text)
            answers.append(
                Answer(
                    text=text,
                    words=words,
                    masks=self._masks(words, parts, embed),
                    stop_reason="stop" if ends.intersection(row) else "length",
                    prompt_tokens=prompt,
                    new_tokens=len(row),
                    seconds=0.0,
                )
            )
        seconds = (time.perf_counter() - begin) / len(conversations)
        return [replace(answer, seconds=seconds) for answer in answers]

    def _generate(
        self, texts: list[str], images: list[Any], ends: set[int], max_new_tokens: int, constrained: bool
    ) -> tuple[list[list[int]], list[int]]:
        """The new token ids of each text, including the end of the turn, and the prompts' lengths."""
        batch = self.processor(
            text=texts,
            images=[to_rgb(image) for image in images] or None,
            padding=True,
            padding_side="left",
            return_tensors="pt",
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
            # the sampling settings of checkpoints would cause warnings in greedy decoding
            temperature=None,
            top_p=None,
            top_k=None,
            eos_token_id=sorted(ends),
            pad_token_id=self.processor.tokenizer.pad_token_id,
            logits_processor=limits,
        )
        rows = output[:, length:].tolist()
        lengths = [next((n for n, token in enumerate(row, 1) if token in ends), len(row)) for row in rows]
        return (
            [row[:length] for row, length in zip(rows, lengths, strict=True)],
            batch["attention_mask"].sum(1).tolist(),
        )

    def _text(self, ids: list[int], skip_special_tokens: bool) -> str:
        # by id, because `decode` would skip mask words that a trainer has added as special tokens
        if skip_special_tokens:
            ids = [token for token in ids if token not in self._special_ids]
        return self.processor.tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )

    def _ends(self) -> set[int]:
        """The token ids that end a turn: the processor's `turn_end` and those that the checkpoint names."""
        named = self.model.generation_config.eos_token_id
        named = named if isinstance(named, list) else [] if named is None else [named]
        return {self.processor.tokenizer.convert_tokens_to_ids(self.processor.turn_end), *named}

    def _masks(
        self, words: ParsedWords, images: list[dict[str, Any]], embed: Callable[[Any], ImageEmbedding]
    ) -> NDArray[np.bool_]:
        if not images:
            return np.zeros((0, 0, 0), bool)
        first = images[0]["image"]
        if not words.words:
            width, height = to_rgb(first).size
            return np.zeros((0, height, width), bool)
        return self.samtok.decode(embed(first), np.array(words.codes)).cpu().numpy()


def load_qwen(
    folder: str | Path, dtype: torch.dtype, attention: str | None = None
) -> tuple[PreTrainedModel, Processor]:
    """Load a vision-language model and its processor; config.json names the family.

    Args:
        attention: see `QwenVLSAMTok.from_pretrained`.

    Raises:
        FileNotFoundError: there is no config.json in `folder`.
        ValueError: the family is not supported, or weights do not fit.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise FileNotFoundError(f"no {CONFIG} in {folder}: expected the folder of a vision-language model")
    family = read_object(folder / CONFIG).get("model_type")
    if family not in FAMILIES:
        raise ValueError(
            f"{folder / CONFIG}: model_type {family!r} is not supported; "
            f"supported: {', '.join(sorted(FAMILIES))}"
        )
    of_model, of_processor = FAMILIES[family]
    chosen = {} if attention is None else {"attn_implementation": attention}
    model = load_model(of_model, folder, family, dtype=dtype, **chosen)
    return model, load_processor(of_processor, folder)


def _image_parts(conversation: Conversation) -> list[dict[str, Any]]:
    return [
        part
        for message in conversation
        if not isinstance(message["content"], str)
        for part in message["content"]
        if part.get("type") == "image"
    ]

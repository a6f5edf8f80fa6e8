"""PerceptionLM with mask words, as PLM-1B-SAMTok: loading it and its processor, without timm and torchvision.

Folders keep the official form: plain transformers loads what is saved here, where timm and torchvision are.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import (
    AutoTokenizer,
    BatchFeature,
    PerceptionLMConfig,
    PerceptionLMForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    ProcessorMixin,
)

from samtok.file_kinds import read_object
from samtok.perception_encoder import PerceptionEncoderConfig
from samtok.tiles import Tiles

FAMILY = "perception_lm"
MOST_TILES = 8
"""In the grid of a picture: what the released models are trained and evaluated with."""
_FILES = ("processor_config.json", "preprocessor_config.json")


class PerceptionLMProcessor(ProcessorMixin):
    """Text and images to model inputs, like transformers' class of this name.

    `processor(text=[...], images=[...], return_tensors="pt")` returns input_ids, attention_mask and
    pixel_values (1, T, 3, S, S), the tiles of all images. Each `<|image|>` in a text is repeated once for
    every visual token of its image. Texts are those of the chat template, which begin with the first token.
    """

    turn_end = "<|eot_id|>"
    answer_start = "<|start_header_id|>assistant<|end_header_id|>\n\n"
    image_token = image_end = "<|image|>"

    def __init__(self, files: dict[str, dict[str, Any]], tokenizer: PreTrainedTokenizerBase) -> None:
        """Args: the official files of settings by name, and the text tokenizer with its chat template.

        Raises:
            ValueError: a setting is missing or not supported, or the tokenizer is not PerceptionLM's.
        """
        settings = files.get(_FILES[0], {})
        for name in ("patch_size", "pooling_ratio"):
            if not isinstance(settings.get(name), int):
                raise ValueError(f"{_FILES[0]} has no {name}")
        self.files, self.tokenizer, self.chat_template = files, tokenizer, tokenizer.chat_template
        self.image_processor = Tiles(settings.get("image_processor") or files.get(_FILES[1], {}), MOST_TILES)
        self.pooling = settings["pooling_ratio"]
        self.patch = settings["patch_size"]
        self.tile_tokens = (self.image_processor.side // self.patch // self.pooling) ** 2
        known = tokenizer.get_vocab()
        for token in (self.image_token, self.turn_end):
            if token not in known:
                raise ValueError(f"the text tokenizer has no token {token}: not PerceptionLM's")
        self.image_token_id = self.image_end_id = known[self.image_token]

    @classmethod
    def from_pretrained(cls, folder: str | Path, **_: Any) -> "PerceptionLMProcessor":
        """Read the official files of a folder."""
        folder = Path(folder)
        files = {name: read_object(folder / name) for name in _FILES if (folder / name).is_file()}
        return cls(files, AutoTokenizer.from_pretrained(folder, local_files_only=True))

    def save_pretrained(self, save_directory: str | Path, **_: Any) -> None:
        """Write the official files."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(folder)
        for name, content in self.files.items():
            (folder / name).write_text(f"{json.dumps(content, indent=2)}\n")

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any:
        """As of the text tokenizer."""
        return self.tokenizer.apply_chat_template(conversation, **options)

    def __call__(
        self, text: Sequence[str], images: Sequence[Any] | None = None, **options: Any
    ) -> BatchFeature:
        """See the class; images are in the order of their marks, also in a list for each text.

        Raises:
            ValueError: there are more or fewer images than marks.
        """
        tiles = [self.image_processor(image) for image in _flat(images or ())]
        if (marks := sum(part.count(self.image_token) for part in text)) != len(tiles):
            raise ValueError(f"the texts have {marks} marks of images, and there are {len(tiles)} images")
        counts = iter(len(each) for each in tiles)
        mark = re.compile(re.escape(self.image_token))
        whole = [mark.sub(lambda found: found[0] * (self.tile_tokens * next(counts)), part) for part in text]
        batch = self.tokenizer(whole, add_special_tokens=False, return_token_type_ids=False, **options)
        return BatchFeature({**batch, **({"pixel_values": torch.cat(tiles)[None]} if tiles else {})})

    @property
    def model_input_names(self) -> list[str]:
        """The names of what a call returns."""
        return ["input_ids", "attention_mask", "pixel_values"]

    def limit_pixels(self, least: int | None, most: int | None) -> None:
        """ValueError: the sizes of tiles are fixed."""
        raise ValueError(f"pixels: PerceptionLM sees tiles of a fixed size, at most {MOST_TILES}")

    def image_tokens(self, height: int, width: int) -> int:
        """The number of visual tokens of an image."""
        return self.tile_tokens * self.image_processor.count(height, width)

    def settings_beside(self, config: Any) -> dict[str, tuple[Any, Any]]:
        """What model and processor must agree in, by name: the model's value and the processor's."""
        vision = config.vision_config.settings()
        return {
            f"id of {self.image_token}": (config.image_token_id, self.image_token_id),
            "patch_size": (vision["patch_size"], self.patch),
            "size of a tile": (vision["img_size"], self.image_processor.side),
            "pooling_ratio": (config.projector_pooling_ratio, self.pooling),
        }


def load_perception_lm(folder: str | Path, **options: Any) -> PreTrainedModel:
    """A PerceptionLM, or what transformers' loader gives besides; options are those of `from_pretrained`."""
    config = PerceptionLMConfig.from_pretrained(folder, local_files_only=True)
    config.vision_config = PerceptionEncoderConfig(**config.vision_config.to_dict())
    config.vision_config.settings()  # an unsupported one is named before anything is built
    return PerceptionLMForConditionalGeneration.from_pretrained(folder, config=config, **options)


def _flat(images: Any) -> Iterator[Image.Image]:
    for image in images:
        if isinstance(image, list | tuple):
            yield from _flat(image)
        else:
            yield image

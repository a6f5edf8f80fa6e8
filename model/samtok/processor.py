"""The image-only processor of Qwen2.5-VL and Qwen3-VL.

The stock processors build a video processor, which needs torchvision. SAMTok needs images only, so this
processor has an image processor and a tokenizer, and reads ordinary checkpoint folders.
"""

from typing import Any, ClassVar, TypeAlias

from transformers import ProcessorMixin

from samtok.perception_lm import PerceptionLMProcessor
from samtok.vocabulary import TURN_END


class QwenVLProcessor(ProcessorMixin):
    """Text and images to model inputs, like `Qwen2_5_VLProcessor` and `Qwen3VLProcessor`.

    `processor(text=[...], images=[...], return_tensors="pt")` returns input_ids, attention_mask,
    mm_token_type_ids, pixel_values and image_grid_thw. Each `<|image_pad|>` in a text is repeated once for
    every visual token of its image.

    Load it with `QwenVLProcessor.from_pretrained`. AutoProcessor does not know the class and would return a
    bare tokenizer.

    Raises:
        ValueError: the text tokenizer lacks Qwen's vision tokens.
    """

    turn_end = TURN_END
    answer_start = "<|im_start|>assistant\n"
    image_end = "<|vision_end|>"
    return_mm_token_type_ids = True
    text_kwargs: ClassVar = {"return_token_type_ids": False}

    # transformers finds the sub-processors by these parameter names
    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None, **_: Any
    ) -> None:
        for name in ("image", "video", "vision_start", "vision_end"):
            token = f"<|{name}|>" if name.startswith("vision") else f"<|{name}_pad|>"
            index = tokenizer.convert_tokens_to_ids(token)
            if index is None or index == tokenizer.unk_token_id:
                raise ValueError(f"the text tokenizer has no token {token}: not a Qwen vision tokenizer")
            setattr(self, f"{name}_token", token)
            setattr(self, f"{name}_token_id", index)
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

    @property
    def image_end_id(self) -> int:
        """The token after an image."""
        return int(self.vision_end_token_id)

    def image_tokens(self, height: int, width: int) -> int:
        """The number of visual tokens of an image."""
        patches = self.image_processor.get_number_of_image_patches(height, width)
        return int(patches // self.image_processor.merge_size**2)

    def settings_beside(self, config: Any) -> dict[str, tuple[Any, Any]]:
        """What model and processor must agree in, by name: the model's value and the processor's."""
        vision, images = config.vision_config, self.image_processor
        return {
            "id of <|image_pad|>": (config.image_token_id, self.image_token_id),
            "patch_size": (vision.patch_size, images.patch_size),
            "temporal_patch_size": (vision.temporal_patch_size, images.temporal_patch_size),
            "merge_size": (vision.spatial_merge_size, images.merge_size),
        }

    def limit_pixels(self, least: int | None, most: int | None) -> None:
        """Resize images to so many pixels in height x width, at least and at most.

        None leaves a limit as it is; ValueError where the least is above the most.
        """
        own = self.image_processor.size
        least = own["shortest_edge"] if least is None else least
        most = own["longest_edge"] if most is None else most
        if least > most:
            raise ValueError(f"pixels of an image: at least {least} and at most {most}")
        self.image_processor.size = {"shortest_edge": least, "longest_edge": most}

    def replace_image_token(self, image_inputs: dict[str, Any], image_idx: int, **_: Any) -> str:
        """The placeholder of an image, repeated once for every visual token."""
        merged = self.image_processor.merge_size**2
        return "<|image_pad|>" * int(image_inputs["image_grid_thw"][image_idx].prod() // merged)

    @property
    def model_input_names(self) -> list[str]:
        """The names of what a call returns."""
        return [*super().model_input_names, "mm_token_type_ids"]


Processor: TypeAlias = QwenVLProcessor | PerceptionLMProcessor

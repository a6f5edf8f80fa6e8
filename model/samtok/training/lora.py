"""Low-rank adaptation (LoRA) by peft: what a recipe says of it, and models with it merged in."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import Field, PositiveInt, field_validator, model_validator
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from samtok.locate import TOKENIZER, VLM
from samtok.tokenizer import SAMTok
from samtok.training.folders import written_whole
from samtok.training.processes import processes
from samtok.training.recipe import Optimisation, RecipePart, installed
from samtok.training.resumable import ResumableTrainer
from samtok.vocabulary import mask_word_ids

LINEAR = r".*language_model\.layers\.\d+\.(self_attn|mlp)\.\w+_proj"
"""Names of the language model's linear layers."""


class LoRA(RecipePart):
    """LoRA on all linear layers of the language model. All other weights stay."""

    rank: PositiveInt
    alpha: PositiveInt
    """Additions are scaled by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)

    def layers(self, **more: Any) -> Any:
        """What peft makes of it; `more` go to its LoraConfig too."""
        from peft import LoraConfig

        return LoraConfig(
            r=self.rank, lora_alpha=self.alpha, lora_dropout=self.dropout, target_modules=LINEAR, **more
        )

    def add_to(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, seed: int) -> Any:
        """The model as a PeftModel, whose base it becomes; the seed is that of the additions.

        The mask words' rows of the input embedding, and of the output layer where it is not tied, are trained
        in full, because a low rank cannot give 514 new words a meaning. The released recipes train the whole
        matrices.
        """
        from peft import get_peft_model

        start, *_, end = mask_word_ids(tokenizer)
        words = list(range(start, end + 1))
        tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
        rows = {name: words for name in ("embed_tokens", "lm_head")[: 1 if tied else 2]}
        torch.manual_seed(seed)
        return get_peft_model(model, self.layers(trainable_token_indices=rows))


class AdaptedRecipe(Optimisation):
    """What of a QwenVL is trained: its weights, or what is added to them."""

    weights: Literal["float32", "bfloat16"] = "float32"
    """Precision of the weights that `lora` adds to; what is trained is in float32."""
    lora: LoRA | None = None
    """Train low-rank additions instead of the weights."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return torch.bfloat16 if self.weights == "bfloat16" else torch.float32

    @field_validator("lora")
    @classmethod
    def _has_peft(cls, lora: LoRA | None) -> LoRA | None:
        if lora is not None:
            installed(["peft"])
        return lora

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.lora is not None and self.frozen:
            raise ValueError("frozen: with lora all weights stay, and only what it adds is trained")
        if self.lora is None and self.weights == "bfloat16":
            raise ValueError(
                "weights: bfloat16 rounds away updates below 0.4 % of a weight; train with lora, or with "
                "weights: float32 and autocast: bfloat16"
            )
        return self


def save_merged(
    trainer: ResumableTrainer, folder: Path, start: Callable[[], PreTrainedModel], samtok: SAMTok | None
) -> None:
    """Write the model of a trainer of additions, with these in its weights; all processes call this.

    Args:
        folder: gets its name when all is there.
        start: makes the model to which they are added.
        samtok: a mask tokenizer, which makes it the folder of a whole model.
    """
    from peft import PeftModel

    added = folder.with_name(f"{folder.name}-lora")
    trainer.save_whole(added)
    if processes().is_main_process:
        with written_whole(folder) as aside:
            weights = aside / VLM if samtok else aside
            PeftModel.from_pretrained(start(), added).merge_and_unload().save_pretrained(weights)
            trainer.processing_class.save_pretrained(weights)
            if samtok:
                samtok.save_pretrained(aside / TOKENIZER)
        shutil.rmtree(added)
    processes().wait_for_everyone()

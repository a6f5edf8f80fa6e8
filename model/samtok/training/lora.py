"""Low-rank adaptation (LoRA) by peft, with the rows of the mask words trained in full."""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field, PositiveInt
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from samtok.training.recipe import RecipePart
from samtok.vocabulary import mask_word_ids

LINEAR = r".*language_model\.layers\.\d+\.(self_attn|mlp)\.\w+_proj"
"""Names of the language model's linear layers."""


class LoRA(RecipePart):
    """LoRA on all linear layers of the language model. All other weights stay, but for the mask words' rows.

    These rows of the input embedding, and of the output layer where it is not tied, are trained in full,
    because a low rank cannot give 514 new words a meaning. The released recipes train the whole matrices.
    """

    rank: PositiveInt
    alpha: PositiveInt
    """Additions are scaled by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)

    def add_to(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, seed: int) -> Any:
        """The model as a PeftModel, whose base it becomes; the seed is that of the additions."""
        from peft import LoraConfig, get_peft_model

        start, *_, end = mask_word_ids(tokenizer)
        words = list(range(start, end + 1))
        tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=LINEAR,
            trainable_token_indices={name: words for name in ("embed_tokens", "lm_head")[: 1 if tied else 2]},
        )
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def merged(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """The model with the additions of a checkpoint in its weights."""
    from peft import PeftModel

    return PeftModel.from_pretrained(model, adapter).merge_and_unload()

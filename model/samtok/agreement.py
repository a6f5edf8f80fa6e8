"""Whether the parts of a checkpoint fit together: language model, text tokenizer, images and mask tokenizer.

Each part loads without the others, and where they disagree nothing fails: words without a row are never said,
and words in pieces are never read. So all of it is checked once, before the first answer.
"""

import re

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from samtok.config import SAMTokConfig
from samtok.processor import Processor
from samtok.vocabulary import mask_word_ids
from samtok.words import CODEBOOK_SIZE, CODEBOOKS, VOCABULARY

_CODE = re.compile(r"<\|mt_[0-9]+\|>")


def check_parts(model: PreTrainedModel, processor: Processor, samtok: SAMTokConfig) -> None:
    """Raise ValueError, which names the parts and how they differ, unless all of a checkpoint fits."""
    check_codebooks(samtok)
    if samtok.codebook_size != CODEBOOK_SIZE:  # the model can say words that have no code
        raise ValueError(_codebooks(samtok))
    check_words(processor.tokenizer)
    _check_rows(model, processor.tokenizer)
    for name, (expected, found) in processor.settings_beside(model.config).items():
        if expected != found:
            raise ValueError(f"the {name} is {expected} for the language model and {found} for its processor")
    if processor.turn_end not in processor.tokenizer.get_vocab():
        raise ValueError(f"the text tokenizer has no {processor.turn_end}, which ends a turn")
    if processor.chat_template is None:
        raise ValueError("there is no chat template: chat_template.jinja is missing")


def check_codebooks(config: SAMTokConfig) -> None:
    """Raise ValueError unless mask words can tell all codes of a mask tokenizer."""
    if config.codebook_depth != CODEBOOKS or config.codebook_size > CODEBOOK_SIZE:
        raise ValueError(_codebooks(config))


def _codebooks(config: SAMTokConfig) -> str:
    return (
        f"the mask tokenizer has {config.codebook_depth} codebooks of {config.codebook_size} codes, and the "
        f"mask words are those of {CODEBOOKS} of {CODEBOOK_SIZE}"
    )


def check_words(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise ValueError unless each mask word is one token wherever it stands, in order, and no more exist."""
    more = [word for word in tokenizer.get_vocab() if _CODE.fullmatch(word) and word not in VOCABULARY]
    if more:
        raise ValueError(
            f"the text tokenizer has {len(more)} code words more than the {CODEBOOKS} codebooks of "
            f"{CODEBOOK_SIZE} codes of the mask tokenizer, up to {max(more)}"
        )
    start, _, _, end = mask_word_ids(tokenizer)

    def read(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    if read("a" + "".join(VOCABULARY) + "b") == [*read("a"), *range(start, end + 1), *read("b")]:
        return
    for index, word in enumerate(VOCABULARY, start):
        if (pieces := read(word)) != [index]:
            raise ValueError(
                f"the text tokenizer reads the mask word {word} as {len(pieces)} tokens, not as its own: "
                "add the mask words as tokens (add_tokens)"
            )
    raise ValueError(
        "the text tokenizer does not find mask words inside a text: add them as tokens with single_word, "
        "lstrip and rstrip False"
    )


def _check_rows(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    end = mask_word_ids(tokenizer)[-1]
    matrices = {
        "input embedding": model.get_input_embeddings(),
        "output head": model.get_output_embeddings(),
    }
    for name, module in matrices.items():
        rows = len(module.weight)
        if rows <= end:
            lacking = min(end + 1 - rows, len(VOCABULARY))
            raise ValueError(
                f"{lacking} of the {len(VOCABULARY)} mask words have no row in the language model's {name}: "
                f"it has {rows} rows, and their ids go up to {end}; the weights are probably those of before "
                "the words were added"
            )

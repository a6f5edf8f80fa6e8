"""The text side of a QwenVL with mask words: the 514 new words, and a small text tokenizer for nano.

Source of the words' flags and of their rows' initialisation: the release's `utils/add_special_tokens.py`.
"""

from collections.abc import Iterable, Sequence

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from samtok.words import CODEBOOK_SIZE, VOCABULARY

TURN_END = "<|im_end|>"
# Qwen's special tokens, in Qwen's order; the first one is the padding token
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    TURN_END,
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

# Qwen's ChatML without system message, tools or thinking
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message.role + '\n' -}}"
    "{%- if message.content is string -%}{{- message.content -}}"
    "{%- else -%}{%- for part in message.content -%}"
    "{%- if part.type == 'image' -%}{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}"
    "{%- elif part.type == 'text' -%}{{- part.text -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{- '<|im_end|>\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"
)

# the pre-tokenizer of Qwen2 and Qwen3
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def add_mask_words(tokenizer: PreTrainedTokenizerBase) -> int:
    """Add the 514 mask words to a text tokenizer as ordinary words; returns how many were new, 514 or 0.

    Raises:
        ValueError: the tokenizer has some of the words but not all.
    """
    known = tokenizer.get_vocab()
    missing = [word for word in VOCABULARY if word not in known]
    if not missing:
        return 0
    if len(missing) != len(VOCABULARY):
        raise ValueError(
            f"the text tokenizer has {len(VOCABULARY) - len(missing)} of {len(VOCABULARY)} mask words; "
            f"{missing[0]} is missing"
        )
    return int(tokenizer.add_tokens([AddedToken(word, normalized=False) for word in VOCABULARY]))


def random_rows(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw new embedding rows (count, D) from the old `rows` (V, D): mean + 0.02 * randn * std per dimension.

    The standard deviation is at least 1e-3, as released.
    """
    old = rows.detach().float()
    noise = torch.randn(count, old.shape[1], generator=generator)
    new = old.mean(0).cpu() + 0.02 * noise * old.std(0).clamp_min(1e-3).cpu()
    return new.to(rows)


def extend_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, seed: int = 0) -> None:
    """Add the mask words to a model: tokenizer entries and initialised embedding rows. Idempotent.

    Afterwards the embedding has exactly len(tokenizer) rows: the padding rows of Qwen's checkpoints are cut,
    as released. Untied output rows stay as the resize initialises them.
    """
    if not add_mask_words(tokenizer) and model.get_input_embeddings().num_embeddings >= len(tokenizer):
        return
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    weight = model.get_input_embeddings().weight
    count = len(VOCABULARY)
    with torch.no_grad():
        weight[-count:] = random_rows(weight[:-count], count, torch.Generator().manual_seed(seed))


def reset_code_rows(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    seed: int = 0,
    features: Sequence[Tensor] | None = None,
) -> None:
    """Draw new embeddings of the 512 code words, with the mean and spread of the rows before them.

    Args:
        features: a description of each code per level, (256, F) float32. A code's row is a random projection
            of its description, so that similar codes start with similar embeddings. None draws independent
            rows.
    """
    start, first, second, _ = mask_word_ids(tokenizer)
    weight = model.get_input_embeddings().weight
    generator = torch.Generator().manual_seed(seed)
    old = weight.detach()[:start].float().cpu()
    with torch.no_grad():
        for level, ids in enumerate((first, second)):
            rows = torch.randn(len(ids), weight.shape[1], generator=generator)
            if features is not None:
                described = features[level] - features[level].mean(0)
                rows = described @ torch.randn(described.shape[1], weight.shape[1], generator=generator)
                rows = rows / rows.std()
            weight[ids.start : ids.stop] = (old.mean(0) + old.std() * rows).to(weight)


def mask_word_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[int, range, range, int]:
    """Look up the token ids of the mask words: start, first codes, second codes, end.

    Raises:
        ValueError: the tokenizer lacks mask words, or has them out of order.
    """
    known = tokenizer.get_vocab()
    if missing := [word for word in VOCABULARY if word not in known]:
        raise ValueError(
            f"the text tokenizer lacks {len(missing)} of the {len(VOCABULARY)} mask words, first {missing[0]}"
        )
    ids = [known[word] for word in VOCABULARY]
    for index, (word, found) in enumerate(zip(VOCABULARY, ids, strict=True), ids[0]):
        if found != index:
            raise ValueError(
                f"the text tokenizer has mask words out of order: the id of {word} is {found}, not {index}"
            )
    first, second = ids[0] + 1, ids[0] + 1 + CODEBOOK_SIZE
    return ids[0], range(first, second), range(second, ids[-1]), ids[-1]


def special_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The ids that a text without special tokens leaves out.

    Mask words are not among them, even where a trainer has added them as special tokens.
    """
    start, _, _, end = mask_word_ids(tokenizer)
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(index for index, token in added if token.special and not start <= index <= end)


def build_text_tokenizer(corpus: Iterable[str], size: int = 1024) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on `corpus`, with Qwen's special tokens and chat template.

    The same texts give the same tokenizer. `size` is the largest number of entries, including special tokens
    but not mask words.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus, trainer)
    return as_text_tokenizer(bpe)


def as_text_tokenizer(bpe: Tokenizer) -> PreTrainedTokenizerFast:
    """A tokenizer that has Qwen's special tokens, with their meaning and Qwen's chat template."""
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=TURN_END,
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL_TOKENS[1:]),
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )

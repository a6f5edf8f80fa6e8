"""The parts of a checkpoint against each other: what loads alone and does not fit together is one line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from qwen_parts import TEXTS, tiny_qwen, tiny_samtok, tiny_vlm
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

from samtok import QwenVLSAMTok
from samtok.agreement import check_codebooks, check_words
from samtok.config import SAMTokConfig
from samtok.vocabulary import SPECIAL_TOKENS, add_mask_words, build_text_tokenizer, special_ids
from samtok.words import END, START, VOCABULARY, format_words


def bare() -> PreTrainedTokenizerFast:
    """A text tokenizer without mask words."""
    return build_text_tokenizer(TEXTS, 300)


def with_words(*words: str | AddedToken) -> PreTrainedTokenizerFast:
    tokenizer = bare()
    tokenizer.add_tokens(list(words))
    return tokenizer


def special(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """The same tokenizer as a trainer saves it that takes new words for special ones."""
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    for token in content["added_tokens"]:
        token["special"] = True
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(content))
    return tokenizer


def say(qwen: QwenVLSAMTok, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    ids = qwen.processor.tokenizer(text)["input_ids"]
    monkeypatch.setattr(
        qwen.model,
        "generate",
        lambda input_ids, **_: torch.cat([input_ids, torch.tensor([ids] * len(input_ids))], 1),
    )


@pytest.mark.parametrize("keep", [False, True])
def test_special_mask_words_are_kept_like_ordinary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
):
    qwen = tiny_qwen("qwen3_vl")
    qwen.save_pretrained(tmp_path)
    special(qwen.processor.tokenizer).save_pretrained(tmp_path / "vlm")
    loaded = QwenVLSAMTok.from_pretrained(tmp_path)
    assert loaded.processor.tokenizer.added_tokens_decoder[len(loaded.processor.tokenizer) - 1].special
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))
    asked = [
        {"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": "x"}]}
    ]
    said = (
        f"<|object_ref_start|>red{format_words([(3, 200)])[0]} star{format_words([(0, 255)])[0]}.<|im_end|>"
    )
    answers = []
    for model in (tiny_qwen("qwen3_vl"), loaded):
        say(model, monkeypatch, said)
        answers += model.chat([asked], skip_special_tokens=not keep)
    ordinary, kept = answers
    assert ordinary.text == (
        said if keep else said.removeprefix("<|object_ref_start|>")[: -len("<|im_end|>")]
    )
    assert kept.text == ordinary.text
    assert kept.words == ordinary.words
    assert len(kept.words.words) == 2
    assert np.array_equal(kept.masks, ordinary.masks)


def test_what_is_left_out_is_what_the_tokenizer_itself_leaves_out():
    tokenizer = bare()
    add_mask_words(tokenizer)
    skipped = special_ids(tokenizer)
    assert sorted(skipped) == list(range(len(SPECIAL_TOKENS)))
    ids = torch.randint(0, len(tokenizer), (2000,), generator=torch.Generator().manual_seed(0)).tolist()
    kept = [token for token in ids if token not in skipped]
    assert tokenizer.decode(kept, skip_special_tokens=False) == tokenizer.decode(
        ids, skip_special_tokens=True
    )
    assert special_ids(special(tokenizer)) == skipped


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "lacks 514 of the 514 mask words, first <|mt_start|>"),
        (VOCABULARY[:-1], "lacks 1 of the 514 mask words, first <|mt_end|>"),
        (
            [START, *VOCABULARY[2:4], VOCABULARY[1], *VOCABULARY[4:]],
            "out of order: the id of <|mt_0000|> is",
        ),
        ([*VOCABULARY[1:-1], START, END], "out of order"),
        (
            [START, *(f"<|mt_{code:04d}|>" for code in range(2048)), END],
            "has 1536 code words more than the 2 codebooks of 256 codes of the mask tokenizer",
        ),
        ([AddedToken(word, single_word=True) for word in VOCABULARY], "inside a text"),
    ],
    ids=["none", "last", "order", "frame", "larger", "single"],
)
def test_words_that_are_not_as_agreed(words: list[str], message: str):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_words(with_words(*words))


def test_words_that_are_known_but_read_in_pieces():
    tokenizer = bare()
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    content["model"]["vocab"] |= {word: len(tokenizer) + place for place, word in enumerate(VOCABULARY)}
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(content))
    assert tokenizer.get_vocab()[START] == 300
    with pytest.raises(ValueError, match=r"reads the mask word <\|mt_start\|> as \d+ tokens, not as its own"):
        check_words(tokenizer)


def test_words_without_rows(tmp_path: Path):
    """The tokenizer was extended, the model was not: no answer would ever hold a mask."""
    model, processor = tiny_vlm("qwen3_vl")
    model.resize_token_embeddings(len(processor.tokenizer) - 400)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match="400 of the 514 mask words have no row in the language model's input"
    ):
        QwenVLSAMTok.from_pretrained(tmp_path, samtok=tiny_samtok())


def test_an_output_head_without_the_words():
    model, processor = tiny_vlm("qwen2_5_vl")
    head = model.get_output_embeddings()
    assert head.weight is not model.get_input_embeddings().weight
    head.weight = torch.nn.Parameter(head.weight[:-514])
    with pytest.raises(
        ValueError, match="514 of the 514 mask words have no row in the language model's output"
    ):
        QwenVLSAMTok(model, processor, tiny_samtok())


def test_more_rows_than_words_are_no_fault():
    model, processor = tiny_vlm("qwen3_vl")
    model.resize_token_embeddings(len(processor.tokenizer) + 64)  # Qwen's own checkpoints have such rows
    QwenVLSAMTok(model, processor, tiny_samtok())


@pytest.mark.parametrize(("size", "depth"), [(1024, 2), (256, 3), (256, 1)])
def test_codebooks_that_mask_words_cannot_tell(size: int, depth: int):
    message = f"has {depth} codebooks of {size} codes, and the mask words are those of 2 of 256"
    with pytest.raises(ValueError, match=message):
        check_codebooks(SAMTokConfig(codebook_size=size, codebook_depth=depth))


def test_a_model_says_no_words_that_have_no_code(tiny):
    check_codebooks(tiny.config)  # alone, its eight codes have words
    with pytest.raises(ValueError, match="has 2 codebooks of 8 codes"):
        QwenVLSAMTok(*tiny_vlm("qwen3_vl"), tiny)


@pytest.mark.parametrize("field", ["patch_size", "temporal_patch_size", "merge_size"])
def test_images_prepared_for_another_model(field: str):
    model, processor = tiny_vlm("qwen3_vl")
    value = getattr(processor.image_processor, field)
    setattr(processor.image_processor, field, 3 * value)
    with pytest.raises(
        ValueError, match=rf"the {field} is {value} for the language model and {3 * value} for"
    ):
        QwenVLSAMTok(model, processor, tiny_samtok())


def test_a_vocabulary_of_another_model():
    model, processor = tiny_vlm("qwen3_vl")
    model.config.image_token_id = 7
    with pytest.raises(ValueError, match=r"the id of <\|image_pad\|> is 7 for the language model and"):
        QwenVLSAMTok(model, processor, tiny_samtok())


def test_no_chat_template():
    model, processor = tiny_vlm("qwen3_vl")
    processor.chat_template = None
    with pytest.raises(ValueError, match="there is no chat template"):
        QwenVLSAMTok(model, processor, tiny_samtok())


def test_the_folder_is_named(tmp_path: Path):
    tiny_qwen("qwen3_vl").save_pretrained(tmp_path)
    tokenizer = tmp_path / "vlm" / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace("<|mt_0007|>", "<|xx_0007|>"))
    with pytest.raises(ValueError, match=rf"^{tmp_path}: the text tokenizer lacks 1 of .* <\|mt_0007\|>$"):
        QwenVLSAMTok.from_pretrained(tmp_path)

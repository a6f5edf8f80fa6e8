import pytest
import torch
from qwen_parts import TEXTS, tiny_vlm

from samtok.training.merges import learn_merges
from samtok.vocabulary import SPECIAL_TOKENS, mask_word_ids

CHOICES = ["Which option says red?\nA. Red.\nB. Blue.", "Which option says blue?\nA. Circle.\nB. Blue."]


@pytest.fixture(params=["qwen3_vl", "qwen2_5_vl"])
def parts(request):
    """Of a model with one embedding, and of one with another for answers."""
    model, processor = tiny_vlm(request.param)
    return model, processor.tokenizer


def test_words_of_the_texts_become_tokens_and_nothing_is_lost(parts):
    model, old = parts
    assert len(old.tokenize(" Blue")) > 1
    new = learn_merges(model, old, CHOICES, 1000)
    for word in (" option", " Red", " Blue", " Circle", ".\n"):
        assert len(new.tokenize(word)) == 1, word
    for text in (*CHOICES, *TEXTS, "ünïcode ☃\n\n  x", "<|im_start|>user\n<|mt_start|><|mt_0007|>"):
        assert new.decode(new(text)["input_ids"]) == text
    for place, token in enumerate(SPECIAL_TOKENS):
        assert new(token)["input_ids"] == [place]
    assert mask_word_ids(new)[-1] == len(new) - 1
    rows = model.get_input_embeddings().num_embeddings
    assert rows == len(new) == model.config.get_text_config().vocab_size


def test_texts_without_new_words_are_read_as_before(parts):
    model, old = parts
    text = f"{TEXTS[0]}<|mt_start|><|mt_0003|><|mt_0300|><|mt_end|>"
    before = old(text)["input_ids"]
    with torch.no_grad():
        scores = model(input_ids=torch.tensor([before])).logits[0]
        new = learn_merges(model, old, CHOICES, 1000)
        after = new(text)["input_ids"]
        moved = model(input_ids=torch.tensor([after])).logits[0]
    assert old.convert_ids_to_tokens(before) == new.convert_ids_to_tokens(after)
    kept = [new.convert_tokens_to_ids(token) for token in old.convert_ids_to_tokens(range(len(old)))]
    torch.testing.assert_close(moved[:, kept], scores)


def test_a_new_word_starts_like_its_twin_or_like_the_mean_of_its_pieces(parts):
    model, old = parts
    rows = [model.get_input_embeddings().weight.detach().clone(), model.lm_head.weight.detach().clone()]
    assert "Ġblue" in old.get_vocab()
    assert not {"Ġoption", "Option", "Ġoptions"} & old.get_vocab().keys()
    pieces = old(" option")["input_ids"]
    new = learn_merges(model, old, CHOICES, 1000)
    tables = model.get_input_embeddings().weight, model.lm_head.weight
    for before, table in zip(rows, tables, strict=True):
        twin = before[old.convert_tokens_to_ids("Ġblue")]
        assert torch.equal(table[new.convert_tokens_to_ids("ĠBlue")], twin)
        torch.testing.assert_close(table[new.convert_tokens_to_ids("Ġoption")], before[pieces].mean(0))


def test_the_most_frequent_pair_comes_first_and_most_is_kept():
    model, processor = tiny_vlm("qwen3_vl")
    old = processor.tokenizer
    new = learn_merges(model, old, ["QXQXQXQX", "ZQ"], 1)
    assert len(new) == len(old) + 1
    assert new.tokenize("QXQZ") == ["QX", "Q", "Z"]
    same, _ = tiny_vlm("qwen3_vl")
    assert len(learn_merges(same, old, ["red"], 0)) == len(old)


def test_a_text_tokenizer_of_another_kind_is_refused():
    model, processor = tiny_vlm("qwen3_vl")
    processor.tokenizer.add_tokens(["<tool>"])
    with pytest.raises(ValueError, match="of nano's kind; 1 other tokens are added"):
        learn_merges(model, processor.tokenizer, CHOICES, 3)

"""Similarity of phrases by a text encoder."""

import numpy as np
import pytest

from samtok_bench.measures import sentences
from samtok_bench.measures.sentences import SentenceSimilarity, sentence_similarity


@pytest.fixture
def encoder(tmp_path):
    """A tiny BERT with random weights, saved as a checkpoint."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "dog", "##gy", "cat", "small"]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    torch.manual_seed(0)
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), **size)).save_pretrained(tmp_path)
    return tmp_path


def test_similarity_is_the_cosine_of_mean_states_with_cls_and_sep(encoder, monkeypatch):
    import torch
    from transformers import BertModel

    monkeypatch.setenv(sentences.ENCODER_VARIABLE, str(encoder))
    similarity = sentence_similarity()
    assert isinstance(similarity, SentenceSimilarity)
    model = BertModel.from_pretrained(encoder).eval()

    def vector(ids):
        with torch.no_grad():
            return model(torch.tensor([ids])).last_hidden_state[0].mean(0).double().numpy()

    # [CLS] a red doggy [SEP], [CLS] cat [SEP], [CLS] [SEP]
    one, other, nothing = vector([2, 5, 6, 7, 8, 3]), vector([2, 9, 3]), vector([2, 3])

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    found = similarity(["A red doggy", "cat"], ["cat", "", "a red doggy"])
    expected = [[cosine(a, b) for b in (other, nothing, one)] for a in (one, other)]
    assert found == pytest.approx(np.array(expected), abs=1e-6)
    assert found[0, 2] == pytest.approx(1)
    assert similarity(["cat"] * 2, ["word " * 600]).shape == (2, 1)


def test_a_missing_encoder_is_one_clear_message(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv(sentences.ENCODER_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(
        ValueError, match=r"there is no text encoder .*nowhere.*hf download bert-base-uncased"
    ):
        sentence_similarity()


def test_an_encoder_with_random_weights_is_refused(encoder, monkeypatch):
    from safetensors.torch import load_file, save_file

    weights = load_file(encoder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, encoder / "model.safetensors", metadata={"format": "pt"})
    monkeypatch.setenv(sentences.ENCODER_VARIABLE, str(encoder))
    with pytest.raises(ValueError, match=r"lacks 1 weights, the first: encoder.layer.1.output.dense.weight"):
        sentence_similarity()

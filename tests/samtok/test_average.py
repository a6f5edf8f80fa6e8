"""Checkpoints of one descent, averaged as the start of a training."""

import pytest
import torch
from qwen_parts import base_qwen, tiny_vlm
from test_supervised import recipe

from samtok.qwen import load_qwen
from samtok.training.average import average
from samtok.training.depth import deepen
from samtok.training.merges import learn_merges
from samtok.training.recipe import load_recipe
from samtok.training.supervised import SupervisedRecipe, train
from samtok.vocabulary import mask_word_ids


def shifted(by: float, family: str = "qwen3_vl"):
    model, processor = tiny_vlm(family)
    with torch.no_grad():
        for weight in model.parameters():
            weight += by
    return model, processor


@pytest.fixture(params=["qwen3_vl", "qwen2_5_vl"])
def family(request):
    """One with a single embedding, and one with another for answers."""
    return request.param


def test_weights_are_averaged_by_their_shares(family):
    models = {"a": shifted(0.0, family), "b": shifted(1.0, family)}
    first = {name: weight.clone() for name, weight in models["a"][0].named_parameters()}
    mixed, _ = average({"a": 1.0, "b": 3.0}, models.__getitem__)
    for name, weight in mixed.named_parameters():
        torch.testing.assert_close(weight, first[name] + 0.75)


def test_a_row_goes_with_its_word(family):
    small, large = shifted(0.0, family), shifted(1.0, family)
    old = small[1].tokenizer
    large[1].tokenizer = learn_merges(*(large[0], old, ["Which option?"], 100))
    words = large[1].tokenizer.get_vocab()
    before = [table.weight.detach().clone() for table in tables(small[0])]
    new = [table.weight.detach().clone() for table in tables(large[0])]
    mixed, processor = average({"small": 1.0, "large": 1.0}, {"small": small, "large": large}.__getitem__)
    assert processor.tokenizer.tokenize(" option") == ["Ġoption"]
    for table, rows, others in zip(tables(mixed), before, new, strict=True):
        for word in ("<|mt_0007|>", "Ġblue", "<|im_end|>"):
            torch.testing.assert_close(table.weight[words[word]], rows[old.get_vocab()[word]] + 0.5)
        assert torch.equal(table.weight[words["Ġoption"]], others[words["Ġoption"]])


def tables(model):
    return model.get_input_embeddings(), model.get_output_embeddings()


def test_a_base_without_mask_words_does_not_dilute_their_rows(tmp_path):
    """As a training loads them: words that a checkpoint lacks are not drawn anew before the average."""
    base, _ = base_qwen("qwen3_vl")
    for part in base_qwen("qwen3_vl"):
        part.save_pretrained(tmp_path / "base")
    changes = {"evaluation": None, "stages": [{"until": 1, "images": 1}], "learning_rate": 0.1}
    start = {"checkpoint": str(tmp_path / "base")}
    tuned = train(recipe(tmp_path, start=start, **changes), tmp_path / "tuned")
    start = {"average": {str(tmp_path / "base"): 1, str(tuned): 1}}
    changes["learning_rate"] = 0.0
    mixed = train(recipe(tmp_path, start=start, **changes), tmp_path / "mixed")
    (one, processor), (two, _) = (load_qwen(folder, torch.float32) for folder in (tuned, mixed))
    ids = list(range(mask_word_ids(processor.tokenizer)[0], len(processor.tokenizer)))
    for table, trained in zip(tables(two), tables(one), strict=True):
        assert torch.equal(table.weight[ids], trained.weight[ids])
    norm = "model.language_model.norm.weight"
    begun, ended, between = (dict(model.named_parameters())[norm] for model in (base, one, two))
    torch.testing.assert_close(between, (begun + ended) / 2)


def test_rows_that_pad_an_embedding_stay():
    models = {"a": shifted(0.0), "b": shifted(1.0)}
    for model, processor in models.values():
        model.resize_token_embeddings(len(processor.tokenizer) + 3, mean_resizing=False)
    kept = models["a"][0].get_input_embeddings().weight[-3:].detach().clone()
    mixed, _ = average({"a": 1.0, "b": 1.0}, models.__getitem__)
    assert torch.equal(mixed.get_input_embeddings().weight[-3:], kept)


def test_models_that_do_not_fit_are_refused():
    models = {"a": shifted(0.0), "deep": shifted(0.0), "wide": shifted(0.0), "other": shifted(0.0)}
    deepen(models["deep"][0], 5, seed=0)
    norm = models["wide"][0].model.language_model.norm
    norm.weight = torch.nn.Parameter(torch.ones(3))
    models["other"][1].tokenizer = learn_merges(models["other"][0], models["a"][1].tokenizer, ["QX"], 1)
    models["another"] = shifted(0.0)
    models["another"][1].tokenizer = learn_merges(
        models["another"][0], models["a"][1].tokenizer, ["Which option?"], 100
    )
    for name, message in (
        ("deep", "is not in both a and deep"),
        ("wide", r"norm.weight is \(3,\) in wide, but \(\d+,\) in a"),
    ):
        with pytest.raises(ValueError, match=message):
            average({"a": 1.0, name: 1.0}, models.__getitem__)
    with pytest.raises(ValueError, match="other knows the word 'QX', which another does not"):
        average({"other": 1.0, "another": 1.0}, models.__getitem__)


def test_a_training_starts_from_the_average(tmp_path):
    changes = {"evaluation": None, "stages": [{"until": 1, "images": 1}]}
    folders = [train(recipe(tmp_path, **changes), tmp_path / "0")]
    start = {"checkpoint": str(folders[0])}
    folders += [train(recipe(tmp_path, start=start, learning_rate=0.1, **changes), tmp_path / "1")]
    start = {"average": {str(folder): 1 for folder in folders}}
    still = train(recipe(tmp_path, start=start, learning_rate=0.0, **changes), tmp_path / "still")
    one, two, mean = (dict(load_qwen(f, torch.float32)[0].named_parameters()) for f in (*folders, still))
    assert any((one[name] - two[name]).abs().max() > 0.05 for name in mean)
    for name, weight in mean.items():
        torch.testing.assert_close(weight, (one[name] + two[name]) / 2)


@pytest.mark.parametrize("shares", [{}, {"nano": 0}])
def test_an_average_of_nothing_is_refused(tmp_path, shares):
    with pytest.raises(ValueError, match=r"start\.average"):
        load_recipe(recipe(tmp_path, start={"average": shares}), SupervisedRecipe)

"""What a training adds to the checkpoint that it starts from: layers and words."""

import torch
from qwen_parts import tiny_vlm
from test_supervised import DATA, draw, recipe

from samtok.qwen import load_qwen
from samtok.training.codes import GeometryCodes
from samtok.training.depth import deepen
from samtok.training.dialogues import Collator
from samtok.training.supervised import train
from samtok.training.token_losses import token_losses


def test_new_layers_change_nothing_at_first_and_learn(tmp_path):
    final = train(recipe(tmp_path, evaluation=None), tmp_path / "one")
    start = {"checkpoint": str(final), "text_layers": 3}
    changes = {"evaluation": None, "start": start, "stages": [{"until": 1, "images": 1}]}
    still = train(recipe(tmp_path, learning_rate=0.0, **changes), tmp_path / "still")
    moved = train(recipe(tmp_path, learning_rate=0.1, **changes), tmp_path / "moved")
    (old, processor), (same, _), (new, _) = (
        load_qwen(folder, torch.float32) for folder in (final, still, moved)
    )
    assert len(old.model.language_model.layers) < len(same.model.language_model.layers) == 3
    batch = Collator(processor, GeometryCodes())([draw(DATA, 1, 0, {})])
    losses = [token_losses(model, batch)[0].losses for model in (old, same, new)]
    assert torch.equal(losses[0], losses[1])
    assert not torch.allclose(losses[0], losses[2])
    assert new.model.language_model.layers[2].mlp.down_proj.weight.any()


def test_a_qwen2_5_gets_new_layers_too():
    model, _ = tiny_vlm("qwen2_5_vl")
    ids = torch.tensor([[20, 21, 22]])
    with torch.no_grad():
        before = model(input_ids=ids).logits
        deepen(model, 3, seed=0)
        torch.testing.assert_close(model(input_ids=ids).logits, before)


def test_a_checkpoint_learns_words_of_its_new_texts(tmp_path):
    first = train(recipe(tmp_path, evaluation=None), tmp_path / "one")
    start = {"checkpoint": str(first), "merges": 100, "corpus": 4}
    stages = [{"until": 1, "images": 1, "options": {"colour": "violet"}}]
    second = train(recipe(tmp_path, evaluation=None, start=start, stages=stages), tmp_path / "two")
    (_, old), (model, new) = (load_qwen(folder, torch.float32) for folder in (first, second))
    assert len(old.tokenizer.tokenize(" violet")) > 1
    assert new.tokenizer.tokenize(" violet") == ["Ġviolet"]
    assert model.get_input_embeddings().num_embeddings == len(new.tokenizer) > len(old.tokenizer)

"""What large models need: several passes and processes per step, LoRA, kept memory, batches of one length."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from qwen_parts import SMALL, TEXTS, base_qwen, tiny_samtok
from test_supervised import draw, recipe, squares
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForImageTextToText, AutoTokenizer

from samtok import QwenVLSAMTok
from samtok.build import build_nano
from samtok.qwen import load_qwen
from samtok.training import processes
from samtok.training.codes import GeometryCodes
from samtok.training.dialogues import Batches, Collator, DialogueStage
from samtok.training.folders import checkpoint_fault, newest_checkpoint
from samtok.training.processes import ALONE, Share
from samtok.training.recipe import DataSource
from samtok.training.sources import trust
from samtok.training.supervised import train
from samtok.vocabulary import mask_word_ids

trust(Path(__file__))


def varied(seed: int) -> Iterator[dict[str, Any]]:
    """Every other dialogue is short."""
    for dialogue in squares(seed):
        yield {**dialogue, "turns": dialogue["turns"][: 1 + seed % 2]}


VARIED = DataSource(source="test_training_scale:varied")


@pytest.fixture(scope="module")
def processor():
    return build_nano(SMALL, TEXTS)[1]


@pytest.fixture(scope="module", params=["qwen3_vl", "qwen2_5_vl"])
def base(request, tmp_path_factory) -> Path:
    """The folder of a small model without mask words; of the second family embedding and output differ."""
    folder = tmp_path_factory.mktemp("base")
    for part in base_qwen(request.param):
        part.save_pretrained(folder)
    return folder


def state(folder: Path) -> dict[str, Tensor]:
    return load_qwen(folder, torch.float32)[0].state_dict()


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_share_by_hand(monkeypatch):
    assert ALONE.parts("abcdef") == ["abcdef"]
    parts = [Share(process, 2, 3).parts("abcdefghijkl") for process in range(2)]
    assert parts == [["ab", "cd", "ef"], ["gh", "ij", "kl"]]
    assert Share.of_steps([8, 4], None) == (0, 1, 1)
    assert Share.of_steps([8, 4], 2) == (0, 1, 4)
    assert Share.of_steps([8, 16], 2, planned=4) == (0, 4, 2)
    assert Share.of_steps([12, 6], 5) == (0, 1, 3)  # of 12 images at most 5 are 4
    with pytest.raises(ValueError, match="steps of 8, 6 images on 1 processes have no passes of at most 2"):
        Share.of_steps([8, 6], 2)
    monkeypatch.setattr(processes, "processes", lambda: SimpleNamespace(num_processes=4, process_index=2))
    assert Share.of_steps([8, 16], 2) == (2, 4, 2)
    with pytest.raises(ValueError, match="steps of 8, 6 images cannot be divided among 4 processes"):
        Share.of_steps([8, 6], None)


def test_several_passes_make_the_step_of_one(tmp_path):
    """Also where the passes' answers are of different lengths."""
    options = {"evaluation": None, "image_loss": 0.5, "data": VARIED.model_dump(), "log_every": 2}
    stages = [{"until": 2, "images": 4}]
    whole = state(train(recipe(tmp_path, **options, stages=stages), tmp_path / "whole"))
    parts = state(train(recipe(tmp_path, **options, stages=stages, images_per_pass=2), tmp_path / "parts"))
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, rtol=1e-3, atol=2e-3, msg=name)
    one, other = (
        next(entry for entry in entries(tmp_path / run) if "loss" in entry) for run in ("whole", "parts")
    )
    assert one["loss"] == pytest.approx(other["loss"], abs=1e-3)
    assert one["loss_text"] == pytest.approx(other["loss_text"], abs=1e-3)


def test_activations_that_are_not_kept_change_nothing(tmp_path, monkeypatch):
    calls = []

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return checkpoint(*arguments, **options)

    monkeypatch.setattr("transformers.modeling_utils.checkpoint", counted)
    options = {"evaluation": None, "stages": [{"until": 1, "images": 2}]}
    plain = state(train(recipe(tmp_path, **options), tmp_path / "plain"))
    assert not calls
    saved = state(train(recipe(tmp_path, **options, gradient_checkpointing=True), tmp_path / "saved"))
    assert len(calls) == SMALL.text_layers + SMALL.vision_layers
    assert all(torch.equal(plain[name], saved[name]) for name in plain)


def test_sorted_batches_are_of_one_length_and_hold_every_dialogue_once(processor):
    def rows(share: Share = ALONE, start: int = 0, sorted_over: int = 3) -> list[list[list[int]]]:
        stages = [DialogueStage(until=1, images=4), DialogueStage(until=6, images=4, sorted_over=sorted_over)]
        batches = Batches(VARIED, Collator(processor, GeometryCodes()), 1, stages, start, share=share)
        padding = processor.tokenizer.pad_token_id
        return [[row[row != padding].tolist() for row in batch["input_ids"]] for batch in batches]

    def flat(batches: list[list[list[int]]]) -> list[list[int]]:
        return sorted(row for batch in batches for row in batch)

    together, unsorted = rows(), rows(sorted_over=1)
    assert together[0] == unsorted[0]
    for block in (slice(1, 4), slice(4, 6)):  # the second is cut by the stage's end
        assert flat(together[block]) == flat(unsorted[block])
        mixed = [len(batch) for batch in together[block] if len({len(row) > 60 for row in batch}) > 1]
        assert len(mixed) <= 1
    assert any(len({len(row) > 60 for row in batch}) > 1 for batch in unsorted)
    assert rows(start=3) == together[3:]  # in the middle of a block
    halves = [rows(Share(process, 2, 2)) for process in range(2)]
    assert [len(half) for half in halves] == [12, 12]
    assert flat(halves[0] + halves[1]) == flat(together)


def test_the_length_of_a_dialogue_is_known_before_its_batch(processor):
    collator = Collator(processor, GeometryCodes())
    prepared = collator.prepare([draw(VARIED, 1, index, {}) for index in range(3)])
    lengths = collator.collate(prepared)["attention_mask"].sum(1).tolist()
    assert [collator.length(dialogue) for dialogue in prepared] == lengths
    assert len(set(lengths)) > 1


def test_long_dialogues_are_cut_and_counted(tmp_path, processor):
    dialogues = [draw(VARIED, 1, index, {}) for index in range(4)]
    whole = Collator(processor, GeometryCodes())(dialogues)
    lengths = whole["attention_mask"].sum(1)
    most = int(lengths.max()) - 3
    cut = Collator(processor, GeometryCodes(), max_tokens=most)(dialogues)
    assert cut["input_ids"].shape == (4, most)
    assert torch.equal(cut["labels"], whole["labels"][:, :most])
    assert cut["cut"].tolist() == (lengths > most).tolist()
    assert 0 < cut["cut"].sum() < 4
    with pytest.raises(ValueError, match="3 tokens cannot hold an image"):
        Collator(processor, GeometryCodes(), max_tokens=3)(dialogues)

    options = {"evaluation": None, "data": VARIED.model_dump(), "stages": [{"until": 2, "images": 4}]}
    train(recipe(tmp_path, **options, max_tokens=60, log_every=2), tmp_path / "out")
    lengths = Collator(processor, GeometryCodes())([draw(VARIED, 5, index, {}) for index in range(8)])
    longer = (lengths["attention_mask"].sum(1) > 60).sum().item()
    assert [entry["cut_dialogues"] for entry in entries(tmp_path / "out") if "loss" in entry] == [longer]


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch):
    assert torch.cuda.is_available() or processes.own_gpu() is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert processes.own_gpu() == torch.device("cuda:3")
    monkeypatch.delenv("LOCAL_RANK")
    assert processes.own_gpu() == torch.device("cuda:0")


def test_what_lora_lacks_is_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"lora needs a start\.checkpoint, to whose weights it is added"):
        train(recipe(tmp_path, lora=LORA), tmp_path / "out")
    monkeypatch.setattr("samtok.training.recipe.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="lora: peft is not installed: pip install peft"):
        train(recipe(tmp_path, start={"checkpoint": "x"}, lora=LORA), tmp_path / "out")


LORA = {"rank": 4, "alpha": 8, "dropout": 0.1}


def test_lora_moves_the_rows_of_mask_words_and_no_others(tmp_path, base):
    options = {
        "evaluation": None,
        "start": {"checkpoint": str(base)},
        "lora": LORA,
        "learning_rate": 0.02,
        "stages": [{"until": 3, "images": 2}],
        "save_every": 1,
    }
    path = recipe(tmp_path, **options)
    final = train(path, tmp_path / "out")
    loaded, loading = AutoModelForImageTextToText.from_pretrained(final, output_loading_info=True)
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    text = AutoTokenizer.from_pretrained(final)
    start, *_, end = mask_word_ids(text)
    before = state(train(recipe(tmp_path, **{**options, "learning_rate": 0.0}), tmp_path / "start"))
    after = loaded.state_dict()
    for rows in ("model.language_model.embed_tokens.weight", "lm_head.weight"):
        moved = (before[rows] != after[rows]).any(1).nonzero().flatten()
        assert start <= moved.min() <= moved.max() <= end
        # the loss on all words moves all rows of the output
        assert rows != "lm_head.weight" or moved.tolist() == list(range(start, end + 1))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved - {"model.language_model.embed_tokens.weight", "lm_head.weight"} == {
        name for name in before if "language_model.layers" in name and name.endswith("_proj.weight")
    }
    answer = QwenVLSAMTok.from_pretrained(final, samtok=tiny_samtok()).chat(
        [[{"role": "user", "content": [{"type": "text", "text": "What is blue star?"}]}]], max_new_tokens=4
    )
    assert answer[0].new_tokens > 0

    newest = tmp_path / "out/checkpoint-3"
    assert {path.name for path in newest.glob("*.safetensors")} == {"adapter_model.safetensors"}
    assert checkpoint_fault(newest) is None
    # what was lost is trained again, to the same weights
    for lost in (newest / "adapter_model.safetensors", tmp_path / "out/final/model.safetensors"):
        lost.unlink()
    assert checkpoint_fault(newest) is not None
    assert newest_checkpoint(tmp_path / "out") == tmp_path / "out/checkpoint-2"
    again = state(train(path, tmp_path / "out", resume=True))
    assert all(torch.equal(again[name], after[name]) for name in after)

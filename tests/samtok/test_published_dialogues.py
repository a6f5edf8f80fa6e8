"""A model is fine-tuned on dialogues in the published form, from the command line."""

import json

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from qwen_parts import SMALL, tiny_samtok
from safetensors.torch import load_file

from samtok.tokenizer import SAMTok
from samtok.words import format_words


@pytest.fixture
def recipe(tmp_path):
    """Four images, one of which is missing, and words of nano's tokenizer."""
    records = []
    for k in range(4):
        name, words = f"coco/train2014/{k}.jpg", format_words([(k, 9)])[0]
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if k:
            pixels = np.random.default_rng(k).integers(0, 256, (48, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name)
        turns = [
            {"from": "human", "value": f"<image>\nPlease segment chair {k} in this image."},
            {"from": "gpt", "value": f'```json\n[{{"mask_2d": "{words}", "label": "chair {k}"}}]\n```'},
        ]
        records.append({"image": name, "conversations": turns})
    (tmp_path / "gres.json").write_text(json.dumps(records))
    options = {"file": str(tmp_path / "gres.json"), "data_root": str(tmp_path), "tokenizer": "nano"}
    content = {
        "seed": 5, "codes": "nano",
        "data": {"source": "samtok_tasks.training.llava:llava", "options": options},
        "start": {"nano": SMALL.model_dump(mode="json"), "corpus": 4},
        "stages": [{"until": 2, "images": 2}], "learning_rate": 0.001, "log_every": 1,
    }  # fmt: skip

    def write(**changes):
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content | changes))
        return str(tmp_path / "recipe.yaml")

    return write


def test_published_dialogues_train_a_model(recipe, tmp_path, called):
    code, _, said = called("train", "sft", recipe(), "--out", str(tmp_path / "out"))
    assert code == 0, said
    assert "1 records without a readable image, the first:" in said
    logged = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    assert all(entry["loss_first_code"] > 0 for entry in logged if "loss" in entry)

    final = str(tmp_path / "out/final")
    asked = ("--task", "gres", "--limit", "1", "--no-ceiling", "--out")
    code, _, said = called("run", "--model", final, *asked, str(tmp_path / "run"))
    assert code == 0, said
    code, _, said = called("run", "--model", f"{final}/vlm", *asked, str(tmp_path / "without"))
    assert code == 2
    assert "has no mask tokenizer" in said
    assert said.endswith("; name one of another place by --tokenizer FOLDER\n")
    given = ("--tokenizer", "nano", *asked, str(tmp_path / "given"))
    code, _, said = called("run", "--model", f"{final}/vlm", *given)
    assert code == 0, said
    settings = json.loads((tmp_path / "given/run.json").read_text())["settings"]
    assert len(settings["predictor"]["tokenizer"]) == 64

    begun = recipe(start={"checkpoint": final}, learning_rate=0.0, weight_decay=0.0)
    code, _, said = called("train", "sft", begun, "--out", str(tmp_path / "again"))
    assert code == 0, said
    before, after = (load_file(tmp_path / name / "final/vlm/model.safetensors") for name in ("out", "again"))
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize("workers", [0, 1])
def test_they_are_refused_where_the_tokenizer_is_another_one(recipe, tmp_path, called, workers):
    tiny_samtok().save_pretrained(tmp_path / "other")
    path = recipe(codes=str(tmp_path / "other"), workers=workers)
    code, _, said = called("train", "sft", path, "--out", str(tmp_path / "out"))
    assert code == 2
    assert "Traceback" not in said
    nano = SAMTok.from_pretrained("nano").codebook_hash()[:12]
    assert f"the mask words are of another tokenizer: nano has the codebooks {nano}, the one in use" in said

"""The shipped recipes run; those of the large models with a tiny one of the same family in its place."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from PIL import Image
from published_pair import small_config, write_pair
from pyarrow import parquet
from pycocotools import mask as coco
from qwen_parts import base_qwen, tiny_qwen, tiny_samtok
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from samtok import QwenVLSAMTok, SAMTok, cli
from samtok.checkpoints import sam2_state
from samtok.training import reinforced, supervised, tokenizer
from samtok.training.recipe import RECIPES, load_recipe
from samtok.training.sizes import BackboneSizes

WORDS = "<|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>"
FEW = {"log_every": 1, "save_every": 2, "threads": 1, "workers": 0}


def written(folder: Path, name: str, **changes: Any) -> Path:
    """A shipped recipe with other values at `a__b__0__c`."""
    content = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    for field, value in changes.items():
        *path, last = (int(key) if key.isdigit() else key for key in field.split("__"))
        place = content
        for key in path:
            place = place[key]
        place[last] = value
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return folder / f"{name}.yaml"


def photos(folder: Path, count: int = 4) -> list[str]:
    (folder / "coco").mkdir(parents=True)
    names = [f"coco/{number}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64 + 16 * number, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return names


def square() -> dict[str, Any]:
    """A square on 64 x 64 pixels as COCO RLE."""
    pixels = np.zeros((64, 64), np.uint8)
    pixels[8:40, 8:40] = 1
    found = coco.encode(np.asfortranarray(pixels))
    return {"size": found["size"], "counts": found["counts"].decode()}


def chat(model: QwenVLSAMTok) -> None:
    content = [
        {"type": "image", "image": Image.new("RGB", (64, 64))},
        {"type": "text", "text": "What is it?"},
    ]
    [answer] = model.chat([[{"role": "user", "content": content}]], max_new_tokens=3)
    assert answer.new_tokens > 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("qwen3-vl-4b-sft", supervised.SupervisedRecipe),
        ("qwen2.5-vl-3b-gres-rl", reinforced.ReinforcedRecipe),
        ("samtok-256x2", tokenizer.TokenizerRecipe),
    ],
)
def test_every_value_of_a_recipe_has_its_source(name, kind):
    load_recipe(name, kind)
    origins = ("released", "published", "text", "paper", "CycleGRPO", "ours")
    for line in (RECIPES / f"{name}.yaml").read_text().splitlines():
        value, _, comment = line.partition("  # ")
        if value[:1].isalpha() and not value.endswith(":"):
            assert comment.startswith(origins) or comment.startswith("not published"), line


@pytest.mark.parametrize("name", ["nano-sft", "nano-sft-all", "nano-sft-letters", "nano-sft-average"])
def test_a_recipe_of_nano_takes_a_step(tmp_path, name):
    stages = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())["stages"]
    few = {"stages": [{**stages[0], "until": 1, "images": 2}], "start__corpus": 20, "evaluation": None}
    if name == "nano-sft-average":
        few["start__average"] = {"nano": 1}
    changes = {**few, **FEW, "pool_workers": 0, "autocast": None}
    out = tmp_path / "out"
    supervised.train(written(tmp_path, name, **changes), out)
    first, _ = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert first["step"] == 1
    assert first["loss"] > 0
    assert (out / "final" / "vlm" / "model.safetensors").is_file()


def fine_tuning(folder: Path) -> Path:
    """The recipe of Qwen3-VL-4B for a tiny one, on dialogues in the published form."""
    for part in base_qwen("qwen3_vl"):
        part.save_pretrained(folder / "base")
    tiny_samtok().save_pretrained(folder / "samtok")
    said = [("human", "<image>\nPlease segment the chair in this image."), ("gpt", f"It is {WORDS}.")]
    records = [
        {"image": name, "conversations": [{"from": who, "value": text} for who, text in said]}
        for name in photos(folder)
    ]
    (folder / "gres.json").write_text(json.dumps(records))
    stages = [{"until": 2, "images": 4, "sorted_over": 2}]
    changes = {
        "start__checkpoint": str(folder / "base"), "start__pixels": [1024, 4096],
        "codes": str(folder / "samtok"), "data__options__tokenizer": str(folder / "samtok"),
        "data__options__file": str(folder / "gres.json"), "data__options__data_root": str(folder),
        "stages": stages, "images_per_pass": 1, "benchmarks": None, "learning_rate": 1e-2, **FEW,
    }  # fmt: skip
    return written(folder, "qwen3-vl-4b-sft", **changes)


def assert_loadable(final: Path) -> None:
    plain, loading = AutoModelForImageTextToText.from_pretrained(final / "vlm", output_loading_info=True)
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert plain.dtype == torch.bfloat16
    model = QwenVLSAMTok.from_pretrained(final)
    assert model.processor.image_processor.size["longest_edge"] == 4096
    chat(model)


def test_fine_tuning(tmp_path):
    final = supervised.train(fine_tuning(tmp_path), tmp_path / "out")
    assert_loadable(final)
    lines = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    assert [line["cut_dialogues"] for line in lines if "loss_text" in line] == [0, 0]


@pytest.mark.slow
def test_fine_tuning_in_two_processes_by_accelerate(tmp_path):
    options = "--multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no"
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        *options.split(),
        "--main_process_port",
        "0",
    ]
    program = str(Path(sys.executable).with_name("samtok-bench"))
    command = [*launch, program, "train", "sft", str(fine_tuning(tmp_path)), "--out", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr[-3000:]
    assert said.stdout.splitlines()[-1] == str(tmp_path / "out/final")
    assert_loadable(tmp_path / "out/final")
    assert len(list((tmp_path / "out/checkpoint-2").glob("rng_state_*.pth"))) == 2


def test_reinforcement(tmp_path):
    tiny_qwen("qwen2_5_vl").save_pretrained(tmp_path / "start")
    rows = [
        {
            "images": [{"bytes": b"", "path": f"/mnt/authors/{name}"}],
            "problem": f"<image>Please segment chair {number} in this image.",
            "answer": WORDS if number % 2 else "No target.",
            "masks": [square()] * (number % 2),
            "source": "gres",
        }
        for number, name in enumerate(photos(tmp_path))
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "gres8k.parquet")
    path = written(
        tmp_path, "qwen2.5-vl-3b-gres-rl", start=str(tmp_path / "start"), pixels=[1024, 4096], prompts=4,
        steps=2, prompts_per_step=2, answers=2, answers_per_pass=2, max_new_tokens=8,
        trl={"steps_per_generation": 4}, benchmarks=None,
        data__options__files=[str(tmp_path / "gres8k.parquet")], data__options__data_root=str(tmp_path),
        data__options__tokenizer=str(tmp_path / "start"),
        **{name: value for name, value in FEW.items() if name != "workers"},
    )  # fmt: skip
    final = reinforced.train(path, tmp_path / "out")
    chat(QwenVLSAMTok.from_pretrained(final))
    weights = load_file(final / "vlm/model.safetensors").values()
    assert {weight.dtype for weight in weights} == {torch.float32}  # others lose updates of 1e-6
    _, loading = AutoModelForImageTextToText.from_pretrained(final / "vlm", output_loading_info=True)
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_the_tokenizer(tmp_path):
    """The published file of SAM 2.1 in small, and SA-1B's files."""
    config = small_config()
    pair = write_pair(tmp_path, config)
    (tmp_path / "sa1b").mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"sa1b/sa_{number}.jpg")
        about = {"image_id": number, "file_name": f"sa_{number}.jpg", "height": 64, "width": 64}
        regions = {"image": about, "annotations": [{"id": number, "segmentation": square(), "area": 1024}]}
        (tmp_path / f"sa1b/sa_{number}.json").write_text(json.dumps(regions))
    sets = [{"data": "sa1b", "folder": str(tmp_path), "split": "sa1b"}]
    backbone = config.sam2_config.vision_config.backbone_config.to_dict()
    sizes = {
        "image_size": 128,
        "hidden_size": 32,
        "backbone": {name: backbone[name] for name in BackboneSizes.model_fields},
        "mask_decoder": {"iou_head_hidden_dim": 256},
    }
    path = written(
        tmp_path, "samtok-256x2", sam2=str(pair[0]), model=sizes, data__options__sets=sets,
        evaluation__data__options__sets=sets, evaluation__images=1, evaluation__every=2, images_per_step=4,
        images_per_pass=2, stages__0__steps=2, stages__0__points=64, stages__0__learning_rate=1e-3, **FEW,
    )  # fmt: skip
    model = SAMTok.from_pretrained(tokenizer.train(path, tmp_path / "out"))
    trained, before = model.state_dict(), sam2_state(pair[0], model.state_dict())
    moved = {name for name, weights in before.items() if not torch.equal(weights, trained[name])}
    assert moved
    assert all(name.startswith("sam2.mask_decoder.") for name in moved)
    assert not any("iou_prediction_head" in name or "pred_obj_score" in name for name in moved)
    lines = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "iou_codes" in line] == [2]


@pytest.mark.parametrize(
    ("recipe", "folder"),
    [("qwen2.5-vl-3b-gres-rl", "qwen2.5-vl-3b-gres-rl"), ("some/folder/my.recipe.yaml", "my.recipe")],
)
def test_a_training_without_a_folder_has_one_of_its_recipes_name(recipe: str, folder: str, monkeypatch):
    folders = []
    monkeypatch.setattr(reinforced, "train", lambda recipe, out, resume: folders.append(out) or out)
    cli.train_rl(recipe)
    assert folders == [Path("training") / folder]

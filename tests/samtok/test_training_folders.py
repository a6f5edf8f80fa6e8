"""Folders of weights and checkpoints: whole or not counted."""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import test_supervised
import torch
from safetensors.torch import save_file

from samtok.training import supervised
from samtok.training.folders import (
    UNFINISHED,
    checkpoint_fault,
    locked,
    newest_checkpoint,
    remove_older,
    weights_fault,
    written_whole,
)


def write_checkpoint(folder: Path) -> Path:
    """What a Trainer writes, in small."""
    folder.mkdir(parents=True)
    step = int(folder.name.partition("-")[2])
    (folder / "config.json").write_text("{}")
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    save_file({"weight": torch.ones(100)}, folder / "model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        torch.save({"state": torch.zeros(100)}, folder / name)
    return folder


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond this size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "lost", ["config.json", "trainer_state.json", "model.safetensors", "optimizer.pt", "scheduler.pt"]
)
def test_a_checkpoint_without_one_of_its_files_is_ignored_in_one_line(tmp_path, capsys, lost):
    whole = write_checkpoint(tmp_path / "checkpoint-90")
    (write_checkpoint(tmp_path / "checkpoint-100") / lost).unlink()
    assert newest_checkpoint(tmp_path) == whole
    said = capsys.readouterr().err
    assert said.startswith(f"ignored, because not whole: {tmp_path}/checkpoint-100 (")
    assert lost in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_checkpoint_with_a_cut_file_is_not_whole(tmp_path, share):
    for number, path in enumerate(sorted(write_checkpoint(tmp_path / "checkpoint-5").iterdir())):
        folder = tmp_path / str(number) / "checkpoint-5"
        shutil.copytree(tmp_path / "checkpoint-5", folder)
        assert checkpoint_fault(folder) is None
        with open(folder / path.name, "rb+") as file:
            file.truncate(int(path.stat().st_size * share))
        assert path.name in str(checkpoint_fault(folder))


def test_a_lost_shard_of_the_weights_is_named(tmp_path):
    folder = write_checkpoint(tmp_path / "checkpoint-5")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert "model-00002-of-00002.safetensors" in str(weights_fault(folder))


def test_only_named_steps_are_checkpoints(tmp_path):
    write_checkpoint(tmp_path / UNFINISHED / "checkpoint-9")
    write_checkpoint(tmp_path / "checkpoint-7").rename(tmp_path / "checkpoint-7-copy")
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "absent") is None


def test_the_newest_checkpoints_stay(tmp_path):
    steps = [write_checkpoint(tmp_path / f"checkpoint-{step}") for step in (2, 10, 9, 30)]
    remove_older(steps[1], keep=2)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != UNFINISHED) == [
        "checkpoint-10",
        "checkpoint-30",  # of another training: newer than what was written
        "checkpoint-9",
    ]


def test_a_folder_gets_its_name_when_it_is_whole(tmp_path):
    target = tmp_path / "final"
    left = tmp_path / UNFINISHED / "final"
    left.mkdir(parents=True)
    (left / "of-a-killed-process").touch()
    for content in ("old", "new"):
        with written_whole(target) as aside:
            assert not list(aside.iterdir())
            (aside / "file").write_text(content)
            assert not target.exists() or (target / "file").read_text() == "old"
        assert (target / "file").read_text() == content
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_what_is_interrupted_leaves_what_was_there(tmp_path, error):
    target = tmp_path / "final"
    with written_whole(target) as aside:
        (aside / "file").write_text("old")

    def fail() -> None:
        with written_whole(target) as aside:
            (aside / "file").write_text("new")
            raise error

    with pytest.raises(error):
        fail()
    assert (target / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["optimizer.pt", "model.safetensors", "notes.txt"])
def test_a_full_disk_is_one_line_that_names_the_file(tmp_path, name):
    def write() -> None:
        with written_whole(tmp_path / "checkpoint-3") as aside:
            (aside / "first").touch()
            if name.endswith(".pt"):
                torch.save({"state": torch.zeros(100_000)}, aside / name)
            elif name.endswith(".safetensors"):
                save_file({"weight": torch.zeros(100_000)}, aside / name)
            else:
                with (aside / name).open("w") as file:
                    file.write("x" * 400_000)

    with full_disk(100_000), pytest.raises(OSError, match="checkpoint-3") as caught:
        write()
    assert f"cannot save {tmp_path}/checkpoint-3/{name}: " in str(caught.value)
    assert "File too large" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / UNFINISHED).touch()
    with (
        pytest.raises(OSError, match=f"cannot save .*/{UNFINISHED}/f: Not a directory"),
        written_whole(tmp_path / "f"),
    ):
        pass


def test_a_training_goes_on_from_before_the_disk_was_full(tmp_path, monkeypatch):
    path = test_supervised.recipe(tmp_path, evaluation=None)
    whole = supervised.train(path, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch, full_disk(resource.RLIM_INFINITY):
        write = supervised.TrainingLog.write

        def fill(self, entry):
            write(self, entry)
            if entry["step"] == 3:
                resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))

        patch.setattr(supervised.TrainingLog, "write", fill)
        with pytest.raises(OSError, match=r"cannot save .*checkpoint-4/model.safetensors: .*File too large"):
            supervised.train(path, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["checkpoint-2"]
    again = supervised.train(path, tmp_path / "out", resume=True)
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_log_on_a_full_disk_is_named(tmp_path):
    log = supervised.TrainingLog(tmp_path / "log.jsonl")
    with full_disk(100), pytest.raises(OSError, match=r"File too large: '.*log.jsonl'"):
        log.write({"step": 1, "text": "x" * 200})


def test_a_log_is_rewound_to_a_step_of_a_stage(tmp_path):
    log = supervised.TrainingLog(tmp_path / "log.jsonl")
    log.rewind(3)
    assert not log.path.exists()
    entries = [
        {"stage": "first", "step": 1},
        {"stage": "first", "step": 4, "train_runtime": 1.0},
        {"stage": "second", "step": 2},
        {"stage": "second", "step": 3},
        {"stage": "second", "step": 2, "train_runtime": 1.0},
        {"stage": "third", "step": 1},
    ]
    for entry in entries:
        log.write(entry)
    with log.path.open("a") as file:
        file.write('{"stage": "second", "step": 1')  # torn
    log.rewind(2, "second", ["first"])
    assert [json.loads(line) for line in log.path.read_text().splitlines()] == entries[:3]


HOLD = """
import sys
from pathlib import Path
from samtok.training.folders import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_trainings_do_not_write_to_one_folder(tmp_path):
    recipe, out = test_supervised.recipe(tmp_path, evaluation=None), tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-c", HOLD, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        for resume in (False, True):
            with pytest.raises(BlockingIOError, match=rf"^another training is writing to {out}$"):
                supervised.train(recipe, out, resume)
        other.kill()
    assert (supervised.train(recipe, out) / "config.json").is_file()
    with locked(out):
        pass

"""Dialogues written once with their words."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import gref_train
import pytest
import torch
from typer.testing import CliRunner

from samtok import SAMTok
from samtok.locate import model_folder, vlm_part
from samtok.qwen import load_qwen
from samtok.training.codes import TokenizerCodes
from samtok.training.dialogues import Collator
from samtok_tasks.data.cli import app
from samtok_tasks.training import shard_writer
from samtok_tasks.training.shards import shards
from samtok_tasks.training.tasks import tasks

Called = Callable[..., tuple[int, str, str]]


def command(root: Path, out: Path, *more: str) -> list[str]:
    named = ["--task", "gres", "--data-root", str(root), "--out", str(out), "--device", "cpu"]
    return ["data", "dialogues", *named, "--images-per-shard", "2", *more]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def original(gref: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("original") / "out"
    result = CliRunner().invoke(app, command(gref, out))
    assert result.exit_code == 0
    assert result.stdout == f"6 images in 3 shards: {out}\n"
    return out


@pytest.fixture
def written(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "out")


def test_shards_teach_what_direct_reading_teaches(gref: Path, written: Path) -> None:
    processor = load_qwen(vlm_part(model_folder("nano")), torch.float32)[1]
    collator = Collator(processor, TokenizerCodes(SAMTok.from_pretrained("nano")))
    direct = islice(tasks(5, tasks={"gres": 1}, data_root=str(gref), questions=2), 14)
    stored = islice(shards(5, folder=str(written), questions=2), 14)
    expected, found = collator.prepare(list(direct)), collator.prepare(list(stored))
    assert [dialogue.text for dialogue in found] == [dialogue.text for dialogue in expected]
    assert [dialogue.apart for dialogue in found] == [dialogue.apart for dialogue in expected]
    for one, other in zip(found, expected, strict=True):
        assert (one.image == other.image).all()
    assert sum("<|mt_start|>" in dialogue.text for dialogue in found) > 5


def test_an_interrupted_command_goes_on(
    gref: Path, written: Path, tmp_path: Path, called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, write = tmp_path / "parts", shard_writer.ShardWriter.write

    def torn(self: Any, number: int, *more: Any) -> None:
        if number == 1:
            (self.folder / "shard-00001.jsonl.part").write_text('{"shard"')
            raise KeyboardInterrupt
        write(self, number, *more)

    with monkeypatch.context() as patch:
        patch.setattr(shard_writer.ShardWriter, "write", torn)
        code, _, said = called(*command(gref, parts))
        assert code == 130
        assert "are whole: the same command goes on" in said
    with pytest.raises(FileNotFoundError, match=r"shard-00001\.jsonl is missing.*goes on where it was ended"):
        next(shards(1, folder=str(parts)))
    before = (parts / "shard-00000.jsonl").stat().st_mtime_ns
    assert called(*command(gref, parts))[0] == 0
    assert (parts / "shard-00000.jsonl").stat().st_mtime_ns == before
    assert content(parts) == content(written)


def test_an_image_that_cannot_be_read_is_counted_in_its_shard(
    holed: Path, tmp_path: Path, called: Called
) -> None:
    code, _, said = called(*command(holed, tmp_path / "out"))
    assert code == 0
    assert f"left out: 1 images that cannot be encoded, the first: {holed}/images/train2014/" in said
    dialogues = list(islice(shards(1, folder=str(tmp_path / "out")), 5))
    assert len({dialogue["image"].tobytes() for dialogue in dialogues}) == 5


def test_a_folder_of_other_dialogues_is_left_alone(gref: Path, written: Path, called: Called) -> None:
    before = content(written)
    code, _, said = called(*command(gref, written, "--most-masks", "3"))
    assert code == 2
    assert f"{written} holds dialogues that differ in most_masks: choose another folder" in said
    assert content(written) == before


def test_a_shard_of_other_dialogues_is_refused(written: Path, tmp_path: Path) -> None:
    other = written / "shard-00002.jsonl"
    header, *lines = other.read_text().splitlines(keepends=True)
    changed = json.dumps(json.loads(header) | {"codebooks": "0" * 64}) + "\n"
    other.write_text("".join([changed, *lines]))
    with pytest.raises(ValueError, match=r"shard-00002\.jsonl is of other dialogues than .*write them anew"):
        next(shards(1, folder=str(written)))


def test_a_malformed_line_is_counted(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = written / "shard-00000.jsonl"
    header, line, other = shard.read_text().splitlines()
    escaping = json.dumps(json.loads(line) | {"image": "../../secret.jpg"})
    shard.write_text("\n".join([header, escaping, other]) + "\n")
    assert len(list(islice(shards(1, folder=str(written)), 6))) == 6
    said = capsys.readouterr().err
    assert "1 malformed lines of shards, the first:" in said
    assert "must be a path below the folder" in said


@pytest.mark.slow
def test_a_killed_command_with_workers_loses_and_doubles_nothing(
    written: Path, tmp_path: Path, called: Called
) -> None:
    root, out = gref_train.write(tmp_path / "again"), tmp_path / "parts"
    program = "from samtok_bench.cli.main import main; main()"
    options = command(root, out, "--workers", "2")
    with subprocess.Popen([sys.executable, "-c", program, *options], start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not list(out.glob("shard-*.jsonl")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while _alive(process.pid):
        assert time.monotonic() < deadline, "workers outlive their driver"
        time.sleep(0.1)
    assert called(*command(root, out))[0] == 0
    settings = "dialogues.json"
    whole, parts = content(written), content(out)
    assert whole.pop(settings) != parts.pop(settings)  # the data root
    assert parts == whole


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True

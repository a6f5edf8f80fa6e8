"""The doctor's findings."""

import json
import sys

import pytest

from samtok_bench.cli import main as cli
from samtok_bench.predictors import samtok as local
from samtok_bench.running import health


def doctor(monkeypatch, capsys) -> tuple[int, dict[str, dict[str, str]]]:
    monkeypatch.setattr(sys, "argv", ["samtok-bench", "doctor", "--json"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0), {f["name"]: f for f in json.loads(capsys.readouterr().out)}


def test_all_is_well(monkeypatch, capsys):
    monkeypatch.setattr(local, "preflight", lambda: 0.93)
    code, found = doctor(monkeypatch, capsys)
    assert code == 0
    assert found["nano"]["detail"].endswith("with IoU 0.93")
    assert found["torchvision"]["status"] == "ok"
    assert "torch" in found["packages"]["detail"]


@pytest.mark.parametrize("iou", [0.1, None])
def test_wrong_or_missing_weights_are_broken(monkeypatch, capsys, iou):
    def preflight():
        if iou is None:
            raise FileNotFoundError("the weights of nano are not installed")
        return iou

    monkeypatch.setattr(local, "preflight", preflight)
    code, found = doctor(monkeypatch, capsys)
    assert code == 1
    assert found["nano"]["status"] == "broken"
    assert ("not the right weights" if iou else "not installed") in found["nano"]["detail"]


def test_the_torchvision_trap_is_explained(monkeypatch, tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(str(tmp_path))
    finding = health._torchvision()
    assert finding.status == "broken"
    assert "torchvision::nms" in finding.detail
    assert "pip uninstall torchvision" in finding.detail


def test_torchvision_is_absent_from_the_environment():
    assert health._torchvision().detail.startswith("absent")


def test_broken_plug_ins_are_found(plugin):
    assert {(f.name, f.status) for f in health._plugins()} == {
        ("task torn", "broken"),
        ("command missing", "broken"),
    }


def test_what_captions_lack_is_named(monkeypatch):
    monkeypatch.setattr(health.shutil, "which", lambda name: None)
    monkeypatch.setattr(health, "find_spec", lambda name: None)
    found = health._captions()
    assert found.status == "note"
    assert "Java" in found.detail
    assert "samtok-bench[captions]" in found.detail

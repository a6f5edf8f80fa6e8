"""`runs`, `show`, and runs in a notebook."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from synthetic_runs import COUNT, write_run

import samtok_bench
from samtok_bench.results import JOURNAL, RUN, SUMMARY

XS = [k / COUNT for k in range(COUNT)]


@pytest.fixture
def data(work) -> Path:
    """The images of the synthetic task."""
    folder = work / "data"
    folder.mkdir()
    for k in range(COUNT):
        Image.new("RGB", (12, 10), (k, 40, 90)).save(folder / f"image{k}.png")
    return folder


def test_runs_are_found_wherever_they_lie(command, work):
    write_run(work / "results/one", XS)
    write_run(work / "runs/deep/two", XS, settings={"model": "other"})
    shutil.copytree(work / "results/one", work / "results/broken")
    (work / "results/broken" / RUN).write_text("{")
    shutil.copytree(work / "results/one", work / "results/killed")
    record = json.loads((work / "results/killed" / RUN).read_text())
    (work / "results/killed" / RUN).write_text(json.dumps({**record, "status": "running"}))
    (work / "results/killed" / SUMMARY).unlink()
    code, out, _ = command("runs")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["results/killed", "results/one", "runs/deep/two"]
    assert "running" in lines[2]
    assert "mean 48.75" in lines[3]
    assert lines[4].split()[1:5] == ["synthetic", "val", "standard", "other"]
    assert "results/broken: results/broken/run.json is malformed" in lines[-1]
    assert len(command("runs", "results", "--task", "synthetic")[1].splitlines()) == 4
    listed = json.loads(command("runs", "runs", "--json")[1])
    assert listed[0]["path"] == "runs/deep/two"
    assert listed[0]["primary"]["value"] == pytest.approx(0.4875)


def test_no_runs_are_said_to_be_none(command, work):
    assert command("runs")[1] == "no runs in results and runs\n"
    assert command("runs", "nowhere") == (2, "", "error: no folder nowhere\n")


def test_a_sample_is_shown_with_what_was_asked_and_answered(command, work, data):
    write_run(work / "run", XS, data_root=data, failed=1)
    code, out, err = command("show", "run", "--sample", "s03", "--pictures", "drawn")
    assert (code, err) == (0, "")
    said = dict(line.split(maxsplit=1) for line in out.splitlines() if " " in line.strip())
    assert said["sample"] == "s03"
    assert said["image"] == str(data / "image3.png")
    assert said["tags"] == "side right"
    assert said["asked"] == "user: <image>square 3"
    assert said["target"] == "1, of 18 pixels"
    assert "x 0.075" in said["scores"]
    with Image.open(said["picture"]) as picture:
        assert picture.width > 500
    failed = command("show", "run", "--sample", "s00", "--json")[1]
    assert json.loads(failed)[0]["prediction"]["outcome"] == "model_error"
    assert json.loads(failed)[0]["target"]["masks"][0]["size"] == [10, 12]


def test_a_sample_without_its_data_is_an_answer_alone(command, work):
    write_run(work / "run", XS, data_root=work / "gone")
    code, out, err = command("show", "run", "--sample", "s03")
    assert code == 0
    assert "asked" not in out
    assert err == f"answers alone: no data in {work / 'gone'}\n"


def test_a_run_is_shown_again_as_it_ended(command, work):
    write_run(work / "run", XS)
    out = command("show", "run")[1]
    assert out.startswith("synthetic on val")
    assert "48.75" in out
    assert json.loads(command("show", "run", "--json")[1])["samples"] == COUNT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere is not a results folder: it has no run.json"),
        (("run", "--sample", "x"), "--sample x: 0 of 40 samples have such an id; the first ids are s00, s01"),
        (("run", "--sample", "s0"), "--sample s0: 10 of 40 samples have such an id"),
    ],
)
def test_what_cannot_be_shown_is_one_line(command, work, arguments, said):
    write_run(work / "run", XS)
    code, out, err = command("show", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_run_is_a_frame(work, data):
    write_run(work / "run", XS, data_root=data, failed=1)
    frame = samtok_bench.load_run(work / "run")
    assert frame["score.x"].mean() == pytest.approx(0.4875)
    assert frame.groupby("tag.side")["score.x"].mean().to_dict() == pytest.approx(
        {"left": 0.475, "right": 0.5}
    )
    assert frame.loc["s00", "outcome"] == "model_error"
    assert frame.attrs["summary"]["samples"] == len(frame) == COUNT
    assert frame.attrs["settings"]["task"] == "synthetic"
    (work / "run" / JOURNAL).write_text("")
    with pytest.raises(ValueError, match="incomplete"):
        samtok_bench.load_run(work / "run")


def test_a_run_is_displayed_in_a_notebook(work, data):
    write_run(work / "run", XS, data_root=data)
    shown = samtok_bench.display(work / "run")
    assert "mean" in repr(shown)
    assert repr(shown).split("\n")[0] in shown._repr_html_()
    one = samtok_bench.display(work / "run", "s05")
    assert "data:image/png;base64," in one._repr_html_()
    assert "&lt;image&gt;square 5" in one._repr_html_()
    assert set(one._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_names_are_lazy_and_known():
    assert set(dir(samtok_bench)) >= {"display", "load_run"}
    with pytest.raises(AttributeError, match="has no attribute 'lod_run'"):
        samtok_bench.lod_run  # noqa: B018


def test_the_shell_completes_names_of_tasks():
    from samtok_bench.cli.options import complete_tasks

    assert complete_tasks("gr") == ["gres", "grounding-suite"]

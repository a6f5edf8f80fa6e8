"""Questions out, answers back: on every task of mini, and by the released scripts' files."""

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from samtok_bench import registry, rle
from samtok_bench.exchange.answers import json_schema
from samtok_bench.exchange.pictures import OUTLINES
from samtok_bench.predictor import PredictorOptions
from samtok_bench.task import Generation

TASKS = [name for name in registry.names("task") if registry.task_class(name)().own_data().ready]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))  # without Java no METEOR, which takes longer than all the rest


def summary(folder, *, without=("model",)):
    found = json.loads((folder / "summary.json").read_text())
    for metric in found["metrics"]:
        metric.pop("ceiling")
    return {name: value for name, value in found.items() if name not in without}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("task", TASKS)
def test_answers_that_went_out_and_came_back_score_the_same(called, tmp_path, task):
    ours = ("--task", task, "--limit", "12")
    assert called("run", *ours, "--model", "oracle", "--out", "here", "--no-ceiling")[0] == 0
    source = ("here", "--from", "run", "--task", task)
    code, out, _ = called("data", "predictions", *source, "--out", "a.jsonl")
    assert code == 0
    assert out.startswith("12 answers to ")
    for line in lines(tmp_path / "a.jsonl"):
        jsonschema.validate(line, json_schema())
    assert called("run", *ours, "--model", "predictions:a.jsonl", "--out", "back")[0] == 0
    assert summary(tmp_path / "back") == summary(tmp_path / "here")
    stored = json.loads((tmp_path / "back" / "summary.json").read_text())
    assert stored["model"] == "oracle (answers made elsewhere)"


def test_nanos_own_answers_give_its_summary_byte_for_byte(called, tmp_path):
    ours = ("--task", "gres", "--limit", "12")
    assert called("run", *ours, "--out", "here")[0] == 0
    called("data", "predictions", "here", "--from", "run", "--task", "gres", "--out", "a.jsonl")
    reading = ("--answers", "words", "--tokenizer", "nano")  # for the ceiling
    assert called("run", *ours, "--model", "predictions:a.jsonl", *reading, "--out", "back")[0] == 0
    here, back = ((tmp_path / name / "summary.json").read_text() for name in ("here", "back"))
    assert back.replace('"nano (answers made elsewhere)"', '"nano"') == here


@pytest.mark.parametrize("task", TASKS)
def test_questions_hold_what_the_samples_ask(called, tmp_path, task):
    code, out, _ = called("data", "questions", "--task", task, "--out", "q.jsonl", "--boxes")
    assert code == 0
    asked = registry.task_class(task)()
    root = asked.default_root()
    samples = asked.samples(root, asked.default_split(root)).samples
    questions = lines(tmp_path / "q.jsonl")
    assert [question["id"] for question in questions] == [sample.id for sample in samples]
    assert out.startswith(f"{len(samples)} questions below {root}")
    for question, sample in zip(questions, samples, strict=True):
        assert root / question["image"] == sample.image
        assert tuple(question["size"]) == sample.size
        parts = [part for turn in question["turns"] for part in turn["content"]]
        assert all((root / part["path"]).is_file() for part in parts if part["type"] == "image")
        for part in parts:
            if part["type"] == "region":
                assert part["box"] == list(rle.box(part["mask"]))


def test_regions_are_also_written_as_outlines(called, tmp_path):
    ours = ("--task", "gar-bench", "--out", "new/q.jsonl")
    assert called("data", "questions", *ours, "--outlines")[0] == 0
    task = registry.task_class("gar-bench")()
    root = task.default_root()
    shown = set()
    for line in lines(tmp_path / "new" / "q.jsonl")[:30]:
        parts = [part for turn in line["turns"] for part in turn["content"]]
        [image] = [part for part in parts if part["type"] == "image"]
        plain = np.asarray(Image.open(root / image["path"]).convert("RGB"))
        drawn = np.asarray(Image.open(tmp_path / "new" / image["outlined"]))
        assert drawn.shape == plain.shape
        regions = [part for part in parts if part["type"] == "region"]
        for region in regions:
            colour = (drawn == OUTLINES[region["outline"]]).all(-1) & (drawn != plain).any(-1)
            assert colour.any()
            others = [other for other in regions if other is not region]
            if not others:
                assert not (colour & rle.decode(region["mask"])).any()
        shown.add(len({region["outline"] for region in regions}))
    assert shown == {1, 2}


def test_a_picture_without_regions_is_not_drawn(called, tmp_path):
    assert called("data", "questions", "--task", "gres", "--out", "q.jsonl", "--outlines")[0] == 0
    assert not any((tmp_path / "q.outlined").iterdir())
    assert "outlined" not in (tmp_path / "q.jsonl").read_text()


def test_regions_are_also_written_as_words_of_a_codec(called, tmp_path):
    ours = ("--task", "gar-bench", "--out", "q.jsonl")
    assert called("data", "questions", *ours, "--words", "grid16")[0] == 0
    turns = [turn for line in lines(tmp_path / "q.jsonl") for turn in line["turns"]]
    regions = [part for turn in turns for part in turn["content"] if part["type"] == "region"]
    kind, argument = registry.codec_class("grid16")
    codec = kind(argument, PredictorOptions(Generation(0)))
    assert regions
    for region in regions:
        size = tuple(region["mask"]["size"])
        assert region["words"] == codec.text(codec.encode(size, [region["mask"]])[0])


def test_a_question_that_needs_earlier_answers_says_which(called, tmp_path):
    history = ("--task", "multi_round", "--option", "history=own")
    code, out, _ = called("data", "questions", *history, "--out", "q.jsonl")
    assert code == 0
    assert '260 of them need answers to earlier ones, see "after"' in out
    questions = {line["id"]: line for line in lines(tmp_path / "q.jsonl")}
    later = [line for line in questions.values() if "after" in line]
    assert len(later) == 260
    for line in later:
        assert set(line["after"]) <= set(questions)
        said = json.dumps(line["turns"])
        assert '"mask"' not in said  # the target masks of earlier rounds would tell the answers
        assert all(f"{{{{answer to {id}}}}}" in said for id in line["after"])


def test_the_folder_of_what_is_written_is_made(called, tmp_path):
    assert called("data", "questions", "--task", "gres", "--out", "new/q/q.jsonl")[0] == 0
    called("run", "--task", "gres", "--limit", "3", "--model", "oracle", "--out", "here", "--no-ceiling")
    source = ("data", "predictions", "here", "--from", "run", "--task", "gres")
    assert called(*source, "--out", "new/a/a.jsonl")[0] == 0
    assert len(lines(tmp_path / "new/q/q.jsonl")) == 240
    assert len(lines(tmp_path / "new/a/a.jsonl")) == 3


@pytest.mark.parametrize("out", ["here/samples.jsonl", "here", "./here/new/a.jsonl"])
def test_predictions_are_not_written_into_the_run_that_they_come_from(called, tmp_path, out):
    called("run", "--task", "gres", "--limit", "3", "--model", "oracle", "--out", "here", "--no-ceiling")
    before = (tmp_path / "here" / "samples.jsonl").read_bytes()
    source = ("data", "predictions", "here", "--from", "run", "--task", "gres")
    code, _, err = called(*source, "--out", out)
    said = f"error: {Path(out)} is where the answers are: write the predictions to another place\n"
    assert (code, err) == (2, said)
    assert (tmp_path / "here" / "samples.jsonl").read_bytes() == before


def test_mask_words_that_nothing_has_read_are_said(called, tmp_path):
    called("data", "questions", "--task", "gres", "--out", "q.jsonl")
    first, second, *_ = lines(tmp_path / "q.jsonl")
    words = "<|mt_start|><|mt_0007|><|mt_0300|><|mt_end|>"
    said = [{"id": first["id"], "text": words}, {"id": second["id"], "text": "No target."}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in said))
    code, out, _ = called("data", "check-predictions", "a.jsonl", "--task", "gres")
    assert code == 0
    assert "1 answers have mask words and no masks: run with --answers words --tokenizer FOLDER\n" in out


def test_missing_answers_are_counted(called):
    called("run", "--task", "gres", "--limit", "3", "--model", "oracle", "--out", "here", "--no-ceiling")
    called("data", "predictions", "here", "--from", "run", "--task", "gres", "--out", "a.jsonl")
    code, out, _ = called("data", "check-predictions", "a.jsonl", "--task", "gres")
    assert code == 0
    assert "3 answers of oracle: a.jsonl\n237 of 240 samples have no answer, the first: " in out
    code, out, err = called("run", "--task", "gres", "--limit", "5", "--model", "predictions:a.jsonl")
    assert code == 0
    assert "3 ok, 2 model_error" in out
    assert "2 samples ended as model_error, the first: a.jsonl has no line for the sample" in err


def test_answers_to_another_split_are_refused_before_anything_is_written(called, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "0123456789abcdef"}\n')
    code, out, err = called("run", "--task", "gres", "--model", "predictions:a.jsonl", "--out", "run")
    assert (code, out) == (2, "")
    assert err.startswith("error: a.jsonl: line 1: no sample has the id 0123456789abcdef; ")
    assert not (tmp_path / "run").exists()


WORDS = "<|mt_start|><|mt_0007|><|mt_0300|><|mt_end|>"


def written(path, task, answer):
    """A file with no mask for the first sample of a task and an answer to the second."""
    asked = registry.task_class(task)()
    root = asked.default_root()
    first, second = asked.samples(root, asked.default_split(root)).samples[:2]
    records = ({"id": first.id, "text": "No target."}, {"id": second.id, **answer})
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return ("run", "--task", task, "--limit", "2", "--model", f"predictions:{path.name}", "--out", "run")


@pytest.mark.parametrize("task", ["gres", "gcg"])
@pytest.mark.parametrize("text", [f"It is {WORDS}.", "It is <|mt_start|><|mt_0007|><|mt_end|>."])
def test_mask_words_that_nobody_reads_are_no_refusal(called, tmp_path, task, text):
    command = written(tmp_path / "a.jsonl", task, {"text": text})
    code, out, err = called(*command)
    assert (code, out) == (2, "")
    assert err == (
        "error: a.jsonl: line 2: its text has mask words, and it has no masks: --answers words --tokenizer "
        "FOLDER reads them, --answers text leaves them unread\n"
    )
    assert not (tmp_path / "run").exists()
    code, out, _ = called(*command, "--answers", "text")
    assert code == 0
    assert "2 ok" in out


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("gres", {"text": WORDS, "masks": [[[1, 1, 9, 1, 9, 9]]]}),
        ("gres", {"text": "<|mt_start|><|mt_0007|>", "outcome": "parse_error", "faults": ["unclosed"]}),
        ("vg-caption", {"text": f"A dog {WORDS}."}),
        ("visual7w", {"text": f"A {WORDS}"}),
    ],
)
def test_words_that_were_read_or_do_not_matter_are_taken(called, tmp_path, task, answer):
    assert called(*written(tmp_path / "a.jsonl", task, answer))[0] == 0


def test_labels_in_a_text_are_the_phrases(called, tmp_path):
    text = 'A dog. [{"polygon": [[1, 1], [9, 1], [9, 9]], "label": "A dog"}, {"polygon": [1, 1, 9, 1, 9, 9]}]'
    command = written(tmp_path / "a.jsonl", "gcg", {"text": text})
    assert called(*command, "--answers", "polygons:pixels")[0] == 0
    _, line = lines(tmp_path / "run" / "samples.jsonl")
    assert line["phrases"] == ["A dog", ""]
    assert (line["scores"]["masks"], line["scores"]["phrases"], line["scores"]["unnamed"]) == (2, 1, 1)


def test_a_scene_graph_is_not_read_from_boxes(called, tmp_path):
    command = written(tmp_path / "a.jsonl", "scene_graph", {"text": "A"})
    code, out, err = called(*command, "--answers", "polygons:pixels")
    assert (code, out) == (2, "")
    assert "cannot be found by --answers polygons:pixels: use --answers words" in err


def test_mask_words_in_a_file_are_read_by_a_tokenizer(called, tmp_path):
    command = written(tmp_path / "a.jsonl", "gres", {"text": f"It is {WORDS}."})
    assert called(*command, "--answers", "words", "--tokenizer", "nano", "--no-ceiling")[0] == 0
    assert [line["words"] for line in lines(tmp_path / "run" / "samples.jsonl")] == [[], [WORDS]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run --task gres --model predictions", "--model predictions:FILE needs the file with the answers"),
        ("run --task gres --model predictions:no.jsonl", "no file no.jsonl with predictions"),
        ("data check-predictions", "name a predictions file, or use --schema"),
        (
            "data predictions . --from x --task gres --out a.jsonl",
            "unknown source 'x'; there are run, released",
        ),
        ("data predictions . --from released --task gres --out a.jsonl", ". holds no JSON file of a sample"),
        ("data questions --task gres --words no-such --out q.jsonl", "no-such"),
    ],
)
def test_mistakes_end_in_one_line(called, arguments, message):
    code, out, err = called(*arguments.split())
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def released(folder, task, samples, name):
    """Write what the released script of a task would for the right answers."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for place, sample in enumerate(samples):
        union = rle.union(sample.target.masks, sample.size)
        (folder / f"{place}.json").write_text(json.dumps({"gt_masks": union, name: union}))


@pytest.mark.parametrize(
    ("task", "name"), [("gres", "pred_masks"), ("grounding-suite", "predicted_segmentation")]
)
def test_the_released_scripts_files_are_read(called, tmp_path, task, name):
    asked = registry.task_class(task)()
    root = asked.default_root()
    samples = asked.samples(root, asked.default_split(root)).samples
    released(tmp_path / "temp_save", task, samples, name)
    source = ("data", "predictions", "temp_save", "--from", "released", "--task", task, "--out", "a.jsonl")
    assert called(*source)[0] == 0
    code, out, _ = called("run", "--task", task, "--model", "predictions:a.jsonl", "--json")
    assert code == 0
    assert {metric["id"]: metric["value"] for metric in json.loads(out)["metrics"]}["giou"] == 1.0
    # a file of another split in its place
    first, other = (tmp_path / "temp_save" / f"{k}.json" for k in (0, 5))
    first.write_text(other.read_text())
    code, _, err = called(*source)
    assert code == 2
    assert "temp_save/0.json: its gt_masks differ from the target of the sample " in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"pred_masks": [], "pred_masks": []}', "the key 'pred_masks' comes twice"),
        ('{"pred_masks": [], "caption": "\\ud83d"}', "half of a character (a lone surrogate), '\\ud83d'"),
        ("[" * 100_000, "more than 50 levels"),
    ],
)
def test_a_released_file_with_more_than_plain_json_is_named(called, tmp_path, text, message):
    (tmp_path / "temp_save").mkdir()
    (tmp_path / "temp_save" / "0.json").write_text(text)
    source = ("data", "predictions", "temp_save", "--from", "released", "--task", "gres", "--out", "a.jsonl")
    assert called(*source) == (2, "", f"error: temp_save/0.json: {message}\n")


def test_released_grounded_captions_are_found_by_image(called, tmp_path):
    asked = registry.task_class("gcg")("released")
    root = asked.default_root()
    samples = asked.samples(root, asked.default_split(root)).samples
    folder = tmp_path / "gcg_pred"
    folder.mkdir()
    for sample in samples:
        truth = sample.truth
        record = {
            "image_id": sample.image.stem,
            "caption": truth.caption,
            "phrases": list(truth.labels),
            "pred_masks": list(truth.masks),
        }
        (folder / f"{sample.image.stem}.json").write_text(json.dumps(record))
    ours = ("--task", "gcg", "--protocol", "released")
    assert called("data", "predictions", "gcg_pred", "--from", "released", *ours, "--out", "a.jsonl")[0] == 0
    code, out, _ = called("run", *ours, "--model", "predictions:a.jsonl", "--json")
    assert code == 0
    values = {metric["id"]: metric["value"] for metric in json.loads(out)["metrics"]}
    assert values["miou"] == 1.0
    assert values["ap50"] == 1.0

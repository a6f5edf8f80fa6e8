"""Exported tasks, without lmms-eval: their files, and the functions that these name."""

import importlib
import json
import re

import pytest
import yaml

from samtok_bench import metric, registry
from samtok_bench.images import open_image
from samtok_bench.lmms import functions
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.mask_tokenizer import MaskTokenizer
from samtok_bench.sample import Prediction

TASKS = [name for name in registry.names("task") if registry.task_class(name)().own_data().ready]


class Loader(yaml.SafeLoader):
    """As lmms-eval's: `!function package.module.name` is imported."""


def _function(loader, node):
    module, _, name = loader.construct_scalar(node).rpartition(".")
    return getattr(importlib.import_module(module), name)


Loader.add_constructor("!function", _function)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def export(called, tmp_path):
    """Export a task: the YAML's content and the documents."""

    def export(task, *options):
        code, out, err = called("lmms", "export", "out", "--task", task, *options)
        assert code == 0, err
        (path,) = (tmp_path / "out").glob("*.yaml")
        content = yaml.load(path.read_text(), Loader)
        assert content["task"] == path.stem
        assert f"--tasks {path.stem} --include_path out" in out
        lines = (tmp_path / "out" / content["dataset_kwargs"]["data_files"]["test"]).read_text()
        return content, [json.loads(line) for line in lines.splitlines()]

    return export


def read(task):
    asked = registry.task_class(task)()
    root = asked.default_root()
    return asked, asked.samples(root, asked.default_split(root)).samples


@pytest.mark.parametrize("task", [name for name in TASKS if name not in ("reconstruction", "multi_round")])
def test_every_task_asks_and_scores_as_a_run_does(export, task):
    answers = "words" if task == "scene_graph" else "text"
    content, documents = export(task, "--answers", answers)
    asked, samples = read(task)
    assert [doc["id"] for doc in documents] == [sample.id for sample in samples]
    assert content["doc_to_target"] == "id"
    kept = list(zip(documents, samples, strict=True))[:6]
    gathered: dict[str, list] = {}
    for doc, _ in kept:
        (message,) = content["doc_to_messages"](doc)
        assert message["content"][0]["type"] == "image"
        assert len(content["doc_to_visual"](doc)) == len(doc["images"])
        assert content["doc_to_text"](doc)
        for name, item in content["process_results"](doc, ["A"]).items():
            gathered.setdefault(name, []).append(json.loads(json.dumps(item)))
    answers = [Prediction(text="A") for _ in kept]
    scores = [asked.score(sample, answer) for (_, sample), answer in zip(kept, answers, strict=True)]
    expected = metric.values(asked.metrics, scores, [sample.cluster for _, sample in kept])
    for entry in content["metric_list"]:
        info = next(info for info in asked.metrics if info.id == entry["metric"])
        assert entry["higher_is_better"] == (info.direction != "lower")
        if info.aggregate.from_scores:
            assert entry["aggregation"](gathered[info.id]) == expected[info.id]


def test_mask_words_are_decoded_and_scored(export):
    content, documents = export("gres")
    asked, samples = read("gres")
    sample = next(sample for sample in samples if len(sample.target.masks) == 2)
    doc = next(doc for doc in documents if doc["id"] == sample.id)
    tokenizer = MaskTokenizer("nano", PredictorOptions(asked.generation))
    image = open_image(sample.image)
    said = " and ".join(tokenizer.words(image, sample.target.masks))
    found = content["process_results"](doc, [said])
    expected = asked.score(sample, tokenizer.read(said, image))
    assert found["ciou"]["scores"]["intersection"] == expected["intersection"] > 0


def test_regions_are_put_as_named(export):
    _, documents = export("vip-bench", "--answers", "text", "--regions", "boxes")
    assert '"bbox_2d": [' in functions.doc_to_text(documents[0])
    _, documents = export("vip-bench", "--answers", "text", "--regions", "outline")
    assert "outlined in " in functions.doc_to_text(documents[0])
    _, documents = export("vip-bench")
    assert "<|mt_start|><|mt_0" in functions.doc_to_text(documents[0])


def test_what_is_not_the_default_is_in_the_name_and_comes_back(export):
    content, documents = export(
        "gres", "--protocol", "released", "--split", "testA", "--instruction", "Hurry."
    )
    assert content["task"] == "samtok_gres_released_testA"
    assert functions.doc_to_text(documents[0]).endswith(" Hurry.")
    settings = json.loads(documents[0]["settings"])
    assert (settings["protocol"], settings["split"]) == ("released", "testA")


def test_an_option_of_any_text_is_in_the_name_by_its_hash(export):
    content, documents = export("hub-masks", "--option", "prompt=Mark {phrase}: all of it/them!")
    assert re.fullmatch("samtok_hub-masks_[0-9a-f]{8}_validation", content["task"])
    assert "Mark " in functions.doc_to_text(documents[0])


def test_an_answer_keeps_its_empty_lines_and_the_tokens_that_the_task_needs(export):
    generation = export("gcg")[0]["generation_kwargs"]
    assert generation["until"] == []
    assert generation["skip_special_tokens"] is False


def test_data_that_changed_since_is_found(export):
    _, documents = export("gres")
    with pytest.raises(ValueError, match="gres has no sample 0123 any more: the data has changed"):
        functions.process_results({**documents[0], "id": "0123"}, [""])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--task multi_round",
            "multi_round cannot be exported: 260 of its questions follow on earlier rounds",
        ),
        ("--task multi_round --option history=own", "260 of its questions follow on earlier rounds"),
        ("--task reconstruction", "reconstruction asks codecs, not models"),
        ("--task gres --answers boxes:inches", "unknown coordinates 'inches'"),
        ("--task gres --answers text --regions words", "--regions words needs a mask tokenizer"),
        ("--task gres --regions boxs", "unknown --regions 'boxs'; did you mean 'boxes'?"),
        ("--task gress", "unknown task 'gress'; did you mean 'gres'?"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(called, tmp_path, arguments, message):
    code, out, err = called("lmms", "export", "out", *arguments.split())
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()

"""published.csv and schema.yaml: they fit each other, the tasks and the arithmetic of the papers."""

import csv
import json
import re
from collections import Counter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from samtok_bench import registry
from samtok_bench.leaderboard.published import (
    ANY_FORMAT,
    PUBLISHED,
    SCHEMA,
    Published,
    Schema,
    read_published,
    read_schema,
)
from samtok_bench.task import Task

HEADER = "benchmark,split,method,params,metric,value,source\n"


@pytest.fixture(scope="module")
def schema() -> Schema:
    return read_schema()


@pytest.fixture(scope="module")
def published(schema) -> list[Published]:
    return read_published(schema)


def configurations(schema) -> list[tuple]:
    return [
        (benchmark, split, ours)
        for benchmark in schema.benchmarks
        for split in benchmark.splits
        for ours in benchmark.ours
        if split.task
    ]


def test_no_line_is_lost(published):
    with PUBLISHED.open(newline="") as file:
        assert len(list(csv.reader(file))) == len(published) + 1
    assert len(published) == 763


def test_a_benchmark_splits_and_metrics_have_figures_or_runs(schema, published):
    """No name in the schema is left over."""
    there = {(figure.benchmark, figure.split) for figure in published}
    for benchmark in schema.benchmarks:
        assert {figure.metric for figure in published if figure.benchmark == benchmark.id} == {
            metric.name for metric in benchmark.metrics
        }
        for split in benchmark.splits:
            assert split.task or (benchmark.id, split.name) in there


def test_the_paper_s_table_numbers_are_those_of_the_sources(schema, published):
    for figure in published:
        if figure.source.startswith("SAMTok paper (arXiv 2601.16093), Table "):
            assert figure.source.endswith(f"Table {schema.by_id[figure.benchmark].table}")
    assert {benchmark.table for benchmark in schema.benchmarks} == {*range(1, 11), None}


def test_every_mapped_metric_is_the_task_s(schema):
    """Ids by protocol, data format and options, from the task itself."""
    seen = Counter()
    for benchmark, split, ours in configurations(schema):
        kind: type[Task] = registry.task_class(split.task)
        assert set(split.counts) <= {*kind.data_formats, ANY_FORMAT}
        # all have formats, or none; RefCOCOg's is called umd where the others' is called unc
        assert bool(ours.data) == bool(kind.data_formats)
        formats = [name for name in ours.data if name in kind.data_formats] if ours.data else [None]
        assert formats
        for data in formats:
            task = kind(ours.protocol, data, ours.options)
            assert split.split in task.splits
            infos = task.judge_metrics if ours.judged else task.metrics
            by_id = {info.id: info for info in infos}
            for name, id in ours.metrics.items():
                assert by_id[id].direction == benchmark.metric(name).direction
                seen[benchmark.id] += 1
    assert set(seen) == {benchmark.id for benchmark in schema.benchmarks if benchmark.ours}


def test_no_run_is_twice_in_one_table(schema):
    for benchmark in schema.benchmarks:
        places = [
            (split.task, split.split, ours.protocol, data)
            for split in benchmark.splits
            for ours in benchmark.ours
            for data in ours.data or [None]
            if split.task
        ]
        assert len(places) == len(set(places))


def test_every_task_is_in_a_benchmark_or_said_to_have_no_figures(schema):
    named = {task for benchmark in schema.benchmarks for task in benchmark.tasks}
    without = {absent.task for absent in schema.without_figures if absent.task}
    assert not named & without
    ours = {
        name for name in registry.names("task") if registry.task_class(name).__module__.startswith("samtok")
    }
    assert named | without == ours


def test_official_counts_are_known_of_tasks_without_figures_too(schema):
    assert schema.official("pixmmvp", "val", None) == (300,)
    assert schema.official("mmr", "val", None) == (8194,)
    assert schema.official("hub-masks", "validation", None) == ()
    for absent in schema.without_figures:
        assert not absent.counts or set(absent.counts) <= set(registry.task_class(absent.task).splits)


def test_checkpoints_have_the_rows_that_they_name(schema, published):
    rows = {(figure.benchmark, figure.method, figure.params) for figure in published}
    for checkpoint in schema.checkpoints:
        for benchmark in checkpoint.benchmarks:
            assert (benchmark, checkpoint.method, checkpoint.params) in rows, checkpoint.hub
    # and each row of SAMTok's own models has its checkpoint, but those evaluated by others
    named = {
        (b, checkpoint.method, checkpoint.params)
        for checkpoint in schema.checkpoints
        for b in checkpoint.benchmarks
    }
    assert {row for row in rows if "SAMTok" in row[1] and "(re-evaluated)" not in row[1]} == named


def value_of(published, *key: str) -> float:
    return next(figure.value for figure in published if figure.key == key)


def methods(published, benchmark: str) -> set[tuple[str, str, str]]:
    return {
        (figure.split, figure.method, figure.params) for figure in published if figure.benchmark == benchmark
    }


def test_the_figures_agree_among_themselves(published):
    """A slip of the pen in one of them would show."""
    weights = {"Stuff": 1011, "Part": 455, "Multi": 769, "Single": 1480}
    for key in methods(published, "grounding-suite"):
        parts = {k: value_of(published, "grounding-suite", *key, f"gIoU {k}") for k in weights}
        mean = sum(weights[k] * parts[k] for k in weights) / sum(weights.values())
        # GLaMM's row is 0.19 off in the paper
        assert value_of(published, "grounding-suite", *key, "gIoU") == pytest.approx(mean, abs=0.2)
    for key in methods(published, "dlc-bench"):
        pos, neg, avg = (value_of(published, "dlc-bench", *key, k) for k in ("Pos", "Neg", "Avg"))
        assert avg == pytest.approx((pos + neg) / 2, abs=0.11)
    for key in methods(published, "videorefer-bench-d"):
        four = [value_of(published, "videorefer-bench-d", *key, k) for k in ("SC", "AD", "TD", "HD")]
        # the paper cuts the average of one row, and has 2.18 for Ferret's 2.1925
        assert value_of(published, "videorefer-bench-d", *key, "Avg") == pytest.approx(
            sum(four) / 4, abs=0.013
        )


def test_the_mean_of_saco_gold_is_that_of_its_subsets(published):
    """Up to the rounding of what is printed."""
    subsets = {figure.split for figure in published if figure.benchmark == "saco-gold"} - {"average"}
    assert len(subsets) == 7
    for _, method, params in methods(published, "saco-gold") - {("average", "Human", "")}:
        key = (method, params)
        if ("attributes", *key) not in methods(published, "saco-gold"):
            continue
        for metric, slack in (("cgF1", 0.01), ("IL_MCC", 0.01), ("pmF1", 0.1)):
            mean = sum(value_of(published, "saco-gold", s, *key, metric) for s in subsets) / 7
            assert value_of(published, "saco-gold", "average", *key, metric) == pytest.approx(mean, abs=slack)


def test_one_name_for_each_model(published):
    """Spellings that differ in signs and case alone would be two methods in a filter."""
    plain = {
        figure.method: "".join(sign for sign in figure.method.lower() if sign.isalnum())
        for figure in published
    }
    assert len(set(plain.values())) == len(plain)
    assert all(figure.params == "" or re.fullmatch(r"\d+(\.\d)?B", figure.params) for figure in published)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gres,val,X,7B,gIoU,100.1,s", "gIoU 100.1 is not in 0 to 100"),
        ("gres,val,X,7B,gIoU,-1,s", "gIoU -1 is not in 0 to 100"),
        ("gres,val,X,7B,gIoU,nan,s", "value: Input should be a finite number"),
        ("gres,val,X,7B,gIoU,,s", "value: Input should be a valid number"),
        ("gers,val,X,7B,gIoU,1,s", "unknown benchmark 'gers'; did you mean 'gres'?"),
        ("gres,testC,X,7B,gIoU,1,s", "gres has no split or metric 'testC'"),
        ("gres,val,X,7B,mIoU,1,s", "gres has no split or metric 'mIoU'"),
        ("gres,val,X,7B,gIoU,1,", "source: String should have at least 1 character"),
        ("gres,val,,7B,gIoU,1,s", "method: String should have at least 1 character"),
        ("gres,val,X ,7B,gIoU,1,s", "needless spaces"),
        ("gres,val,X,7B,gIoU,1", "source: Input should be a valid string"),
        ("gres,val,X,7B,gIoU,1,s,t", "None"),
    ],
)
def test_a_wrong_line_is_named(schema, tmp_path, line, message):
    file = tmp_path / "published.csv"
    file.write_text(f"{HEADER}gres,val,Y,7B,gIoU,1,s\n{line}\n")
    with pytest.raises(ValueError, match="line 3: ") as caught:
        read_published(schema, file)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_passed_over_and_another_encoding_named(schema, tmp_path):
    file = tmp_path / "published.csv"
    file.write_text(f"{HEADER}gres,val,Y,7B,gIoU,1,s\n", encoding="utf-8-sig")
    assert [row.method for row in read_published(schema, file)] == ["Y"]
    file.write_text(f"{HEADER}gres,val,é,7B,gIoU,1,s\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"published\.csv is not UTF-8: .* byte 0xe9"):
        read_published(schema, file)


def test_a_figure_twice_and_other_columns(schema, tmp_path):
    file = tmp_path / "published.csv"
    file.write_text(f"{HEADER}gres,val,Y,7B,gIoU,1,s\ngres,val,Y,7B,gIoU,2,t\n")
    with pytest.raises(ValueError, match="line 3: gres val Y 7B gIoU appears twice"):
        read_published(schema, file)
    file.write_text(HEADER.replace("params,", "") + "gres,val,Y,gIoU,1,s\n")
    with pytest.raises(ValueError, match="the columns must be benchmark, split, method"):
        read_published(schema, file)


@given(text=st.text(max_size=60))
def test_any_text_is_read_or_refused_in_one_line(schema, tmp_path_factory, text):
    file = tmp_path_factory.mktemp("any") / "published.csv"
    file.write_text(HEADER + text, encoding="utf-8", errors="replace", newline="")
    said = ""
    try:
        read_published(schema, file)
    except ValueError as error:
        said = str(error)
    assert "\n" not in said
    assert not said or said.startswith(f"{file}")


def broken(change) -> str:
    content = yaml.safe_load(SCHEMA.read_text())
    content = json.loads(json.dumps(content))  # without YAML's shared parts
    change({benchmark["id"]: benchmark for benchmark in content["benchmarks"]}, content)
    return yaml.safe_dump(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b, c: b["gres"].update(titel="x"), "titel: Extra inputs are not permitted"),
        (lambda b, c: b["gres"]["metrics"][0].update(unit="x"), "unit: Extra inputs are not permitted"),
        (lambda b, c: b["gres"].update(primary="mIoU"), "gres has no metric 'mIoU'"),
        (lambda b, c: b["gres"]["ours"][0]["metrics"].update(x="giou"), "gres has no metric 'x'"),
        (lambda b, c: b["gres"]["metrics"].append({"name": "T-acc"}), "needs either `ours` or not_computed"),
        (lambda b, c: b["gres"].update(ours=[]), "gres needs `ours` if and only if a split names a task"),
        (
            lambda b, c: b["gres"]["splits"][0].pop("task"),
            "needs either task and split or mean or not_computed",
        ),
        (lambda b, c: b["gcg"].update(id="gres"), "the benchmark 'gres' appears 2 times"),
        (lambda b, c: b["gcg"].update(table=3), "the table '3' appears 2 times"),
        (lambda b, c: b["gres"]["splits"][0].update(counts={"any": [0]}), "greater than 0"),
        (lambda b, c: c["checkpoints"][0].update(benchmarks=["x"]), "has an unknown benchmark 'x'"),
        (lambda b, c: c["checkpoints"][0].update(hub="x"), "String should match pattern"),
        (lambda b, c: c["checkpoints"][0].pop("method"), "needs both method and benchmarks"),
    ],
)
def test_a_wrong_schema_is_refused(tmp_path, change, message):
    file = tmp_path / "schema.yaml"
    file.write_text(broken(change))
    with pytest.raises(ValueError, match=r"schema\.yaml: ") as caught:
        read_schema(file)
    assert not isinstance(caught.value, ValidationError)
    assert message in str(caught.value)


def test_a_schema_that_is_no_yaml(tmp_path):
    file = tmp_path / "schema.yaml"
    file.write_text("a: [")
    with pytest.raises(ValueError, match=r"schema\.yaml: while parsing"):
        read_schema(file)

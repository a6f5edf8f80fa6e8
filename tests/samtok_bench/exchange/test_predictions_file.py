"""Predictions files: what a line may say, and what is wrong with a broken one."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from samtok_bench import rle
from samtok_bench.exchange.answers import StatedAnswer, json_schema
from samtok_bench.exchange.predictions import PredictionsFile
from samtok_bench.sample import Outcome, Sample, Target

SIZE = (4, 6)
SQUARE = np.zeros(SIZE, bool)
SQUARE[1:3, 2:5] = True


def sample(id: str) -> Sample:
    return Sample(id, Path("a.png"), SIZE, (), "a.png", Target())


def written(tmp_path, *lines) -> Path:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def read(path: Path, *ids: str):
    return list(PredictionsFile(path).answers([sample(id) for id in ids]))


@pytest.mark.parametrize(
    "mask",
    [
        dict(rle.encode(SQUARE)),
        {"size": [4, 6], "counts": [9, 2, 2, 2, 2, 2, 5]},
        [[2, 1, 5, 1, 5, 3, 2, 3]],
        [[2, 1, 4, 1, 4, 3, 2, 3], [4, 1, 5, 1, 5, 3, 4, 3]],
        "masks/square.png",
    ],
)
def test_a_mask_in_every_form_is_the_same_mask(tmp_path, mask):
    (tmp_path / "masks").mkdir()
    Image.fromarray(SQUARE.astype(np.uint8) * 255).save(tmp_path / "masks" / "square.png")
    (answer,) = read(written(tmp_path, {"id": "a", "masks": [mask]}), "a")
    assert answer.masks == (rle.encode(SQUARE),)
    assert answer.outcome is Outcome.OK


def test_other_masks_in_the_same_pictures_are_another_file(tmp_path):
    Image.fromarray(SQUARE.astype(np.uint8) * 255).save(tmp_path / "square.png")
    path = written(tmp_path, {"id": "a", "masks": ["square.png"]})
    before = PredictionsFile(path).hash()
    assert PredictionsFile(path).hash() == before
    Image.fromarray((~SQUARE).astype(np.uint8) * 255).save(tmp_path / "square.png")
    assert PredictionsFile(path).hash() != before


def test_places_in_the_text_belong_to_the_masks(tmp_path):
    masks = [dict(rle.encode(SQUARE)), dict(rle.empty(*SIZE))]
    path = written(
        tmp_path,
        {"id": "a", "text": "a dog <region> by a cat <region>", "masks": masks},
        {"id": "b", "text": "one <region> only", "masks": masks},
    )
    first, second = read(path, "a", "b")
    assert first.words == ("<region>", "<region>")
    assert second.words == ()


def test_lines_are_found_by_id_in_any_order_and_blank_ones_pass(tmp_path):
    path = written(tmp_path, "\ufeff" + json.dumps({"id": "b", "text": "é"}), "", {"id": "a", "text": "two"})
    assert [answer and answer.text for answer in read(path, "a", "c", "b")] == ["two", None, "é"]
    assert PredictionsFile(path).check([sample("a"), sample("b"), sample("c")]) == ["c"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "line 2 is not JSON"),
        ("[]", "line 2: its content"),
        ("[" * 100_000, "line 2 is not JSON"),
        ('{"id": "b", "text": "x", "text": "y"}', "line 2 is not JSON: the key 'text' comes twice"),
        ('{"id": "b", "settings": {"x": NaN}}', "line 2 is not JSON: NaN is no finite number"),
        ('{"id": "b", "text": "\\ud800"}', "line 2 is not JSON: half of a character (a lone surrogate)"),
        ({"text": "x"}, "line 2: id: Field required"),
        ({"id": ""}, "line 2: id: String should have at least 1"),
        ({"id": "a"}, "line 2: the id a is that of line 1 too"),
        ({"id": "b", "mask": []}, "line 2: mask: Extra inputs are not permitted"),
        ({"id": "b", "masks": [7]}, "line 2: masks.0: a mask is an RLE, a list of polygons, or the path"),
        ({"id": "b", "masks": ["../x.png"]}, "line 2: masks.0.png: must be a path below the folder"),
        ({"id": "b", "masks": ["/x.png"]}, "line 2: masks.0.png: must be a path below the folder"),
        ({"id": "b", "masks": [{"size": [4, 6]}]}, "line 2: masks.0.rle.counts: Field required"),
        ({"id": "b", "masks": [[]], "phrases": ["x", "y"]}, "line 2: its content: 2 phrases for 1 masks"),
        ('{"id": "b", "masks": [[]], "scores": [1e999]}', "line 2 is not JSON: 1e999 is no finite number"),
        ({"id": "b", "masks": [[]], "outcome": "skipped"}, "line 2: its content: 1 masks in spite of the ou"),
        ({"id": "b", "outcome": "fine"}, "line 2: outcome: Input should be 'ok'"),
        ({"id": "b", "model": "other"}, 'line 2: model "other" differs from "this" above: one file holds'),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, fault):
    path = written(tmp_path, {"id": "a", "model": "this"}, line)
    with pytest.raises(ValueError, match=r"answers\.jsonl: line 2") as error:
        PredictionsFile(path)
    assert str(error.value).removeprefix(f"{path}: ").startswith(fault)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"id": "x"}, "line 2: no sample has the id x; `samtok-bench data questions`"),
        (
            {"id": "b", "masks": [{"size": [6, 4], "counts": [24]}]},
            "line 2: masks.0: RLE size [6, 4] differs from the image's [4, 6]",
        ),
        ({"id": "b", "masks": [{"size": [4, 6], "counts": ""}]}, "line 2: masks.0: RLE counts are empty"),
        ({"id": "b", "masks": [[[1, 2]]]}, "line 2: masks.0: "),
        ({"id": "b", "masks": ["no.png"]}, "line 2: masks.0: "),
        ({"id": "b", "masks": ["small.png"]}, "line 2: masks.0: "),
        ({"id": "b", "masks": ["colour.png"]}, "line 2: masks.0: "),
        ({"id": "b", "masks": ["soft.png"]}, "line 2: masks.0: "),
    ],
)
def test_what_does_not_fit_the_samples_is_named(tmp_path, answer, fault):
    Image.new("L", (3, 3)).save(tmp_path / "small.png")
    Image.linear_gradient("L").resize((6, 4)).save(tmp_path / "soft.png")
    Image.new("RGB", (6, 4)).save(tmp_path / "colour.png")
    path = written(tmp_path, {"id": "a"}, answer)
    with pytest.raises(ValueError, match="line 2") as error:
        PredictionsFile(path).check([sample("a"), sample("b")])
    assert str(error.value).removeprefix(f"{path}: ").startswith(fault)
    assert "\n" not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(line=st.dictionaries(st.sampled_from(list(StatedAnswer.model_fields)), JSON) | JSON)
def test_any_json_is_read_or_refused_in_one_line(tmp_path_factory, line):
    folder = tmp_path_factory.mktemp("fuzz")
    fault = ""
    try:
        PredictionsFile(written(folder, line)).check([sample("a")])
    except ValueError as error:
        fault = str(error)
    assert fault == "" or "answers.jsonl: line 1" in fault
    assert "\n" not in fault


def test_the_published_schema_is_that_of_the_reader():
    published = Path(__file__).parents[3] / "docs" / "predictions.schema.json"
    assert json.loads(published.read_text()) == json_schema()

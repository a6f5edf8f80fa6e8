"""The task hub-masks on parquet files of our own making, with columns of any name and masks of any form."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet as pq

from samtok_bench import rle
from samtok_bench.sample import Prediction, prompt_text
from samtok_tasks.formats import parquet as tables
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.formats.hub_rows import Columns, read_hub_regions, read_masks
from samtok_tasks.hub_masks.task import HubMasks

SIZE = (6, 8)
DENSE = np.zeros(SIZE, bool)
DENSE[1:4, 2:7] = True
MASK = rle.encode(DENSE)
POLYGON = [2, 1, 7, 1, 7, 4, 2, 4]


def png(array: Any) -> bytes:
    Image.fromarray(np.asarray(array)).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def picture(seed: int = 0) -> bytes:
    return png(np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8))


FORMS: dict[str, Any] = {
    "compressed RLE": dict(MASK),
    "compressed RLE, bytes": {"size": list(SIZE), "counts": MASK["counts"].encode()},
    "uncompressed RLE": {"size": list(SIZE), "counts": rle.run_lengths(MASK).tolist()},
    "counts alone": MASK["counts"],
    "RLE as JSON": json.dumps(MASK),
    "polygons": [POLYGON],
    "polygons as JSON": json.dumps([POLYGON]),
    "PNG bytes": png(DENSE.astype(np.uint8) * 255),
    "the hub's image": {"bytes": png(DENSE), "path": None},
    "rows of pixels": DENSE.tolist(),
    "rows of 0 and 255": (DENSE * 255).tolist(),
    "rows of floats": (DENSE * 1.0).tolist(),
    "rows of pixels as JSON": json.dumps((DENSE * 255).tolist()),
    "a list of one": [dict(MASK)],
    "several polygons' masks": [[POLYGON]],
    "several rows of pixels": [DENSE.tolist()],
    "a polygons' mask beside one that draws nothing": [[POLYGON], [[90, 90, 91, 90, 91, 91]]],
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAMTOK_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_mask_gives_the_same_pixels(tmp_path: Path, form: str) -> None:
    write(tmp_path / "val.parquet", [{"pic": picture(), "say": "the box", "seg": FORMS[form]}])
    read = read_hub_regions(tmp_path, "val", Columns("pic", "say", "seg"))
    assert (read.dropped.lines(), read.dropped.kept_lines()) == ([], [])
    [region] = read.regions
    assert (region.masks, region.image.size, region.phrase) == ((MASK,), SIZE, "the box")


def test_structs_in_lists_wordings_and_several_masks(tmp_path: Path, cache: Path) -> None:
    other = rle.rectangle(0, 0, 2, 2, *SIZE)
    nested = {"things": [{"m": dict(MASK), "names": ["a", "b"]}, {"m": dict(other), "names": ["c"]}]}
    write(
        tmp_path / "one" / "test-00000-of-00002.parquet", [{"p": {"bytes": picture(), "path": "x"}, **nested}]
    )
    write(
        tmp_path / "one" / "test-00001-of-00002.parquet", [{"p": {"bytes": picture(1), "path": ""}, **nested}]
    )
    read = read_hub_regions(tmp_path, "test", Columns("p", "things.names", "things.m"))
    assert [(r.phrase, r.masks) for r in read.regions[:3]] == [
        ("a", (MASK,)),
        ("b", (MASK,)),
        ("c", (other,)),
    ]
    assert len(read.regions) == 6
    assert len({region.image.path for region in read.regions}) == 2, "an image is stored once"
    assert len(list(cache.rglob("*.png"))) == 2
    assert len({region.place for region in read.regions}) == 6
    # lists side by side belong together; a list of masks under one phrase are its instances
    write(
        tmp_path / "two.parquet",
        [{"image": picture(), "text": ["a", "b"], "mask": [dict(MASK), dict(other)]}],
    )
    write(tmp_path / "all.parquet", [{"image": picture(), "text": "a", "mask": [dict(MASK), dict(other)]}])
    write(tmp_path / "none.parquet", [{"image": picture(), "text": "a", "mask": "[]"}])
    two, several, none = (read_hub_regions(tmp_path, split, Columns()) for split in ("two", "all", "none"))
    assert [(r.phrase, r.masks) for r in two.regions] == [("a", (MASK,)), ("b", (other,))]
    assert [r.masks for r in several.regions] == [(MASK, other)]
    assert [r.masks for r in none.regions] == [()]
    [line] = none.dropped.kept_lines()
    assert "regions without a mask" in line


SHIFTED = [x + 1 for x in POLYGON]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([POLYGON], [SHIFTED]),
        ([POLYGON, SHIFTED], []),
        (DENSE.tolist(), np.roll(DENSE, 1).tolist()),
        ([dict(MASK)], [dict(MASK), dict(MASK)]),
    ],
)
def test_as_many_phrases_as_masks_belong_together(tmp_path: Path, first: Any, second: Any) -> None:
    row = {"image": picture(), "text": ["a", "b"]}
    write(tmp_path / "list.parquet", [row | {"mask": [first, second]}])
    write(tmp_path / "text.parquet", [row | {"mask": json.dumps([first, second])}])
    for split in ("list", "text"):
        a, b = read_hub_regions(tmp_path, split, Columns()).regions
        assert [(a.phrase, list(a.masks)), (b.phrase, list(b.masks))] == [
            ("a", read_masks(first, SIZE)),
            ("b", read_masks(second, SIZE)),
        ]


def test_two_polygons_of_two_wordings_are_one_mask(tmp_path: Path) -> None:
    write(tmp_path / "val.parquet", [{"image": picture(), "text": ["a", "b"], "mask": [POLYGON, SHIFTED]}])
    a, b = read_hub_regions(tmp_path, "val", Columns()).regions
    assert (a.phrase, b.phrase) == ("a", "b")
    assert a.masks == b.masks == tuple(read_masks([POLYGON, SHIFTED], SIZE))


def test_a_struct_that_is_null_has_no_phrase(tmp_path: Path) -> None:
    inner = {"names": ["a"], "m": dict(MASK)}
    rows = [{"image": picture(), "things": [{"parts": parts}]} for parts in ([inner], [None], None)]
    write(tmp_path / "val.parquet", rows)
    read = read_hub_regions(tmp_path, "val", Columns("image", "things.parts.names", "things.parts.m"))
    assert [region.phrase for region in read.regions] == ["a"]
    assert read.dropped.counts == {"regions without a phrase": 2}


def test_images_outside_of_the_file_are_found_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco" / "9.png").write_bytes(picture())
    row = {"image": "/their/coco/9.png", "text": "a", "mask": dict(MASK)}
    file = write(tmp_path / "val.parquet", [row, row | {"image": "gone.png"}])
    for root in (tmp_path, file):
        read = read_hub_regions(root, "val", Columns())
        assert [region.image.path for region in read.regions] == [tmp_path / "coco" / "9.png"]
        [line] = read.dropped.lines()
        assert "rows without a readable image" in line
        assert "row 1: no end of 'gone.png' is a file below" in line


def test_images_of_one_name_are_two_and_of_one_content_one(tmp_path: Path) -> None:
    names = ("a/0.png", "b/0.png")
    for name in names:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(picture())
    inside = {"image": {"bytes": picture(), "path": ""}, "text": "a", "mask": dict(MASK)}
    write(tmp_path / "val.parquet", [inside | {"image": {"bytes": b"", "path": f"x/{n}"}} for n in names])
    write(tmp_path / "test.parquet", [inside, inside])
    outer, inner = ([s.cluster for s in HubMasks().samples(tmp_path, x).samples] for x in ("val", "test"))
    assert outer == ["a/0.png", "b/0.png"]
    assert len(set(inner)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image": b"no image"}, "rows without a readable image"),
        ({"text": " "}, "regions without a phrase, the first: .*row 1"),
        ({"mask": json.dumps({"size": [6, 9], "counts": MASK["counts"]})}, "broken masks, .*differs from"),
        ({"mask": "~"}, "broken masks, .*alphabet"),
        ({"mask": json.dumps([[1, 2]])}, "broken masks, .*polygon"),
        ({"mask": json.dumps({"counts": [1, 2]})}, "broken masks, .*cover 3 pixels"),
        ({"mask": json.dumps([[0] * 9] * 6)}, r"broken masks, .*mask is \[6, 9\] pixels .* image \[6, 8\]"),
        ({"mask": json.dumps([[0, 255] * 4] * 7)}, r"broken masks, .*mask is \[7, 8\] pixels"),
        ({"mask": json.dumps([[0, 1, 2, 2] * 2] * 6)}, "broken masks, .*more than two values"),
        ({"mask": json.dumps([[0, None] * 4] * 6)}, "broken masks, .*not numbers"),
        ({"mask": json.dumps([[90, 90, 91, 90, 91, 91]])}, "broken masks, .*polygons have no pixel"),
        ({"mask": "[" * 9999}, "broken masks, .*cut off"),
    ],
)
def test_a_row_that_cannot_be_used_is_counted_with_its_place(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    row = {"image": picture(), "text": "a", "mask": json.dumps(MASK)}
    write(tmp_path / "val.parquet", [row, row | changes])
    read = HubMasks().samples(tmp_path, "val")
    assert len(read.samples) == 1
    [line] = read.dropped.lines()
    assert re.search(said, line)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.ones((3, 4), bool), r"mask is \[3, 4\] pixels"),
        (np.eye(12, 16, dtype=np.uint8) * 255, r"mask is \[12, 16\] pixels"),
        (np.arange(48, dtype=np.uint8).reshape(SIZE), "more than two values"),
    ],
)
def test_rows_of_pixels_are_never_polygons(tmp_path: Path, rows: Any, said: str) -> None:
    kind = pa.list_(pa.list_(pa.from_numpy_dtype(rows.dtype)))
    table = pa.table({"image": [picture()], "text": ["a"], "mask": pa.array([rows.tolist()], kind)})
    pq.write_table(table, tmp_path / "val.parquet")
    read = read_hub_regions(tmp_path, "val", Columns())
    assert read.regions == []
    [line] = read.dropped.lines()
    assert re.search(f"broken masks, .*{said}", line)


def test_rows_of_0_and_255_in_an_array_are_pixels(tmp_path: Path) -> None:
    kind = pa.list_(pa.list_(pa.uint8()))
    rows = pa.array([(DENSE * 255).tolist()], kind)
    pq.write_table(pa.table({"image": [picture()], "text": ["a"], "mask": rows}), tmp_path / "val.parquet")
    [region] = read_hub_regions(tmp_path, "val", Columns()).regions
    assert region.masks == (MASK,)


def test_wrong_columns_are_named_in_one_line_with_what_the_file_has(
    tmp_path: Path, called: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nested = [{"m": dict(MASK), "names": ["a"]}]
    write(tmp_path / "val.parquet", [{"pic": {"bytes": picture(), "path": ""}, "things": nested}])
    run = ("run", "--task", "hub-masks", "--data-root", "val.parquet", "--model", "oracle", "--out", "out")
    code, _, err = called(*run)
    assert code == 2
    assert err.strip() == (
        "error: val.parquet has no column 'image'; it has pic, things.m, things.names; "
        "name yours by --option image=COLUMN, phrase=COLUMN and mask=COLUMN"
    )
    columns = ("--option", "image=pic", "--option", "phrase=things.names", "--option", "mask=things.m")
    code, out, err = called(*run, *columns, "--option", "prompt=Mark {phrase}!", "--json")
    assert code == 0, err
    summary = json.loads(out)
    values = {metric["id"]: metric["value"] for metric in summary["metrics"]}
    assert (summary["samples"], values) == (1, {"giou": 1, "ciou": 1})
    code, out, err = called("show", "out", "--sample", "")
    assert code == 0, err
    assert "Mark a!" in out
    code, _, err = called(*run, "--option", "prompt=Mark it")
    assert (code, "needs {phrase}" in err) == (2, True)
    assert "--option phrase  text (any text)" in called("tasks", "hub-masks")[1]
    code, _, err = called(*run, "--option", "picture=pic")
    assert (code, "there are image, phrase, mask, prompt" in err) == (2, True)


def test_a_split_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no parquet file in"):
        HubMasks().samples(tmp_path, "val")
    write(
        tmp_path / "data" / "train-00000-of-00001-abc.parquet", [{"image": picture(), "text": "", "mask": ""}]
    )
    with pytest.raises(NoSplitError, match="has no split 'val'; it has train"):
        HubMasks().samples(tmp_path, "val")
    assert HubMasks().default_split(tmp_path) == "train"


def test_scores_by_hand(tmp_path: Path) -> None:
    rows = [
        {"image": picture(k), "text": f"{k}", "mask": masks}
        for k, masks in enumerate(([dict(MASK)], [dict(MASK), dict(rle.rectangle(0, 0, 2, 2, *SIZE))], []))
    ]
    write(tmp_path / "val.parquet", rows)
    task = HubMasks()
    one, two, none = task.samples(tmp_path, "val").samples
    assert prompt_text(one.turns) == "user: <image>Please segment 0 in this image."
    assert [sample.tags["area"] for sample in (one, two, none)] == ["small", "small", "none"]
    half = Prediction(masks=(rle.rectangle(2, 1, 7, 2, *SIZE),))  # 5 of the box's 15 pixels
    scores = [
        task.score(one, half),
        task.score(two, half),
        task.score(none, Prediction()),
        task.score(none, half),
    ]
    assert [score["iou"] for score in scores] == pytest.approx([5 / 15, 5 / 19, 1, 0])
    values = task.summarize(scores, ["a", "b", "c", "c"])
    assert values == pytest.approx({"giou": (1 / 3 + 5 / 19 + 1) / 4, "ciou": 10 / (15 + 19 + 0 + 5)})


def test_without_pyarrow_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "val.parquet", [{"image": picture(), "text": "a", "mask": ""}])
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    said = r"^pyarrow is not installed: pip install 'samtok-bench\[parquet\]'$"
    with pytest.raises(ValueError, match=said):
        HubMasks().samples(tmp_path, "val")
    with pytest.raises(ValueError, match=said):
        HubMasks().default_root()
    assert not HubMasks().own_data().ready


CELLS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.floats()
    | st.text(max_size=6)
    | st.binary(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "counts", "bytes"]), inner)
    ),
    max_leaves=8,
)


@given(CELLS)
def test_a_cell_gives_masks_of_the_image_or_a_value_error(stated: Any) -> None:
    try:
        masks = read_masks(stated, SIZE)
    except ValueError:
        return
    assert all(rle.validate(mask) == mask and tuple(mask["size"]) == SIZE for mask in masks)

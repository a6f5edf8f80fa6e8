"""Prompts of the published parquet files, made here in their form."""

import io
import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet as pq

from samtok import SAMTok
from samtok.training.codes import GeometryCodes, TokenizerCodes
from samtok.training.prompts import Prompt, read_prompts
from samtok.words import format_words
from samtok_bench import rle
from samtok_tasks.formats.images import find_below
from samtok_tasks.training import parquet_table
from samtok_tasks.training.parquet import parquet

A, B = format_words([(1, 44), (7, 3)])
LEFT, RIGHT = rle.rectangle(0, 0, 4, 6, 6, 8), rle.rectangle(5, 1, 8, 6, 6, 8)
STATED = "/mnt/authors/data/coco/train2014/COCO_train2014_000000000009.jpg"


def png(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def row(**changes: Any) -> dict[str, Any]:
    return {
        "images": [{"bytes": png(), "path": STATED}],
        "problem": ["<image>\nPlease segment both chairs in this image."],
        "answer": f'[{{"mask_2d": "{A}"}}, {{"mask_2d": "{B}"}}]',
        "masks": [LEFT, RIGHT],
        "source": "gres",
    } | changes


def write(path: Path, rows: list[dict[str, Any]], group: int = 2) -> Path:
    mask = pa.struct([("size", pa.list_(pa.int64())), ("counts", pa.string())])
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    problem = pa.list_(pa.string()) if isinstance(rows[0]["problem"], list) else pa.string()
    masks = pa.string() if isinstance(rows[0]["masks"], str) else pa.list_(mask)
    schema = pa.schema(
        [
            ("images", pa.list_(image)),
            ("problem", problem),
            ("answer", pa.string()),
            ("masks", masks),
            ("source", pa.string()),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=group)
    return path


def first(path: Path, count: int = 1, **options: Any) -> list[Any]:
    return list(islice(parquet(1, files=[str(path)], tokenizer="nano", **options), count))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"problem": "<image>Please segment both chairs in this image."},
        {"masks": json.dumps([LEFT, RIGHT])},
    ],
    ids=["mix", "text problem", "masks as JSON"],
)
def test_a_row_is_a_prompt_with_masks_in_the_places_of_its_words(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    [record] = first(write(tmp_path / "mix.parquet", [row(**changes)]))
    assert record["id"] == "mix.parquet:0"
    assert record["problem"] == ["Please segment both chairs in this image."]
    assert record["answer"] == ['[{"mask_2d": "', LEFT, '"}, {"mask_2d": "', RIGHT, '"}]']
    assert (record["words"], record["source"], record["tokenizer"]) == ([A, B], "gres", "nano")


def test_words_of_the_tokenizer_in_use_stay_and_others_are_made_anew(tmp_path: Path) -> None:
    tokenizer = SAMTok.from_pretrained("nano")
    [record] = first(write(tmp_path / "a.parquet", [row()]))
    codes = TokenizerCodes(tokenizer)
    [kept] = read_prompts([record], codes)
    assert kept.answer == row()["answer"]
    assert list(kept.masks) == [LEFT, RIGHT]
    assert kept.open().size == (8, 6)
    [anew] = read_prompts([record | {"tokenizer": "0" * 64}], codes)
    masks = np.stack([rle.decode(mask) for mask in (LEFT, RIGHT)])
    one, two = format_words(tokenizer.encode(tokenizer.embed(kept.open()), masks))
    assert anew.answer == f'[{{"mask_2d": "{one}"}}, {{"mask_2d": "{two}"}}]'
    [geometry] = read_prompts([record], GeometryCodes())
    assert geometry.answer not in (kept.answer, anew.answer)


def test_an_image_that_is_not_inside_is_found_below_the_root(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "train2014").mkdir(parents=True)
    (root / "train2014" / Path(STATED).name).write_bytes(png(3))
    outside = write(
        tmp_path / "a.parquet", [row(images=[{"bytes": empty, "path": STATED}]) for empty in (b"", None)]
    )
    for record in first(outside, 2, data_root=str(root)):
        assert record["image"] == root / "train2014" / Path(STATED).name
    with pytest.raises(ValueError, match="there is no data_root for '/mnt/authors"):
        first(outside)
    with pytest.raises(ValueError, match=r"no end of '/mnt/authors/.*' is a file below"):
        first(outside, data_root=str(tmp_path / "elsewhere"))


def test_no_path_leads_out_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").touch()
    assert find_below(tmp_path / "root", "../secret") is None
    assert find_below(tmp_path / "root", str(tmp_path / "secret")) is None
    assert find_below(tmp_path / "root", "a\0b") is None


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"masks": [LEFT, rle.empty(6, 8)]}, "prompts with an empty mask"),
        ({"masks": [LEFT, {"size": [6, 8], "counts": ""}]}, "prompts with an empty mask"),
        ({"masks": [LEFT]}, "prompts whose words and masks differ in number, .*2 words, 1 masks"),
        ({"masks": [LEFT, {"size": [6, 8], "counts": "~"}]}, "malformed prompts, .*alphabet"),
        ({"masks": [LEFT, rle.full(6, 9)]}, "masks and image differ in size"),
        ({"answer": A + "<|mt_start|><|mt_0001|><|mt_end|>"}, "malformed mask words, .*too_few"),
        ({"answer": None}, "malformed prompts"),
        ({"problem": ["a", "b"]}, "malformed prompts, .*'problem' is a text or a list of one"),
        ({"images": []}, "prompts without one image, .*0 images"),
        ({"images": [{"bytes": b"no image", "path": ""}]}, "prompts without a readable image"),
    ],
)
def test_a_bad_row_is_counted_with_its_place(
    tmp_path: Path, bad: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.parquet", [row(), row(**bad), row()])
    assert {record["id"] for record in first(path, 3)} <= {"a.parquet:0", "a.parquet:2"}
    [line] = capsys.readouterr().err.splitlines()
    assert "a.parquet: row 1" in line

    assert re.search(said, line)


def test_a_prompt_without_a_target_has_no_masks(tmp_path: Path) -> None:
    [record] = first(write(tmp_path / "a.parquet", [row(answer="No target.", masks=[])]))
    assert record["answer"] == ["No target."]
    [prompt] = read_prompts([record], GeometryCodes())
    assert (prompt.answer, prompt.masks) == ("No target.", [])


def test_images_inside_are_read_by_row_groups_or_unpacked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.parquet", [row(images=[{"bytes": png(k), "path": ""}]) for k in range(6)])
    read: list[int] = []
    contents = parquet_table.PromptTable._contents

    def spy(self: Any, which: int) -> Any:
        read.append(which)
        return contents(self, which)

    monkeypatch.setattr(parquet_table.PromptTable, "_contents", spy)
    unpacked = first(path, 12, unpack=str(tmp_path / "images"))
    assert sorted(read) == [0, 1, 2]
    for record in unpacked:
        assert record["image"].read_bytes() == png(int(record["id"][-1]))
    read.clear()
    for record in first(path, 6):
        assert np.array_equal(
            np.asarray(record["image"]()), np.asarray(Image.open(io.BytesIO(png(int(record["id"][-1])))))
        )
    assert len(read) >= 3
    monkeypatch.setattr(parquet_table, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match="GB of images: name a folder for them, `unpack: FOLDER`"):
        parquet_table.PromptTable(path, None)


def test_files_of_one_name_keep_their_images_and_ids_apart(tmp_path: Path) -> None:
    paths = [tmp_path / name / "train-00000-of-00001.parquet" for name in ("gres", "ver")]
    for seed, path in enumerate(paths):
        path.parent.mkdir()
        write(path, [row(images=[{"bytes": png(seed), "path": ""}])])
    options = {"files": list(map(str, paths)), "tokenizer": "nano", "unpack": str(tmp_path / "images")}
    records = list(islice(parquet(1, **options), 2))
    assert {record["id"]: record["image"].read_bytes() for record in records} == {
        f"{path}:0": png(seed) for seed, path in enumerate(paths)
    }
    write(paths[0], [row(images=[{"bytes": png(7), "path": ""}])])  # a newer one in the same place
    [record] = first(paths[0], unpack=str(tmp_path / "images"))
    assert record["image"].read_bytes() == png(7)


@pytest.mark.parametrize(
    ("kind", "images"),
    [
        (pa.list_(pa.string()), ["chair.png"]),
        (pa.string(), "chair.png"),
        (pa.struct([("path", pa.string())]), {"path": "chair.png"}),
        (pa.list_(pa.binary()), [png()]),
        (pa.binary(), png()),
        (pa.list_(pa.struct([("bytes", pa.binary())])), [{"bytes": png()}]),
    ],
    ids=["paths", "path", "path in a struct", "list of bytes", "bytes", "bytes in structs"],
)
def test_an_image_may_be_stated_in_other_forms(tmp_path: Path, kind: Any, images: Any) -> None:
    (tmp_path / "chair.png").write_bytes(png())
    table = pq.read_table(write(tmp_path / "a.parquet", [row()]))
    column = pa.array([images], kind)
    pq.write_table(table.set_column(0, "images", column), tmp_path / "a.parquet")
    [record] = first(tmp_path / "a.parquet", data_root=str(tmp_path))
    assert np.array_equal(Prompt("1", record["image"], "", "").open(), Image.open(io.BytesIO(png())))


def test_an_image_in_no_known_form_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pq.read_table(write(tmp_path / "a.parquet", [row()]))
    pq.write_table(table.set_column(0, "images", pa.array([[3]])), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"cannot be used: .*'images' has neither bytes nor a path"):
        first(tmp_path / "a.parquet", data_root=str(tmp_path))


@pytest.mark.parametrize("content", [b"no parquet", b"PAR1" + bytes(40) + b"PAR1"])
def test_another_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (path := tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=r"the parquet file .*a\.parquet cannot be read: ") as caught:
        first(path)
    assert "\n" not in str(caught.value)
    pq.write_table(pa.table({"images": [1], "answer": [""]}), path)
    with pytest.raises(
        ValueError, match="has no column 'problem'; it has answer, images; expected images, problem"
    ):
        parquet_table.PromptTable(path, None)


def test_the_image_of_a_prompt_may_be_asked_for_later() -> None:
    assert Prompt("1", lambda: np.zeros((4, 6, 3), np.uint8), "", "").open().size == (6, 4)


def test_a_damaged_row_group_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.parquet", [row(images=[{"bytes": png(k), "path": ""}]) for k in range(6)])
    place = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[place : place + 30] = bytes(30)
    path.write_bytes(content)
    assert {record["id"] for record in first(path, 6)} == {f"a.parquet:{k}" for k in (0, 1, 4, 5)}
    assert re.search(
        "prompts without a readable image.*row group 1 of .* cannot be read", capsys.readouterr().err
    )

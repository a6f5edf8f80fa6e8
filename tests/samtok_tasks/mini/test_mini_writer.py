import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from samtok_bench import rle
from samtok_tasks.data.sheet import contact_sheet
from samtok_tasks.formats.pickles import read_plain_pickle
from samtok_tasks.formats.refer import ReferringExpression, read_refer
from samtok_tasks.gres.reader import read_grefcoco
from samtok_tasks.mini import cache, writer
from samtok_tasks.mini.cache import ensure_mini, mini_cache
from samtok_tasks.mini.contents import MINI_VERSION, combined, expected_hashes
from samtok_tasks.mini.picture import IMAGE_FOLDER
from samtok_tasks.mini.scene import draw_scene
from samtok_tasks.mini.writer import SPLITS, MiniReport, write_mini


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> MiniReport:
    return write_mini(tmp_path_factory.mktemp("mini"))


def test_content_is_pinned(mini: MiniReport) -> None:
    assert mini.hashes == expected_hashes(), "the content changed: this needs a new MINI_VERSION"


def test_splits_have_their_sizes(mini: MiniReport) -> None:
    val = mini.splits["val"]
    assert (val.images, val.expressions) == (100, 240)
    for name, plan in SPLITS.items():
        split = mini.splits[name]
        assert (split.images, split.expressions) == (plan.images, plan.expressions)
        assert split.no_target + split.one_target + split.several_targets == split.expressions
        assert 0.25 <= split.no_target_share <= 0.35


def test_splits_share_no_picture(mini: MiniReport) -> None:
    seen: dict[bytes, str] = {}
    for expression in read_grefcoco(mini.root):
        digest = hashlib.sha256(expression.image_path.read_bytes()).digest()
        assert seen.setdefault(digest, expression.split) == expression.split
    assert len(seen) == sum(plan.images for plan in SPLITS.values())


def test_files_are_the_official_ones(mini: MiniReport) -> None:
    refs = json.loads((mini.root / "grefcoco" / "grefs(unc).json").read_text())
    assert len({ref["ref_id"] for ref in refs}) == len(refs)
    for ref in refs:
        assert set(ref) == {
            *("ref_id", "ann_id", "category_id", "image_id", "file_name", "split"),
            *("no_target", "sent_ids", "sentences"),
        }
        assert ref["sent_ids"] == [sentence["sent_id"] for sentence in ref["sentences"]]
        assert (ref["ann_id"] == [-1]) == (ref["category_id"] == [-1]) == ref["no_target"]
        assert ref["file_name"] == f"COCO_train2014_{ref['image_id']:012d}.jpg"
        assert set(ref["sentences"][0]) == {"sent_id", "raw", "sent", "tokens", "kind"}
    sentences = [sentence["sent_id"] for ref in refs for sentence in ref["sentences"]]
    assert sentences == list(range(len(sentences)))
    pickled = (mini.root / "refcoco" / "refs(unc).p").read_bytes()
    assert pickled[:2] == b"\x80\x02", "protocol 2, which Python 2 reads too"


def test_masks_and_pictures_survive_the_files(mini: MiniReport) -> None:
    scene = draw_scene(SPLITS["val"].first_seed)
    first = next(iter(read_grefcoco(mini.root).split("val")))
    instances = first.instances
    annotations = [annotation for annotation in instances.annotations.values() if annotation.image_id == 101]
    masks = [rle.decode(instances.mask(annotation.id)) for annotation in annotations]
    assert len(masks) == len(scene.objects)
    assert all(np.array_equal(mask, item.mask) for mask, item in zip(masks, scene.objects, strict=True))
    assert first.image_id == 101, "train has the first hundred"
    with Image.open(first.image_path) as file:
        error = np.abs(np.asarray(file).astype(int) - scene.image)
    assert error.mean() < 4


def meant(expression: ReferringExpression) -> tuple[int, str, tuple[int, ...]]:
    return expression.image_id, expression.raw, expression.annotation_ids


def test_refer_files_hold_the_single_targets(mini: MiniReport) -> None:
    single = [sentence for sentence in read_grefcoco(mini.root) if len(sentence.annotation_ids) == 1]
    refcoco, plus, umd = (read_refer(mini.root, name) for name in ("refcoco", "refcoco+", "refcocog"))
    expected = sorted(map(meant, single))
    assert sorted(map(meant, refcoco)) == expected
    assert set(umd.splits) == {"train", "val", "test"}
    places = (" of ", "left", "right", "top", "bottom", "above", "below", "middle", "nearest")
    assert plus.expressions
    assert not [sentence.raw for sentence in plus if any(word in sentence.raw for word in places)]


def test_one_split_alone(tmp_path: Path) -> None:
    report = write_mini(tmp_path, only=["testB"])
    assert list(report.splits) == ["testB"] == read_grefcoco(tmp_path).splits
    assert len(list((tmp_path / IMAGE_FOLDER).iterdir())) == 40
    with pytest.raises(ValueError, match="tests; there are train, val"):
        write_mini(tmp_path, only=["tests"])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> str:
    """mini of one small split, with its own hash."""
    plan = writer.SplitPlan(first_seed=77, images=3, expressions=6)
    monkeypatch.setattr(writer, "SPLITS", {"val": plan})
    return "small"


@pytest.mark.usefixtures("small")
def test_the_cache_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(UserWarning, match="not comparable"):
        first = ensure_mini(tmp_path)
    assert first == mini_cache(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [first.name], "nothing temporary is left"
    monkeypatch.setattr(cache, "write_mini", None)
    assert ensure_mini(tmp_path) == first


@pytest.mark.usefixtures("small")
@pytest.mark.filterwarnings("ignore:mini came out")
def test_a_torn_cache_is_replaced(tmp_path: Path) -> None:
    folder = mini_cache(tmp_path)
    (folder / "grefcoco").mkdir(parents=True)
    (folder / "grefcoco" / "instances.json").write_text("{")
    assert read_grefcoco(ensure_mini(tmp_path)).splits == ["val"]


@pytest.mark.usefixtures("small")
@pytest.mark.filterwarnings("ignore:mini came out")
def test_another_process_may_be_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = write_mini

    def slow(root: Path, **options: Any) -> MiniReport:
        write(mini_cache(tmp_path))
        return write(root, **options)

    monkeypatch.setattr(cache, "write_mini", slow)
    assert read_grefcoco(ensure_mini(tmp_path)).splits == ["val"]


def test_the_cache_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMTOK_BENCH_CACHE", str(tmp_path))
    assert mini_cache() == tmp_path / f"mini-{MINI_VERSION}-{combined(expected_hashes())[:8]}"


def test_contact_sheet_outlines_targets(mini: MiniReport) -> None:
    sheet = contact_sheet(mini.root, images=4, columns=2)
    pixels = np.asarray(sheet).reshape(-1, 3)
    assert sheet.width > 2 * 192 * 2
    assert (pixels == (255, 0, 200)).all(axis=1).sum() > 100


def test_pickles_are_plain(mini: MiniReport) -> None:
    refs = read_plain_pickle(mini.root / "refcocog" / "refs(umd).p")
    assert isinstance(refs[0]["ann_id"], int)
    assert refs[0]["file_name"].endswith(f"_{refs[0]['ann_id']}.jpg")

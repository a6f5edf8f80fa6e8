"""The refer family, from small files written by hand."""

from pathlib import Path

import pytest
from refer_samples import REFS, refcoco, shown

from samtok_tasks.formats.refer import locate_refer, read_refer


def test_refer_files(tmp_path: Path) -> None:
    (tmp_path / "images/mscoco/images/train2014").mkdir(parents=True)
    data = read_refer(refcoco(tmp_path))
    assert shown(data) == [(0, "Left one", (50,)), (1, "square", (50,)), (10, "it", (60,))]
    assert next(iter(data)).image_path.parent == tmp_path / "images/mscoco/images/train2014"
    umd = read_refer(refcoco(tmp_path, name="refcocog", by="umd"), "refcocog")
    assert shown(umd) == shown(data)
    google = read_refer(refcoco(tmp_path, REFS[:1], name="refcocog", by="google"), "refcocog", by="google")
    assert len(google) == 2
    with pytest.raises(
        ValueError, match=r"unknown data set 'refclef'; there are refcoco, refcoco\+, refcocog"
    ):
        read_refer(tmp_path, "refclef")


def test_missing_files_show_the_layout(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"refcoco\+.refs\(unc\).p is missing.*refcoco\+.zip"):
        read_refer(tmp_path, "refcoco+")
    (refcoco(tmp_path) / "refcoco/instances.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"instances\.json is missing. Expected below .*refcoco\.zip"):
        locate_refer(tmp_path, "refcoco")


def test_broken_references_are_named(tmp_path: Path) -> None:
    for change, message in (
        ({"ann_id": [50]}, "reference 1: ann_id: Input should be a valid integer, got [50]"),
        ({"ann_id": 99}, "reference 1: annotation 99 is not in"),
        ({"image_id": None}, "reference 1: image_id: Input should be a valid integer, got None"),
    ):
        with pytest.raises(ValueError, match=r"refs\(unc\)\.p: ") as error:
            read_refer(refcoco(tmp_path, [REFS[0], REFS[1] | change]))
        assert message in str(error.value)

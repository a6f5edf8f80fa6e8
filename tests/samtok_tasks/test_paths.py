"""What a data set names lies below the data root: nothing else is opened, whatever its files say."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import caption_samples
import pytest
import region_samples
import segllm_samples
from PIL import Image
from psg_samples import psg
from sentence_samples import write_root

from samtok_bench import registry
from samtok_bench.task import Task
from samtok_tasks.mini.writer import SplitPlan, write_mini
from samtok_tasks.reconstruction.data_formats import DATA_FORMATS
from samtok_tasks.reconstruction.task import Reconstruction

NAME = re.compile(r"[\w./-]+\.(?:jpg|png)")
HOSTILE = (
    "{outside}/secret.jpg",
    "../{up}secret.jpg",
    "a/../../{up}secret.jpg",
    "./../{up}secret.jpg",
    "//{outside}/secret.jpg",
    "http://127.0.0.1:9/secret.jpg",
    "file://{outside}/secret.jpg",
    "secret.jpg/../../{up}secret.jpg",
)
"""`up` leads to the outside from any folder of the data root."""
PLANS = {
    name: SplitPlan(first_seed=7_000 + 100 * number, images=3, expressions=8)
    for number, name in enumerate(("train", "val", "testA", "testB"))
}
MINI = (
    *("gres", "refcoco", "refcoco+", "refcocog", "reasonseg", "grounding-suite", "gcg", "multi_round"),
    *(
        "scene_graph",
        "refcocog-caption",
        "vg-caption",
        "gar-bench",
        "visual7w",
        "vip-bench",
        "saco-gold",
    ),
    *("pixmmvp", "pixcv-bench", "mmr", "refcocom"),
)
Write = Callable[[Path], Path]
OFFICIAL: dict[str, tuple[Write, str, str | None, str]] = {
    "repack": (lambda root: _in(root, write_root), "refcoco", "repack", "val"),
    "rounds": (
        lambda root: segllm_samples.write_rounds(root, segllm_samples.ready_rounds()),
        "multi_round",
        "rounds",
        "refcoco_val",
    ),
    "psg": (psg, "scene_graph", None, "test"),
    **{
        name: (lambda root, own=own: caption_samples.write(root, own), name, data, "test")  # type: ignore[misc]
        for name, own, data in (
            ("dlc-bench", "dlc", None),
            ("ferret-bench", "ferret", None),
            ("mdvp-bench", "mdvp", None),
            ("videorefer-bench", "videorefer", None),
        )
    },
    "dlc repack": (lambda root: caption_samples.write(root, "repack"), "dlc-bench", None, "test"),
}


def _in(root: Path, write: Callable[[Path], object]) -> Path:
    write(root)
    return root


OPENED: list[str] = []
"""Files that were opened while `watched`."""
_watching = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event in ("open", "os.listdir", "os.scandir", "socket.connect"):
        OPENED.append(f"{event} {arguments[-1] if event == 'socket.connect' else arguments[0]}")


@pytest.fixture(scope="module", autouse=True)
def watched() -> None:
    sys.addaudithook(_hook)  # for good: it cannot be removed


def opened_by(read: Callable[[], object]) -> tuple[object, list[str]]:
    """What a function returns, or the ValueError or OSError that it raises; and what it opens."""
    global _watching
    OPENED.clear()
    _watching = True
    try:
        result = read()
    except (ValueError, OSError) as error:
        result = error
    finally:
        _watching = False
    return result, list(OPENED)


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mini(tmp_path_factory.mktemp("mini"), plans=PLANS).root


def attacks(root: Path, outside: Path) -> Iterator[str]:
    """Put each hostile path in the place of all names of images in all JSON files."""
    files = {path: path.read_text() for path in root.rglob("*.json*")}
    named = {path: text for path, text in files.items() if NAME.search(text)}
    up = "../" * (len(root.parts) + 6) + f"{str(outside)[1:]}/"
    for form in HOSTILE:
        hostile = form.format(outside=outside, up=up)
        for path, text in named.items():
            path.write_text(NAME.sub(lambda _, new=hostile: new, text))  # type: ignore[misc]
        yield hostile


def check(task: Task, root: Path, split: str, outside: Path) -> None:
    outside.mkdir()
    Image.new("RGB", (64, 64)).save(outside / "secret.jpg")
    assert opened_by(lambda: (outside / "secret.jpg").read_bytes())[1], "it would be noticed"
    read, _ = opened_by(lambda: task.samples(root, split).samples)
    assert isinstance(read, list), read
    for hostile in attacks(root, outside):
        read, opened = opened_by(lambda: task.samples(root, split).samples)
        if isinstance(read, Exception):
            assert "\n" not in str(read)
        else:
            for sample in read:
                assert Path(os.path.normpath(sample.image)).is_relative_to(root), hostile
        assert not [place for place in opened if "secret" in place or str(outside) in place], hostile
        assert not [place for place in opened if place.startswith("socket")], hostile


@pytest.mark.parametrize("name", MINI)
def test_minis_readers_stay_below_the_root(mini: Path, tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    shutil.copytree(mini, root)
    task = registry.task_class(name)()
    check(task, root, task.default_split(root), tmp_path / "outside")


@pytest.mark.parametrize("name", OFFICIAL)
def test_readers_of_official_files_stay_below_the_root(tmp_path: Path, name: str) -> None:
    write, task, data, split = OFFICIAL[name]
    (tmp_path / "root").mkdir()
    root = write(tmp_path / "root")
    check(registry.task_class(task)(data=data), root, split, tmp_path / "outside")


@pytest.mark.parametrize("name", [name for name in DATA_FORMATS if name != "png"])  # png's files name none
def test_readers_of_masks_stay_below_the_root(tmp_path: Path, name: str) -> None:
    (tmp_path / "root").mkdir()
    root = getattr(region_samples, name.partition("-")[0])(tmp_path / "root")
    check(Reconstruction(data=name), root, DATA_FORMATS[name].splits[0], tmp_path / "outside")

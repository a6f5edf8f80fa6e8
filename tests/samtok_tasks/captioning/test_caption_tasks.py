"""What the benchmarks of region captions have in common."""

from pathlib import Path

import pytest
from caption_samples import write

from samtok_bench.judging.contract import Judged
from samtok_bench.sample import prompt_text
from samtok_tasks.dlc_bench.task import DLCBench
from samtok_tasks.ferret_bench.task import FerretBench
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.mdvp_bench.task import MDVPBench
from samtok_tasks.refcocog_caption.task import RefCOCOgCaption
from samtok_tasks.vg_caption.task import VGCaption
from samtok_tasks.videorefer_bench.task import VideoReferBench

GOLDEN = Path(__file__).parents[2] / "golden" / "region_caption_prompts.txt"
JUDGED = {"dlc": DLCBench, "ferret": FerretBench, "mdvp": MDVPBench, "videorefer": VideoReferBench}
OTHERS = (RefCOCOgCaption, VGCaption)


def test_prompts_match_the_snapshot(tmp_path):
    lines = []
    for protocol in ("standard", "released"):
        for name, task in JUDGED.items():
            samples = task(protocol).samples(write(tmp_path / name, name), "test").samples
            lines += [f"# {name}, {protocol}", *(prompt_text(sample.turns) for sample in samples)]
    referring = RefCOCOgCaption()
    mini = referring.samples(referring.default_root(), "val").samples
    lines += ["# refcocog", *dict.fromkeys(prompt_text(sample.turns) for sample in mini)]
    assert "\n".join(lines) + "\n" == GOLDEN.read_text()


@pytest.mark.parametrize("name", JUDGED)
def test_samples_carry_references_and_stable_ids(tmp_path, name):
    root, task = write(tmp_path, name), JUDGED[name]()
    samples = task.samples(root, "test").samples
    for sample in samples:
        assert sample.target.text == sample.truth.reference != ""
        assert sample.size == (300, 400)
    assert len({sample.cluster for sample in samples}) == 1
    assert len({sample.id for sample in samples}) == len(samples)
    assert [sample.id for sample in samples] == [sample.id for sample in task.samples(root, "test").samples]


@pytest.mark.parametrize("name", JUDGED)
def test_data_is_found_at_a_glance(tmp_path, name):
    task = JUDGED[name]()
    with pytest.raises(FileNotFoundError, match=r"is missing\. Expected below the data root"):
        task.locate(tmp_path)
    assert not task.data_status(tmp_path).ready
    assert task.data_status(write(tmp_path, name)).ready


@pytest.mark.parametrize("task", JUDGED.values())
def test_judged_benchmarks_need_a_root_and_have_one_split(task):
    with pytest.raises(ValueError, match=f"the task '{task.name}' needs a --data-root"):
        task().default_root()
    with pytest.raises(NoSplitError, match=f"{task.name} has no split 'val'; it has test"):
        task().samples(Path(), "val")
    assert task().primary == task().metrics[0].id == "captioned"
    assert task().judge_metrics[-1].id in ("unreadable", "ratio_screenshot")


def test_they_are_one_group():
    assert {task.group for task in (*JUDGED.values(), *OTHERS)} == {"region_caption"}
    assert not any(issubclass(task, Judged) for task in OTHERS)

"""An image is its path below the data root: frames of two videos share their names, and are two images."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import caption_samples
import pytest
import region_samples
import segllm_samples
from json_fuzz import changed
from PIL import Image
from psg_samples import PSG, psg
from sentence_samples import write_lines, write_root

from samtok_bench.sample import Sample, image_key
from samtok_bench.task import Task
from samtok_tasks.gar_bench.task import GARBench
from samtok_tasks.grounding_suite.task import GroundingSuite
from samtok_tasks.mdvp_bench.task import MDVPBench
from samtok_tasks.multi_round.task import MultiRound
from samtok_tasks.reconstruction.task import Reconstruction
from samtok_tasks.referring.task import RefCOCO
from samtok_tasks.scene_graph.task import SceneGraph
from samtok_tasks.videorefer_bench.task import VideoReferBench

FRAMES = ("one/0001.jpg", "two/0001.jpg")


def grounding(root: Path) -> Path:
    records = [
        {**region_samples.GROUNDING[0], "idx": number, "image_path": frame}
        for number, frame in enumerate(FRAMES)
    ]
    return region_samples.grounding(root, records)


def coco(root: Path) -> Path:
    content = copy.deepcopy(region_samples.COCO)
    for image, frame in zip(content["images"], FRAMES, strict=True):
        image["file_name"] = frame
    return region_samples.coco(root, content)


def panoptic(root: Path) -> Path:
    """Segments go by equal numbers and have equal masks in both."""
    content = copy.deepcopy(region_samples.PANOPTIC)
    content["images"] = [{**content["images"][0], "id": k, "file_name": f} for k, f in enumerate(FRAMES)]
    (record,) = content["annotations"]
    content["annotations"] = [{**record, "image_id": k} for k in range(2)]
    return region_samples.panoptic(root, content)


def sa1b(root: Path) -> Path:
    folder = root / "sa_000000"
    folder.mkdir(parents=True)
    for number, frame in enumerate(FRAMES):
        content = changed(region_samples.SA1B, ("image", "file_name"), frame)
        (folder / f"{number}.json").write_text(json.dumps(content))
    return folder


def graphs(root: Path) -> Path:
    content = copy.deepcopy(PSG)
    content["data"] = [{**PSG["data"][0], "file_name": f, "image_id": f"2{k}"} for k, f in enumerate(FRAMES)]
    content["test_image_ids"] = ["20", "21"]
    return psg(root, content)


def repack(root: Path) -> Path:
    write_root(root)
    (line, *_) = (root / "RefCOCO/refcoco_val.json").read_text().splitlines()
    write_lines(root, [json.loads(line) | {"image": frame} for frame in FRAMES])
    return root


def dialogues(root: Path) -> Path:
    spoken = json.dumps(segllm_samples.DIALOGUES[1])
    both = [json.loads(spoken.replace("coco/train2014", frame[:3])) for frame in FRAMES]
    return segllm_samples.write_root(root, both)


def rounds(root: Path) -> Path:
    (item,) = segllm_samples.ready_rounds()["2"]
    return segllm_samples.write_rounds(root, {"2": [{**item, "image": frame} for frame in FRAMES]})


def videos(root: Path) -> Path:
    name = "VideoRefer-Bench-D.json"
    content = copy.deepcopy(caption_samples.VIDEOREFER)
    content[name] = [{**content[name][0], "video": f"{part}/clip.mp4"} for part in ("one", "two")]
    return caption_samples.write(root, "videorefer", content)


def mdvp(root: Path) -> Path:
    content = copy.deepcopy(caption_samples.MDVP)
    (name,) = (name for name in content if name.endswith("mask.json"))
    content[name] = [{**content[name][0], "image_path": frame} for frame in FRAMES]
    for frame in FRAMES:
        picture = root / "data" / frame
        picture.parent.mkdir(parents=True)
        Image.new("RGB", (caption_samples.WIDTH, caption_samples.HEIGHT)).save(picture)
    return caption_samples.write(root, "mdvp", content)


def questions(root: Path) -> Path:
    (record,) = region_samples.GAR["VQA"]
    return region_samples.gar(root, {**region_samples.GAR, "VQA": [{**record, "image": f} for f in FRAMES]})


DATA: dict[str, tuple[Callable[[Path], Path], Task, str]] = {
    "grounding-suite": (grounding, GroundingSuite(), "all"),
    "coco": (coco, Reconstruction(data="coco"), "val2017"),
    "panoptic": (panoptic, Reconstruction(data="panoptic"), "val2017"),
    "sa1b": (sa1b, Reconstruction(data="sa1b"), "all"),
    "masks of grounding-suite": (grounding, Reconstruction(data="grounding-suite"), "all"),
    "scene_graph": (graphs, SceneGraph(), "test"),
    "repack": (repack, RefCOCO(data="repack"), "val"),
    "dialogues": (dialogues, MultiRound(), "refcoco_val"),
    "rounds": (rounds, MultiRound(data="rounds"), "refcoco_val"),
    "gar-bench": (questions, GARBench(), "test"),
    "mdvp-bench": (mdvp, MDVPBench(), "test"),
}


def read(name: str, folder: Path) -> tuple[Path, list[Sample]]:
    write, task, split = DATA[name]
    root = write(folder)
    return root, task.samples(root, split).samples


@pytest.mark.parametrize("name", DATA)
def test_images_of_one_name_are_two(tmp_path: Path, name: str) -> None:
    root, samples = read(name, tmp_path)
    assert len({sample.id for sample in samples}) == len(samples) > 1
    assert {sample.cluster for sample in samples} == {image_key(sample.image, root) for sample in samples}
    assert len({sample.cluster for sample in samples}) == len({sample.image for sample in samples}) == 2


def test_videos_of_one_name_are_two(tmp_path: Path) -> None:
    samples = VideoReferBench().samples(videos(tmp_path), "test").samples
    assert [sample.cluster for sample in samples] == ["frames/one/clip", "frames/two/clip"]
    assert len({sample.id for sample in samples}) == 2


def test_the_folder_of_a_root_that_is_a_file_counts(tmp_path: Path) -> None:
    region_samples.coco(tmp_path)
    file = tmp_path / "annotations/instances_val2017.json"
    first, *_ = Reconstruction(data="coco").samples(file, "val2017").samples
    assert first.cluster == image_key(first.image, file) == "000000000007.jpg"


def test_the_root_itself_may_change_its_place(tmp_path: Path) -> None:
    here, there = (read("coco", tmp_path / name)[1] for name in ("here", "there"))
    assert [(s.id, s.cluster) for s in here] == [(s.id, s.cluster) for s in there]
    assert here[0].cluster == "val2017/one/0001.jpg"

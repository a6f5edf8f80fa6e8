"""ViP-Bench: the official files, mini's, and judging with a local judge."""

import copy
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places
from PIL import Image

from samtok_bench import registry, rle
from samtok_bench.judging.client import JudgeClient
from samtok_bench.judging.judge import judge
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.running import run as runner
from samtok_bench.sample import Prediction, Region, prompt_text
from samtok_tasks.check import check
from samtok_tasks.gar_bench.task import RegionVQA
from samtok_tasks.mini.writer import pictures_of
from samtok_tasks.vip_bench import metrics as vip_bench
from samtok_tasks.vip_bench import mini as mini_vip_bench
from samtok_tasks.vip_bench.reader import read_marked_questions, read_vip_bench

GOLDEN = Path(__file__).parents[1] / "golden" / "vip_bench_prompts.txt"
HEIGHT, WIDTH = 40, 60
META, SHAPES, MARKED = "vip-bench-meta-data.json", "source_image/a.json", "bbox/questions.jsonl"
FILES = {
    META: {
        "v1_0": {
            "image_source": "a.png",
            "image": "v1_1_0.png",
            "question": "What is x in <obj>?",
            "answer": "0.75<OR>3/4",
            "capability": ["ocr", "math"],
        },
        "v1_1": {
            "image_source": "a.png",
            "image": "v1_1_1.png",
            "question": "Is <obj2> above <obj1>, or <obj1> above <obj2>?",
            "answer": "yes<AND>no",
            "capability": ["rec", "rel"],
        },
        "v1_2": {
            "image_source": "a.png",
            "image": "v1_1_2.png",
            "question": "What is this?",
            "answer": "a page",
            "capability": ["rec"],
        },
    },
    SHAPES: {
        "shapes": [
            {"label": "obj", "points": [[20.0, 15.0], [10.0, 5.0]], "shape_type": "rectangle"},
            {"label": "obj1", "points": [[0, 0], [10, 0], [10, 10], [0, 10]], "shape_type": "polygon"},
            {"label": "obj2", "points": [[30, 20], [40, 30]], "shape_type": "rectangle"},
            {"label": "obj1", "points": [[50, 30], [70, 50]], "shape_type": "rectangle"},
            {"label": "other", "points": [[1, 1]], "shape_type": "point"},
        ],
        "imagePath": "a.png",
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    },
    MARKED: [
        {"question_id": k, "image": f"v1_1_{k}.png", "text": text, "category": "x"}
        for k, text in enumerate(["What is x in the red box?", "Which is above?", "What is this?"])
    ],
}


def write(root: Path, files=FILES, folder="ViP-Bench") -> Path:
    for path, content in files.items():
        place = root / folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        lines = path.endswith(".jsonl") and isinstance(content, list)
        text = "".join(f"{json.dumps(one)}\n" for one in content) if lines else json.dumps(content)
        place.write_text(text)
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / folder / "source_image/a.png")
    return root


def test_regions_are_the_shapes_of_their_names(tmp_path):
    data = read_vip_bench(write(tmp_path))
    first, second, third = data.questions
    assert (first.key, first.answer, first.capabilities) == ("v1_0", "0.75<OR>3/4", ("ocr", "math"))
    assert first.masks == {"obj": rle.rectangle(10, 5, 20, 15, HEIGHT, WIDTH)}
    assert list(second.masks) == ["obj2", "obj1"]
    # the two shapes of one name are one region, cut off at the image
    one = np.zeros((HEIGHT, WIDTH), bool)
    one[:10, :10] = one[30:, 50:] = True
    assert (rle.decode(second.masks["obj1"]) == one).all()
    assert third.masks == {}
    assert first.image == tmp_path / "ViP-Bench/source_image/a.png"
    assert read_marked_questions(tmp_path)["v1_1"] == "Which is above?"


def test_files_may_lie_in_the_root(tmp_path):
    task = RegionVQA(data="vip-bench")
    assert task.data_status(tmp_path).detail == f"no vip-bench-meta-data.json in {tmp_path}"
    write(tmp_path, folder=".")
    assert task.data_status(tmp_path).ready
    assert len(read_vip_bench(tmp_path).questions) == 3
    assert check(task, tmp_path, task.splits).ok


def test_samples(tmp_path):
    task = RegionVQA(data="vip-bench")
    samples = task.samples(write(tmp_path), "test").samples
    assert "\n".join(prompt_text(one.turns) for one in samples) + "\n" == GOLDEN.read_text()
    masks = read_vip_bench(tmp_path).questions[1].masks
    regions = [part.rle for part in samples[1].turns[0].parts if isinstance(part, Region)]
    assert regions == [masks[name] for name in ("obj2", "obj1", "obj1", "obj2")]
    assert [one.tags["regions"] for one in samples] == ["1", "2", "none"]
    assert len({one.id for one in samples}) == 3
    assert task.score(samples[0], Prediction(text="It is\n3/4 <|mt_0001|>")) == {"answered": 1, "words": 3}
    assert task.score(samples[0], Prediction(text="<|mt_0001|>")) == {"answered": 0, "words": 0}
    assert [info.id for info in task.metrics] == ["answered", "words"]
    assert task.primary == "answered"
    assert list(task.floors(samples[0])) == ["one answer"]
    made = OraclePredictor("", PredictorOptions(task.generation)).predict(samples)
    assert [one.text for one in made] == ["0.75<OR>3/4", "yes<AND>no", "a page"]


def test_questions_without_their_regions_are_counted(tmp_path):
    files = copy.deepcopy(FILES)
    shapes = files[SHAPES]["shapes"]
    shapes[0]["label"] = "obj7"
    shapes[2]["points"] = [[30, 20], [30, 30]]
    data = read_vip_bench(write(tmp_path, files))
    assert [one.key for one in data.questions] == ["v1_2"]
    assert data.dropped == {"questions without their regions": 2}
    assert data.first["questions without their regions"].endswith(
        f"no shape obj in {tmp_path}/ViP-Bench/{SHAPES}"
    )
    shapes[0]["label"] = "obj"
    shapes[2].update(shape_type="circle", points=[[30, 20], [40, 30]])  # centre and a point on it
    data = read_vip_bench(write(tmp_path, files))
    assert [one.key for one in data.questions] == ["v1_0", "v1_2"]
    assert "must be a rectangle or a polygon, got 'circle'" in data.first["questions without their regions"]


@pytest.mark.parametrize(
    ("file", "path", "value", "message"),
    [
        (META, ("v1_0", "capability"), ["ocr", 3], "question v1_0: 'capability' must list texts"),
        (META, ("v1_0", "image_source"), "../a.png", "question v1_0: 'image_source' must be a path below"),
        (META, ("v1_1", "answer"), None, "question v1_1: 'answer' must be str"),
        (SHAPES, ("imageHeight",), 0, "impossible size, height 0, width 60"),
        (SHAPES, ("shapes", 1, "label"), None, "shape 1: 'label' must be str"),
        (SHAPES, ("shapes", 1, "shape_type"), 3, "shape 1: 'shape_type' must be str"),
    ],
)
def test_broken_records_are_named(tmp_path, file, path, value, message):
    files = copy.deepcopy(FILES)
    inner = files[file]
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match="ViP-Bench/") as error:
        read_vip_bench(write(tmp_path, files))
    assert Path(file).name in str(error.value)
    assert message in str(error.value)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"meta-data\.json is missing\. Expected below the data root"):
        read_vip_bench(tmp_path)
    write(tmp_path)
    (tmp_path / "ViP-Bench" / SHAPES).unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.json is missing\. Expected below the data root"):
        read_vip_bench(tmp_path)
    (tmp_path / "ViP-Bench" / MARKED).write_text("{")
    with pytest.raises(ValueError, match=r"questions\.jsonl: line 1 is not JSON"):
        read_marked_questions(tmp_path)


# the judge


def test_the_prompt_is_the_official_one():
    # vip-bench_evaluator.py: its `prompt` and a new line
    digest = "c18bad2fdc49f892fd4a6b9ebf53c440b0044645a4059852742a34584a6d016e"
    assert hashlib.sha256(vip_bench.PROMPT.encode()).hexdigest() == digest
    asked = vip_bench.prompt("What is x?", "1<AND>2<OR>3", "x is 1").removeprefix(vip_bench.PROMPT)
    assert asked == "What is x? | 1 <AND> 2 <OR> 3 | x is 1 | "


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("0.7", 0.7), ("1.0", 1), ("0", 0), (".5 because", 0.5), ("1\n", 1), ("1e-1", 0.1),
        ("", None), (" 0.5", None), ("1.1", None), ("-0.1", None), ("nan", None), ("0.5,", None), ("x", None),
    ],
)  # fmt: skip
def test_replies_are_read_as_the_script_reads_them(reply, score):
    assert vip_bench.read_score(reply) == score


def test_scores_are_means_by_capability():
    kinds = ("rec", "ocr", "x")
    rows = [
        vip_bench.scores("1.0", ("rec", "ocr"), kinds),
        vip_bench.scores("0.2", ("rec",), kinds),
        vip_bench.scores("?", ("ocr",), kinds),
    ]
    infos = {info.id: info for info in vip_bench.metrics(kinds)}
    found = {
        id: sum(row[info.numerator] for row in rows)
        / (sum(row[info.denominator] for row in rows) if info.denominator else 3)
        for id, info in infos.items()
        if id != "score_x"
    }
    assert found == pytest.approx({"score": 0.4, "score_rec": 0.6, "score_ocr": 0.5, "unreadable": 1 / 3})
    assert sum(row["count_x"] for row in rows) == 0


class Fixed(Predictor):
    """Answers with the target."""

    def identity(self):
        return {"kind": "fixed"}

    def predict(self, samples):
        return [Prediction(text=one.target.text, stop_reason="stop") for one in samples]


class Silent:
    def start(self, *what): ...
    def advance(self, count): ...
    def stop(self): ...
    def note(self, text): ...


class Judge(JudgeClient):
    """Replies by a function, without a server."""

    def __init__(self, reply):
        super().__init__("http://judge/v1", "judge-1", key="")
        self.reply, self.asked = reply, []

    def ask(self, messages, settings):
        self.asked.append((messages[-1]["content"].removeprefix(vip_bench.PROMPT), settings))
        return self.reply(self.asked[-1][0])


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "task_class", lambda name: RegionVQA)
    monkeypatch.setattr(registry, "predictor_class", lambda model, by: (Fixed, ""))

    def run(files=FILES):
        root = write(tmp_path / "data", files)
        options = runner.RunOptions(
            task="region_vqa", model="fixed", data_root=root, data="vip-bench", out=tmp_path / "run"
        )
        return runner.run(options, Silent()).folder

    return run


def test_a_run_is_judged_by_hand(run):
    folder = run()
    one = Judge(lambda text: "0.5" if "red box" in text else "hm" if "above" in text else "1.0 | x")
    judged = judge(folder, one, Silent())
    values = {metric.id: metric.value for metric in judged.metrics}
    assert values == {
        "score": 0.5, "score_rec": 0.5, "score_ocr": 0.5, "score_know": None, "score_math": 0.5,
        "score_rel": 0, "score_lang": None, "unreadable": pytest.approx(1 / 3),
    }  # fmt: skip
    assert judged.primary == "score"
    assert judged.settings == {"temperature": 0.0, "max_tokens": 3, "top_p": None}
    assert {asked for asked, _ in one.asked} == {
        "What is x in the red box? | 0.75 <OR> 3/4 | 0.75<OR>3/4 | ",
        "Which is above? | yes <AND> no | yes<AND>no | ",
        "What is this? | a page | a page | ",
    }


def test_other_capabilities_of_the_file_are_metrics_too(run):
    files = copy.deepcopy(FILES)
    files[META]["v1_2"]["capability"] = ["gen", "gen"]
    judged = judge(run(files), Judge(lambda text: "1.0" if "page" in text else "0.0"), Silent())
    values = {metric.id: metric.value for metric in judged.metrics}
    assert (values["score_gen"], values["score_rec"]) == (1, 0)


def test_a_question_without_its_words_for_the_judge_is_told(run):
    files = {**FILES, MARKED: FILES[MARKED][:2]}
    with pytest.raises(ValueError, match=r"no question v1_2 in bbox/questions\.jsonl"):
        judge(run(files), Judge(lambda text: "1.0"), Silent())


def test_answers_to_other_data_have_no_judge(run):
    assert RegionVQA().judge_metrics == RegionVQA(data="visual7w").judge_metrics == ()


# mini


def test_mini_asks_true_questions(tmp_path):
    pictures = list(pictures_of("val"))[:40]
    made = mini_vip_bench.files(pictures)
    for path, content in made.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, np.ndarray):
            Image.fromarray(content).save(tmp_path / path)
        elif path.endswith(".jsonl"):
            (tmp_path / path).write_text("".join(f"{json.dumps(one)}\n" for one in content))
        else:
            (tmp_path / path).write_text(json.dumps(content))
    assert check(RegionVQA(data="vip-bench"), tmp_path, ("test",)).ok
    questions = read_vip_bench(tmp_path).questions
    marked = read_marked_questions(tmp_path)
    by_name = {f"{one.image_id}.png": one for one in pictures}
    assert len(questions) > 40
    assert {one.image.name for one in questions} == set(list(by_name)[: mini_vip_bench.PICTURES])
    for one in questions:
        scene = by_name[one.image.name].scene
        items = [scene.objects[int(name.removeprefix("obj"))] for name in one.masks]
        assert [rle.box(rle.encode(item.mask)) for item in items] == [rle.box(m) for m in one.masks.values()]
        if len(items) == 1:
            assert one.answer in (items[0].colour, f"{items[0].colour}<AND>{items[0].shape}")
        else:
            (x0, y0), (x1, y1) = (item.centre for item in items)
            steps = {"left of": x1 - x0, "right of": x0 - x1, "above": y1 - y0, "below": y0 - y1}
            assert one.answer == f"{max(steps, key=steps.get)} it"
        assert "obj" not in marked[one.key].replace("object", "")
        assert marked[one.key].count("rectangle") == len(items)


JSON = json_values("label", "points")
PLACES = [(file, place) for file in (META, SHAPES, MARKED) for place in places(FILES[file])]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_change_is_read_or_refused_cleanly(tmp_path, place, value):
    file, path = place
    files = {**FILES, file: changed(FILES[file], path, value)}
    task, said = RegionVQA(data="vip-bench"), str(tmp_path)
    try:
        for sample in task.samples(write(tmp_path, files), "test").samples:
            task.judge_prompts(sample, "x")
    except (ValueError, OSError) as error:
        said = str(error)
    assert str(tmp_path) in said

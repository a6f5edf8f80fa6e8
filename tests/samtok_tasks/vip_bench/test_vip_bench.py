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
from judged_captions import Judge, Silent, run_task, values_of
from PIL import Image
from vip_samples import FILES, HEIGHT, MARKED, META, SHAPES, WIDTH, write

from samtok_bench import metric, rle
from samtok_bench.judging.contract import JudgeSettings
from samtok_bench.judging.judge import judge
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.sample import Prediction, Region, prompt_text
from samtok_tasks.data.check import check
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.mini.writer import pictures_of
from samtok_tasks.vip_bench import mini as mini_vip_bench
from samtok_tasks.vip_bench.judge import JUDGE_METRICS, PROMPT, judge_prompt, judge_scores, read_score
from samtok_tasks.vip_bench.reader import read_marked_questions, read_vip_bench
from samtok_tasks.vip_bench.task import ViPBench

GOLDEN = Path(__file__).parents[2] / "golden" / "vip_bench_prompts.txt"


def test_regions_are_the_shapes_of_their_names(tmp_path):
    data = read_vip_bench(write(tmp_path))
    first, second, third = data.questions
    assert (first.key, first.answer, first.capabilities) == ("v1_0", "0.75<OR>3/4", ("ocr", "math"))
    assert first.masks == {"obj": rle.rectangle(10, 5, 20, 15, HEIGHT, WIDTH)}
    assert list(second.masks) == ["obj2", "obj1"]
    # the two shapes of one name are one region, cut off at the image
    both = np.zeros((HEIGHT, WIDTH), bool)
    both[:10, :10] = both[30:, 50:] = True
    assert (rle.decode(second.masks["obj1"]) == both).all()
    assert third.masks == {}
    assert first.image == tmp_path / "ViP-Bench/source_image/a.png"
    assert read_marked_questions(tmp_path)["v1_1"] == "Which is above?"


def test_files_may_lie_in_the_root(tmp_path):
    task = ViPBench()
    with pytest.raises(FileNotFoundError, match=r"meta-data\.json is missing\. Expected below the data root"):
        task.locate(tmp_path)
    write(tmp_path, folder=".")
    assert task.locate(tmp_path) == f"ViP-Bench, in {tmp_path}"
    assert len(read_vip_bench(tmp_path).questions) == 3
    assert check(task, tmp_path, task.splits).ok


def test_samples(tmp_path):
    task = ViPBench()
    samples = task.samples(write(tmp_path), "test").samples
    assert "\n".join(prompt_text(sample.turns) for sample in samples) + "\n" == GOLDEN.read_text()
    masks = read_vip_bench(tmp_path).questions[1].masks
    regions = [part.rle for part in samples[1].turns[0].parts if isinstance(part, Region)]
    assert regions == [masks[name] for name in ("obj2", "obj1", "obj1", "obj2")]
    assert [sample.tags["regions"] for sample in samples] == ["1", "2", "none"]
    assert len({sample.id for sample in samples}) == 3
    assert task.score(samples[0], Prediction(text="It is\n3/4 <|mt_0001|>")) == {"answered": 1, "words": 3}
    assert task.score(samples[0], Prediction(text="<|mt_0001|>")) == {"answered": 0, "words": 0}
    assert [info.id for info in task.metrics] == ["answered", "words"]
    assert task.primary == "answered"
    assert list(task.floors(samples[0])) == ["one answer"]
    made = OraclePredictor("", PredictorOptions(task.generation)).predict(samples)
    assert [answer.text for answer in made] == ["0.75<OR>3/4", "yes<AND>no", "a page"]


def test_questions_without_their_regions_are_counted(tmp_path):
    files = copy.deepcopy(FILES)
    shapes = files[SHAPES]["shapes"]
    shapes[0]["label"] = "obj7"
    shapes[2]["points"] = [[30, 20], [30, 30]]
    data = read_vip_bench(write(tmp_path, files))
    assert [question.key for question in data.questions] == ["v1_2"]
    assert data.dropped.counts == {"questions without their regions": 2}
    assert data.dropped.first["questions without their regions"].endswith(
        f"no shape obj in {tmp_path}/ViP-Bench/{SHAPES}"
    )
    shapes[0]["label"] = "obj"
    shapes[2].update(shape_type="point", points=[[30, 20]])
    data = read_vip_bench(write(tmp_path, files))
    assert [question.key for question in data.questions] == ["v1_0", "v1_2"]
    assert (
        "must be a rectangle or a polygon, got 'point'"
        in data.dropped.first["questions without their regions"]
    )
    shapes[2].update(shape_type="circle", points=[[30, "20"], [33, 24]])
    data = read_vip_bench(write(tmp_path, files))
    assert "points.0.1: Input should be" in data.dropped.first["questions without their regions"]


def test_a_circle_is_its_centre_and_a_point_on_its_rim(tmp_path):
    files = copy.deepcopy(FILES)
    files[SHAPES]["shapes"][2].update(shape_type="circle", points=[[30, 20], [33, 24]])
    data = read_vip_bench(write(tmp_path, files))
    assert not data.dropped.counts
    # as many lattice points lie within a distance of 5
    assert rle.area(data.questions[1].masks["obj2"]) == 81


@pytest.mark.parametrize(
    ("file", "path", "value", "message"),
    [
        (
            META,
            ("v1_0", "capability"),
            ["ocr", 3],
            "question v1_0: capability.1: Input should be a valid string, got 3",
        ),
        (META, ("v1_0", "image_source"), "../a.png", "question v1_0: image_source: must be a path below"),
        (META, ("v1_1", "answer"), None, "question v1_1: answer: Input should be a valid string, got None"),
        (SHAPES, ("imageHeight",), 0, "a.json: imageHeight: Input should be greater than 0, got 0"),
        (SHAPES, ("shapes", 1, "label"), None, "a.json: shapes.1.label: Input should be a valid string"),
        (
            SHAPES,
            ("shapes", 1, "shape_type"),
            3,
            "a.json: shapes.1.shape_type: Input should be a valid string",
        ),
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
    with pytest.raises(NoSplitError, match="vip-bench has no split 'val'; it has test"):
        ViPBench().samples(tmp_path, "val")


# the judge


def test_the_prompt_is_the_official_one():
    # vip-bench_evaluator.py: its `prompt` and a new line
    digest = "c18bad2fdc49f892fd4a6b9ebf53c440b0044645a4059852742a34584a6d016e"
    assert hashlib.sha256(PROMPT.encode()).hexdigest() == digest
    asked = judge_prompt("What is x?", "1<AND>2<OR>3", "x is 1").removeprefix(PROMPT)
    assert asked == "What is x? | 1 <AND> 2 <OR> 3 | x is 1 | "


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("0.7", 0.7), ("1.0", 1), ("0", 0), (".5 because", 0.5), ("1\n", 1), ("1e-1", 0.1),
        ("", None), (" 0.5", None), ("1.1", None), ("-0.1", None), ("nan", None), ("0.5,", None), ("x", None),
    ],
)  # fmt: skip
def test_replies_are_read_as_the_script_reads_them(reply, score):
    assert read_score(reply) == score


def test_scores_are_means_by_capability():
    rows = [
        judge_scores("1.0", ("rec", "ocr")),
        judge_scores("0.2", ("rec",)),
        judge_scores("?", ("ocr",)),
        judge_scores("0.4", ()),
    ]
    found = metric.values(JUDGE_METRICS, rows, ["a", "b", "c", "d"])
    assert found == {
        "score": pytest.approx(0.4),
        "score_rec": pytest.approx(0.6),
        "score_ocr": pytest.approx(0.5),
        **dict.fromkeys(("score_know", "score_math", "score_rel", "score_lang")),
        "unreadable": 0.25,
    }
    assert [info.display for info in JUDGE_METRICS[:3]] == ["score", "rec", "ocr"]


class Fixed(Predictor):
    """Answers with the target."""

    def identity(self):
        return {"kind": "fixed"}

    def predict(self, samples):
        return [Prediction(text=sample.target.text, stop_reason="stop") for sample in samples]


@pytest.fixture
def run(tmp_path, monkeypatch):
    def run(files=FILES):
        root = write(tmp_path / "data", files)
        return run_task(monkeypatch, ViPBench, root, tmp_path / "run", predictor=Fixed)

    return run


def by_text(reply):
    """A judge that looks at the row it is asked to complete."""
    return Judge(lambda messages: reply(messages[-1]["content"].removeprefix(PROMPT)))


def test_a_run_is_judged_by_hand(run):
    folder = run()
    client = by_text(lambda text: "0.5" if "red box" in text else "hm" if "above" in text else "1.0 | x")
    judged = judge(folder, client, Silent())
    assert values_of(judged) == {
        "score": 0.5, "score_rec": 0.5, "score_ocr": 0.5, "score_know": None, "score_math": 0.5,
        "score_rel": 0, "score_lang": None, "unreadable": pytest.approx(1 / 3),
    }  # fmt: skip
    assert judged.primary == "score"
    assert judged.settings == {"temperature": 0.0, "max_tokens": 3, "top_p": None}
    assert {settings for _, settings in client.asked} == {JudgeSettings(0.0, max_tokens=3)}
    assert {messages[-1]["content"].removeprefix(PROMPT) for messages, _ in client.asked} == {
        "What is x in the red box? | 0.75 <OR> 3/4 | 0.75<OR>3/4 | ",
        "Which is above? | yes <AND> no | yes<AND>no | ",
        "What is this? | a page | a page | ",
    }


def test_other_capabilities_count_in_the_total_alone(run, tmp_path):
    files = copy.deepcopy(FILES)
    files[META]["v1_1"]["capability"] = ["rel", "see", "gen", "see"]
    files[META]["v1_2"]["capability"] = ["gen", "gen"]
    folder = run(files)
    judged = judge(folder, by_text(lambda text: "1.0" if "page" in text else "0.0"), Silent())
    assert values_of(judged) == {
        "score": pytest.approx(1 / 3), "score_rec": None, "score_ocr": 0, "score_know": None,
        "score_math": 0, "score_rel": 0, "score_lang": None, "unreadable": 0,
    }  # fmt: skip
    data = read_vip_bench(tmp_path / "data")
    assert [question.capabilities for question in data.questions] == [("ocr", "math"), ("rel",), ()]
    reason = "capabilities without a mean of their own"
    assert data.dropped.counts == {reason: 2}, "once per question"
    assert data.dropped.first[reason].endswith("vip-bench-meta-data.json: question v1_1: see, gen")
    assert ViPBench().samples(tmp_path / "data", "test").dropped.counts == {reason: 2}


def test_a_question_without_its_words_for_the_judge_is_told(run):
    files = {**FILES, MARKED: FILES[MARKED][:2]}
    with pytest.raises(ValueError, match=r"no question v1_2 for the judge\. Expected below the data root"):
        judge(run(files), by_text(lambda text: "1.0"), Silent())


# mini


def test_mini_asks_true_questions(tmp_path):
    pictures = list(pictures_of("val"))[:40]
    made = mini_vip_bench.files(pictures)
    for path, content in made.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, np.ndarray):
            Image.fromarray(content).save(tmp_path / path)
        elif path.endswith(".jsonl"):
            (tmp_path / path).write_text("".join(f"{json.dumps(record)}\n" for record in content))
        else:
            (tmp_path / path).write_text(json.dumps(content))
    assert check(ViPBench(), tmp_path, ("test",)).ok
    questions = read_vip_bench(tmp_path).questions
    marked = read_marked_questions(tmp_path)
    by_name = {f"{picture.image_id}.png": picture for picture in pictures}
    assert len(questions) > 40
    assert {question.image.name for question in questions} == set(list(by_name)[: mini_vip_bench.PICTURES])
    for question in questions:
        scene = by_name[question.image.name].scene
        items = [scene.objects[int(name.removeprefix("obj"))] for name in question.masks]
        assert [rle.box(rle.encode(item.mask)) for item in items] == [
            rle.box(m) for m in question.masks.values()
        ]
        if len(items) == 1:
            assert question.answer in (items[0].colour, f"{items[0].colour}<AND>{items[0].shape}")
        else:
            (x0, y0), (x1, y1) = (item.centre for item in items)
            steps = {"left of": x1 - x0, "right of": x0 - x1, "above": y1 - y0, "below": y0 - y1}
            assert question.answer == f"{max(steps, key=steps.get)} it"
        assert "obj" not in marked[question.key].replace("object", "")
        assert marked[question.key].count("rectangle") == len(items)


JSON = json_values("label", "points")
PLACES = [(file, place) for file in (META, SHAPES, MARKED) for place in places(FILES[file])]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_change_is_read_or_refused_cleanly(tmp_path, place, value):
    file, path = place
    files = {**FILES, file: changed(FILES[file], path, value)}
    task, said = ViPBench(), str(tmp_path)
    try:
        samples = task.samples(write(tmp_path, files), "test").samples
        marked = task.judge_files(tmp_path)
        for sample in samples:
            task.judge_prompts(sample, "x", marked)
            task.judge_scores(sample, ["0.5"], marked)
    except (ValueError, OSError) as error:
        said = str(error)
    assert str(tmp_path) in said or said.startswith("no question v1_")

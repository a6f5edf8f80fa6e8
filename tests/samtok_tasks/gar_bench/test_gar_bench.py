"""GAR-Bench's multiple-choice questions about regions: the official file, and mini's."""

import copy
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import json_values
from judged_captions import Silent
from PIL import Image

from samtok_bench import registry, rle
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run
from samtok_bench.sample import Outcome, Prediction, Region, prompt_text
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.gar_bench import mini as gar_bench
from samtok_tasks.gar_bench.task import GARBench
from samtok_tasks.mini.picture import IMAGE_FOLDER, SIZE, MiniPicture
from samtok_tasks.mini.scene import draw_scene
from samtok_tasks.mini.textures import COLOURS
from samtok_tasks.multiple_choice import FLOOR_LETTERS

GOLDEN = Path(__file__).parents[2] / "golden" / "gar_bench_prompts.txt"
LEFT, RIGHT = (dict(rle.rectangle(x, 1, x + 2, 3, 4, 6)) for x in (0, 3))
RECORDS = [
    {
        "image": "images/a.png",
        "mask_rles": [LEFT, RIGHT],
        "question": "Which one among <Prompt0> or <Prompt1> is in the mirror?",
        "choices": ["A. <Prompt0>", "B. <Prompt1>"],
        "answer": "B",
        "type": "mirror",
    },
    {
        "image": "images/a.png",
        "mask_rles": [RIGHT],
        "question": "What is the color of <Prompt0>?",
        "choices": ["A. White.", "B. Black.", "C. Red.", "D. Off white."],
        "answer": "C",
        "type": "color",
    },
]


def write(root, records=RECORDS) -> Path:
    (root / "GAR-Bench-VQA.json").write_text(json.dumps(records))
    return root


def drawn(split="val", count=100):
    """Pictures of mini, without expressions."""
    return [MiniPicture(1 + k, split, draw_scene(2_000_000 + k, size=SIZE), []) for k in range(count)]


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    """mini's questions with their pictures."""
    root = tmp_path_factory.mktemp("mini")
    pictures = drawn()
    for path, content in gar_bench.files(pictures).items():
        (root / path).write_text(json.dumps(content))
    (root / IMAGE_FOLDER).mkdir(parents=True)
    for picture in pictures:
        Image.fromarray(picture.scene.image).save(root / IMAGE_FOLDER / picture.file_name)
    return root


def test_prompts_match_the_snapshot(tmp_path, mini):
    samples = GARBench().samples(write(tmp_path), "test").samples
    of_mini = GARBench().samples(mini, "test").samples[:4]
    assert (
        "\n".join(prompt_text(sample.turns) for sample in [*samples, *of_mini]) + "\n" == GOLDEN.read_text()
    )


def test_regions_stand_where_the_placeholders_were(tmp_path):
    first, second = GARBench().samples(write(tmp_path), "test").samples
    regions = [part.rle for part in first.turns[0].parts if isinstance(part, Region)]
    assert regions == [LEFT, RIGHT, LEFT, RIGHT]
    assert (first.image, first.size) == (tmp_path / "images/a.png", (4, 6))
    assert (first.tags, second.tags) == (
        {"type": "mirror", "regions": "2"},
        {"type": "color", "regions": "1"},
    )
    assert first.id != second.id
    assert first.cluster == second.cluster == "images/a.png"
    assert first.truth == (" ", " ")
    assert second.truth == (" White.", " Black.", " Red.", " Off white.")


def test_scores_by_hand(tmp_path):
    task = GARBench()
    _, sample = task.samples(write(tmp_path), "test").samples

    def score(text, **more):
        return tuple(task.score(sample, Prediction(text=text, **more)).values())

    assert score("C") == (1, 1, 0)
    assert score(" c ") == (1, 1, 0)
    assert score("C.") == (0, 1, 0)
    assert score("(C)") == (0, 1, 0)
    assert score("A") == (0, 0, 0)
    assert score("hm") == (0, 0, 1)
    assert score("", outcome=Outcome.MODEL_ERROR, detail="x") == (0, 0, 1)
    assert score("C and so on", outcome=Outcome.TRUNCATED) == (0, 0, 1)


def test_metrics_agree_with_a_second_implementation(mini):
    task = GARBench()
    samples = task.samples(mini, "test").samples
    rng = np.random.default_rng(0)
    forms = ("{}", "{}.", "The answer is {}.", "({}) since", "zzz")
    exact = parsed = unread = 0
    scores = []
    for k in range(1200):
        sample = samples[k % len(samples)]
        letter, form = rng.choice(list("ABCD")), forms[rng.integers(len(forms))]
        scores.append(task.score(sample, Prediction(text=form.format(letter))))
        right = letter == sample.target.text
        exact += right and form == "{}"
        parsed += right and form != "zzz"
        unread += form == "zzz"
    found = task.summarize(scores, [str(k) for k in range(1200)])
    assert found["exact"] == pytest.approx(exact / 1200, abs=1e-9)
    assert found["parsed"] == pytest.approx(parsed / 1200, abs=1e-9)
    assert found["unreadable"] == pytest.approx(unread / 1200, abs=1e-9)


def test_floors_are_letters_and_the_oracle_is_right(mini):
    task = GARBench()
    samples = task.samples(mini, "test").samples
    clusters = [sample.cluster for sample in samples]
    oracle = OraclePredictor("", PredictorOptions(task.generation)).predict(samples)
    scores = [task.score(sample, answer) for sample, answer in zip(samples, oracle, strict=True)]
    assert task.summarize(scores, clusters) == {"exact": 1, "parsed": 1, "unreadable": 0}
    right = Counter(sample.target.text for sample in samples)
    for letter in FLOOR_LETTERS:
        scores = [task.score(sample, task.floors(sample)[f"always {letter}"]) for sample in samples]
        assert task.summarize(scores, clusters)["exact"] == pytest.approx(right[letter] / len(samples))
    assert max(right.values()) / len(samples) < 0.32, "no letter gives much away"


# mini


def test_mini_asks_true_questions(mini):
    pictures = {picture.file_name: picture for picture in drawn()}
    records = json.loads((mini / "GAR-Bench-VQA.json").read_text())
    assert gar_bench.files(list(pictures.values())) == {"GAR-Bench-VQA.json": records}
    kinds = Counter(record["type"] for record in records)
    assert kinds["color"] == kinds["shape"] == 100
    assert min(kinds["relation"], kinds["texture/pattern"]) > 50
    for record in records:
        picture = pictures[Path(record["image"]).name]
        assert (mini / record["image"]).is_file()
        objects = {rle.encode(item.mask)["counts"]: item for item in picture.scene.objects}
        asked = [objects[mask["counts"]] for mask in record["mask_rles"]]
        answer = record["choices"]["ABCD".index(record["answer"])][3:]
        texts = [choice[3:] for choice in record["choices"]]
        assert len(set(texts)) == 4
        attribute = {"color": "colour", "shape": "shape", "texture/pattern": "pattern"}.get(record["type"])
        if attribute is not None:
            assert answer == f"{getattr(asked[0], attribute).capitalize()}."
            continue
        (x0, y0), (x1, y1) = (item.centre for item in asked)
        steps = {"left of": x1 - x0, "right of": x0 - x1, "above": y1 - y0, "below": y0 - y1}
        assert answer == f"<Prompt0> is {max(steps, key=steps.get)} <Prompt1>."
    assert {"Red.", "Black."} <= {f"{name.capitalize()}." for name in COLOURS}


def test_other_splits_of_mini_have_no_questions():
    assert gar_bench.files(drawn("testA", 2)) == {}


class First(Predictor):
    """Always the first choice."""

    def identity(self):
        return {"kind": "first"}

    def predict(self, samples):
        return [Prediction(text="A", stop_reason="stop") for _ in samples]


def test_a_run_on_mini(mini, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "task_class", lambda *_: GARBench)
    monkeypatch.setattr(registry, "predictor_class", lambda model, by: (First, ""))

    options = RunOptions(task="gar-bench", model="first", data_root=mini, out=tmp_path / "run")
    summary = run(options, Silent()).summary
    metric = summary.metric("exact")
    assert 0.15 < metric.value < 0.35
    assert metric.floor >= metric.value
    assert metric.floor_by.startswith("always ")
    assert [name for name, group in summary.breakdown["type"].items() if group.samples] == [
        "color", "shape", "texture/pattern", "relation",
    ]  # fmt: skip


# broken files


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choices": ["A. x"]}, "choices must be 2 to 8 texts that begin with A., B., ..."),
        ({"choices": ["A. x", "C. y"]}, "choices must be 2 to 8 texts"),
        ({"choices": ["A. x", "B. y\nz"]}, "choices.1: has more than one line"),
        ({"question": "a\nb"}, "question: has more than one line"),
        ({"answer": "E"}, "answer must be one of A, B, C, D, got 'E'"),
        ({"answer": ""}, "answer must be one of A, B, C, D, got ''"),
        ({"question": "What is <Prompt1>?"}, "a region is named that is not among the 1 masks"),
        ({"choices": ["A. x", "B. <Prompt3>", "C. z"]}, "a region is named that is not among the 1 masks"),
        ({"mask_rles": []}, "not among the 0 masks"),
        ({"type": 3}, "type: Input should be a valid string, got 3"),
        ({"image": "a/../../b.png"}, "image: must be a path below the folder, got 'a/../../b.png'"),
        ({"choices": ["A. x", 2]}, "choices.1: Input should be a valid string, got 2"),
        ({"answer": None}, "answer: Input should be a valid string, got None"),
        ({"mask_rles": {}}, "mask_rles: Input should be a valid list, got {}"),
    ],
)
def test_broken_records_are_named(tmp_path, change, message):
    write(tmp_path, [RECORDS[0], {**RECORDS[1], **change}])
    with pytest.raises(ValueError, match=r"GAR-Bench-VQA\.json: record 1: ") as error:
        GARBench().samples(tmp_path, "test")
    assert message in str(error.value)


def test_questions_with_unusable_masks_are_counted(tmp_path):
    masks = [
        [{"size": [4, 6], "counts": [24]}],
        [{"size": [4, 6], "counts": "~"}],
        [{"counts": [24]}],
        [LEFT, dict(rle.rectangle(0, 0, 1, 1, 3, 3))],
        [None],
        [{"size": [True, 6], "counts": [6]}],
    ]
    write(tmp_path, [*RECORDS, *({**RECORDS[1], "mask_rles": mask} for mask in masks)])
    read = GARBench().samples(tmp_path, "test")
    assert len(read.samples) == 2
    assert read.dropped.counts == {"questions with an unusable mask": 6}
    assert read.dropped.first["questions with an unusable mask"].endswith("record 2: an empty mask")


def test_missing_data_and_unknown_splits(tmp_path):
    task = GARBench()
    assert not task.data_status(tmp_path).ready
    for read in (task.locate, lambda root: task.samples(root, "test")):
        with pytest.raises(FileNotFoundError, match=r"VQA\.json is missing\. Expected below the data root"):
            read(tmp_path)
    assert task.locate(write(tmp_path)) == f"GAR-Bench-VQA, in {tmp_path}"
    assert task.data_status(tmp_path).ready
    assert task.data_status(None).detail.startswith("mini")
    with pytest.raises(NoSplitError, match="gar-bench has no split 'val'; it has test"):
        task.samples(tmp_path, "val")
    (tmp_path / "GAR-Bench-VQA.json").write_text("{}")
    with pytest.raises(ValueError, match=r"VQA\.json: expected a list, got dict"):
        task.samples(tmp_path, "test")


JSON = json_values("size", "counts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.sampled_from([(k, name) for k in range(2) for name in RECORDS[0]] + [(0,), (1,)]), value=JSON)
def test_any_change_is_read_or_refused_cleanly(tmp_path: Path, place, value):
    records = copy.deepcopy(RECORDS)
    if len(place) == 1:
        records[place[0]] = value
    else:
        records[place[0]][place[1]] = value
    said = "GAR-Bench-VQA.json"
    try:
        for sample in GARBench().samples(write(tmp_path, records), "test").samples:
            GARBench().score(sample, Prediction(text="A"))
    except (ValueError, OSError) as error:
        said = str(error)
    assert "GAR-Bench-VQA.json" in said

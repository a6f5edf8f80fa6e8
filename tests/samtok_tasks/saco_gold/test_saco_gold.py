"""The tasks saco-gold and saco-silver on the hand-worked example as files, and on mini."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places

from samtok_bench import rle
from samtok_bench.conversion.convert import convert
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.constant import ConstantPredictor
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.predictors.predictions import FilePredictor
from samtok_bench.sample import Outcome, Prediction, prompt_text
from samtok_tasks.mini.writer import pictures_of, write_files
from samtok_tasks.saco_gold import mini as official
from samtok_tasks.saco_gold.reader import GOLD, SILVER
from samtok_tasks.saco_gold.task import SACoGold, SACoSilver

GOLDEN = Path(__file__).parents[2] / "golden" / "saco_gold_prompts.txt"
SUBSET = "crowded"
SIDE = 10
PHRASES = {1: "the cup", 2: "a fork", 3: "a spoon", 4: "a lid", 5: "the plate", 6: "a bowl", 7: "a jar"}
CUP = [[0, 0, 4, 5], [5, 0, 10, 4]]
INSTANCES = {
    "a": {1: CUP, 3: [[0, 0, 2, 2]], 5: [[0, 0, 3, 3], [5, 5, 8, 8]], 6: [[0, 0, 3, 3]]},
    "b": {1: CUP[:1], 5: [[0, 0, 3, 3]], 6: [[0, 0, 3, 3]], 7: [[0, 0, 5, 2]]},
    "c": {1: CUP, 5: [[0, 0, 3, 3]], 7: [[0, 0, 5, 4]]},
}
CROWD = [0, 6, 10, 10]
"""On pair 1, drawn by c."""
ANSWERS = {1: [[0, 0, 4, 4], [5, 0, 10, 5]], 4: [[1, 1, 3, 3]], 7: [[0, 0, 5, 3]]}


def box(corners) -> rle.RLE:
    return rle.rectangle(*corners, SIDE, SIDE)


def content(annotator: str) -> dict[str, list]:
    images = [
        {
            "id": number,
            "text_input": phrase,
            "file_name": f"1/{number % 3}/picture.jpg",
            "width": SIDE,
            "height": SIDE,
            "is_instance_exhaustive": int((annotator, number) != ("b", 6)),
            "is_pixel_exhaustive": 1,
            "queried_category": "0",
        }
        for number, phrase in PHRASES.items()
    ]
    drawn = [(number, corners, 0) for number, boxes in INSTANCES[annotator].items() for corners in boxes]
    drawn += [(1, CROWD, 1)] if annotator == "c" else []
    annotations = [
        {"id": k, "image_id": number, "category_id": 1, "iscrowd": crowd, "segmentation": dict(box(corners))}
        for k, (number, corners, crowd) in enumerate(drawn, start=1)
    ]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}


CONTENTS = {annotator: content(annotator) for annotator in INSTANCES}


def write(root: Path, contents=CONTENTS) -> Path:
    folder = root / GOLD.folder
    folder.mkdir(exist_ok=True)
    for name, written in zip(GOLD.files[SUBSET], contents.values(), strict=True):
        (folder / name).write_text(json.dumps(written))
    return root


def answers(samples, failed=(), given=ANSWERS):
    """By phrase; the pairs in `failed` end with an error."""
    numbers = {phrase: number for number, phrase in PHRASES.items()}
    made = []
    for sample in samples:
        phrase = next(p for p in numbers if f" {p} " in prompt_text(sample.turns))
        if numbers[phrase] in failed:
            made.append(Prediction(outcome=Outcome.MODEL_ERROR, detail="out of memory"))
        else:
            made.append(Prediction(masks=tuple(box(corners) for corners in given.get(numbers[phrase], []))))
    return made


def figures(task, samples, made):
    scores = [task.score(sample, answer) for sample, answer in zip(samples, made, strict=True)]
    return task.summarize(scores, [sample.cluster for sample in samples])


def test_the_example_as_files_has_the_official_values(tmp_path):
    task = SACoGold()
    read = task.samples(write(tmp_path), SUBSET)
    assert [len(sample.truth) for sample in read.samples] == [3] * 6
    assert read.dropped.counts == {"pairs that are not exhaustive": 1, "crowds": 1}
    got = figures(task, read.samples, answers(read.samples))
    assert got["cgf1"] == pytest.approx(0.1666515448, abs=5e-11)
    assert got["positive_macro_f1"] == pytest.approx(0.6499200055, abs=5e-11)
    assert (got["failed"], got["empty_masks"], got["negative_share"]) == (0, 0, 4 / 6)


def test_masks_without_a_pixel_are_no_claim_and_counted(tmp_path):
    task = SACoGold()
    (fork,) = [s for s in task.samples(write(tmp_path), SUBSET).samples if "fork" in prompt_text(s.turns)]
    scores = task.score(fork, Prediction(masks=(rle.empty(SIDE, SIDE),) * 2))
    assert (scores["il_tn"], scores["empty_masks"], scores["failed"]) == (1, 2, 0)


@pytest.mark.parametrize(
    "answer",
    [
        Prediction(outcome=Outcome.MODEL_ERROR),
        Prediction(outcome=Outcome.SKIPPED),
        Prediction(outcome=Outcome.TRUNCATED),
        Prediction(outcome=Outcome.PARSE_ERROR, faults=("unknown code",)),
        Prediction(faults=("dropped",)),
    ],
)
def test_what_failed_is_nothing_found_in_one_protocol_and_wrong_in_the_other(tmp_path, answer):
    root = write(tmp_path)
    kinds = {}
    for protocol in SACoGold.protocols:
        task = SACoGold(protocol)
        samples = task.samples(root, SUBSET).samples
        scores = [task.score(sample, answer) for sample in samples]
        assert [score["failed"] for score in scores] == [1] * 6
        kinds[protocol] = [next(k for k in ("il_tn", "il_fp", "il_fn") if score[k]) for score in scores]
    # pairs 1 and 5 have instances for all annotators; 7 has none for a
    assert kinds["released"] == ["il_fn", "il_tn", "il_tn", "il_tn", "il_fn", "il_tn"]
    assert kinds["standard"] == ["il_fn", "il_fp", "il_fp", "il_fp", "il_fn", "il_fp"]


def test_masks_of_a_truncated_answer_count(tmp_path):
    task = SACoGold()
    (cup, *_) = task.samples(write(tmp_path), SUBSET).samples
    scores = task.score(cup, Prediction(outcome=Outcome.TRUNCATED, masks=(box(CUP[0]),)))
    assert (scores["il_tp"], scores["failed"]) == (1, 0)


def test_failures_are_a_number_and_change_the_headline_in_the_standard_protocol(tmp_path):
    found = {}
    for protocol in SACoGold.protocols:
        task = SACoGold(protocol)
        samples = task.samples(write(tmp_path), SUBSET).samples
        found[protocol] = figures(task, samples, answers(samples, failed=(2,)))
    assert found["released"]["cgf1"] == pytest.approx(0.1666515448, abs=5e-11)
    assert found["standard"]["failed"] == found["released"]["failed"] == 1
    # TP 2, FP 2, TN 1, FN 1: 2 - 2 of a square root
    assert (found["standard"]["il_mcc"], found["standard"]["cgf1"]) == (0, 0)


def test_a_left_out_annotator_is_the_target_and_not_asked(tmp_path):
    root = write(tmp_path)
    task = SACoGold(options={"left-out": "b"})
    samples = task.samples(root, SUBSET).samples
    (jar,) = [s for s in samples if "jar" in prompt_text(s.turns)]
    assert jar.target.masks == (box([0, 0, 5, 2]),)
    assert jar.truth == ((), (box([0, 0, 5, 4]),))
    got = figures(task, samples, OraclePredictor("", PredictorOptions(task.generation)).predict(samples))
    # b agrees with c on the plate, and on one of two cups; its jar has IoU 10/20 with c's
    assert got["recall"] == pytest.approx((1 + 1 + 1 / 10) / 4, abs=1e-4)
    assert got["il_mcc"] == pytest.approx(1)
    assert [s.id for s in samples] == [s.id for s in SACoGold().samples(root, SUBSET).samples]


def test_prompts_match_the_snapshot(tmp_path):
    samples = SACoGold().samples(write(tmp_path), SUBSET).samples
    assert "\n".join(prompt_text(s.turns) for s in samples) + "\n" == GOLDEN.read_text()


def test_pairs_of_one_image_are_one_cluster(tmp_path):
    samples = SACoGold().samples(write(tmp_path), SUBSET).samples
    assert samples[0].image == tmp_path / "saco-gold/images/metaclip/1/1/picture.jpg"
    assert samples[0].cluster == "saco-gold/images/metaclip/1/1/picture.jpg"
    assert len({s.cluster for s in samples}) == 3
    assert len({s.id for s in samples}) == 6


def test_a_pair_that_another_file_lacks_is_one_where_nothing_was_found(tmp_path):
    contents = CONTENTS | {"c": CONTENTS["c"] | {"images": CONTENTS["c"]["images"][:-1], "annotations": []}}
    read = SACoGold().samples(write(tmp_path, contents), SUBSET)
    assert read.samples[-1].truth[2] == ()
    assert read.dropped.kept == {"pairs that an annotator's file lacks": 1}


def test_broken_masks_and_files(tmp_path):
    broken = changed(CONTENTS["b"], ("annotations", 0, "segmentation", "counts"), [5])
    read = SACoGold().samples(write(tmp_path, CONTENTS | {"b": broken}), SUBSET)
    assert (len(read.samples), read.dropped.counts["pairs with broken masks"]) == (5, 1)
    assert "b_release_test.json: annotation 1: RLE" in read.dropped.first["pairs with broken masks"]
    twice = changed(CONTENTS["a"], ("images", 1, "id"), 1)
    with pytest.raises(ValueError, match=r"a_release_test\.json: image 1: two images have the id 1"):
        SACoGold().samples(write(tmp_path, CONTENTS | {"a": twice}), SUBSET)
    crowd = changed(CONTENTS["a"], ("annotations", 2, "iscrowd"), 2)
    with pytest.raises(ValueError, match="annotation 2: iscrowd: must be 0 or 1, got 2"):
        SACoGold().samples(write(tmp_path, CONTENTS | {"a": crowd}), SUBSET)
    with pytest.raises(ValueError, match="SA-Co/Gold has no split 'val'; it has metaclip"):
        SACoGold().samples(tmp_path, "val")
    with pytest.raises(
        FileNotFoundError, match=r"metaclip_merged_a_release_test\.json is missing\. Expected"
    ):
        SACoGold().samples(tmp_path, "metaclip")


def test_the_first_subset_that_is_there_is_the_default(tmp_path):
    task = SACoGold()
    assert task.default_split(tmp_path) == "metaclip"
    assert task.default_split(write(tmp_path)) == SUBSET
    assert task.data_status(tmp_path).detail == f"SA-Co/Gold, in {tmp_path / 'saco-gold'}"


def test_silver_has_one_annotator(tmp_path):
    (tmp_path / SILVER.folder).mkdir()
    (tmp_path / SILVER.folder / "silver_fathomnet_test.json").write_text(json.dumps(CONTENTS["a"]))
    task = SACoSilver()
    samples = task.samples(tmp_path, task.default_split(tmp_path)).samples
    assert [len(sample.truth) for sample in samples] == [1] * 7
    got = figures(task, samples, OraclePredictor("", PredictorOptions(task.generation)).predict(samples))
    assert got["il_mcc"] == pytest.approx(1)
    with pytest.raises(ValueError, match="no generated data"):
        task.default_root()


RESULTS = [
    *((1, [0, 0, 4, 4], 0.9), (1, [5, 0, 10, 5], 0.6), (1, CROWD, 0.4), (4, [1, 1, 3, 3], 0.5)),
    *((5, [0, 0, 3, 3], 0.49), (6, [0, 0, 3, 3], 0.99), (7, [0, 0, 5, 3], 0.8)),
]
"""The results file of the example: pair, mask, score."""


def coco(path: Path, **changed) -> Path:
    records = [
        {"image_id": pair, "category_id": 1, "segmentation": dict(box(corners)), "score": score, "bbox": []}
        for pair, corners, score in RESULTS
    ]
    path.write_text(json.dumps([*records[:-1], records[-1] | changed]))
    return path


def test_a_coco_results_file_is_scored_as_the_official_evaluator_does(tmp_path, called):
    write(tmp_path)
    ours = ("--task", "saco-gold", "--split", SUBSET, "--data-root", str(tmp_path))
    source, out = coco(tmp_path / "results.json"), str(tmp_path / "answers.jsonl")
    code, said, err = called("data", "predictions", str(source), "--from", "coco", *ours, "--out", out)
    assert (code, said) == (0, f"6 answers to 6 samples: {out}\n")
    assert "2 masks with a score below 0.5" in err
    assert "1 masks of samples that are not in this split" in err
    task = SACoGold("released")
    samples = task.samples(tmp_path, SUBSET).samples
    made = FilePredictor(out, PredictorOptions(task.generation)).predict(samples)
    assert figures(task, samples, made)["cgf1"] == pytest.approx(0.1666515448, abs=5e-11)


def test_a_mask_of_another_category_vanishes_and_is_counted(tmp_path):
    samples = SACoGold().samples(write(tmp_path), SUBSET).samples
    source = coco(tmp_path / "results.json", category_id=2)
    count, dropped = convert("coco", source, samples, tmp_path / "answers.jsonl")
    assert (count, dropped.counts["masks of a category that is not 1"]) == (6, 1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"score": None}, "record 6.score: Input should be a valid number"),
        ({"segmentation": [[0, 0, 1, 1]]}, "record 6.segmentation: "),
        (
            {"segmentation": dict(rle.full(20, 20))},
            "record 6: RLE size [20, 20] differs from the image's [10, 10]",
        ),
    ],
)
def test_a_broken_results_file_is_one_line(tmp_path, changed, message):
    samples = SACoGold().samples(write(tmp_path), SUBSET).samples
    source = coco(tmp_path / "results.json", **changed)
    with pytest.raises(ValueError, match=re.escape(f"{source}: {message}")):
        convert("coco", source, samples, tmp_path / "answers.jsonl")


def test_a_results_file_says_each_key_once(tmp_path):
    samples = SACoGold().samples(write(tmp_path), SUBSET).samples
    source = coco(tmp_path / "results.json")
    source.write_text(source.read_text().replace('"score"', '"score": 0.1, "score"', 1))
    message = re.escape(f"{source} is not a JSON file: the key 'score' comes twice")
    with pytest.raises(ValueError, match=message):
        convert("coco", source, samples, tmp_path / "answers.jsonl")


def test_other_tasks_have_no_numbers(tmp_path):
    samples = [replace(sample, number=None) for sample in SACoGold().samples(write(tmp_path), SUBSET).samples]
    with pytest.raises(ValueError, match="names samples by numbers, which this task's samples do not have"):
        convert("coco", coco(tmp_path / "results.json"), samples, tmp_path / "answers.jsonl")


@pytest.fixture(scope="module")
def mini(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("mini")
    made = official.files(list(pictures_of("val")))
    write_files(root, {path: content for path, content in made.items() if path.endswith(".json")})
    return root


def test_constants_and_oracle_on_mini_have_the_values_they_must(mini):
    task = SACoGold()
    read = task.samples(mini, official.SUBSET)
    options = PredictorOptions(task.generation)
    got = figures(task, read.samples, OraclePredictor("", options).predict(read.samples))
    assert got["cgf1"] == pytest.approx(1, abs=2e-4)
    assert 0.3 < got["negative_share"] < 0.6
    assert read.dropped.counts["pairs that are not exhaustive"] > 0
    for answer in ("refuse", "whole"):
        constant = figures(task, read.samples, ConstantPredictor(answer, options).predict(read.samples))
        assert (constant["cgf1"], constant["il_mcc"]) == (0, 0)


def test_the_annotators_of_mini_differ(mini):
    found = {}
    for annotator in "abc":
        task = SACoGold(options={"left-out": annotator})
        samples = task.samples(mini, official.SUBSET).samples
        made = OraclePredictor("", PredictorOptions(task.generation)).predict(samples)
        found[annotator] = figures(task, samples, made)["cgf1"]
    assert 0.8 < found["c"] < found["b"] < found["a"] < 1


def test_mini_marks_every_object_that_a_phrase_means(mini):
    """By the words of the phrase alone, against the scenes."""
    scenes = {picture.file_name: picture.scene for picture in pictures_of("val")}
    written = json.loads((mini / GOLD.folder / GOLD.files[official.SUBSET][0]).read_text())
    counts: dict[int, int] = {}
    for record in written["annotations"]:
        counts[record["image_id"]] = counts.get(record["image_id"], 0) + 1
    for record in written["images"]:
        words = set(record["text_input"].replace("letter ", "letter-").split()) - {"object"}
        objects = scenes[record["file_name"]].objects
        names = [{item.colour, item.shape.replace("letter ", "letter-")} for item in objects]
        assert counts.get(record["id"], 0) == sum(words <= name for name in names), record["text_input"]


PLACES = [
    place for part in ("images", "annotations") for place in places(CONTENTS["a"]) if place[:2] == (part, 0)
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(place=st.sampled_from(PLACES), value=json_values("size", "counts"))
def test_any_changed_value_is_read_or_refused_cleanly(tmp_path, place, value):
    task = SACoGold()
    write(tmp_path, CONTENTS | {"a": changed(CONTENTS["a"], place, value)})
    read, refusal = None, ""
    try:
        read = task.samples(tmp_path, SUBSET)
    except ValueError as error:
        refusal = str(error)
    if read is None:
        assert "_a_release_test.json" in refusal
        assert "\n" not in refusal
        return
    for sample in read.samples:
        task.score(sample, Prediction(masks=sample.target.masks))

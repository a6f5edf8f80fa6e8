import json
import re
import shutil
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from pycocotools import mask as coco
from qwen_parts import tiny_qwen, tiny_samtok

from samtok import QwenVLSAMTok
from samtok.qwen import load_qwen
from samtok.training import reinforced
from samtok.training.codes import GeometryCodes, TokenizerCodes
from samtok.training.lora import LINEAR
from samtok.training.questions import draw_questions
from samtok.training.recipe import DataSource, load_recipe
from samtok.training.reinforced import ReinforcedRecipe, shuffled, train, trainer_class
from samtok.training.rewards import REWARDS
from samtok.training.shared_prompts import Groups
from samtok.training.sources import trust
from samtok.training.watches import Watch, Watches, figures
from samtok.words import format_words, parse_words

MASK = np.zeros((64, 64), bool)
MASK[10:30, 20:50] = True


def squares(seed, *, targets=True):
    """A square on noise, asked for in questions of different lengths; every other one has no target."""
    for number in count():
        image = np.random.default_rng((seed, number)).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        asked = (["Please segment red square." if seed % 2 else "What is ", MASK, "?"], [MASK, "."])
        nothing = (["Please segment blue square in this image."], ["No target."])
        yield {"image": image, "turns": [asked, nothing] if targets else [nothing], "apart": True}


trust(Path(__file__))
DATA = DataSource(source="test_reinforced:squares")


def test_each_question_is_a_prompt_with_its_words_and_masks():
    codes = TokenizerCodes(tiny_samtok())
    asked, nothing = draw_questions(DATA, codes, 1, 2)
    [[pair]] = [codes([asked.image], [MASK[None]])[0].tolist()]
    word = format_words([pair])[0]
    assert asked.answer == f"{word}."
    assert asked.problem in (f"Please segment red square.{word}?", f"What is {word}?")
    assert (coco.decode(dict(asked.masks[0])) == MASK).all()
    assert (nothing.problem, nothing.answer, nothing.masks) == (
        "Please segment blue square in this image.", "No target.", [],
    )  # fmt: skip
    assert asked.id != nothing.id
    again = draw_questions(DATA, codes, 1, 2)
    assert [(p.id, p.problem, p.answer) for p in again] == [
        (p.id, p.problem, p.answer) for p in (asked, nothing)
    ]


def records(seed, *, start=0):
    for number in count(start):
        answer = [rle(MASK)] if number % 2 else ["No target."]
        image = np.zeros((64, 64, 3), np.uint8)
        yield {"id": str(number), "image": image, "source": "gres", "problem": ["It."], "answer": answer}


def rle(mask):
    found = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": found["size"], "counts": found["counts"].decode()}


def test_prompts_may_come_as_they_are():
    drawn = draw_questions(DataSource(source="test_reinforced:records"), GeometryCodes(), 1, 3)
    assert [prompt.source for prompt in drawn] == ["gres"] * 3
    assert sum(parse_words(prompt.answer).codes != [] for prompt in drawn) in (1, 2)


def test_only_a_share_of_prompts_has_no_target():
    codes = GeometryCodes()
    for share, expected in ((None, 10), (0.15, 3), (0, 0)):
        drawn = draw_questions(DATA, codes, 1, 20, share)
        assert (len(drawn), sum(not prompt.masks for prompt in drawn)) == (20, expected)
    nothing = DataSource(source="test_reinforced:squares", options={"targets": False})
    with pytest.raises(ValueError, match="has only 0 such questions"):
        draw_questions(nothing, codes, 1, 1, 0)


A, B = format_words([(7, 1), (9, 1)])


def test_figures_of_answers_by_hand():
    answers = [A, A + A, "No target.", "<|mt_start|>", "No target.", A]
    truths = [A, A, A, B, "No target.", ""]
    assert figures(answers, truths) == {
        "refusals_targeted": 0.5,
        "refusals_no_target": 0.5,
        "t_acc": 0.5,
        "masks_per_answer": 4 / 6,
        "repeats": 1 / 6,
        "malformed": 1 / 6,
    }
    assert "refusals_no_target" not in figures([A], [A])
    assert "t_acc" not in figures([A], [""])


def test_a_watch_warns_once_until_its_figure_is_back(capsys):
    watches = Watches(
        [Watch(figure="refusals_targeted", above=0.5), Watch(figure="entropy", below=0.1, stop=True)]
    )
    beyond = {"refusals_targeted": 0.6, "entropy": 0.2}
    assert watches.look(1, beyond) == (["refusals_targeted above 0.5"], [])
    assert watches.look(2, beyond) == (["refusals_targeted above 0.5"], [])
    assert watches.look(3, {"refusals_targeted": 0.5, "entropy": None}) == ([], [])
    assert watches.look(4, {**beyond, "entropy": 0.05})[1] == ["entropy below 0.1"]
    assert capsys.readouterr().err.splitlines() == [
        "warning: step 1: refusals_targeted is 0.6, refusals_targeted above 0.5",
        "warning: step 4: refusals_targeted is 0.6, refusals_targeted above 0.5",
        "warning: step 4: entropy is 0.05, entropy below 0.1: the training stops here",
    ]


def test_shuffled_rewards_stay_in_their_groups():
    rewards = torch.arange(24.0).reshape(12, 2)
    moved = shuffled(rewards, 4, (3, 1))
    assert (moved[:, 1] - moved[:, 0] == 1).all()  # the rewards of an answer stay together
    for before, after in zip(rewards.split(4), moved.split(4), strict=True):
        assert sorted(before[:, 0].tolist()) == sorted(after[:, 0].tolist())
    assert not torch.equal(moved, rewards)
    assert torch.equal(moved, shuffled(rewards, 4, (3, 1)))
    assert not torch.equal(moved, shuffled(rewards, 4, (3, 2)))


def test_a_groups_prompt_is_prepared_once_as_trl_prepares_each(monkeypatch):
    trl = pytest.importorskip("trl")
    model = tiny_qwen("qwen3_vl")
    model.processor.tokenizer.padding_side = "left"
    images = [Image.fromarray(np.full((64, side, 3), side, np.uint8)) for side in (64, 96)]
    asked = [("one", images[0]), ("one", images[0]), ("another", images[0]), ("one", images[1])]
    prompts = [
        [{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": text}]}]
        for text, image in asked
    ]
    assert Groups.of_messages(prompts) == Groups([0, 2, 3], [0, 0, 1, 2])
    trainer = object.__new__(trainer_class())
    known = {
        "_is_vlm": True,
        "environment_factories": None,
        "processing_class": model.processor,
        "tools": None,
    }
    vars(trainer).update(known, chat_template=None, chat_template_kwargs={})
    ids, shown, fields = trainer._tokenize_prompts(prompts)
    each_ids, each_shown, each_fields = trl.GRPOTrainer._tokenize_prompts(trainer, prompts)
    assert (ids, shown) == (each_ids, each_shown)
    assert fields.keys() == each_fields.keys()
    assert fields["mm_token_type_ids"] == each_fields["mm_token_type_ids"]
    for key in ("pixel_values", "image_grid_thw"):
        assert np.array_equal(fields[key], each_fields[key])


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    tiny_qwen("qwen3_vl").save_pretrained(folder)
    return folder


@pytest.fixture
def recipe(tmp_path, start):
    def write(**changes):
        content = {
            "seed": 3, "start": str(start), "data": {"source": "test_reinforced:squares"}, "prompts": 6,
            "rewards": [{"name": "distance"}, {"name": "well_formed", "weight": 0.5},
                        {"name": "iou"}, {"name": "no_repeat", "sources": ["none"]}],
            "steps": 3, "prompts_per_step": 2, "answers": 2, "max_new_tokens": 4, "kl": 0.01,
            "learning_rate": 0.01, "save_every": 2, "watch": [{"figure": "t_acc", "below": 0.9}],
            "pixels": [1024, 65536],
            **changes,
        }  # fmt: skip
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rewards": []}, "rewards: List should have at least 1 item"),
        ({"rewards": [{"name": "paper"}, {"name": "paper"}]}, "rewards: each at most once"),
        ({"rewards": [{"name": "paper", "scale": 1}]}, "scale is of distance, not of paper"),
        ({"trl": {"trust_remote_code": True}}, "trl: trust_remote_code cannot be set here"),
        ({"kl": 0, "watch": [{"figure": "kl", "above": 1}]}, "kl is only there where"),
        ({"watch": [{"figure": "entropy"}]}, "either above or below"),
        ({"answers_per_pass": 3}, "the 4 answers of a step are no multiple of 3"),
        ({"answers": 1}, "greater than or equal to 2"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_one_line(recipe, changes, message):
    with pytest.raises(ValueError, match=message) as error:
        load_recipe(recipe(**changes), ReinforcedRecipe)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["nano-gres-rl", "nano-gcg-rl"])
def test_a_shipped_recipe_has_questions(name):
    shipped = load_recipe(name, ReinforcedRecipe)
    (asked,) = draw_questions(shipped.data, GeometryCodes(), shipped.seed, 1, 0)
    assert len(parse_words(asked.answer).words) == len(asked.masks) > 0


@pytest.mark.parametrize(("missing", "extra"), [("trl", "samtok-bench[rl]"), ("vllm", "trl[vllm]")])
def test_without_its_package_it_is_one_line(tmp_path, recipe, monkeypatch, missing, extra):
    monkeypatch.setattr(
        "samtok.training.reinforced.find_spec", lambda name: None if name == missing else name
    )
    with pytest.raises(ValueError, match=re.escape(f"{missing} is not installed: pip install '{extra}'")):
        train(recipe(trl={"use_vllm": True}), tmp_path / "out")


def test_missing_data_of_a_benchmark_end_it_at_once(tmp_path, recipe):
    benchmarks = {"every": 2, "runs": [{"task": "gres", "data_root": str(tmp_path / "absent")}]}
    with pytest.raises(OSError, match="absent"):
        train(recipe(benchmarks=benchmarks, start="not looked at"), tmp_path / "out")


def lines(out):
    found = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in line if "time" not in key and "second" not in key} for line in found]


def test_a_training_is_logged_watched_resumed_and_loadable(tmp_path, recipe, start):
    out = tmp_path / "out"
    final = train(recipe(), out)
    first, *_, summary = logged = lines(out)
    assert [line["step"] for line in logged] == [1, 2, 3, 3]
    assert {"rewards/distance/mean", "rewards/well_formed/mean", "rewards/iou/mean", "kl", "entropy"} < set(
        first
    )
    assert {"t_acc", "masks_per_answer", "repeats", "completions/clipped_ratio"} < set(first)
    assert first["warnings"] == ["t_acc below 0.9"]
    assert "train_loss" in summary
    assert sorted(path.name for path in out.iterdir()) == [
        ".lock",
        "checkpoint-2",
        "checkpoint-3",
        "final",
        "log.jsonl",
    ]
    trained, begun = (QwenVLSAMTok.from_pretrained(folder).model for folder in (final, start))
    pairs = zip(trained.parameters(), begun.parameters(), strict=True)
    assert not all(torch.equal(a, b) for a, b in pairs)

    killed = tmp_path / "killed"
    shutil.copytree(out, killed)
    shutil.rmtree(killed / "checkpoint-3")
    shutil.rmtree(killed / "final")
    with pytest.raises(FileExistsError):
        train(recipe(), killed)
    train(recipe(), killed, resume=True)
    assert lines(killed) == logged
    again = QwenVLSAMTok.from_pretrained(killed / "final").model
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), trained.parameters(), strict=True))

    watched = tmp_path / "watched"
    benchmarks = {"every": 2, "runs": [{"task": "gres", "limit": 2}]}
    final = train(recipe(benchmarks=benchmarks), watched)
    same = QwenVLSAMTok.from_pretrained(final).model
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), trained.parameters(), strict=True))
    values = [line for line in lines(watched) if "gres_giou" in line]
    assert [line["step"] for line in values] == [2, 3]
    assert [line for line in lines(watched) if line not in values] == logged


def test_lora_moves_linear_layers_alone_and_its_start_is_the_reference(tmp_path, recipe, start, monkeypatch):
    monkeypatch.setitem(REWARDS, "paper", lambda answer, truth: len(answer) % 7 / 7)  # always a spread
    path = recipe(
        lora={"rank": 2, "alpha": 4}, weights="bfloat16", autocast="bfloat16", rewards=[{"name": "paper"}]
    )
    out = tmp_path / "out"
    final = train(path, out)
    logged = lines(out)
    assert logged[0]["kl"] == 0 < logged[2]["kl"]
    assert (out / "checkpoint-3/adapter_model.safetensors").is_file()
    begun, trained = (load_qwen(folder / "vlm", torch.bfloat16)[0].state_dict() for folder in (start, final))
    moved = [name for name in begun if not torch.equal(begun[name], trained[name])]
    assert moved
    assert all(re.fullmatch(rf"{LINEAR}\.weight", name) for name in moved)

    shutil.rmtree(out / "checkpoint-3")
    shutil.rmtree(final)
    train(path, out, resume=True)
    assert lines(out) == logged
    again = load_qwen(final / "vlm", torch.bfloat16)[0].state_dict()
    assert all(torch.equal(again[name], trained[name]) for name in trained)


GRES = {"every": 2, "runs": [{"task": "gres", "limit": 2}]}
STOP = {"figure": "t_acc", "below": 1, "stop": True}


@pytest.mark.parametrize(
    ("ends", "goes_on", "said"),
    [
        ({"seconds": 0.01}, {"seconds": 1000}, "its `seconds` are over"),
        ({"watch": [STOP], "benchmarks": GRES}, {"watch": []}, "ended by the watch t_acc below 1"),
    ],
)
def test_a_training_ends_in_order_by_time_or_by_a_watch(tmp_path, recipe, capsys, ends, goes_on, said):
    out = tmp_path / "out"
    given = {"rewards": [{"name": "paper"}], "kl": 0, "shuffled": True, "trl": {"top_k": 5}}
    train(recipe(**given, **ends), out)
    ended = lines(out)
    assert ended[-1]["step"] == 1
    benchmarked = [number for number, line in enumerate(ended) if "gres_giou" in line]
    assert benchmarked == ([1] if "benchmarks" in ends else [])  # between the step and the summary
    assert (out / "checkpoint-1" / "model.safetensors").is_file()
    assert (out / "final" / "tokenizer").is_dir()
    weights = (out / "final/vlm/model.safetensors").read_bytes()

    capsys.readouterr()
    train(recipe(**given, **ends), out, resume=True)
    message = f"{out / 'checkpoint-1'}: the training is finished: {said}"
    assert [line for line in capsys.readouterr().err.splitlines() if "checkpoint-1" in line] == [message]
    assert lines(out) == ended
    assert [path.name for path in out.glob("checkpoint-*")] == ["checkpoint-1"]
    assert (out / "final/vlm/model.safetensors").read_bytes() == weights

    train(recipe(**given, **{**ends, **goes_on}), out, resume=True)
    assert "finished" not in capsys.readouterr().err
    assert lines(out)[-1]["step"] == 3


def numbered(seed, *, start=0):
    """Prompts that their truths tell apart."""
    for number in count(start):
        image = np.zeros((64, 64, 3), np.uint8)
        answer = [f"No target {number}."]
        yield {"id": str(number), "image": image, "source": "gres", "problem": ["It."], "answer": answer}


@pytest.mark.parametrize(
    ("changes", "batches"),
    [
        ({"prompts": 4}, 5),  # an epoch has two steps
        ({"prompts": 5, "answers_per_pass": 2}, 5),
        ({"prompts": 4, "trl": {"steps_per_generation": 2}}, 3),  # the checkpoint lies between two of them
    ],
)
def test_a_resumed_training_takes_the_prompts_of_an_uninterrupted_one(
    tmp_path, recipe, monkeypatch, changes, batches
):
    taken: list[list[str]] = []
    monkeypatch.setattr(reinforced, "figures", lambda answers, truths: taken.append(truths) or {})
    path = recipe(
        data={"source": "test_reinforced:numbered"}, rewards=[{"name": "paper"}], kl=0, steps=5, save_every=3,
        max_new_tokens=1, **changes,
    )  # fmt: skip
    out = tmp_path / "out"
    train(path, out)
    whole, taken[:] = [sorted(truths) for truths in taken], []
    assert len(whole) == batches
    shutil.rmtree(out / "checkpoint-5")
    train(path, out, resume=True)
    assert [sorted(truths) for truths in taken] == whole[-2:]


@pytest.mark.slow
def test_a_training_goes_on_where_answers_were_sampled_for_several_steps(tmp_path, recipe):
    given = {"steps": 4, "trl": {"steps_per_generation": 4}, "rewards": [{"name": "paper"}], "kl": 0}
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="prompts: 6 are fewer than the 8 for which"):
        train(recipe(**given), out)
    given["prompts"] = 8
    train(recipe(**given), out)
    before = lines(out)
    shutil.rmtree(out / "checkpoint-4")
    train(recipe(**given), out, resume=True)
    after = lines(out)
    assert [line["step"] for line in after] == [1, 2, 3, 4, 4]
    assert after[:2] == before[:2]
    QwenVLSAMTok.from_pretrained(out / "final")

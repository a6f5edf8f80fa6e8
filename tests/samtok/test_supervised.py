import json
import math
import pickle
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from qwen_parts import SMALL, TEXTS, tiny_samtok, tiny_vlm
from transformers import TrainingArguments

from samtok.build import build_nano
from samtok.processor import QwenVLProcessor
from samtok.qwen import load_qwen
from samtok.training import supervised
from samtok.training.codes import GeometryCodes, TokenizerCodes
from samtok.training.dialogues import IGNORED, Collator, cells
from samtok.training.dialogues import draw as draw_several
from samtok.training.recipe import DataSource, load_recipe
from samtok.training.sources import trust
from samtok.training.supervised import SupervisedRecipe, train
from samtok.training.token_losses import length_weights, token_losses
from samtok.vocabulary import add_mask_words, build_text_tokenizer, mask_word_ids


def squares(seed, *, colour="red", turns=2):
    """One square on noise, asked for by name."""
    for number in count():
        rng = np.random.default_rng((seed, number))
        image = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        top, left = rng.integers(0, 40, 2)
        mask = np.zeros((64, 64), bool)
        mask[top : top + 20, left : left + 20] = True
        image[mask] = (255, 0, 0)
        asked = ([f"Please segment {colour} square."], [mask])
        turn = (["What is ", mask, "?"], [f"a {colour} square."])
        yield {
            "image": image,
            "turns": [asked, turn][:turns],
            "regions": [(f"{colour} square", mask)],
        }


trust(Path(__file__))
DATA = DataSource(source="test_supervised:squares")


def draw(data, seed, index, options):
    return draw_several(data, seed, [index], options)[0]


@pytest.fixture(scope="module")
def processor():
    return build_nano(SMALL, TEXTS)[1]


def test_labels_are_the_answers_of_all_turns_and_nothing_else(processor):
    dialogues = [draw(DATA, 1, 0, {}), draw(DATA, 1, 1, {"turns": 1})]
    batch = Collator(processor, GeometryCodes())(dialogues)
    tokenizer = processor.tokenizer
    said = [tokenizer.decode(label[label != IGNORED]) for label in batch["labels"]]
    codes = GeometryCodes()([d["image"] for d in dialogues], [d["turns"][0][1][0][None] for d in dialogues])
    words = [f"<|mt_start|><|mt_{a:04d}|><|mt_{b + 256:04d}|><|mt_end|>" for [[a, b]] in codes]
    assert said == [f"{words[0]}<|im_end|>a red square.<|im_end|>", f"{words[1]}<|im_end|>"]
    # padding is on the right and carries no loss
    assert batch["attention_mask"][1].tolist() == sorted(batch["attention_mask"][1].tolist(), reverse=True)
    assert (batch["labels"][1][batch["attention_mask"][1] == 0] == IGNORED).all()
    # the region of the question is written out too
    assert words[0] in tokenizer.decode(batch["input_ids"][0]).split("What is ")[1]


def test_blanks_before_an_answer_take_no_loss_from_it(processor):
    """A text tokenizer may have one token for a line break and the next, as Qwen's has."""
    tokenizer = build_text_tokenizer([*TEXTS, *["x\n\ny"] * 9], 330)
    add_mask_words(tokenizer)
    assert len(tokenizer.tokenize("\n\n")) == 1
    own = QwenVLProcessor(processor.image_processor, tokenizer, chat_template=tokenizer.chat_template)
    collator = Collator(own, GeometryCodes())
    for blanks in ("", "\n", " \n\n"):
        dialogue = draw(DATA, 1, 0, {})
        dialogue["turns"] = [(["What is it?"], [f"{blanks}a red square."])]
        (label,) = collator([dialogue])["labels"]
        assert tokenizer.decode(label[label != IGNORED]) == "a red square.<|im_end|>"


def test_geometry_codes_by_hand():
    mask = np.zeros((1, 64, 32), bool)
    mask[0, 16:48, 0:32] = True  # centre (32, 16) of (64, 32): cell 8, 8; half high, full width
    assert GeometryCodes()([None], [mask])[0].tolist() == [[8 * 16 + 8, int(16 * 4 / 5) * 16 + 15]]
    dot = np.zeros((1, 64, 64), bool)
    dot[0, 63, 0] = True
    assert GeometryCodes()([None], [dot])[0].tolist() == [[15 * 16 + 0, 0]]


def test_tokenizer_codes_are_the_tokenizers_own():
    tok = tiny_samtok()
    dialogues = [draw(DATA, 3, place, {}) for place in range(2)]
    images = [dialogue["image"] for dialogue in dialogues]
    masks = [np.stack([dialogue["turns"][0][1][0]] * 2) for dialogue in dialogues]
    codes = TokenizerCodes(tok)(images, masks)
    for image, group, found in zip(images, masks, codes, strict=True):
        assert found.tolist() == tok.encode(tok.embed(image), group).tolist()


def test_images_without_masks_are_not_embedded(monkeypatch):
    """Those of dialogues that have their words already."""
    tok, embedded = tiny_samtok(), []
    embed = type(tok).embed
    monkeypatch.setattr(
        type(tok), "embed", lambda self, images: embedded.append(len(images)) or embed(self, images)
    )
    [with_mask, without] = (draw(DATA, 3, place, {}) for place in range(2))
    none, mask = np.zeros((0, 64, 64), bool), with_mask["turns"][0][1][0][None]
    codes = TokenizerCodes(tok)([without["image"], with_mask["image"]], [none, mask])
    assert [group.shape for group in codes] == [(0, 2), (1, 2)]
    assert codes[1].tolist() == TokenizerCodes(tok)([with_mask["image"]], [mask])[0].tolist()
    TokenizerCodes(tok)([without["image"]], [none])
    assert embedded == [1, 1]


def mixed(seed, *, tokenizer):
    """Turns by squares, in turn with masks, with words and without either."""
    masked, ready = squares(seed), worded(seed, tokenizer=tokenizer)
    for number in count():
        dialogue = next(masked)
        other = np.flipud(dialogue["turns"][0][1][0])
        turns = [*dialogue["turns"], (["Both?"], [other, " and ", dialogue["turns"][0][1][0]])]
        yield [dialogue | {"turns": turns}, next(ready), dialogue | {"turns": [(["Who?"], ["I."])]}][
            number % 3
        ]


@pytest.mark.parametrize("apart", [True, False])
def test_a_batch_whose_words_are_filled_in_later_is_the_same(processor, apart):
    """So the training process gives codes on its GPU, and others prepare all else."""
    codes = TokenizerCodes(tiny_samtok())
    stream = mixed(1, tokenizer=codes.tokenizer.codebook_hash())
    dialogues = [next(stream) | {"apart": apart} for _ in range(6)]
    at_once = Collator(processor, codes, image_labels=True)(dialogues)
    left = Collator(processor, codes, image_labels=True, later=True)
    batch = left.collate(pickle.loads(pickle.dumps(left.prepare(dialogues))))
    _, first, second, _ = mask_word_ids(processor.tokenizer)
    known = torch.isin(batch["input_ids"], torch.tensor([*first, *second])).sum(1).tolist()
    assert known == [0, 2, 0] * 2  # only ready words are there
    filled = batch.pop("open").fill(batch, codes, first, second)
    assert filled.keys() == at_once.keys()
    for name, value in at_once.items():
        assert torch.equal(filled[name], value), name


def test_cells_take_the_mask_with_the_greatest_share():
    masks = np.zeros((2, 64, 64), bool)
    masks[0, :32, :32] = True  # exactly the first cell of four
    masks[1, :, 24:] = True  # the right half, and a quarter of the left one
    assert cells(masks, (2, 2)).tolist() == [[0, 1], [-1, 1]]


def test_visual_tokens_are_to_say_the_words_of_their_region(processor):
    dialogue = draw(DATA, 1, 0, {})
    batch = Collator(processor, GeometryCodes(), image_labels=True)([dialogue])
    on_image = batch["input_ids"] == processor.image_token_id
    assert (batch["image_labels"][~on_image] == IGNORED).all()
    mask = dialogue["turns"][0][1][0]
    [[code, second_code]] = GeometryCodes()([None], [mask[None]])[0].tolist()
    _, first, second, _ = mask_word_ids(processor.tokenizer)
    words = {*processor.tokenizer(" red square")["input_ids"], first[code], second[second_code]}
    shares = mask.reshape(2, 32, 2, 32).mean((1, 3)).ravel()
    for label, share in zip(batch["image_labels"][on_image], shares, strict=True):
        bag = set(label[label != IGNORED].tolist())
        assert bag == (words if share >= shares.max() / 2 else {processor.tokenizer.pad_token_id})


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_the_loss_of_a_bag_is_the_mean_over_its_words_entering_and_leaving(family):
    model, processor = tiny_vlm(family)
    batch = Collator(processor, GeometryCodes(), image_labels=True)([draw(DATA, 1, 0, {})])
    _, image = token_losses(model, batch)
    on_image = batch["input_ids"] == processor.image_token_id
    bags = [label[label != IGNORED] for label in batch.pop("image_labels")[on_image]]
    features = model.get_image_features(batch["pixel_values"], batch["image_grid_thw"]).pooler_output[0]
    entering = model.lm_head(model.model.language_model.norm(features)).log_softmax(-1)
    leaving = model(**batch).logits[on_image].log_softmax(-1)
    expected = [
        -(before[bag].mean() + after[bag].mean()) / 2
        for before, after, bag in zip(entering, leaving, bags, strict=True)
    ]
    torch.testing.assert_close(image, torch.stack(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_losses_are_those_of_the_model_itself(family):
    model, processor = tiny_vlm(family)
    batch = Collator(processor, GeometryCodes())([draw(DATA, 1, place, {}) for place in range(3)])
    answers, image = token_losses(model, batch)
    assert image is None
    torch.testing.assert_close(answers.losses.mean(), model(**batch).loss, rtol=1e-4, atol=1e-5)


def recipe(tmp_path, **changes):
    path = tmp_path / "recipe.yaml"
    content = {
        "seed": 5, "codes": "geometry", "data": {"source": "test_supervised:squares"},
        "start": {"nano": SMALL.model_dump(mode="json"), "corpus": 8},
        "stages": [{"until": 2, "images": 2}, {"until": 4, "images": 2, "options": {"colour": "blue"}}],
        "evaluation": {"seed": 9, "images": 2, "every": 2, "sets": {"red": {}}},
        "learning_rate": 0.01, "log_every": 1, "save_every": 2,
        **changes,
    }  # fmt: skip
    path.write_text(yaml.safe_dump(content))
    return path


def entries(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_training_logs_each_part_and_leaves_a_loadable_model(tmp_path):
    final = train(recipe(tmp_path, image_loss=0.5), tmp_path / "out")
    logged = entries(tmp_path / "out")
    losses = [entry for entry in logged if "loss_first_code" in entry]
    assert [entry["step"] for entry in losses] == [1, 2, 3, 4]
    for entry in losses:
        assert {"loss_second_code", "loss_text", "loss_image", "steps_per_second"} <= entry.keys()
    assert math.isclose(losses[0]["loss_first_code"], math.log(850), rel_tol=0.2)  # nothing known yet
    evaluated = [entry for entry in logged if "eval_red_first_code" in entry]
    assert [entry["step"] for entry in evaluated] == [2, 4]
    assert 0 <= evaluated[0]["eval_red_first_code"] <= 1
    model, processor = load_qwen(final, torch.float32)
    assert len(processor.tokenizer) == model.get_input_embeddings().num_embeddings


def test_evaluation_in_passes_of_any_size_is_the_same(tmp_path):
    found = []
    for most in (None, 1):
        evaluation = {"seed": 5, "images": 3, "every": 1, "sets": {"red": {"colour": "red"}}}
        train(recipe(tmp_path, images_per_pass=most, evaluation=evaluation), tmp_path / str(most))
        found.append(next(entry for entry in entries(tmp_path / str(most)) if "eval_red_text" in entry))
    assert {"eval_red_first_code", "eval_red_text_loss"} <= found[0].keys()
    assert found[1] == pytest.approx(found[0], rel=1e-3)


def test_what_is_frozen_must_be_there(tmp_path):
    with pytest.raises(ValueError, match=r"frozen: no weight begins with visual; there are model\.visual"):
        train(recipe(tmp_path, frozen=["model.visual", "visual"]), tmp_path / "out")
    path = recipe(tmp_path, frozen=["model.visual"], lora={"rank": 2, "alpha": 4}, start={"checkpoint": "x"})
    with pytest.raises(ValueError, match="frozen: with lora all weights stay"):
        load_recipe(path, SupervisedRecipe)


def test_in_an_eyes_only_stage_the_language_model_stays(tmp_path):
    stages = [{"until": 2, "images": 2, "eyes_only": True}]
    path = recipe(tmp_path, stages=stages, image_loss=1.0, weight_decay=0.0, evaluation=None)
    trained = load_qwen(train(path, tmp_path / "out"), torch.float32)[0].state_dict()
    path = recipe(tmp_path, stages=[{"until": 1, "images": 1}], learning_rate=0.0, evaluation=None)
    before = load_qwen(train(path, tmp_path / "start"), torch.float32)[0].state_dict()
    moved = {key for key in trained if not torch.equal(trained[key], before[key])}
    assert any("visual.patch_embed" in key for key in moved)
    assert not any("language_model.layers" in key for key in moved)
    logged = [entry for entry in entries(tmp_path / "out") if "loss" in entry]
    assert all(entry["loss_image"] == pytest.approx(entry["loss"], abs=1e-3) for entry in logged)


def test_under_autocast_the_weights_stay_in_float32(tmp_path):
    final = train(recipe(tmp_path, autocast="bfloat16", attention="eager"), tmp_path / "out")
    config = json.loads((final / "config.json").read_text())
    assert config["dtype"] == "float32"
    assert all(math.isfinite(entry["loss"]) for entry in entries(tmp_path / "out") if "loss" in entry)


def test_a_training_that_fills_words_in_later_is_the_same(tmp_path, monkeypatch):
    tiny_samtok().save_pretrained(tmp_path / "tok")
    path = recipe(tmp_path, codes=str(tmp_path / "tok"), workers=1, image_loss=0.5)
    finals, logged = [], []
    for later in (False, True):
        monkeypatch.setattr("samtok.training.supervised._later", lambda recipe, later=later: later)
        finals.append(load_qwen(train(path, tmp_path / str(later)) / "vlm", torch.float32)[0].state_dict())
        logged.append([{k: v for k, v in e.items() if "eval" in k} for e in entries(tmp_path / str(later))])
    assert all(torch.equal(finals[0][key], finals[1][key]) for key in finals[0])
    assert logged[0] == logged[1]


def test_stages_change_what_is_asked(tmp_path, monkeypatch):
    seen = []
    prepare = Collator.prepare

    def spy(self, dialogues):
        seen.append([dialogue["turns"][0][0][0] for dialogue in dialogues])
        return prepare(self, dialogues)

    monkeypatch.setattr(Collator, "prepare", spy)
    train(recipe(tmp_path, evaluation=None), tmp_path / "out")
    colours = ["red" if "red" in asked[0] else "blue" for asked in seen]
    assert colours == ["red", "red", "blue", "blue"]


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path):
    path = recipe(tmp_path, evaluation=None)
    whole = train(path, tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill(self, args, state, control, **_):
        if state.global_step == 3:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervised._JsonLines, "on_step_end", kill, raising=False)
        with pytest.raises(Killed):
            train(path, tmp_path / "parts")
    with pytest.raises(FileExistsError, match="holds a training"):
        train(path, tmp_path / "parts")
    parts = train(path, tmp_path / "parts", resume=True)
    uninterrupted, resumed = (load_qwen(folder, torch.float32)[0].state_dict() for folder in (whole, parts))
    assert all(torch.equal(uninterrupted[key], resumed[key]) for key in uninterrupted)
    steps = [entry["step"] for entry in entries(tmp_path / "parts") if "loss_text" in entry]
    assert steps == [1, 2, 3, 4]  # the third was logged only by the second run: the first died before


def test_later_stages_may_change_but_words_keep_their_numbers(tmp_path):
    first = [{"until": 2, "images": 2}]
    train(recipe(tmp_path, evaluation=None, stages=first), tmp_path / "out")
    more = [*first, {"until": 3, "images": 2, "options": {"colour": "ultramarine"}}]
    final = train(recipe(tmp_path, evaluation=None, stages=more), tmp_path / "out", resume=True)
    before, after = (load_qwen(f, torch.float32)[1].tokenizer for f in (tmp_path / "out/checkpoint-2", final))
    assert before.get_vocab() == after.get_vocab()


def test_training_goes_on_from_a_checkpoint_with_new_code_rows(tmp_path):
    final = train(recipe(tmp_path, evaluation=None), tmp_path / "one")
    start = {"checkpoint": str(final), "words": "near"}
    path = recipe(
        tmp_path, evaluation=None, start=start, learning_rate=0.0, stages=[{"until": 1, "images": 1}]
    )
    again = train(path, tmp_path / "two")
    before, after = (load_qwen(folder, torch.float32) for folder in (final, again))
    _, first, second, _ = mask_word_ids(before[1].tokenizer)
    old, new = (model.get_input_embeddings().weight for model, _ in (before, after))
    assert (old != new).any(1).nonzero().flatten().tolist() == [*first, *second]


def test_weights_of_short_and_long_answers_by_hand():
    x = IGNORED
    labels = torch.tensor([[x, x, 7, 2, x, x, 7, 7, 7, 2], [x, 4, 4, 4, 4, 2, x, x, x, x]])
    assert length_weights(labels, 0).tolist() == [1] * 11
    by_answer = [2.5] * 2 + [1.25] * 4 + [1] * 5
    assert length_weights(labels, 1).tolist() == by_answer
    torch.testing.assert_close(length_weights(labels, 0.5), torch.tensor(by_answer) ** 0.5)


def test_short_answers_weigh_more_in_a_step(tmp_path):
    """The log's losses of the parts are bare."""
    stages = [{"until": 1, "images": 2, "options": {"colour": "a dark violet"}}]
    changes = {"evaluation": None, "log_every": 1, "stages": stages}
    for power in (0, 1):
        train(recipe(tmp_path, short_answers=power, **changes), tmp_path / f"{power}")
    lines = [
        json.loads((tmp_path / f"{power}" / "log.jsonl").read_text().splitlines()[0]) for power in (0, 1)
    ]
    parts = ("loss_first_code", "loss_second_code", "loss_text")
    assert [lines[0][part] for part in parts] == [lines[1][part] for part in parts]
    assert lines[0]["loss"] != lines[1]["loss"]


def test_one_process_keeps_to_one_gpu(tmp_path, monkeypatch):
    """A Trainer would spread it over all that it sees."""

    def eight(arguments):
        arguments._n_gpu = 8
        return torch.device("cpu")

    monkeypatch.setattr(TrainingArguments, "device", property(eight))
    made = load_recipe(recipe(tmp_path), SupervisedRecipe)
    arguments = made.arguments(tmp_path, made)
    assert arguments._n_gpu == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages": [{"until": 5, "images": 1}, {"until": 2, "images": 1}]}, "each stage must end after"),
        ({"start": {}}, "either nano, checkpoint or average"),
        ({"weights": "bfloat16"}, "rounds away updates below 0.4 %"),
        ({"start": {"nano": {}, "text_layers": 3}}, "text_layers belongs to a checkpoint"),
        ({"start": {"nano": {}, "merges": 3}}, "merges belongs to a checkpoint"),
        ({"stages": [{"until": 1, "images": 1, "eyes_only": True}]}, "needs an image_loss"),
        ({"data": {"source": "nowhere:f"}}, "nowhere"),
        (
            {"data": {"source": "test_supervised:squares", "options": {"color": 1}}},
            "argument 'color'; there are",
        ),
        ({"stages": [{"until": 1, "images": 1, "options": {"color": 1}}]}, "argument 'color'; there are"),
        (
            {
                "data": {"source": "task-prompts", "options": {"tasks": {"gres": 1}, "split": "val"}},
                "stages": [{"until": 1, "images": 1}],
                "evaluation": None,
            },
            "yields prompts, where dialogues",
        ),
        ({"lr": 1}, "lr: Extra inputs"),
        ({"report_to": ["wandb"]}, "report_to: .*wandb is not installed: pip install wandb"),
        ({"report_to": ["mlflow"]}, "report_to.0: Input should be 'tensorboard' or 'wandb'"),
    ],
)
def test_faults_of_a_recipe_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        train(recipe(tmp_path, **changes), tmp_path / "out")


def other_kinds(seed, *, start=0, from_number=1):
    """Dialogues, and from a number on prompts and regions: what a mixture of different sources yields."""
    dialogue = next(squares(seed))
    others = [{"problem": ["Where?"]}, (dialogue["image"], np.ones((1, 64, 64), bool))]
    for number in count(start):
        yield dialogue if number < from_number else others[number % 2]


@pytest.mark.parametrize("corpus", [1, 4])
def test_what_a_mixture_yields_besides_dialogues_is_one_line(tmp_path, corpus):
    data = {"source": "test_supervised:other_kinds"}
    stages = [{"until": 3, "images": 1}]
    start = {"nano": SMALL.model_dump(mode="json"), "corpus": corpus}
    path = recipe(tmp_path, data=data, stages=stages, evaluation=None, start=start)
    said = "data: test_supervised:other_kinds yields regions, where dialogues are needed"
    with pytest.raises(ValueError, match=said) as caught:
        train(path, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["stages", "sets"])
def test_what_a_later_stage_or_a_set_cannot_ask_ends_the_training_at_once(tmp_path, place):
    good, wrong = {}, {"kinds": {"atribute": 1}}
    later, other = (wrong, good) if place == "stages" else (good, wrong)
    path = recipe(
        tmp_path, start={"checkpoint": "not looked at"},
        data={"source": "samtok_tasks.mini.training:dialogues", "options": {"size": 64}},
        stages=[{"until": 1, "images": 1}, {"until": 9, "images": 1, "options": later}],
        evaluation={"seed": 9, "images": 2, "every": 2, "sets": {"one": {}, "other": other}},
    )  # fmt: skip
    with pytest.raises(ValueError, match="kinds: atribute unknown; there are"):
        train(path, tmp_path / "out")


def worded(seed, *, tokenizer=None):
    """Squares whose masks are words already."""
    word = "<|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>"
    for dialogue in squares(seed):
        turns = [(["Where?"], [f"At {word}."])]
        yield {**dialogue, "turns": turns, **({"tokenizer": tokenizer} if tokenizer else {})}


def test_ready_words_are_taken_of_the_tokenizer_in_use_only(processor, tmp_path):
    data = DataSource(source="test_supervised:worded")
    own, other = tiny_samtok(), tiny_samtok()
    other.quantizer.levels[1].weight[3] += 1
    other.save_pretrained(tmp_path / "other")
    collator = Collator(processor, TokenizerCodes(own))
    [prepared] = collator.prepare([draw(data, 1, 0, {"tokenizer": own.codebook_hash()})])
    assert prepared.text.count("<|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>.") == 1
    for stated in (str(tmp_path / "other"), other.codebook_hash()):
        with pytest.raises(ValueError, match="are of another tokenizer"):
            collator.prepare([draw(data, 1, 0, {"tokenizer": stated})])
    with pytest.raises(ValueError, match="do not say of which tokenizer"):
        collator.prepare([draw(data, 1, 0, {})])
    with pytest.raises(ValueError, match="train with `codes: nano`"):
        Collator(processor, GeometryCodes()).prepare([draw(data, 1, 0, {"tokenizer": "nano"})])

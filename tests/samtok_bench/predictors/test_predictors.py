"""Constant, oracle and local predictors, the last one with a model that answers from a script."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from samtok.words import parse_words
from samtok_bench import rle
from samtok_bench.codec import Codec
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors import pictures_ahead
from samtok_bench.predictors.constant import ConstantPredictor
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.predictors.samtok import SAMTokPredictor, weights_hash
from samtok_bench.reading import ReadFault, Reading, ReadMask
from samtok_bench.running.engines.local import LocalEngine
from samtok_bench.sample import Code, ImagePart, Outcome, Region, Sample, Target, Text, Turn
from samtok_bench.task import Generation

OPTIONS = PredictorOptions(Generation(9), constrained=True, device="cpu")
HALF = rle.encode(np.arange(48).reshape(6, 8) < 24)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 6), "red").save(path)
    return path


def sample(image, id="s", size=(6, 8), masks=(HALF,), text="", pieces=()) -> Sample:
    parts = (ImagePart(image), Text("Please segment "), Region(HALF), Text(" now."))
    target = Target.in_turns(pieces, masks) if pieces else Target(masks, text)
    return Sample(id, image, size, (Turn("user", parts),), image.name, target)


def test_constants(image):
    (refused,) = ConstantPredictor("refuse", OPTIONS).predict([sample(image)])
    (whole,) = ConstantPredictor("whole", OPTIONS).predict([sample(image)])
    assert refused.masks == ()
    assert whole.masks == (rle.full(6, 8),)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nano --dtype int8", "unknown --dtype 'int8'; known: float32, bfloat16, float16"),
        ("nano --attn flash", "unknown --attn 'flash'; "),
        ("nano --revision v1", "revision 'v1': "),
        ("oracle:nano --revision v1", "nano is a folder here, only a hub id has revisions"),
        ("oracle:box --revision v1", "the model 'oracle:box' takes no --revision"),
        ("constant:refuse --dtype float32", "the model 'constant:refuse' takes no --dtype"),
        ("nano --max-new-tokens 0", "Invalid value for '--max-new-tokens'"),
        ("nano --max-pixels -1", "Invalid value for '--max-pixels'"),
    ],
)
def test_options_of_a_local_model_are_checked_before_the_work(called, tmp_path, arguments, said):
    code, out, err = called(
        *("run", "--task", "gres", "--out", str(tmp_path / "run"), "--model"), *arguments.split()
    )
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("model", ["owner/name", "oracle:owner/name"])
def test_a_revision_is_that_of_the_hub(called, monkeypatch, tmp_path, model):
    asked = []

    def download(name, revision=None, allow_patterns=None):
        asked.append((name, revision))
        raise OSError("no such revision")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    code, _, err = called("run", "--task", "gres", "--model", model, "--revision", "v1")
    assert (code, asked) == (2, [("owner/name", "v1")])
    assert err == "error: 'owner/name' is not a folder and cannot be fetched from the hub: no such revision\n"


def test_the_oracle_answers_with_the_target(image):
    hit, none = OraclePredictor("", OPTIONS).predict([sample(image), sample(image, masks=())])
    assert hit.masks == (HALF,)
    assert hit.codes == ()
    assert none.masks == ()


class Corner(Codec):
    """Writes the upper left corner's value, as a codebook index."""

    codebooks = 1
    embedded: list[str] = []  # noqa: RUF012

    def identity(self):
        return {"kind": "corner"}

    def embed(self, image, size):
        self.embedded.append(image.name)
        if not image.is_file():
            raise OSError(f"no {image.name}")
        return size

    def encode(self, embedding, masks):
        return [(int(rle.decode(mask)[0, 0]),) for mask in masks]

    def decode(self, embedding, codes):
        return [rle.full(*embedding) if code[0] else rle.empty(*embedding) for code in codes]

    def text(self, symbols):
        return f"w{symbols[0]}"

    def tokens(self, symbols):
        return 3

    def bits(self, symbols):
        return 1.0


def test_the_oracle_sends_masks_through_its_codec(image):
    oracle = OraclePredictor("", OPTIONS, Corner("", OPTIONS))
    assert oracle.identity() == {"kind": "oracle", "codec": {"kind": "corner"}}
    other = rle.encode(np.arange(48).reshape(6, 8) >= 24)
    # an empty instance has no words and is left out
    samples = [
        sample(image, "two", masks=(HALF, rle.empty(6, 8), other)),
        sample(image, "one", masks=(other,)),
        sample(image, "none", masks=()),
        sample(image.with_name("lost.png"), "bad"),
    ]
    two, one, none, bad = oracle.predict(samples)
    assert Corner.embedded == ["a.png", "lost.png"]  # once an image
    assert (two.text, two.words) == ("w1w0", ("w1", "w0"))
    assert two.masks == (rle.full(6, 8), rle.empty(6, 8))
    assert two.codes == (Code(3, 1.0, (1,)), Code(3, 1.0, (0,)))
    assert one.codes == (Code(3, 1.0, (0,)),)
    assert set(one.timings) == {"embed", "encode", "decode"}
    assert one.seconds == pytest.approx(sum(one.timings.values()))
    assert (none.masks, none.codes) == ((), ())
    assert (bad.outcome, bad.detail) == (Outcome.SKIPPED, "no lost.png")


def test_the_oracle_writes_words_between_pieces_of_text(image):
    pieces = ("a ", ", nothing ", " and b", "")
    other = rle.encode(np.arange(48).reshape(6, 8) >= 24)
    masks = (HALF, rle.empty(6, 8), other)
    asked = sample(image, masks=masks, pieces=pieces)
    assert asked.target.text == "a <region>, nothing <region> and b<region>"
    (plain,) = OraclePredictor("", OPTIONS).predict([asked])
    assert (plain.text, plain.words) == ("a <region>, nothing  and b<region>", ("<region>", "<region>"))
    assert plain.masks == (HALF, other)
    (coded,) = OraclePredictor("", OPTIONS, Corner("", OPTIONS)).predict([asked])
    assert (coded.text, coded.words) == ("a w1, nothing  and bw0", ("w1", "w0"))
    silent = Corner("", OPTIONS)
    silent.text = lambda symbols: "" if symbols[0] else "w0"
    (kept,) = OraclePredictor("", OPTIONS, silent).predict([asked])
    assert (kept.text, kept.words) == ("a <region>, nothing  and bw0", ("<region>", "w0"))
    (nothing,) = OraclePredictor("", OPTIONS).predict([sample(image, masks=(), text="No target.")])
    assert (nothing.text, nothing.words) == ("No target.", ())
    with pytest.raises(ValueError, match="1 masks stand between 4 pieces of text"):
        sample(image, pieces=pieces)


@pytest.mark.parametrize("codec", [None, Corner("", OPTIONS)])
def test_data_that_says_our_own_mark_says_nothing_to_the_oracle(image, codec):
    """Once a caption with <region> took the answers of all samples of its image away."""
    oracle = OraclePredictor("", OPTIONS, codec)
    caption, plain = oracle.predict([
        sample(image, "a", masks=(), text="a <region> of <region 2>"),
        sample(image, "b"),
    ])  # fmt: skip
    assert (caption.text, caption.outcome) == ("a <region> of <region 2>", Outcome.OK)
    assert plain.outcome is Outcome.OK
    (turns,) = oracle.predict([sample(image, pieces=("see <region> or <region 2>: ", "."))])
    word = "w1" if codec else "<region 3>"
    assert turns.text == f"see <region> or <region 2>: {word}."
    assert turns.words == (word,)


class Scripted:
    """Stands for QwenVLSAMTok: one answer a conversation, in order."""

    def __init__(self, *answers):
        self.answers, self.calls = answers, []

    def chat(self, conversations, **settings):
        self.calls.append((conversations, settings))
        return list(self.answers[: len(conversations)])


def answer(text="", spans=(), faults=(), stop="stop"):
    words = SimpleNamespace(
        words=[SimpleNamespace(start=a, end=b) for a, b in spans],
        faults=[SimpleNamespace(kind=kind) for kind in faults],
    )
    masks = np.stack([np.arange(48).reshape(6, 8) < 24] * len(spans)) if spans else np.zeros((0, 6, 8), bool)
    return SimpleNamespace(
        text=text, words=words, masks=masks, stop_reason=stop, prompt_tokens=3, new_tokens=4, seconds=0.5
    )


@pytest.fixture
def local(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")

    def local(*answers):
        predictor = SAMTokPredictor(str(folder), OPTIONS)
        predictor._model = Scripted(*answers)
        return predictor

    return local


def test_a_sample_becomes_a_conversation(local, image):
    predictor = local(answer(), answer())
    predictor.predict([sample(image), sample(image, "t")])
    ((conversations, settings),) = predictor._model.calls
    content = conversations[0][0]["content"]
    assert [part["type"] for part in content] == ["image", "text", "region", "text"]
    assert content[0]["image"].size == (8, 6)
    assert np.array_equal(content[2]["mask"], rle.decode(HALF))
    # one picture for both samples, so the model embeds it once
    assert conversations[1][0]["content"][0]["image"] is content[0]["image"]
    assert settings == {
        "max_new_tokens": 9,
        "constrained": True,
        "parse": parse_words,
        "skip_special_tokens": True,
    }


def test_a_benchmark_may_read_mask_words_itself(image, local):
    def first_two_marks(text, marks):
        opened, code = marks[:2]
        return [ReadMask((int(code.name), 0), opened.start, code.end)], [ReadFault("dropped", 25, 38)]

    predictor = local(answer())
    predictor.options = PredictorOptions(Generation(9, Reading("mine", first_two_marks)), device="cpu")
    predictor.predict([sample(image)])
    parsed = predictor._model.calls[0][1]["parse"]("<|mt_start|><|mt_0007|>, <|mt_0300|>")
    assert [(word.codes, word.start, word.end) for word in parsed.words] == [((7, 0), 0, 23)]
    assert [(fault.kind, fault.start, fault.end) for fault in parsed.faults] == [("dropped", 25, 38)]


def test_answers_become_outcomes(local, image):
    predictor = local(
        answer("ab", spans=[(0, 1), (1, 2)]),
        answer("x", faults=["unclosed"]),
        answer("y", faults=["unclosed"], stop="length"),
    )
    good, broken, long = predictor.predict([sample(image, id) for id in "abc"])
    assert (good.outcome, good.words, good.masks) == (Outcome.OK, ("a", "b"), (HALF, HALF))
    assert (good.prompt_tokens, good.new_tokens, good.seconds) == (3, 4, 0.5)
    assert (broken.outcome, broken.faults) == (Outcome.PARSE_ERROR, ("unclosed",))
    assert (long.outcome, long.stop_reason) == (Outcome.TRUNCATED, "length")


def test_images_are_opened_while_the_model_works_on_the_batch_before(local, tmp_path, monkeypatch):
    opened = {}
    open_pictures = pictures_ahead.pictures_of

    def opening(part, sample):
        opened.setdefault(part.path.name, []).append(threading.current_thread() is threading.main_thread())
        return open_pictures(part, sample)

    monkeypatch.setattr(pictures_ahead, "pictures_of", opening)
    names = ["a.png", "b.png", "c.png"]
    for name in names:
        Image.new("RGB", (8, 6), "red").save(tmp_path / name)
    predictor = local(answer())
    seen = []

    def chat(conversations, **_):
        if seen != names[:2]:  # there is nothing after the last one
            deadline = time.monotonic() + 10
            while names[len(seen) + 1] not in opened and time.monotonic() < deadline:
                time.sleep(0.001)
        seen.append(names[len(seen)])
        assert set(opened) >= set(names[: len(seen) + 1])
        return [answer() for _ in conversations]

    predictor._model.chat = chat
    batches = [[sample(tmp_path / name, f"{name}{k}") for k in range(2)] for name in names]
    kept = []
    LocalEngine(predictor).answer(batches, kept.extend)
    assert [part.predictions[1].outcome for part in kept] == [Outcome.OK] * 3
    # each once, the first batch by itself
    assert opened == {"a.png": [True], "b.png": [False], "c.png": [False]}


def test_an_image_that_was_read_ahead_fails_as_any_other(local, tmp_path):
    Image.new("RGB", (8, 6), "red").save(tmp_path / "a.png")
    predictor = local(answer())
    asked = [sample(tmp_path / "lost.png"), sample(tmp_path / "a.png", "t")]
    predictor.read_ahead(asked)
    lost, good = predictor.predict(asked)
    assert (lost.outcome, good.outcome) == (Outcome.SKIPPED, Outcome.OK)
    assert "lost.png" in lost.detail


def test_unusable_images_are_skipped_with_the_reason(local, image, tmp_path):
    torn = tmp_path / "torn.jpg"
    Image.effect_noise((64, 64), 90).save(torn)
    torn.write_bytes(torn.read_bytes()[:300])
    missing = tmp_path / "missing.jpg"
    predictor = local(answer("fine"))
    made = predictor.predict(
        [sample(missing, "a"), sample(torn, "b"), sample(image, "c", size=(8, 6)), sample(image, "d")]
    )
    assert [p.outcome for p in made] == [Outcome.SKIPPED] * 3 + [Outcome.OK]
    assert "no image file at" in made[0].detail
    assert "damaged or truncated" in made[1].detail
    assert "is 8 x 6 pixels, its annotation says 6 x 8" in made[2].detail
    assert made[3].text == "fine"


def test_identity_follows_the_weights(local, tmp_path):
    first = local().identity()
    assert first["dtype"] == "float32"
    assert local().identity() == first
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other")
    assert local().identity()["weights"] != first["weights"]
    (tmp_path / "model" / "README.md").write_text("no part of the model")
    assert local().identity()["weights"] == weights_hash(tmp_path / "model")


def test_devices_are_checked(tmp_path):
    with pytest.raises(ValueError, match="unknown device 'tpux'"):
        SAMTokPredictor(str(tmp_path), PredictorOptions(Generation(1), device="tpux")).identity()

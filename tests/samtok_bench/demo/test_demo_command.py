"""`samtok-bench demo` before there is a page: what it needs, and which models it takes."""

import importlib.util
import json
import socket

import pytest
from demo_fakes import words
from judge_server import send, serving

from samtok_bench.demo import launch
from samtok_bench.demo.model import load_model
from samtok_bench.demo.session import Session
from samtok_bench.predictor import PredictorOptions
from samtok_bench.task import Generation

OPTIONS = PredictorOptions(Generation(8), preflight=False)


@pytest.fixture
def gradio(monkeypatch):
    """As if it were installed."""
    monkeypatch.setattr(launch, "find_spec", lambda name: importlib.util.find_spec("json"))


def test_the_extra_is_named_where_it_is_missing(called, monkeypatch):
    monkeypatch.setattr(launch, "find_spec", lambda name: None)
    assert called("demo") == (2, "", "error: the demo needs gradio: pip install 'samtok-bench[demo]'\n")


def test_a_port_that_is_taken_is_said_before_the_model_is_loaded(called, gradio):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, out, error = called("demo", "--port", str(port), "--model", "no-such-model")
    expected = f"error: the demo cannot listen on 127.0.0.1, port {port}: Address already in use; see --port"
    assert (code, out) == (2, "")
    assert error.startswith(expected)
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--host", "203.0.113.7"),
            "cannot listen on 203.0.113.7, port 7860: Cannot assign requested address",
        ),
        (("--port", "0", "--model", "no-such-model"), "unknown model 'no-such-model'"),
        (("--port", "0", "--answers", "words"), "the model 'nano' takes no --answers"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(called, gradio, arguments, said):
    code, out, error = called("demo", *arguments)
    assert (code, out) == (2, "")
    assert said in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("predictions:answers.jsonl", "has answers that were given before"),
        ("constant:refuse", "has no mask tokenizer: name one by --tokenizer, such as nano"),
        ("endpoint:http://localhost:1/v1#m", "answers as words become masks by a mask tokenizer"),
    ],
)
def test_models_that_the_demo_does_not_take(model, said):
    with pytest.raises(ValueError, match=said):
        load_model(model, OPTIONS)


def test_a_served_model_with_nano_for_its_masks(picture):
    def respond(handler, request, number):
        message = {"role": "assistant", "content": f"Here: {words(7, 300)}"}
        send(handler, json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())

    with serving(respond) as server:
        options = PredictorOptions(Generation(8), preflight=False, tokenizer="nano")
        session = Session(load_model(f"endpoint:{server.url}#served", options), picture)
        region = session.brush([(2, 2), (9, 8)], 3)
        session.ask("What is [1]?")
        session.ask("And [2]?")
    assert session.regions[2].words == words(7, 300)
    assert session.regions[2].mask["size"] == [10, 12]
    first, second = (
        [part for message in one["messages"] for part in message["content"]] for one in server.requests
    )
    assert [part["type"] for part in first] == ["image_url", "text"]
    assert first[1]["text"] == f"What is {region.words}?"
    assert [part["text"] for part in second[2:]] == [f"Here: {words(7, 300)}", f"And {words(7, 300)}?"]

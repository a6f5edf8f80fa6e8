"""Served models: what is sent, and how answers become masks."""

import base64
import io
import json
import threading
import time

import pytest
from judge_server import send, serving
from PIL import Image
from served_model import NANO, answering, completion, journal, length, parts, said

from samtok_bench import registry, rle


def test_what_is_sent_and_how_the_answer_is_read(run, tmp_path):
    words = "<|mt_start|><|mt_0007|><|mt_0300|><|mt_end|>"
    with serving(answering(lambda request: f"It is {words}.")) as server:
        code, out, _ = run(server, *NANO, "--request-field", "top_k=1")
    assert code == 0
    assert "3 ok" in out
    asked = server.requests[3:]
    assert len(asked) == 3
    for request in asked:
        assert {name: request[name] for name in ("model", "max_tokens", "temperature", "top_k")} == {
            "model": "served",
            "max_tokens": 128,
            "temperature": 0,
            "top_k": 1,
        }
        (message,) = request["messages"]
        image, text = message["content"]
        assert text["text"].startswith("Please segment ")
        header, data = image["image_url"]["url"].split(",")
        assert header == "data:image/png;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (192, 192)
    for line in journal(tmp_path / "run"):
        assert line["words"] == [words]
        assert rle.area(line["masks"][0]) > 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["settings"]["predictor"]["request"] == {"max_tokens": 128, "temperature": 0, "top_k": 1}
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["model"] == "served"


def test_pixels_are_those_of_the_file(run):
    with serving(answering(lambda request: "No target.")) as server:
        assert run(server, *NANO, limit="1")[0] == 0
    task = registry.task_class("gres")()
    (sample, *_) = task.samples(task.default_root(), "val").samples
    data = parts(server.requests[-1])[0]["image_url"]["url"].split(",")[1]
    with Image.open(sample.image) as image:
        assert Image.open(io.BytesIO(base64.b64decode(data))).tobytes() == image.convert("RGB").tobytes()


def test_boxes_go_through_the_sam_of_the_tokenizer(run, tmp_path):
    task = registry.task_class("grounding-suite")()
    samples = task.samples(task.default_root(), "all").samples[:4]
    targets = {sample.turns[0].parts[1].text: sample.target.masks[0] for sample in samples}

    def boxes_of(request):
        asked = next(text for text in targets if text in said(request))
        return json.dumps([{"bbox_2d": rle.box(targets[asked]), "label": "it"}])

    with serving(answering(boxes_of)) as server:
        code, _, _ = run(server, *NANO, "--answers", "boxes:pixels", task="grounding-suite", limit="4")
    assert code == 0
    assert "Answer with the boxes of all that is meant as a JSON list" in said(server.requests[-1])
    ious = [line["scores"]["iou"] for line in journal(tmp_path / "run")]
    assert len(ious) == 4
    assert sum(ious) / 4 > 0.6  # the boxes themselves, filled, are worse


@pytest.mark.parametrize(
    "answer", ["[[10, 10], [60, 10], [60, 40], [10, 40]]", "[[10,10,60,10,60,40,10,40]]"]
)
def test_polygons_need_no_tokenizer(run, tmp_path, answer):
    with serving(answering(lambda request: answer)) as server:
        code, _, _ = run(server, "--answers", "polygons:pixels", "--out", "run")
    assert code == 0
    assert [rle.area(line["masks"][0]) for line in journal(tmp_path / "run")] == [50 * 30] * 3


@pytest.mark.parametrize(
    ("answer", "outcomes"),
    [("[[10, 10, 60, 40]]", "3 parse_error"), ('{"box": [1, 2]}', "3 parse_error"), ("[]", "3 ok")],
)
def test_numbers_that_are_no_polygons_are_no_refusal(run, answer, outcomes):
    with serving(answering(lambda request: answer)) as server:
        code, out, _ = run(server, "--answers", "polygons:pixels", "--out", "run")
    assert code == 0
    assert outcomes in out


def gcg_samples(count):
    task = registry.task_class("gcg")()
    return task.samples(task.default_root(), "val").samples[:count]


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_a_grounded_caption_is_asked_with_labels_and_scored_by_them(run, tmp_path, protocol):
    samples = {Image.open(sample.image).convert("RGB").tobytes(): sample.truth for sample in gcg_samples(3)}

    def described(request):
        data = parts(request)[0]["image_url"]["url"].split(",")[1]
        truth = samples[Image.open(io.BytesIO(base64.b64decode(data))).tobytes()]
        pairs = zip(truth.labels, truth.masks, strict=False)
        boxes = [{"bbox_2d": rle.box(mask), "label": label} for label, mask in pairs]
        return f"{truth.caption}\n```json\n{json.dumps(boxes)}\n```"

    asked = ("--answers", "boxes:pixels", "--protocol", protocol, "--no-ceiling")
    with serving(answering(described)) as server:
        code, _, _ = run(server, *NANO, *asked, task="gcg")
    assert code == 0
    assert 'JSON list: [{"bbox_2d": [x0, y0, x1, y1], "label": "..."}]' in said(server.requests[-1])
    found = journal(tmp_path / "run")
    assert sorted(line["phrases"] for line in found) == sorted(list(t.labels) for t in samples.values())
    if protocol == "standard":
        matched = sum(line["scores"]["matched"] for line in found)
        assert matched > sum(line["scores"]["matchable"] for line in found) / 2
    metrics = json.loads((tmp_path / "run" / "summary.json").read_text())["metrics"]
    (cider,) = (metric["value"] for metric in metrics if metric["id"] == "cider")
    assert cider is None or cider > 9  # 10 of captions that are the reference


def test_polygons_of_a_grounded_caption_have_labels_too(run, tmp_path):
    answer = 'A dog. [{"polygon": [[10, 10], [60, 10], [60, 40]], "label": "a dog"}]'
    with serving(answering(lambda request: answer)) as server:
        assert run(server, "--answers", "polygons:pixels", "--out", "run", task="gcg")[0] == 0
    assert '[{"polygon": [[x, y], ...], "label": "..."}]' in said(server.requests[-1])
    assert [line["phrases"] for line in journal(tmp_path / "run")] == [["a dog"]] * 3


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("scene_graph", "--answers polygons:pixels", "cannot be found by --answers polygons:pixels"),
        (
            "scene_graph",
            "--answers boxes:pixels --tokenizer nano",
            "cannot be found by --answers boxes:pixel",
        ),
        ("scene_graph", "--answers text", "cannot be found by --answers text: use --answers words"),
        ("reconstruction", "--tokenizer nano", "the task 'reconstruction' asks no question, so the model "),
    ],
)
def test_a_task_that_cannot_be_put_to_a_served_model_is_refused(run, tmp_path, task, arguments, message):
    with serving(answering(lambda request: "A")) as server:
        code, out, err = run(server, *arguments.split(), "--out", "run", task=task)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not server.requests
    assert not (tmp_path / "run").exists()


def test_such_a_task_of_a_group_is_left_out(run, monkeypatch):
    members = ["gres", "reconstruction", "scene_graph"]
    monkeypatch.setattr(registry, "group_members", lambda name: members)
    with serving(answering(lambda request: "[]")) as server:
        code, out, _ = run(server, "--answers", "polygons:pixels", task="many")
    assert code == 0
    assert "reconstruction: left out: the task 'reconstruction' asks no question" in out
    assert "scene_graph: left out: the masks of a scene graph" in out


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ("words", "<|mt_start|><|mt_0"),
        ("boxes", '{"bbox_2d": ['),
        ("outline", "the region outlined in orange"),
    ],
)
def test_a_region_is_put_as_asked(run, regions, expected):
    with serving(answering(lambda request: "A")) as server:
        answers = ("--answers", "words" if regions == "words" else "boxes:pixels")
        code, _, _ = run(server, *NANO, *answers, "--regions", regions, task="gar-bench", limit="2")
    assert code == 0
    assert all(expected in said(request) for request in server.requests[-2:])


def lengths(one, image, words):
    """A server with these lengths of prompts."""

    def respond(handler, request, number):
        count = words if "<|mt_" in said(request) else image if len(parts(request)) > 1 else one
        send(handler, completion("No target.", count))

    return respond


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((10, 11, 14), "does not look at images: a prompt with one is 1 tokens longer than without"),
        ((10, 14, 39), "does not know mask words: four of them are 29 tokens, not 4"),
        ((None, None, None), "does not state usage.prompt_tokens, so it cannot be seen whether it looks at"),
    ],
)
def test_a_wrong_server_is_refused_before_anything_is_written(run, tmp_path, counts, message):
    with serving(lengths(*counts)) as server:
        code, out, err = run(server, *NANO)
        assert (code, out) == (2, "")
        assert message in err
        assert not (tmp_path / "run").exists()
        code, _, _ = run(server, *NANO, "--no-preflight")
        assert code == 0


def test_the_key_is_sent_and_stands_nowhere(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SAMTOK_BENCH_ENDPOINT_KEY", "sk-very-secret-0123")
    with serving(answering(lambda request: "No target.")) as server:
        code, out, err = run(server, *NANO)
    assert code == 0
    assert {headers["Authorization"] for headers in server.headers} == {"Bearer sk-very-secret-0123"}
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert b"sk-very-secret" not in written + (out + err).encode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("endpoint:", "a served model is named as endpoint:http://localhost:8000/v1#MODEL"),
        (
            "endpoint:http://localhost:8000/v1",
            "a served model is named as endpoint:http://localhost:8000",
        ),
        ("endpoint:localhost#m --tokenizer nano", "a server is named by a URL like"),
        (
            "endpoint:http://u:pw@localhost/v1#m --tokenizer nano",
            "holds no user and no query: use",
        ),
        (
            "endpoint:http://localhost/v1?key=x#m --tokenizer nano",
            "holds no user and no query: use",
        ),
        ("endpoint:http://localhost/v1#m", "answers as words become masks by a mask tokenizer: name one by"),
        ("endpoint:http://localhost/v1#m --answers box", "unknown form of answers 'box'; there are words, "),
        ("endpoint:http://localhost/v1#m --answers boxes:px", "unknown coordinates 'px'; there are pixels"),
        (
            "endpoint:http://localhost/v1#m --answers text --regions lines",
            "unknown --regions 'lines'",
        ),
        (
            "endpoint:http://localhost/v1#m --answers text --regions words",
            "--regions words needs a",
        ),
        ("endpoint:http://localhost/v1#m --answers text --concurrency 0", "--concurrency must be at least 1"),
        ("endpoint:http://localhost/v1#m --request-field x", "--request-field takes NAME=JSON, got 'x'"),
        ("endpoint:http://localhost/v1#m --request-field x=y", "--request-field x: 'y' is not JSON"),
        ("oracle --tokenizer nano", "the model 'oracle' takes no --tokenizer"),
        ("constant:refuse --request-field a=1", "the model 'constant:refuse' takes no --request-field"),
    ],
)
def test_options_that_do_not_go_together(called, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = called("run", "--task", "gres", "--limit", "1", "--model", *arguments.split())
    assert (code, out) == (2, "")
    assert message in err
    assert "u:pw" not in err


@pytest.mark.parametrize("asked", [1, 3])
def test_no_more_requests_at_a_time_than_asked_for(run, asked):
    lock, running, most = threading.Lock(), 0, 0

    def respond(handler, request, number):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        send(handler, completion("No target.", length(request)))

    with serving(respond) as server:
        assert run(server, *NANO, "--concurrency", str(asked), limit="9")[0] == 0
    assert most == asked

"""Served models: what is sent, how answers become masks, and servers that are ill or gone."""

import base64
import io
import json
import threading
import time
from itertools import count

import pytest
from judge_server import send, serving
from PIL import Image

from samtok_bench import registry, rle

NANO = ("--tokenizer", "nano", "--out", "run")
NO_IMAGE = {"one text": 10, "with image": 11, "with words": 14}


def completion(text, prompt_tokens=20, finish="stop", **usage):
    counts = {"prompt_tokens": prompt_tokens, "completion_tokens": 3, **usage}
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": counts}).encode()


def parts(request):
    return [part for message in request["messages"] for part in message["content"]]


def said(request):
    return "".join(part["text"] for part in parts(request) if part["type"] == "text")


def length(request):
    """Prompt tokens of a sound server: words of the text, four mask words, four for an image."""
    images = sum(part["type"] == "image_url" for part in parts(request))
    return 10 + 4 * images + 4 * said(request).count("<|mt_start|>")


def answering(reply):
    """A server that passes the preflight and then says `reply(request)`."""

    def respond(handler, request, number):
        if said(request).startswith("Hello"):
            send(handler, completion("H", length(request)))
        else:
            send(handler, completion(reply(request), length(request)))

    return respond


@pytest.fixture
def run(called, monkeypatch, tmp_path):
    """Run gres on a served model in a scratch folder; see `called`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("samtok_bench.serving.chat.sleep", lambda seconds: None)

    def run(server, *arguments, task="gres", limit="3"):
        model = ("--model", f"endpoint:{server.url}#served")
        return called("run", "--task", task, "--limit", limit, *model, *arguments)

    return run


def journal(folder):
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


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


def test_a_server_that_dies_in_the_middle_is_no_model_error(run, tmp_path):
    health = {"left": 8}

    def respond(handler, request, number):
        health["left"] -= 1
        if health["left"] < 0:
            return handler.connection.close()
        text = "H" if said(request).startswith("Hello") else "No target."
        send(handler, completion(text, length(request)))

    same = (*NANO, "--concurrency", "2")
    with serving(respond) as server:
        code, out, err = run(server, *same, limit="12")
        assert (code, out) == (2, "")
        assert "the model at http://127.0.0.1" in err
        assert "5 of 12 answers are kept in run: the same command goes on from there" in err
        kept = journal(tmp_path / "run")
        assert [line["outcome"] for line in kept] == ["ok"] * 5
        assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "running"
        health["left"] = 100
        asked = len(server.requests)
        assert run(server, *same, limit="12")[0] == 0
        assert len(server.requests) == asked + 3 + 7
    lines = journal(tmp_path / "run")
    assert lines[:5] == kept
    assert len({line["id"] for line in lines}) == len(lines) == 12


def test_an_error_of_one_sample_is_a_model_error_of_that_sample(run, tmp_path):
    broken = []

    def respond(handler, request, number):
        text = said(request)
        if not text.startswith("Hello") and (not broken or text in broken):
            broken.append(text)
            return send(handler, b'{"detail": "cannot tokenize"}', 500)
        send(handler, completion("No target.", length(request)))

    with serving(respond) as server:
        code, out, err = run(server, *NANO, "--concurrency", "1")
    assert code == 0
    assert "2 ok, 1 model_error" in out
    assert "HTTP 500" in err


def test_a_busy_server_is_waited_for(run, monkeypatch):
    naps = []
    monkeypatch.setattr("samtok_bench.serving.chat.sleep", naps.append)

    def respond(handler, request, number):
        if number in (3, 5):
            return send(handler, b"busy", 429, **{"Retry-After": "7"})
        if number == 7:
            return send(handler, b"not yet", 503)
        send(handler, completion("No target.", length(request)))

    with serving(respond) as server:
        code, out, _ = run(server, *NANO, "--concurrency", "1")
    assert code == 0
    assert "3 ok" in out
    assert naps.count(7.0) == 2
    assert len(naps) == 3


def test_a_server_that_hangs_is_left_after_the_time_limit(run):
    def respond(handler, request, number):
        if not said(request).startswith("Hello"):
            time.sleep(1)
        send(handler, completion("No target.", length(request)))

    with serving(respond) as server:
        code, out, err = run(server, *NANO, "--timeout", "0.2", limit="1")
    assert code == 1
    assert "1 model_error" in out
    assert "no whole answer within 0.2 s" in err


def test_a_cut_answer_is_truncated(run):
    def respond(handler, request, number):
        send(handler, completion("No tar", length(request), finish="length"))

    with serving(respond) as server:
        code, out, _ = run(server, *NANO)
    assert code == 0
    assert "3 truncated" in out


def ending(*answer):
    """A server that passes the preflight, then gives the first sample this answer and refuses the others."""
    ill = []

    def respond(handler, request, number):
        text = said(request)
        if not text.startswith("Hello") and (not ill or text in ill):
            ill.append(text)
            return send(handler, completion(answer[0], length(request), *answer[1:]))
        send(handler, completion("No target.", length(request)))

    return respond


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        (None, "content_filter", "finish_reason 'content_filter'"),
        ("It is", "content_filter: RECITATION", "finish_reason 'content_filter: RECITATION'"),
        ("", "abort", "finish_reason 'abort'"),
        ("", "error", "finish_reason 'error'"),
        ("", "tool_calls", "finish_reason 'tool_calls'"),
        ("", {"type": "abort"}, "finish_reason 'dict'"),
        (None, "stop", "its content is null, finish_reason 'stop'"),
        (None, None, "its content is null, finish_reason ''"),
    ],
)
def test_an_answer_that_failed_says_nothing_of_the_picture(run, tmp_path, text, finish, reason):
    with serving(ending(text, finish)) as server:
        code, out, err = run(server, *NANO, "--concurrency", "1")
    assert code == 0
    assert "2 ok, 1 model_error" in out
    (failed,) = [line for line in journal(tmp_path / "run") if line["outcome"] == "model_error"]
    assert f"no answer of the model at {server.url}: {reason}" in failed["detail"]
    assert reason in err


@pytest.mark.parametrize(
    ("text", "finish", "outcome"),
    [
        ("No target.", None, "ok"),
        ("No target.", "", "ok"),
        ("", "stop", "ok"),
        ("No target.", "STOP", "ok"),
        ("No target.", "eos_token", "ok"),
        ("No target.", "stop_sequence", "ok"),
        (None, "length", "truncated"),
        ("No tar", "MAX_TOKENS", "truncated"),
        ("No target, no target, no", "repetition", "truncated"),
    ],
)
def test_what_servers_call_an_end(run, tmp_path, text, finish, outcome):
    with serving(ending(text, finish)) as server:
        assert run(server, *NANO, limit="1")[0] == 0
    (line,) = journal(tmp_path / "run")
    assert (line["outcome"], line["text"]) == (outcome, text or "")


def test_an_aborted_answer_of_a_server_that_is_then_gone_is_not_kept(run, tmp_path):
    gone = []

    def respond(handler, request, number):
        if gone:
            return handler.connection.close()
        if not said(request).startswith("Hello"):
            gone.append(number)
            return send(handler, completion("", length(request), "abort"))
        send(handler, completion("H", length(request)))

    with serving(respond) as server:
        code, _, err = run(server, *NANO, "--concurrency", "1")
    assert code == 2
    assert "0 of 3 answers are kept in run: the same command goes on from there" in err


def test_a_rate_limit_that_lasts_ends_the_run_and_writes_no_line(run, tmp_path, monkeypatch):
    naps, asked, limited = [], count(), [True]
    monkeypatch.setattr("samtok_bench.serving.chat.sleep", naps.append)
    monkeypatch.setattr("samtok_bench.serving.chat.random.uniform", lambda low, high: low)

    def respond(handler, request, number):
        if not said(request).startswith("Hello") and next(asked) >= 2 and limited:
            return send(handler, b"too many tokens a minute", 429)
        send(handler, completion("No target.", length(request)))

    with serving(respond) as server:
        code, out, err = run(server, *NANO, "--concurrency", "2", limit="4")
        assert (code, out) == (2, "")
        assert "HTTP 429: too many tokens a minute (a rate limit: try a lower --concurrency)" in err
        assert "2 of 4 answers are kept in run: the same command goes on from there" in err
        assert sum(naps) >= 60
        kept = journal(tmp_path / "run")
        assert [line["outcome"] for line in kept] == ["ok"] * 2
        assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "running"
        limited.clear()
        assert run(server, *NANO, "--concurrency", "1", limit="4")[0] == 0
    assert [line["outcome"] for line in journal(tmp_path / "run")] == ["ok"] * 4


def test_a_rate_limit_of_the_plain_question_leaves_it_open_who_is_at_fault(run, tmp_path):
    def respond(handler, request, number):
        if number < 3:
            return send(handler, completion("H", length(request)))
        send(handler, b"slower", 429 if said(request).startswith("Hello") else 500)

    with serving(respond) as server:
        code, _, err = run(server, *NANO, "--concurrency", "1")
    assert code == 2
    assert "HTTP 429: slower (a rate limit: try a lower --concurrency)" in err
    assert "0 of 3 answers are kept" in err


def test_a_rate_limit_before_the_first_sample_is_said_too(run, tmp_path):
    with serving(lambda handler, request, number: send(handler, b"slower", 429)) as server:
        code, out, err = run(server, *NANO)
    assert (code, out) == (2, "")
    assert "HTTP 429: slower (a rate limit: try a lower --concurrency)" in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_of_all_requests_ends_the_run(run, tmp_path, status):
    with serving(lambda handler, request, number: send(handler, b'{"error": "no"}', status)) as server:
        code, out, err = run(server, *NANO, "--no-preflight")
    assert (code, out) == (2, "")
    assert f'refuses the request: HTTP {status}: {{"error": "no"}}' in err
    assert not (tmp_path / "run" / "samples.jsonl").exists()


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

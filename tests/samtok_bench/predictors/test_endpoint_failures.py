"""Served models that are ill, busy or gone, and answers that are none."""

import json
import time
from itertools import count

import pytest
from judge_server import send, serving
from served_model import NANO, completion, journal, length, said


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

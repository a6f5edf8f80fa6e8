"""The judge's client against a server that is well, slow, broken or hostile."""

import json
import socket
import time
from urllib.parse import quote

import pytest
from judge_server import completion, send, serving

from samtok_bench.judging.client import KEY_VARIABLE, JudgeClient, JudgeError
from samtok_bench.judging.contract import JudgeSettings
from samtok_bench.serving import chat

MESSAGES = [{"role": "user", "content": "Is it ä red circle?"}]


NAPS: list[float] = []
"""How long the client of a test waited, each time."""


@pytest.fixture(autouse=True)
def no_proxy_and_no_waiting(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    NAPS.clear()
    monkeypatch.setattr(chat, "sleep", NAPS.append)
    monkeypatch.setattr(chat.random, "uniform", lambda low, high: 1.0)


def client(url, **options):
    return JudgeClient(url, "judge-1", **{"key": "", "timeout": 5, "retries": 2, **options}), NAPS


def test_the_protocol(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    with serving(lambda handler, content, number: send(handler, completion("Yës."))) as server:
        one, _ = client(server.url + "/", key=None)
        assert one.ask(MESSAGES, JudgeSettings(0.2, 300, 0.9)).text == "Yës."
        assert one.ask(MESSAGES, JudgeSettings(0)).text == "Yës."
    first, second = server.requests
    assert first == {
        "path": "/v1/chat/completions",
        "model": "judge-1",
        "messages": MESSAGES,
        "temperature": 0.2,
        "max_tokens": 300,
        "top_p": 0.9,
    }
    assert {"max_tokens", "top_p"}.isdisjoint(second)
    assert server.headers[0]["Authorization"] == "Bearer secret"


def test_what_the_server_says_of_itself():
    stated = json.loads(completion("x")) | {"model": "judge-1-2026", "system_fingerprint": "fp_1 secret-key"}
    with serving(lambda handler, content, number: send(handler, json.dumps(stated).encode())) as server:
        reply = client(server.url, key="secret-key")[0].ask(MESSAGES, JudgeSettings(0))
    assert (reply.model, reply.system_fingerprint) == ("judge-1-2026", "fp_1 [hidden]")
    strange = stated | {"model": 7, "system_fingerprint": None}
    with serving(lambda handler, content, number: send(handler, json.dumps(strange).encode())) as server:
        reply = client(server.url)[0].ask(MESSAGES, JudgeSettings(0))
    assert (reply.text, reply.model, reply.system_fingerprint) == ("x", "", "")


def test_no_key_sends_no_header(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with serving(lambda handler, content, number: send(handler, completion("x"))) as server:
        client(server.url, key=None)[0].ask(MESSAGES, JudgeSettings(0))
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize("content", [None, ""])
def test_a_refusal_without_text_is_an_empty_reply(content):
    with serving(lambda handler, _, number: send(handler, completion(content))) as server:
        assert client(server.url)[0].ask(MESSAGES, JudgeSettings(0)).text == ""


@pytest.mark.parametrize(
    "ill",
    [
        lambda handler: send(handler, b"overloaded", 500),
        lambda handler: send(handler, b"", 503),
        lambda handler: send(handler, b"<html>garbage"),
        lambda handler: send(handler, b"\xff\xfe"),
        lambda handler: send(handler, b"[" * 100_000),
        lambda handler: send(handler, b'{"choices": []}'),
        lambda handler: send(handler, b'{"choices": [{"message": null}]}'),
        lambda handler: send(handler, completion(["parts"])),
        lambda handler: handler.connection.shutdown(socket.SHUT_RDWR),
    ],
)
def test_what_may_pass_is_tried_again(ill):
    def respond(handler, content, number):
        if number < 2:
            ill(handler)
        else:
            send(handler, completion("well"))

    with serving(respond) as server:
        one, naps = client(server.url)
        assert one.ask(MESSAGES, JudgeSettings(0)).text == "well"
    assert naps == [1, 2]
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [({}, [1, 4, 16, 60]), ({"Retry-After": "2"}, [2, 4, 16, 60]), ({"Retry-After": "900"}, [60] * 4)],
)
def test_a_rate_limit_is_waited_for_more_than_a_minute(retry_after, expected):
    def respond(handler, content, number):
        send(handler, b"slower please", 429, **retry_after)

    with serving(respond) as server:
        one, naps = client(server.url, retries=4)
        with pytest.raises(JudgeError, match="failed in 5 tries, the last time: HTTP 429: slower please"):
            one.ask(MESSAGES, JudgeSettings(0))
    assert naps == expected


def test_another_failure_is_tried_again_when_the_server_says():
    busy = serving(lambda handler, content, number: send(handler, b"", 503, **{"Retry-After": "2"}))
    with busy as server, pytest.raises(JudgeError):
        client(server.url, retries=4)[0].ask(MESSAGES, JudgeSettings(0))
    assert NAPS == [2] * 4


def test_tries_are_bounded_and_the_last_reason_is_told():
    with serving(lambda handler, content, number: send(handler, b"no\nGPU", 500)) as server:
        one, naps = client(server.url)
        with pytest.raises(JudgeError, match=r"failed in 3 tries, the last time: HTTP 500: no GPU") as error:
            one.ask(MESSAGES, JudgeSettings(0))
    assert len(server.requests) == 3
    assert naps == [1, 2]
    assert "\n" not in str(error.value)


def test_waiting_is_bounded():
    with serving(lambda handler, content, number: send(handler, b"", 500)) as server:
        one, naps = client(server.url, retries=9)
        with pytest.raises(JudgeError):
            one.ask(MESSAGES, JudgeSettings(0))
    assert max(naps) == 60


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_cannot_pass_is_not_tried_again(status):
    with serving(lambda handler, content, number: send(handler, b"unknown model", status)) as server:
        one, naps = client(server.url)
        with pytest.raises(JudgeError, match=f"refuses the request: HTTP {status}: unknown model"):
            one.ask(MESSAGES, JudgeSettings(0))
    assert (len(server.requests), naps) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_do_not_carry_the_key_away(status):
    with serving(lambda handler, content, number: send(handler, completion("stolen"))) as thief:
        elsewhere = {"Location": thief.url}
        moved = serving(lambda handler, content, number: send(handler, b"", status, **elsewhere))
        with moved as server, pytest.raises(JudgeError, match=f"HTTP {status}"):
            client(server.url, key="secret")[0].ask(MESSAGES, JudgeSettings(0))
    assert thief.requests == []


def test_a_silent_server_runs_into_the_timeout():
    with serving(lambda handler, content, number: time.sleep(0.6)) as server:
        one, _ = client(server.url, timeout=0.2, retries=1)
        began = time.monotonic()
        with pytest.raises(JudgeError, match="failed in 2 tries, the last time: TimeoutError"):
            one.ask(MESSAGES, JudgeSettings(0))
    assert time.monotonic() - began < 3


def test_a_server_that_trickles_runs_into_the_timeout_too():
    def trickle(handler, content, number):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)

    with serving(trickle) as server:
        one, _ = client(server.url, timeout=0.3, retries=0)
        with pytest.raises(JudgeError, match=r"no whole answer within 0.3 s"):
            one.ask(MESSAGES, JudgeSettings(0))


def forever(handler, piece, pause):
    """Send the same bytes until the client goes away."""
    while True:
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(pause)


@pytest.mark.parametrize(
    ("piece", "pause"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
        (b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n", 0.05),
        (b"H", 0.05),
    ],
)
def test_the_time_limit_holds_before_the_body_too(piece, pause):
    with serving(lambda handler, content, number: forever(handler, piece, pause)) as server:
        one, _ = client(server.url, timeout=0.4, retries=0)
        began = time.monotonic()
        with pytest.raises(JudgeError, match=r"no whole answer within 0\.4 s|BadStatusLine|LineTooLong"):
            one.ask(MESSAGES, JudgeSettings(0))
    assert time.monotonic() - began < 3


def test_a_header_that_dribbles_runs_into_the_timeout():
    def dribble(handler, content, number):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        forever(handler, b"a", 0.05)

    with serving(dribble) as server:
        one, _ = client(server.url, timeout=0.4, retries=0)
        began = time.monotonic()
        with pytest.raises(JudgeError, match=r"TimeoutError: no whole answer within 0\.4 s"):
            one.ask(MESSAGES, JudgeSettings(0))
    assert time.monotonic() - began < 3


def test_a_server_that_takes_no_request_runs_into_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        one, _ = client(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", timeout=0.4, retries=0)
        long = [{"role": "user", "content": "x" * (32 << 20)}]
        began = time.monotonic()
        with pytest.raises(JudgeError, match=r"no whole answer within 0\.4 s"):
            one.ask(long, JudgeSettings(0))
    assert time.monotonic() - began < 5


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(JudgeError, match=r"Connection refused"):
        client(url)[0].ask(MESSAGES, JudgeSettings(0))


@pytest.mark.parametrize(
    ("url", "model", "options"),
    [
        ("localhost:8000", "m", {}),
        ("file:///etc/passwd", "m", {}),
        ("http://x", "", {}),
        ("http://x", "m", {"timeout": 0}),
        ("http://x", "m", {"retries": -1}),
    ],
)
def test_what_is_no_judge(url, model, options):
    with pytest.raises(ValueError, match=r"judge|server|negative"):
        JudgeClient(url, model, **{"timeout": 5, "retries": 2, **options})


KEY = "sk-0123456789/ab+c="


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", " "])
def test_a_line_end_behind_the_key_is_no_part_of_it(monkeypatch, end):
    monkeypatch.setenv(KEY_VARIABLE, KEY + end)
    with serving(lambda handler, content, number: send(handler, completion("x"))) as server:
        client(server.url, key=None)[0].ask(MESSAGES, JudgeSettings(0))
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["sk-01234\r\nX-Evil: 1", "sk-01234 56", "sk-01234ä", "sk-01234\x00"])
def test_a_key_that_no_header_takes_is_refused_without_showing_it(key):
    with pytest.raises(ValueError, match=f"^{KEY_VARIABLE} has a blank, a line end or a letter") as error:
        client("http://x/v1", key=key)
    assert "01234" not in str(error.value)


@pytest.mark.parametrize("body", ["Incorrect API key: KEY", '{"error": "KEY"}', "x" * 390 + "KEY", "QUOTED"])
@pytest.mark.parametrize("status", [401, 500, 200])
def test_a_key_that_the_server_echoes_is_in_no_message(status, body):
    said = body.replace("KEY", KEY).replace("QUOTED", quote(KEY, safe="")).encode()
    echo = serving(lambda handler, content, number: send(handler, said, status))
    with echo as server, pytest.raises(JudgeError) as error:
        client(server.url, key=KEY, retries=0)[0].ask(MESSAGES, JudgeSettings(0))
    assert "0123456789" not in str(error.value)
    assert "sk-0123" not in str(error.value)


def test_a_key_in_a_reply_is_not_kept():
    with serving(lambda handler, content, number: send(handler, completion(f"{KEY} is wrong"))) as server:
        assert client(server.url, key=KEY)[0].ask(MESSAGES, JudgeSettings(0)).text == "[hidden] is wrong"
    with serving(lambda handler, content, number: send(handler, completion("EMPTY: 0.5"))) as server:
        assert client(server.url, key="EMPTY")[0].ask(MESSAGES, JudgeSettings(0)).text == "EMPTY: 0.5"


def test_a_query_is_sent_and_not_seen():
    """As some servers want their key; they say the path that they do not have."""

    def respond(handler, content, number):
        if number:
            send(handler, f"no {handler.path}".encode(), 404)
        else:
            send(handler, completion("well"))

    with serving(respond) as server:
        one, _ = client(f"{server.url}/?api_key=X9secret%2F1&v=2")
        assert one.url == server.url
        assert one.ask(MESSAGES, JudgeSettings(0)).text == "well"
        with pytest.raises(JudgeError, match=r"HTTP 404: no /v1/chat/completions\?\[hidden\]$"):
            one.ask(MESSAGES, JudgeSettings(0))
    assert server.requests[0]["path"] == "/v1/chat/completions?api_key=X9secret%2F1&v=2"


def test_a_user_of_the_url_is_sent_and_not_seen():
    with serving(
        lambda handler, content, number: send(handler, handler.headers["Authorization"].encode(), 403)
    ) as server:
        one, _ = client(server.url.replace("//", "//me:p%40ss-word@"))
        assert one.url == server.url
        with pytest.raises(JudgeError, match=r"refuses the request: HTTP 403: Basic \[hidden\]$"):
            one.ask(MESSAGES, JudgeSettings(0))
    assert server.headers[0]["Authorization"] == "Basic bWU6cEBzcy13b3Jk"  # me:p@ss-word


@pytest.mark.parametrize(
    "url",
    [
        "me:p4ssword@host/v1",
        "ftp://me:p4ssword@host/v1",
        "http://me:p4ssword@host:port/v1",
        "http://me:p4ssword@/v1",
        "http://host/v1?key=p4ssword#x",
        "http://host/v1?key=p4ssword x",
        "http://[me:p4ssword@host/v1",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_it(url):
    with pytest.raises(
        ValueError, match=r"^a server is named by a URL like http://localhost:8000/v1, this"
    ) as error:
        client(url)
    assert "p4ssword" not in str(error.value)


def test_a_user_and_a_key_are_one_too_many():
    with pytest.raises(ValueError, match=f"the judge's URL has a user, and {KEY_VARIABLE} a key") as error:
        client("http://me:p4ssword@host/v1", key=KEY)
    assert "p4ss" not in str(error.value)


def test_the_key_is_in_no_message():
    echo = serving(lambda handler, content, number: send(handler, json.dumps(content).encode(), 400))
    with echo as server, pytest.raises(JudgeError) as error:
        client(server.url, key="secret")[0].ask(MESSAGES, JudgeSettings(0))
    assert "secret" not in str(error.value)

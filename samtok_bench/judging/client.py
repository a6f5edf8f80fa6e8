"""A judge: any server that speaks OpenAI's chat completions."""

import http.client
import json
import os
import urllib.error
import urllib.request
from time import monotonic, sleep
from typing import Any

from samtok_bench.judging.contract import JudgeSettings, Messages

KEY_VARIABLE = "SAMTOK_BENCH_JUDGE_KEY"
_READ_BYTES = 1 << 16
_MAX_BYTES = 16 << 20
_MAX_WAIT = 60.0


class JudgeError(OSError):
    """The judge cannot be asked, or does not answer."""


class JudgeClient:
    """Asks one model of one server.

    A request that fails on the way (no connection, timeout, HTTP 408, 429 or 5xx, an answer that is no chat
    completion) is tried again after 1, 2, 4, ... seconds, a minute at most. Redirects are not followed: the
    key is for this server.

    Args:
        url: with the version, as http://localhost:8000/v1.
        model: as the server calls it.
        key: sent as a bearer token; the environment's SAMTOK_BENCH_JUDGE_KEY if None, no token if empty.
        timeout: of one request in seconds, the reading of the answer included.
        retries: after the first try.

    Raises:
        ValueError: a URL of another kind, or impossible numbers.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        timeout: float = 120.0,
        retries: int = 4,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"a judge is named by a URL like http://localhost:8000/v1, got {url!r}")
        if not model:
            raise ValueError("a judge needs the name of its model")
        if timeout <= 0 or retries < 0:
            raise ValueError(f"timeout {timeout}, retries {retries}: must not be negative")
        self.url, self.model = url.rstrip("/"), model
        self._key = os.environ.get(KEY_VARIABLE, "") if key is None else key
        self._timeout, self._retries = timeout, retries
        self._opener = urllib.request.build_opener(_NoRedirect)

    def ask(self, messages: Messages, settings: JudgeSettings) -> str:
        """The model's reply; "" where the server sends none, as after a refusal.

        Raises:
            JudgeError: a request that the server refuses, or the last try failed; names server and reason.
        """
        given = {"max_tokens": settings.max_tokens, "top_p": settings.top_p}
        body = {"model": self.model, "messages": list(messages), "temperature": settings.temperature}
        body |= {name: value for name, value in given.items() if value is not None}
        data = json.dumps(body).encode()
        for attempt in range(self._retries + 1):
            if attempt:
                sleep(min(_MAX_WAIT, 2.0 ** (attempt - 1)))
            try:
                return _reply(self._post(data))
            except urllib.error.HTTPError as error:
                reason = f"HTTP {error.code}: {_said(error)}"
                if error.code not in (408, 429) and error.code < 500:
                    raise JudgeError(f"the judge at {self.url} refuses the request: {reason}") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = f"{type(error).__name__}: {error}"
        raise JudgeError(
            f"the judge at {self.url} failed in {self._retries + 1} tries, the last time: {reason}"
        )

    def _post(self, data: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(f"{self.url}/chat/completions", data, headers)
        until = monotonic() + self._timeout
        with self._opener.open(request, timeout=self._timeout) as response:
            read = b""
            while chunk := response.read1(_READ_BYTES):
                read += chunk
                # the socket's timeout is for each part of an answer, a slow server sends many
                if monotonic() > until:
                    raise TimeoutError(f"no whole answer within {self._timeout:g} s")
                if len(read) > _MAX_BYTES:
                    raise ValueError(f"an answer of more than {_MAX_BYTES} bytes")
            return read


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _reply(raw: bytes) -> str:
    try:
        content = json.loads(raw)["choices"][0]["message"].get("content")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"no chat completion: {raw[:80]!r}") from None
    if content is not None and not isinstance(content, str):
        raise ValueError(f"a reply that is no text: {raw[:80]!r}")
    return content or ""


def _said(error: urllib.error.HTTPError) -> str:
    """The beginning of an error's body, in one line."""
    try:
        return " ".join(error.read(400).decode(errors="replace").split()) or str(error.reason)
    except (OSError, http.client.HTTPException):
        return str(error.reason)

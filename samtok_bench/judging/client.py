"""A judge: any server that speaks OpenAI's chat completions."""

import http.client
import json
import os
import urllib.error
import urllib.request
from time import sleep

from samtok_bench.judging.address import read_address
from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.judging.deadline import opener

KEY_VARIABLE = "SAMTOK_BENCH_JUDGE_KEY"
_READ_BYTES = 1 << 16
_MAX_BYTES = 16 << 20
_MAX_WAIT = 60.0
_SHOWN = 400


class JudgeError(OSError):
    """The judge cannot be asked, or does not answer."""


class JudgeClient:
    """Asks one model of one server.

    A request that fails on the way (no connection, timeout, HTTP 408, 429 or 5xx, an answer that is no chat
    completion) is tried again after 1, 2, 4, ... seconds, a minute at most. Redirects are not followed: the
    key is for this server. Neither the key nor what else the URL keeps secret is in `url` or in a message.

    Args:
        url: with the version, as http://localhost:8000/v1; user:password@ is sent as a header, a query with
            each request.
        model: as the server calls it.
        key: sent as a bearer token; the environment's SAMTOK_BENCH_JUDGE_KEY if None, no token if empty.
        timeout: of one request in seconds, from the connection to the end of the answer.
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
        if not model:
            raise ValueError("a judge needs the name of its model")
        if timeout <= 0 or retries < 0:
            raise ValueError(f"timeout {timeout}, retries {retries}: must not be negative")
        key = os.environ.get(KEY_VARIABLE, "") if key is None else key
        self._address = read_address(url, key, KEY_VARIABLE)
        self.url, self.model = self._address.url, model
        self._timeout, self._retries = timeout, retries
        self._opener = opener()

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
                return self._address.hide_long(self._reply(self._post(data)))
            except urllib.error.HTTPError as error:
                reason = f"HTTP {error.code}: {self._said(error)}"
                if error.code not in (408, 429) and error.code < 500:
                    raise JudgeError(f"the judge at {self.url} refuses the request: {reason}") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = self._address.hide(f"{type(error).__name__}: {error}")
        raise JudgeError(
            f"the judge at {self.url} failed in {self._retries + 1} tries, the last time: {reason}"
        )

    def _post(self, data: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self._address.authorization:
            headers["Authorization"] = self._address.authorization
        request = urllib.request.Request(self._address.endpoint("chat/completions"), data, headers)
        with self._opener.open(request, timeout=self._timeout) as response:
            read = b""
            while chunk := response.read1(_READ_BYTES):
                read += chunk
                if len(read) > _MAX_BYTES:
                    raise ValueError(f"an answer of more than {_MAX_BYTES} bytes")
            return read

    def _reply(self, raw: bytes) -> str:
        try:
            content = json.loads(raw)["choices"][0]["message"].get("content")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise ValueError(f"no chat completion: {self._beginning(raw)!r}") from None
        if content is not None and not isinstance(content, str):
            raise ValueError(f"a reply that is no text: {self._beginning(raw)!r}")
        return content or ""

    def _said(self, error: urllib.error.HTTPError) -> str:
        """The beginning of an error's body, in one line."""
        reason = self._address.hide(str(error.reason))
        try:
            return " ".join(self._beginning(error.read(_READ_BYTES), _SHOWN).split()) or reason
        except (OSError, http.client.HTTPException):
            return reason

    def _beginning(self, raw: bytes, length: int = 80) -> str:
        """Of what a server sent, without secrets: hidden first, since a cut one is not found."""
        return self._address.hide(raw[:_READ_BYTES].decode(errors="replace"))[:length]

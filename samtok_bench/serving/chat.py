"""Asks a server that speaks OpenAI's chat completions."""

import http.client
import json
import os
import random
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import sleep, time
from typing import Any

from samtok_bench.serving.address import read_address
from samtok_bench.serving.deadline import opener

_READ_BYTES = 1 << 16
_MAX_BYTES = 16 << 20
_MAX_WAIT = 60.0
_SHOWN = 400


class RefusedError(OSError):
    """The server refuses a request, and would refuse it again.

    Args:
        message: in one line.
        code: of HTTP.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class FailedError(OSError):
    """No try brought an answer; the message tells of the last one."""


class RateLimitError(FailedError):
    """The last try came too soon for the server, as HTTP 429 says: the request itself is not at fault."""


@dataclass(frozen=True)
class Reply:
    """What a model said."""

    text: str
    """Empty where the server sends none, as after a refusal."""
    has_text: bool = True
    """False where the server sends none, which is not the same as an empty one."""
    finish_reason: str = ""
    """As the server calls it; empty where it does not, the name of a type where that is no text."""
    prompt_tokens: int | None = None
    """None where the server does not count."""
    new_tokens: int | None = None
    model: str = ""
    """What the server says that it asked, as `gpt-4o-2024-08-06` for `gpt-4o`; empty where it does not."""
    system_fingerprint: str = ""
    """Of the server's own configuration; the same."""


class ChatClient:
    """A server.

    A request that fails on the way (no connection, timeout, HTTP 408, 429 or 5xx, an answer that is no chat
    completion) is tried again after about 1, 2, 4, ... seconds, or when the server's Retry-After says, a
    minute at most. After 429 that is 1, 4, 16, ... seconds, or Retry-After if it is longer, a minute at
    most: limits are often by the minute, so four retries wait for more than one. Redirects are not followed:
    the key is for this server. Neither it nor what else the URL keeps secret is in `url` or in a message.

    Args:
        role: what messages call it, as "the judge".
        url: with the version, as http://localhost:8000/v1; user:password@ is sent as a header, a query with
            each request.
        key: sent as a bearer token; the environment's if None, no token if empty.
        key_variable: of the environment.
        timeout: of one request in seconds, from the connection to the end of the answer.
        retries: after the first try.

    Raises:
        ValueError: a URL of another kind, or impossible numbers.
    """

    def __init__(
        self,
        role: str,
        url: str,
        *,
        key: str | None = None,
        key_variable: str,
        timeout: float,
        retries: int,
    ) -> None:
        if timeout <= 0 or retries < 0:
            raise ValueError(f"timeout {timeout}, retries {retries}: must not be negative")
        key = os.environ.get(key_variable, "") if key is None else key
        self._address = read_address(url, key, key_variable)
        self.role, self.url = role, self._address.url
        self.has_secrets_in_url = self._address.url != url.rstrip("/")
        self._timeout, self._retries = timeout, retries
        self._opener = opener()

    def complete(self, body: Mapping[str, Any], retries: int | None = None) -> Reply:
        """The model's reply to a request.

        Args:
            body: of the request: model, messages, ...
            retries: other than the client's own.

        Raises:
            RefusedError: HTTP 4xx other than 408 and 429; names server and reason.
            FailedError: the last try failed; the same. RateLimitError if it was refused by HTTP 429.
        """
        data = json.dumps(body).encode()
        tries = (self._retries if retries is None else retries) + 1
        wait = reason = None
        limited = False
        for attempt in range(tries):
            if attempt:
                # jitter: many clients of a server that was down do not come back as one
                backoff = (4.0 if limited else 2.0) ** (attempt - 1) * random.uniform(0.75, 1.25)
                if wait is not None:
                    # a limit's Retry-After is of one request, and others wait beside it
                    backoff = max(wait, backoff) if limited else wait
                sleep(min(_MAX_WAIT, backoff))
            try:
                return self._reply(self._post(data))
            except urllib.error.HTTPError as error:
                wait = _retry_after(error.headers.get("Retry-After"))
                reason = f"HTTP {error.code}: {self._said(error)}"
                limited = error.code == 429
                if error.code not in (408, 429) and error.code < 500:
                    message = f"{self.role} at {self.url} refuses the request: {reason}"
                    raise RefusedError(message, error.code) from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                wait, reason = None, self._address.hide(f"{type(error).__name__}: {error}")
                limited = False
        kind = RateLimitError if limited else FailedError
        raise kind(f"{self.role} at {self.url} failed in {tries} tries, the last time: {reason}")

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

    def _reply(self, raw: bytes) -> Reply:
        try:
            answer = json.loads(raw)
            choice = answer["choices"][0]
            content, finish = choice["message"].get("content"), choice.get("finish_reason")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise ValueError(f"no chat completion: {self._beginning(raw)!r}") from None
        if content is not None and not isinstance(content, str):
            raise ValueError(f"a reply that is no text: {self._beginning(raw)!r}")
        usage = answer.get("usage")
        counts = [usage.get(f"{kind}_tokens") if isinstance(usage, dict) else None for kind in _KINDS]
        prompt, new = (count if type(count) is int and count >= 0 else None for count in counts)
        text = self._address.hide_long(content or "")
        names = (self._stated(answer.get(name)) for name in ("model", "system_fingerprint"))
        # what is no text is no end that anybody knows
        finish = finish if finish is None or isinstance(finish, str) else type(finish).__name__
        return Reply(text, content is not None, self._stated(finish), prompt, new, *names)

    def _stated(self, value: Any) -> str:
        """What a server says beside its reply, without secrets; empty where that is no text."""
        return self._address.hide_long(value) if isinstance(value, str) else ""

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


_KINDS = ("prompt", "completion")


def _retry_after(header: str | None) -> float | None:
    """Seconds until a server wants to be asked again, at least 0; None where it does not say."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time())
    except ValueError:
        return None

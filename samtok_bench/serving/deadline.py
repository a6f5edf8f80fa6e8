"""HTTP with one time limit for all of a request: connecting, sending, headers and body.

A socket's own time limit is for each call, so a server that sends a byte now and then, or "100 Continue"
without end, would hold a request for ever.
"""

import io
import socket
import urllib.request
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from time import monotonic
from typing import Any


def opener() -> urllib.request.OpenerDirector:
    """Opens URLs within the `timeout` that `open` is given; follows no redirect.

    A request that takes longer raises TimeoutError, also while its answer is read; that of connecting and
    sending comes within an URLError. Only the look-up of a name is left to the system's own limit.
    """
    return urllib.request.build_opener(_Http, _Https, _NoRedirect)


class _Deadline:
    """The end of a time limit that begins now."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._until = seconds, monotonic() + seconds

    def left(self) -> float:
        """Seconds; TimeoutError if there are none."""
        left = self._until - monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> TimeoutError:
        return TimeoutError(f"no whole answer within {self._seconds:g} s")


class _Timed(HTTPConnection):
    """A connection for one request."""

    def __init__(self, host: str, *, timeout: float, **options: Any) -> None:
        super().__init__(host, timeout=timeout, **options)
        self._deadline = _Deadline(timeout)
        self._create_connection = self._connected
        self.response_class = partial(_Response, deadline=self._deadline)  # type: ignore[assignment]

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self._deadline.left())
        try:
            super().send(data)
        except TimeoutError:
            raise self._deadline.passed() from None

    def _connected(self, address: tuple[str, int], *_options: Any) -> socket.socket:
        """As socket.create_connection, whose time limit is for each address of a name."""
        refused = OSError(f"no address for {address[0]}")
        for _, _, _, _, place in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            try:
                found = socket.create_connection((str(place[0]), int(place[1])), self._deadline.left())
            except OSError as error:
                refused = error
                continue
            found.settimeout(self._deadline.left())  # for the handshake of TLS
            return found
        raise refused


class _TimedSecure(_Timed, HTTPSConnection):
    pass


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: _Deadline, **options: Any) -> None:
        super().__init__(_Readable(sock, deadline), *args, **options)  # type: ignore[arg-type]


class _Readable:
    """What a response needs of a socket."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        # the socket lives as long as a file that it made itself
        file = self._sock.makefile("rb", buffering=0)
        return io.BufferedReader(_Raw(self._sock, file, self._deadline))


class _Raw(io.RawIOBase):
    """Reads from a socket while there is time."""

    def __init__(self, sock: socket.socket, file: Any, deadline: _Deadline) -> None:
        self._sock, self._file, self._deadline = sock, file, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.left())
        try:
            read: int | None = self._file.readinto(buffer)
        except TimeoutError:
            raise self._deadline.passed() from None
        return read

    def close(self) -> None:
        self._file.close()
        super().close()


class _Http(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(_Timed, request)  # type: ignore[arg-type]


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(_TimedSecure, request)  # type: ignore[arg-type]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None

"""A local server that speaks OpenAI's chat completions, as ill as a test wants it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Respond = Callable[[BaseHTTPRequestHandler, dict[str, Any], int], None]
"""Gets the handler, the request's content and its number, from 0."""


@dataclass
class Server:
    """What a test sees of the server."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """Answer with a body."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def completion(reply: Any) -> bytes:
    """A chat completion with this content."""
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": reply}}]}).encode()


@contextmanager
def serving(respond: Respond) -> Iterator[Server]:
    """A server in a thread for the time of a test."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(server.requests)
                server.requests.append({"path": self.path, **content})
                server.headers.append(dict(self.headers))
            # the client goes away after its timeout, as it should
            with suppress(BrokenPipeError, ConnectionResetError):
                respond(self, content, number)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{http.server_address[1]}/v1")
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()

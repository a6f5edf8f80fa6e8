"""A local stand-in for the Hugging Face hub: enough of its API to list a data set and to download from it."""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Serves data sets until `close`."""

    datasets: Mapping[str, Mapping[str, bytes]]
    """Files by path, of each data set, at the newest revision."""
    older: Mapping[str, Mapping[str, Mapping[str, bytes]]] = field(default_factory=dict)
    """Data sets by other revisions."""
    broken: frozenset[str] = frozenset()
    """Paths that answer with 404 though they are listed."""
    gated: bool = False
    """Whether it asks for the user's consent first."""
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""

    def __post_init__(self) -> None:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Nothing to the terminal."""

            def do_GET(self) -> None:
                hub.answer(self)

            def do_HEAD(self) -> None:
                hub.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(request.path).path)
        self.asked.append(f"{request.command} {path}")
        if self.gated:
            return self._send(request, b"{}", status=403, error="GatedRepo")
        held = [(REVISION, self.datasets), *self.older.items()]
        for revision, name, files in ((one, *item) for one, sets in held for item in sets.items()):
            newest = {f"/api/datasets/{name}"} if revision == REVISION else set()
            if path in {f"/api/datasets/{name}/revision/{revision}"} | newest:
                return self._send(
                    request, json.dumps(self._info(name, files, revision)).encode(), json_type=True
                )
            if path.startswith(f"/api/datasets/{name}/tree/{revision}"):
                return self._send(request, json.dumps(self._tree(files)).encode(), json_type=True)
            prefix = f"/datasets/{name}/resolve/{revision}/"
            place = path.removeprefix(prefix)
            if path.startswith(prefix) and place in files and place not in self.broken:
                return self._send(request, files[place], commit=revision)
        known = any(path.startswith(f"/api/datasets/{name}/revision/") for name in self.datasets)
        missing = "RevisionNotFound" if known else "RepoNotFound" if "/api/" in path else "EntryNotFound"
        return self._send(request, b"{}", status=404, error=missing)

    @staticmethod
    def _info(name: str, files: Mapping[str, bytes], revision: str) -> dict[str, object]:
        siblings = [
            {"rfilename": path, "size": len(data), "blobId": _etag(data)} for path, data in files.items()
        ]
        return {"_id": "1", "id": name, "sha": revision, "private": False, "tags": [], "siblings": siblings}

    @staticmethod
    def _tree(files: Mapping[str, bytes]) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": path, "size": len(data), "oid": _etag(data)}
            for path, data in files.items()
        ]

    @staticmethod
    def _send(
        request: BaseHTTPRequestHandler,
        data: bytes,
        *,
        json_type: bool = False,
        status: int = 200,
        commit: str = REVISION,
        error: str = "",
    ) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(data)))
        request.send_header("Content-Type", "application/json" if json_type else "application/octet-stream")
        if status == 200:
            request.send_header("ETag", f'"{_etag(data)}"')
            request.send_header("X-Repo-Commit", commit)
        else:
            request.send_header("X-Error-Code", error)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(data)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()

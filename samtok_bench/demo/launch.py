"""Serves the page: where, to whom, until when."""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec

from samtok_bench.demo.model import DemoModel
from samtok_bench.demo.scenes import Scene

EXTRA = "the demo needs gradio: pip install 'samtok-bench[demo]'"
LARGEST_FILE = "200mb"


def check_place(host: str, port: int) -> None:
    """See before the model is loaded that a page can be served.

    Raises:
        ValueError: gradio is not installed.
        OSError: the port is taken, or the host is none of this machine.
    """
    if find_spec("gradio") is None:
        raise ValueError(EXTRA)
    _bound(host, port)


@contextmanager
def running(
    model: DemoModel, scenes: Sequence[Scene], host: str, port: int, share: bool = False
) -> Iterator[list[str]]:
    """Serve the page meanwhile; gives its address, and the public one if there is to be one.

    Args:
        model: who answers.
        scenes: pictures to begin with, at least one.
        host: an address of this machine.
        port: 0 for a free one.
        share: also at a public address of gradio's.

    Raises:
        ValueError: gradio is not installed.
        OSError: see `check_place`; also where gradio's server for public addresses cannot be reached.
    """
    check_place(host, port)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # which is read as gradio is imported
    from samtok_bench.demo import page

    blocks = page.build(model, scenes)
    try:
        _, local, public = blocks.launch(
            server_name=host,
            server_port=port or _bound(host, 0),
            share=share,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size=LARGEST_FILE,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            theme=page.theme(),
            css=page.asset("page.css"),
        )
        if share and not public:
            raise OSError("gradio gave no public address: is there a way to the internet?")
        yield [local, public] if public else [local]
    finally:
        blocks.close(verbose=False)


def serve(
    model: DemoModel, scenes: Sequence[Scene], host: str, port: int, share: bool, say: Callable[[str], None]
) -> None:
    """Serve the page until it is interrupted; `say` is told where. Else as `running`."""
    with running(model, scenes, host, port, share) as (local, *public):
        say(f"demo of {model.name}: {local} (Ctrl-C ends it)")
        for address in public:
            say(f"public, to all who know the address: {address}")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    say("the demo has ended")


def _bound(host: str, port: int) -> int:
    """The port that can be listened on now, `port` or a free one for 0; errors as `check_place`."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or error
            raise OSError(
                f"the demo cannot listen on {host}, port {port}: {reason}; see --port, --host"
            ) from None
        return int(probe.getsockname()[1])

"""What an interrupt, or an error of the disk, leaves behind: said together with it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def keeping(kept: Callable[[], str]) -> Iterator[None]:
    """Add to an interrupt, or an OSError, what is kept and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        error.add_note(kept())
        raise


@contextmanager
def put_off() -> Iterator[None]:
    """Let an interrupt wait until the end, so that what is done here is done whole and once."""
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # nobody is interrupted here, or by other rules
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda *seen: came.append(seen))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt

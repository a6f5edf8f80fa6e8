"""Asking about many samples at once, so that an interrupt neither waits nor loses what came."""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Event, Semaphore, Thread
from typing import Any, TypeVar

from samtok_bench.interruption import put_off

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def ask_all(
    ask: Callable[[Item], Answer], items: Sequence[Item], jobs: int, keep: Callable[[Answer], None]
) -> None:
    """Ask about each item and keep each answer as it comes, in the thread of the caller.

    After a failure no further item is begun, those at work are waited for, and the failure is raised. An
    interrupt ends at once: what came is kept, what is at work is left to threads that end with the process.

    Args:
        ask: called in threads.
        items: in the order in which they are begun.
        jobs: how many are asked about at once, at least 1.
        keep: called for one answer after the other.
    """
    left = deque(items)
    ended = object()  # comes from each thread as its last, and is no answer
    came: deque[Any] = deque()
    stopped, changed = Event(), Semaphore(0)

    def put(answer: Any) -> None:
        came.append(answer)
        changed.release()

    def work() -> None:
        while left and not stopped.is_set():
            try:
                item = left.popleft()
            except IndexError:  # another thread took the last one
                break
            try:
                answer = ask(item)
            except BaseException as error:
                stopped.set()
                put(error)
            else:
                put(answer)
        put(ended)

    threads = [Thread(target=work, daemon=True) for _ in range(min(jobs, len(items)))]
    working = len(threads)
    failure: BaseException | None = None

    def settle() -> None:
        nonlocal failure, working
        while came:
            with put_off():  # or an answer could be kept twice, or not at all
                answer = came.popleft()
                if answer is ended:
                    working -= 1
                elif isinstance(answer, BaseException):
                    failure = failure or answer
                else:
                    keep(answer)

    try:
        for thread in threads:
            thread.start()
        while working:
            changed.acquire()
            settle()
    except KeyboardInterrupt:
        stopped.set()
        settle()
        raise
    finally:
        stopped.set()
    if failure is not None:
        raise failure

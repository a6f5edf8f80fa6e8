"""Asking about many at once: failures, interrupts, what is kept."""

import signal
import threading
import time

import pytest

from samtok_bench.serving.asking import ask_all


def test_all_answers_are_kept():
    kept = []
    ask_all(lambda item: item * item, range(100), 7, kept.append)
    assert sorted(kept) == [item * item for item in range(100)]
    ask_all(lambda item: item, [], 3, kept.append)


def test_an_answer_may_be_none():
    kept = []
    ask_all(lambda item: None, range(5), 2, kept.append)
    assert kept == [None] * 5


def test_after_a_failure_no_other_is_begun_and_those_at_work_are_kept():
    begun, kept, failed = [], [], threading.Event()

    def ask(item):
        begun.append(item)
        if item == 1:
            failed.set()
            raise OSError("gone")
        failed.wait(5)
        time.sleep(0.1)
        return item

    with pytest.raises(OSError, match="gone"):
        ask_all(ask, range(50), 3, kept.append)
    assert sorted(kept) == sorted(set(begun) - {1})
    assert len(begun) <= 4


def test_what_cannot_be_kept_ends_it():
    def keep(item):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ask_all(lambda item: item, range(9), 2, keep)


def test_an_interrupt_waits_for_nobody_and_keeps_what_came():
    kept, came = [], threading.Event()

    def ask(item):
        if item < 3:
            return item
        if item == 3:
            came.wait(5)
            return item
        time.sleep(60)

    def keep(item):
        if not kept:  # while the first is written the others come
            kept.append(item)
            came.set()
            time.sleep(0.3)
            signal.raise_signal(signal.SIGINT)  # what is being kept is kept whole, and once
            return
        kept.append(item)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask_all(ask, range(9), 4, keep)
    assert time.monotonic() - began < 10
    assert sorted(kept) == [0, 1, 2, 3]


def test_answers_come_once_wherever_an_interrupt_comes():
    for place in range(9):
        kept: list[int] = []

        def keep(item, place=place, kept=kept):
            if len(kept) == place:
                signal.raise_signal(signal.SIGINT)
            kept.append(item)

        with pytest.raises(KeyboardInterrupt):
            ask_all(lambda item: item, range(9), 2, keep)
        assert place < len(kept) == len(set(kept))

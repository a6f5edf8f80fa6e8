"""How far a run is, on stderr: a bar on a terminal, plain lines elsewhere."""

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from samtok_bench.showing.tables import printable_lines

PLAIN_SECONDS = 10.0


class BarReporter:
    """A bar with rate and time left."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )

    def start(self, what: str, total: int, done: int) -> None:
        self._bar = self._progress.add_task(what, total=total, completed=done, rate="")
        self._began, self._new = time.perf_counter(), 0
        self._progress.start()

    def advance(self, count: int) -> None:
        self._new += count
        self._progress.update(self._bar, advance=count, rate=_rate(self._new, self._began))

    def stop(self) -> None:
        self._progress.stop()
        self._progress.remove_task(self._bar)

    def note(self, text: str) -> None:
        self._progress.console.print(printable_lines(text), highlight=False, markup=False)


class PlainReporter:
    """One line every few seconds, for logs."""

    def start(self, what: str, total: int, done: int) -> None:
        self._what, self._total, self._done, self._new = what, total, done, 0
        self._began = self._last = time.perf_counter()
        self.note(f"{what}: {done} of {total} samples done")

    def advance(self, count: int) -> None:
        self._done += count
        self._new += count
        now = time.perf_counter()
        if now - self._last >= PLAIN_SECONDS or self._done == self._total:
            self._last = now
            left = (now - self._began) / self._new * (self._total - self._done)
            self.note(
                f"{self._what}: {self._done} of {self._total}, {_rate(self._new, self._began)},"
                f" {left:.0f} s left"
            )

    def stop(self) -> None:
        """Nothing to tidy."""

    def note(self, text: str) -> None:
        print(printable_lines(text), file=sys.stderr, flush=True)


def make_reporter() -> BarReporter | PlainReporter:
    """The one that fits where stderr goes."""
    return BarReporter() if sys.stderr.isatty() else PlainReporter()


def _rate(count: int, began: float) -> str:
    return f"{count / max(time.perf_counter() - began, 1e-9):.1f}/s"

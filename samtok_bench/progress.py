"""Where long work says how far it is."""

from typing import Protocol


class Reporter(Protocol):
    """Told by whatever takes long."""

    def start(self, what: str, total: int, done: int) -> None:
        """A stretch of work begins; `done` of `total` samples are already there."""

    def advance(self, count: int) -> None:
        """So many more samples are done."""

    def stop(self) -> None:
        """The stretch is over."""

    def note(self, text: str) -> None:
        """One line that a user should see."""

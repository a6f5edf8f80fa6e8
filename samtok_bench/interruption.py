"""What an interrupt, or an error of the disk, leaves behind: said together with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def keeping(kept: Callable[[], str]) -> Iterator[None]:
    """Add to an interrupt, or an OSError, what is kept and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        error.add_note(kept())
        raise


def in_one_line(error: BaseException) -> str:
    """What an error says, and what was added to it."""
    parts = filter(None, [str(error), *notes(error)])
    return "; ".join(" ".join(part.split()) for part in parts)


def notes(error: BaseException) -> list[str]:
    """What was added to an error, the innermost first."""
    return list(getattr(error, "__notes__", ()))

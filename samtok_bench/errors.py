"""An error in one line, for people."""


def in_one_line(error: BaseException) -> str:
    """What an error says, and what was added to it."""
    parts = filter(None, [str(error), *getattr(error, "__notes__", ())])
    return "; ".join(" ".join(part.split()) for part in parts)


def what_it_raised(error: BaseException) -> str:
    """What other people's code raised: the kind, and the first line of what it says."""
    return f"{type(error).__name__}: {str(error).strip().split(chr(10))[0]}"

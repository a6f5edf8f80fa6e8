"""What the commands say to people."""

import typer

from samtok_bench.showing.tables import printable_lines


def say(text: str, err: bool = False) -> None:
    """Print lines; control characters in them, as names and answers may have, are spelled out.

    Args:
        text: for people, or JSON that is ASCII; other JSON is printed as it is, with typer.echo.
        err: to stderr.
    """
    typer.echo(printable_lines(text), err=err)

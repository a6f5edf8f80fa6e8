"""What stands in the place of a checkpoint's file: told from its beginning, before a library reads it.

A clone without git-lfs leaves pointers, a download without a login leaves web pages, an interrupted one
leaves a part. Each becomes one line with the file's name and the likely cause.
"""

import json
import struct
from pathlib import Path
from typing import Any

from safetensors import safe_open

_HEAD = 512
_AGAIN = "download it again"
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<?xml", b"<error")


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: something else stands in its place, or it is cut or no object.
    """
    refuse_impostor(path)
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is broken or cut, {_AGAIN}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object but a {type(content).__name__}")
    return content


def check_safetensors(path: Path) -> None:
    """Check that a file is whole safetensors, without reading the weights.

    Raises:
        FileNotFoundError: no such file.
        ValueError: something else stands in its place, or it is cut.
    """
    refuse_text(path)
    try:
        with safe_open(path, framework="pt"):
            return
    except Exception as error:  # its own class of error derives from Exception alone
        reason = one_line(error)
    if beginning(path).startswith((b"PK\3\4", b"\x80\x02")):
        raise ValueError(f"{path} is not safetensors but a PyTorch file: rename it, or {_AGAIN}")
    raise ValueError(f"{path} is cut or no safetensors file, {_AGAIN}: {reason}")


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: the length of a header, and a header in JSON."""
    head = beginning(path)
    return len(head) > 8 and head[8:9] == b"{" and 2 <= struct.unpack("<Q", head[:8])[0] < path.stat().st_size


def refuse_text(path: Path) -> None:
    """Raise as `refuse_impostor`, and for any other text in the place of weights."""
    refuse_impostor(path)
    head = beginning(path)[:64]
    # every format of weights has a zero or a control character in its first bytes
    if all(byte in b"\t\n\r" or byte >= 32 for byte in head):
        shown = head.decode(errors="replace").split("\n")[0][:40]
        raise ValueError(f"{path} is a text that begins {shown!r}, not weights: {_AGAIN}")


def refuse_impostor(path: Path) -> None:
    """Raise if a file is missing, empty, a git-lfs pointer or a web page.

    Raises:
        FileNotFoundError: no such file.
        ValueError: one of the others.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    head = beginning(path).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        raise ValueError(f"{path} is empty: its download or copy was probably interrupted; {_AGAIN}")
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        raise ValueError(f"{path} is a git-lfs pointer and not the file itself: run `git lfs pull` there")
    if head.lower().startswith(_PAGES):
        raise ValueError(
            f"{path} is a web page and not the file: its address was wrong, or asked for a login; {_AGAIN}"
        )


def beginning(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(_HEAD)


def one_line(error: BaseException) -> str:
    """An error's message in one line, with its kind where the message alone says little."""
    text = " ".join(str(error).split())[:_HEAD]
    return (
        text
        if text and isinstance(error, OSError | ValueError | RuntimeError)
        else f"{type(error).__name__}: {text}"
    )

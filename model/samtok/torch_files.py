"""Reading the files of torch.save: tensors only, and no code, bounded in time and memory by the file's size.

torch.load(weights_only=True) runs no code either, but it hashes what a file gives as keys, and a small nest
of tuples as a key takes for ever or overflows the stack in C. So the list of tensors, a pickle, is checked
before torch reads it: which names it has, and that its tuples are small.
"""

import io
import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from samtok.file_kinds import beginning, is_safetensors, one_line, refuse_text

MOST_PICKLE = 2**22
"""Bytes of the list of tensors. That of a model with 750 tensors has 0.15 MB."""
MOST_PARTS = 10_000
"""Parts of a tuple, with all that is inside it. A tensor is made from about 20."""
_NAMES = re.compile(
    r"collections OrderedDict|torch (?:Size|device|u?int\d+|b?float\w+|half|bool|\w+Storage)"
    r"|torch\.storage (?:Typed|Untyped)Storage|torch\._utils _rebuild_(?:tensor(?:_v2)?|parameter)"
    r"|torch\.nn\.parameter Parameter"
)
_ZIP = b"PK\3\4"
# torch.save before 1.6: three small pickles, of which the first holds this number, then the list of
# tensors, that of their storages, and the storages
_OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_OLD_PICKLES = 5
_IN_PLACE = frozenset({"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"})


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The table of tensors in a file of torch.save, which may stand under "model" or "state_dict".

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no such table or holds more; nothing of it was run.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    refuse_text(path)
    head = beginning(path)
    zipped = head.startswith(_ZIP)
    if zipped:
        _check_zip(path)
    elif head.startswith(_OLD):
        _check_pickles(path, path.open("rb").read(MOST_PICKLE), _OLD_PICKLES)
    else:
        raise ValueError(f"{path} is not a PyTorch file{_instead(path, head)}")
    try:
        # the old format cannot be mapped into memory
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # torch promises no particular one for a broken file
        raise ValueError(f"{path} is broken or cut, download it again: {one_line(error)}") from None
    return _table(path, content)


def _table(path: Path, content: Any) -> dict[str, Tensor]:
    for wrapper in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{path} is not a table of tensors (nor one under 'model' or 'state_dict')")
    for key, tensor in content.items():
        # one number repeated without end is a tensor, too
        if tensor.nbytes > tensor.untyped_storage().nbytes():
            raise ValueError(f"{path}: {key} claims {tensor.nbytes:,} bytes, which the file does not have")
    return {str(key): value for key, value in content.items()}


def _instead(path: Path, head: bytes) -> str:
    if is_safetensors(path):
        return " but safetensors: name it so"
    return " but another pickle, which could run code" if head.startswith(b"\x80") else ""


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as file:
            parts = file.infolist()
            lists = [part for part in parts if part.filename.endswith("/data.pkl")]
            size = sum(part.file_size for part in parts)
            if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or size > path.stat().st_size:
                raise ValueError(f"{path} is packed, and unpacks to {size:,} bytes; torch.save packs nothing")
            # what torch, whose reader is another one, could see differently
            if len(lists) != 1 or len({part.filename.lower() for part in parts}) < len(parts) or file.comment:
                raise ValueError(f"{path} is a zip archive, but not one of torch.save")
            if lists[0].file_size > MOST_PICKLE:
                raise ValueError(f"{path} is refused: its list of tensors has {lists[0].file_size:,} bytes")
            data = file.read(lists[0])
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError):
        raise ValueError(
            f"{path} is broken or cut, download it again: the end of its zip archive is missing"
        ) from None
    _check_pickles(path, data, 1)


def _check_pickles(path: Path, data: bytes, count: int) -> None:
    stream = io.BytesIO(data)
    for _ in range(count):
        try:
            fault = _fault(stream)
        except Exception:  # neither does pickletools promise a particular one
            where = "its list of tensors is broken, or too long"
            raise ValueError(f"{path} is broken or cut, download it again: {where}") from None
        if fault:
            raise ValueError(f"{path} is refused: {fault}")


def _fault(stream: io.BytesIO) -> str:
    """What is wrong with the next pickle, if something is; runs its stack machine on sizes alone.

    What a pickle makes counts as 1 and what it is made from; lists and tables, which are no keys, stay small.
    """
    stack: list[int | None] = []  # None is a mark
    memo: dict[int, int | None] = {}
    for operation, value, _ in pickletools.genops(stream):
        name, argument = operation.name, str(value)
        if name == "GLOBAL" and not _NAMES.fullmatch(argument):
            return f"it holds more than tensors, {argument.replace(' ', '.')!r}, which could run code"
        if name.endswith("PUT"):
            memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name.endswith("GET"):
            stack.append(memo[int(argument)])
        elif name == "MARK":
            stack.append(None)
        else:
            taken = _take(stack, operation.stack_before)
            size = (taken[-1] or 0) if name in _IN_PLACE else 1 + sum(part or 0 for part in taken)
            if size > MOST_PARTS:
                return "it nests tuples, which no list of tensors does"
            stack.extend([size] * len(operation.stack_after))
    return ""


def _take(stack: list[int | None], kinds: list[pickletools.StackObject]) -> list[int | None]:
    """Take the operands of an operation off the stack, the uppermost first."""
    if pickletools.markobject not in kinds:
        return [stack.pop() for _ in kinds]
    taken = []
    while (part := stack.pop()) is not None:
        taken.append(part)
    return [*taken, *(stack.pop() for _ in range(kinds.index(pickletools.markobject)))]

"""Lists of numbers in an answer, whatever stands around them, each with its label."""

import json
import re
from dataclasses import dataclass

BOX_FIELDS = ("bbox_2d", "box_2d", "bbox", "box_start")
"""What models call a box in JSON, and the mark that Qwen2-VL sets before one."""


@dataclass
class NumberList:
    """`[1, 2, 3]` or `(1, 2)`, two numbers or more."""

    numbers: list[float]
    """None of a list that is cut or has other things in it, or where a box's field has no list."""
    field: str
    """Whose value it is in JSON, or belongs to, or "box_start" after that mark; else ""."""
    joined: bool
    """Whether nothing but white space and commas stands between it and the list before."""
    round: bool
    """Whether it is in parentheses."""
    label: str
    """`label` of the same object in JSON, or the phrase that Qwen2-VL marks before its boxes; else ""."""

    @property
    def points(self) -> list[tuple[float, float]]:
        """The numbers two by two; none of an odd count."""
        pairs = zip(self.numbers[::2], self.numbers[1::2], strict=False)
        return [] if len(self.numbers) % 2 else list(pairs)


def number_lists(text: str) -> list[NumberList]:
    """Those of a text in reading order. Never raises."""
    found, here = list[NumberList](), list[NumberList]()  # here: those that may have a label yet to come
    label, end = "", 0  # where the list before ends
    for token in _TOKEN.finditer(text):
        if token["edge"]:
            label, here = (token["phrase"] or "").strip(), []
        elif token["label"]:
            label = _unquoted(token["label"])
            for one in here:
                one.label = label
            here = []
        else:
            field = token["name"] or token["mark"] or token["empty"] or ""
            joined = bool(end) and not field and not text[end : token.start()].strip(" \t\r\n,")
            if joined:
                field = found[-1].field
            found.append(NumberList(_numbers(token), field, joined, bool(token["round"]), label))
            here.append(found[-1])
        end = token.end() if token["list"] else 0
    return found


def _numbers(token: re.Match[str]) -> list[float]:
    whole = token["round"] or (token["square"] if token["closed"] else "") or ""
    return [float(number) for number in _SPACE.split(whole) if number]


def _unquoted(quoted: str) -> str:
    """A text in the quotes of JSON, or of Python."""
    try:
        said = str(json.loads(f'"{quoted[1:-1]}"', strict=False))
        said.encode()
        return said.strip()
    except ValueError:
        return quoted[1:-1].strip()


_NUMBER = r"[-+]?(?:\d{1,15}(?:\.\d{0,18})?|\.\d{1,18})(?:[eE][-+]?\d{1,2})?"
_NUMBERS = rf"{_NUMBER}(?:[\s,]{{1,9}}{_NUMBER})++"
_LIST = (
    rf"(?P<list>\[\s{{0,9}}(?P<square>{_NUMBERS})[\s,]{{0,9}}(?P<closed>\]?)"
    rf"|\(\s{{0,9}}(?P<round>{_NUMBERS})[\s,]{{0,9}}\))"
)
_TOKEN = re.compile(
    r"""(?P<edge>[{}]|<\|object_ref_start\|>(?P<phrase>[^<]{0,400})<\|object_ref_end\|>)"""
    r"""|["']label["']\s{0,9}:\s{0,9}(?P<label>"(?:[^"\\]|\\.)*+"|'[^']*+')"""
    r"""|(?:(?:["'](?P<name>\w{1,40})["']\s{0,9}:|<\|(?P<mark>box_start)\|>)[\s\[]{0,9})?"""
    rf"""{_LIST}|["'<|]{{1,2}}(?P<empty>{"|".join(BOX_FIELDS)})(?:["']\s{{0,9}}:|\|>)""",
    re.DOTALL,
)
_SPACE = re.compile(r"[\s,]+")

"""Replies of judges that the official scripts cannot read, made into ones that they can.

Each benchmark declares its own as the reading "lenient" (`Judged.judge_readings`); what is here they share. A
reply that means no verdict, or more than one, stays as it is: unreadable.
"""

import re

LENIENT = "lenient"
NUMBER = r"[-+]?(?:\d++(?:\.\d++)?+|\.\d++)(?![.,]?\d|\w|\s?%)"
"""A number without a unit; a point may end the sentence behind it, a comma within it makes it none."""
_NUMBER = re.compile(rf"(?<![\w.,]){NUMBER}", re.ASCII)
_FENCE = re.compile(r"^[ \t]*+```[^\n`]*+$", re.MULTILINE)
_EMPHASIS = str.maketrans("", "", "*`\"'_{}")


def plain(reply: str) -> str:
    """A reply without code fences, emphasis, quotes, braces and the white space around."""
    return _FENCE.sub("", reply).translate(_EMPHASIS).strip()


def numbers(text: str) -> list[str]:
    """The numbers of a text as they are written."""
    return _NUMBER.findall(text)

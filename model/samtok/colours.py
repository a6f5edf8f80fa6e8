"""The one colour code of pictures and pages, told apart with any kind of colour vision (Okabe and Ito)."""

RGB = tuple[int, int, int]
"""0 to 255."""

MASKS: tuple[RGB, ...] = (
    *((230, 159, 0), (86, 180, 233), (204, 121, 167), (0, 158, 115)),
    *((240, 228, 66), (0, 114, 178), (213, 94, 0), (221, 221, 221)),
)
"""The first mask has the first colour, and so on, then again."""
BOTH: RGB = (0, 114, 178)
"""Pixels of two masks, or of target and answer."""
MISSED: RGB = (240, 228, 66)
"""Pixels of the first, or of the target, alone."""
BEYOND: RGB = (213, 94, 0)
"""Pixels of the second, or of the answer, alone."""
IGNORED: RGB = (153, 153, 153)
"""Pixels that count neither for nor against an answer."""
TARGET: RGB = (255, 255, 255)
"""The outline of the target on an answer."""


def mask_colour(number: int) -> RGB:
    """Of a mask, from 0."""
    return MASKS[number % len(MASKS)]


def hexed(colour: RGB) -> str:
    """As style sheets write it."""
    return "#" + "".join(f"{value:02X}" for value in colour)

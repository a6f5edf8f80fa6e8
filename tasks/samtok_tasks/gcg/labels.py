"""Where the labels of a caption stand in it, and the answer that this makes."""

import re
from collections.abc import Sequence

from samtok_bench.sample import Target
from samtok_tasks.gcg.answers import marked
from samtok_tasks.gcg.reader import GroundedCaption


def target(record: GroundedCaption) -> Target:
    """The caption as a model writes it, with its masks in that order.

    A label that is not in the caption, or only inside another one, follows at the end.
    """
    caption, labels, masks = record.caption, record.labels, record.masks
    spans = locate_labels(caption, labels)
    order = sorted(range(len(labels)), key=lambda k: (spans[k] is None, spans[k] or (0, 0), k))
    pieces: list[str] = []
    said, at = "", 0  # since the last mask, and as far as the caption is said
    for k in order:
        if (span := spans[k]) is None:
            said, at = f"{said}{caption[at:]} {marked(labels[k])}", len(caption)
        else:
            start, end = span
            said, at = f"{said}{caption[at:start]}{marked(caption[start:end])}", end
        if k < len(masks):
            pieces.append(f"{said} ")
            said = ""
    said += caption[at:]
    unlabelled = masks[len(labels) :]
    for _ in unlabelled:
        pieces.append(f"{said} ")
        said = ""
    return Target.in_turns([*pieces, said], [*(masks[k] for k in order if k < len(masks)), *unlabelled])


def locate_labels(caption: str, labels: Sequence[str]) -> list[tuple[int, int] | None]:
    """Where each label stands in a caption, no two in the same place; None for those that do not.

    Labels are looked for as whole words without regard to case, each after the one before it if it is there.
    """
    taken: list[tuple[int, int]] = []
    spans: list[tuple[int, int] | None] = []
    after = 0
    for label in labels:
        pattern = re.compile(rf"(?<!\w){re.escape(label)}(?!\w)", re.IGNORECASE)
        found = [match.span() for match in pattern.finditer(caption)] if label.strip() else []
        free = [span for span in found if all(span[1] <= start or end <= span[0] for start, end in taken)]
        span = next((place for place in free if place[0] >= after), next(iter(free), None))
        if span is not None:
            taken.append(span)
            after = span[1]
        spans.append(span)
    return spans

"""Samples with their answers as plain data: texts in pieces, checked masks."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from samtok_bench.errors import in_one_line
from samtok_bench.images import check_pixels
from samtok_bench.metric import MetricInfo
from samtok_bench.report.images import Pictures
from samtok_bench.report.views import view
from samtok_bench.rle import RLE
from samtok_bench.runs.journal import Line
from samtok_bench.sample import ImagePart, Outcome, Prediction, Region, Sample, Target, Text
from samtok_bench.showing.answer_pieces import answer_pieces
from samtok_bench.task import Dropped, Task

Judged = dict[str, Any]
"""by: the judge's name; scores: by name; replies: texts."""
Piece = str | list[Any]
"""Text, or [kind, number, text]: the words of a mask, a region of the prompt, an image."""
IMAGES, MASKS = "images cannot be read", "masks do not fit their image and are not drawn"
ABSENT = "samples are not in the data any more"
UNSHOWN = "answers are shown as they are, since the task fails to show them"


def entry(lines: Sequence[Line], info: MetricInfo | None, keys: Sequence[str]) -> dict[str, Any]:
    """What filters and sorting look at.

    Args:
        lines: of one sample, one line per run.
        info: the metric that ranks samples.
        keys: of the per-sample scores, in order.
    """
    return {
        "id": lines[0].id,
        "tags": dict(lines[0].tags),
        "answers": [
            {
                "outcome": str(line.prediction.outcome),
                "value": finite(info.own_value(line.scores)) if info else None,
                "scores": [finite(line.scores.get(key)) for key in keys],
            }
            for line in lines
        ],
    }


def detail(
    sample: Sample | None,
    lines: Sequence[Line],
    earlier: Sequence[Sequence[Prediction] | None],
    judged: Sequence[Sequence[Judged]],
    task: Task,
    pictures: Pictures,
    events: Dropped,
) -> dict[str, Any]:
    """What is shown of a sample.

    Args:
        sample: None if the data does not have it; then only its answers are shown.
        lines: of the sample, one line per run.
        earlier: for each run, the answers to the earlier samples of its dialogue; None if there are none.
        judged: for each run, what judges said of its answer.
        task: of the runs.
        pictures: the pictures of the sample are added to it.
        events: what cannot be shown is added to it.
    """
    builder = _Detail(lines[0].id, pictures, events)
    if sample is None:
        events.add(ABSENT, lines[0].id)
        size = next((mask["size"] for line in lines for mask in line.prediction.masks), [1, 1])
        builder.shown.append({"h": size[0], "w": size[1]})
        prompts: list[Any] = []
        target = None
    else:
        main = builder.picture(ImagePart(sample.image), sample)
        assert main == 0
        asked = [task.with_history(sample, before) if before else sample for before in earlier]
        prompts = [builder.prompt(question) for question in asked]
        prompts = prompts[:1] if all(prompt == prompts[0] for prompt in prompts) else prompts
        ignore = sample.target.ignore
        target = {
            "pieces": _target_pieces(sample.target),
            "masks": [builder.mask(mask, 0, "target") for mask in sample.target.masks],
            "ignore": builder.mask(ignore, 0, "ignored") if ignore else None,
        }
    return {
        "pictures": builder.shown,
        "regions": list(builder.regions.values()),
        "prompts": prompts,
        "target": target,
        "answers": [
            builder.answer(line.prediction, sample, task, said)
            for line, said in zip(lines, judged, strict=True)
        ],
        "notes": builder.notes,
    }


@dataclass
class _Detail:
    """A sample while it is put together: pictures and regions are numbered as they come."""

    id: str
    pictures: Pictures
    events: Dropped
    shown: list[Any] = field(default_factory=list)
    """Numbers in `pictures`, or a size without a picture. The first is the sample's own image."""
    regions: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    """By picture and mask: a mask that is asked for twice on a picture is a single region."""
    notes: list[str] = field(default_factory=list)

    def picture(self, part: ImagePart, sample: Sample) -> int:
        upright = sample.shown_upright(part.path)
        number = self.pictures.number(part.path, part.view, sample.size, upright)
        if number not in self.shown:
            self.shown.append(number)
        return self.shown.index(number)

    def prompt(self, sample: Sample) -> list[Any]:
        """Turns as [role, pieces]."""
        current, found = 0, []
        for turn in sample.turns:
            pieces: list[Piece] = []
            for part in turn.parts:
                if isinstance(part, Text):
                    pieces.append(part.text)
                elif isinstance(part, ImagePart):
                    current = self.picture(part, sample)
                    pieces.append(["image", current, ""])
                else:
                    pieces.append(["region", self.region(part, current), ""])
            found.append([turn.role, pieces])
        return found

    def region(self, part: Region, picture: int) -> int:
        """The number of a region, which is added if it is new."""
        key = (picture, part.rle["counts"])
        if key not in self.regions:
            self.regions[key] = {"picture": picture, "mask": self.mask(part.rle, picture, "prompt")}
        return list(self.regions).index(key)

    def mask(self, mask: RLE, picture: int, whose: str) -> dict[str, Any] | None:
        """The mask for the page, None if it does not fit its picture."""
        shown = self.shown[picture]
        if isinstance(shown, int):
            size = [self.pictures.found[shown].height, self.pictures.found[shown].width]
        else:
            size = [shown["h"], shown["w"]]
        try:
            check_pixels(size[0], size[1], "its image")  # a browser unpacks it
            if mask["size"] != size:
                height, width = mask["size"]
                raise ValueError(f"{height} x {width} pixels, its image has {size[0]} x {size[1]}")
        except ValueError as error:
            note = f"a mask of the {whose} is not drawn: {error}"
            self.notes.append(note)
            self.events.add(MASKS, f"sample {self.id}, {note}")
            return None
        return {"h": size[0], "w": size[1], "rle": mask["counts"]}

    def answer(
        self, prediction: Prediction, sample: Sample | None, task: Task, judged: Sequence[Judged]
    ) -> dict[str, Any]:
        return {
            "judged": judged,
            "view": self.view(prediction, sample, task) if sample else None,
            "pieces": _pieces(prediction),
            "masks": [self.mask(mask, 0, "answer") for mask in prediction.masks],
            "phrases": list(prediction.phrases),
            "faults": [f"{name} ({n})" if n > 1 else name for name, n in Counter(prediction.faults).items()],
            "detail": prediction.detail,
            "stop": prediction.stop_reason,
            "prompt_tokens": prediction.prompt_tokens,
            "new_tokens": prediction.new_tokens,
            "seconds": finite(prediction.seconds),
        }

    def view(self, prediction: Prediction, sample: Sample, task: Task) -> dict[str, Any] | None:
        """The answer as its task shows it, with the title of the sample."""
        if task.answer_form == "masks" and not prediction.masks:
            refused = prediction.outcome is Outcome.OK and not prediction.faults
            return {"kind": "refusal", "right": not sample.target.masks} if refused else None
        try:
            shown = task.shown(sample, prediction)
            if shown is None:
                return None
            return view(shown, self._region_of_prompt) | {"title": shown.title}
        except Exception as error:  # other people's code
            self.events.add(UNSHOWN, f"sample {self.id}, {type(error).__name__}: {in_one_line(error)}")
            return None

    def _region_of_prompt(self, mask: RLE) -> int:
        """The number of a region of the prompt, on whichever picture."""
        return next(k for k, (_, counts) in enumerate(self.regions) if counts == mask["counts"])


def plain(pieces: Sequence[Piece]) -> str:
    """Pieces as text, for reading and searching."""
    return "".join(map(_plain, pieces))


def _plain(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    kind, number, words = piece
    return words or ("" if kind == "image" else f"[{kind} {number + 1}]")


def finite(value: float | None) -> float | None:
    """The value, or None if JSON has no such number."""
    return value if value is not None and math.isfinite(value) else None


def _target_pieces(target: Target) -> list[Piece]:
    if not target.pieces:
        places: list[Piece] = [["mask", k, ""] for k in range(len(target.masks))]
        return [target.text, *places] if target.text else places
    pieces: list[Piece] = []
    for k, part in enumerate(target.pieces):
        pieces += [["mask", k - 1, ""], part] if k else [part]
    return pieces


def _pieces(answer: Prediction) -> list[Piece]:
    found = answer_pieces(answer.text, answer.words, len(answer.masks))
    return [piece if isinstance(piece, str) else ["mask", *piece] for piece in found]

"""One answer that was made elsewhere, as a line of a predictions file has it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, FiniteFloat, Tag, model_validator

from samtok_bench import rle
from samtok_bench.images import mask_pixels
from samtok_bench.rle import RLE
from samtok_bench.sample import MASK_PLACE, Outcome, Prediction
from samtok_bench.validation import PathBelow


class StatedRLE(BaseModel):
    """COCO's run lengths, as a list or packed."""

    model_config = ConfigDict(strict=True, extra="forbid")

    size: list[int]
    """[height, width], pixels."""
    counts: str | list[int]


def _form(mask: Any) -> str | None:
    forms: dict[type, str] = {dict: "rle", StatedRLE: "rle", list: "polygons", str: "png"}
    return forms.get(type(mask))


StatedMask = Annotated[
    Annotated[StatedRLE, Tag("rle")]
    | Annotated[list[list[float]], Tag("polygons")]
    | Annotated[PathBelow, Tag("png")],
    Discriminator(
        _form,
        custom_error_type="mask",
        custom_error_message="a mask is an RLE, a list of polygons, or the path of a PNG",
    ),
]
"""A mask by its form, see `StatedAnswer.masks`."""


class StatedAnswer(BaseModel):
    """One line of a predictions file.

    Where `text` says `<region>` as often as there are masks, these are the masks' places, in order.
    """

    model_config = ConfigDict(
        strict=True, extra="forbid", title="samtok-bench prediction", use_attribute_docstrings=True
    )

    id: str = Field(min_length=1)
    """Of the sample, as in the file of questions."""
    text: str = ""
    """What the model said."""
    masks: Sequence[StatedMask] = []
    """In reading order, of the size that the question states. Each is COCO RLE; or polygons [x0, y0, x1, y1,
    ...] in pixels, which are united; or a PNG of one channel, by its path below this file's folder, where
    0 is outside and one other value is inside.
    """
    phrases: list[str] = []
    """The phrase that each mask belongs to; none at all for tasks without phrases."""
    scores: list[FiniteFloat] = []
    """How sure the model is of each mask. No metric reads it: give the masks that count as the answer."""
    outcome: Literal["ok", "parse_error", "model_error", "truncated", "skipped"] = "ok"
    """How the sample ended; all of them stay in every denominator."""
    detail: str = ""
    """Why, for an outcome without an answer."""
    words: list[str] = []
    """The words that stand for each mask in `text`, for models that write masks as words."""
    faults: list[str] = []
    """Kinds of malformed mask words in `text`."""
    stop_reason: Literal["stop", "length", ""] = ""
    prompt_tokens: int = Field(default=0, ge=0)
    new_tokens: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    model: str = ""
    """The model's name; the same on every line that has one."""
    settings: dict[str, Any] = {}
    """How the answers were made; the same on every line that has some."""

    @model_validator(mode="after")
    def _one_for_each_mask(self) -> Self:
        for name in ("phrases", "scores", "words"):
            found = getattr(self, name)
            if found and len(found) != len(self.masks):
                raise ValueError(f"{len(found)} {name} for {len(self.masks)} masks")
        if self.masks and self.outcome in (Outcome.MODEL_ERROR, Outcome.SKIPPED):
            raise ValueError(f"{len(self.masks)} masks in spite of the outcome {self.outcome}")
        return self

    def prediction(self, size: tuple[int, int], folder: Path) -> Prediction:
        """The answer to a sample.

        Args:
            size: (height, width) of the sample's image, pixels.
            folder: where paths of masks begin.

        Raises:
            ValueError: a mask that is malformed, or of another size.
        """
        words = self.words
        if not words and self.masks and self.text.count(MASK_PLACE) == len(self.masks):
            words = [MASK_PLACE] * len(self.masks)
        return Prediction(
            outcome=Outcome(self.outcome),
            text=self.text,
            masks=tuple(_mask(mask, number, size, folder) for number, mask in enumerate(self.masks)),
            phrases=tuple(self.phrases),
            words=tuple(words),
            faults=tuple(self.faults),
            detail=self.detail,
            stop_reason=self.stop_reason,
            prompt_tokens=self.prompt_tokens,
            new_tokens=self.new_tokens,
            seconds=self.seconds,
        )


def _mask(stated: Any, number: int, size: tuple[int, int], folder: Path) -> RLE:
    try:
        if isinstance(stated, str):
            return _from_png(folder / stated, size)
        segmentation = stated.model_dump() if isinstance(stated, StatedRLE) else stated
        return rle.from_segmentation(segmentation, *size)
    except (ValueError, OSError) as error:
        raise ValueError(f"masks.{number}: {error}") from None


def _from_png(path: Path, size: tuple[int, int]) -> RLE:
    mask = mask_pixels(path, ("PNG",))
    if mask.shape != size:
        raise ValueError(f"{path} is of size {list(mask.shape)}, the image of {list(size)}")
    return rle.encode(mask)


def json_schema() -> Mapping[str, Any]:
    """JSON Schema of one line."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **StatedAnswer.model_json_schema()}

"""How an answer that was given elsewhere becomes masks. It is named, never guessed.

- `words`: mask words, which the mask tokenizer decodes.
- `boxes:COORDINATES`: boxes in JSON, each a prompt for the SAM 2 inside the tokenizer.
- `polygons:COORDINATES`: lists of points, which are drawn as they are.
- `text`: an answer has no masks, as for captions and questions.

COORDINATES are those of samtok_bench.exchange.coordinates.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from PIL import Image

from samtok_bench import rle
from samtok_bench.exchange.coordinates import Coordinates, named, read_boxes, read_polygons
from samtok_bench.predictor import PredictorOptions, Unfit
from samtok_bench.predictors.mask_tokenizer import MaskTokenizer
from samtok_bench.rle import RLE
from samtok_bench.sample import Outcome, Prediction

BROKEN_BOX, BROKEN_POLYGON = "broken_box", "broken_polygon"
"""Kinds of faults."""
SCENE_GRAPH = "scene graph"
GRAPHS_MASKS = (
    "the masks of a scene graph stand as mask words in its JSON, and cannot be found by --answers {}: use "
    "--answers words"
)


class AnswerForm(ABC):
    """One way."""

    instructions: Mapping[str, str] = MappingProxyType({})
    """What a question says of it to a model that was not trained for it, by what the task asks for."""
    coordinates: Coordinates = named("pixels")
    """Of boxes in questions."""
    tokenizer: MaskTokenizer | None = None

    @abstractmethod
    def read(self, text: str, image: Image.Image) -> Prediction:
        """The answer with its masks, of the image's size."""


class TextForm(AnswerForm):
    """No masks."""

    def read(self, text: str, image: Image.Image) -> Prediction:
        return Prediction(text=text)


class WordForm(AnswerForm):
    """Mask words."""

    def __init__(self, tokenizer: MaskTokenizer) -> None:
        self.tokenizer = self._decoder = tokenizer

    def read(self, text: str, image: Image.Image) -> Prediction:
        return self._decoder.read(text, image)


class BoxForm(AnswerForm):
    """Boxes, through SAM 2."""

    def __init__(self, coordinates: Coordinates, tokenizer: MaskTokenizer) -> None:
        self.coordinates = coordinates
        self.tokenizer = self._decoder = tokenizer
        shape = "y0, x0, y1, x1" if coordinates.y_first else "x0, y0, x1, y1"
        boxes = f'[{{"{coordinates.key}": [{shape}], "label": "..."}}], in {_unit(coordinates)}'
        self.instructions = {
            "masks": f"Answer with the boxes of all that is meant as a JSON list: {boxes}. {_NOTHING}",
            "grounded caption": f"{_DESCRIBE} give the box of each thing that it names as a JSON list: "
            f"{boxes}. {_LABELS}",
        }

    def read(self, text: str, image: Image.Image) -> Prediction:
        boxes, labels, broken = read_boxes(text, self.coordinates, (image.height, image.width))
        return _prediction(text, self._decoder.in_boxes(image, boxes), labels, broken, BROKEN_BOX)


class PolygonForm(AnswerForm):
    """Polygons as text."""

    def __init__(self, coordinates: Coordinates) -> None:
        self.coordinates = coordinates
        order = "[y, x]" if coordinates.y_first else "[x, y]"
        unit = _unit(coordinates)
        self.instructions = {
            "masks": "Answer with the outline of all that is meant, one JSON list of points "
            f"{order} for each object, in {unit}. {_NOTHING}",
            "grounded caption": f"{_DESCRIBE} give the outline of each thing that it names as a JSON list: "
            f'[{{"polygon": [{order}, ...], "label": "..."}}], in {unit}. {_LABELS}',
        }

    def read(self, text: str, image: Image.Image) -> Prediction:
        size = image.height, image.width
        polygons, labels, broken = read_polygons(text, self.coordinates, size)
        masks = [rle.from_segmentation([polygon], *size) for polygon in polygons]
        return _prediction(text, masks, labels, broken, BROKEN_POLYGON)


def answer_form(name: str, tokenizer: str | None, options: PredictorOptions) -> AnswerForm:
    """A form by its name, as `boxes:pixels`.

    Args:
        name: see the module.
        tokenizer: a folder or hub id with a mask tokenizer, for forms that need one.
        options: its device and threads, and what the task asks for.

    Raises:
        ValueError: an unknown form, or no tokenizer where one is needed.
        Unfit: the masks that the task asks for are never found in this form.
    """
    kind, _, coordinates = name.partition(":")
    if kind in ("boxes", "polygons") and options.answer_form == SCENE_GRAPH:
        raise Unfit(GRAPHS_MASKS.format(name))
    if name == "text":
        return TextForm()
    if kind == "polygons":
        return PolygonForm(named(coordinates))
    if name != "words" and kind != "boxes":
        raise ValueError(
            f"unknown form of answers {name!r}; there are words, boxes:COORDINATES, polygons:COORDINATES "
            "and text"
        )
    places = named(coordinates) if kind == "boxes" else None
    if tokenizer is None:
        raise ValueError(f"answers as {name} become masks by a mask tokenizer: name one by --tokenizer")
    decoder = MaskTokenizer(tokenizer, options)
    return BoxForm(places, decoder) if places else WordForm(decoder)


def _unit(coordinates: Coordinates) -> str:
    if coordinates.scale is None:
        return "pixels"
    return f"numbers from 0 to {coordinates.scale:g} over the image's width and height"


def _prediction(
    text: str, masks: Sequence[RLE], labels: Sequence[str], broken: int, fault: str
) -> Prediction:
    return Prediction(
        outcome=Outcome.PARSE_ERROR if broken else Outcome.OK,
        text=text,
        masks=tuple(masks),
        phrases=tuple(labels) if any(labels) else (),
        faults=(fault,) * broken,
    )


_NOTHING = "If there is nothing of the kind, answer with []."
_DESCRIBE = "Write the description first, without masks. After it"
_LABELS = "The labels are phrases of the description, word by word."

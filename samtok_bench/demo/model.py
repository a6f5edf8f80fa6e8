"""What the demo asks: a model, and a mask tokenizer beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from samtok_bench import registry
from samtok_bench.exchange.coordinates import Box
from samtok_bench.predictor import Predictor, PredictorOptions, check_taken
from samtok_bench.predictors.endpoint import EndpointPredictor
from samtok_bench.predictors.mask_tokenizer import MaskTokenizer
from samtok_bench.predictors.samtok import SAMTokPredictor
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction

NANO = "nano"
NANO_NOTE = (
    "nano is a toy that has seen drawn scenes only, boxes but no clicks, and dialogues of segmentation alone."
)


class Tokenizer(Protocol):
    """What the demo asks of a mask tokenizer; `MaskTokenizer` does it."""

    def words(self, image: Image.Image, masks: Sequence[RLE]) -> list[str]: ...

    def read(self, text: str, image: Image.Image) -> Prediction: ...

    def in_boxes(self, image: Image.Image, boxes: Sequence[Box]) -> list[RLE]: ...

    def at_points(
        self, image: Image.Image, points: Sequence[tuple[float, float]], inside: Sequence[bool]
    ) -> RLE: ...


@dataclass(frozen=True)
class DemoModel:
    """A model that is ready to answer."""

    name: str
    """As `--model` had it."""
    predictor: Predictor
    tokenizer: Tokenizer
    reads_words: bool
    """Whether a region is its mask words to the model; else the predictor renders the mask."""

    @property
    def note(self) -> str:
        """What one should know of the model before asking it; may be empty."""
        return NANO_NOTE if self.name == NANO else ""


def load_model(name: str, options: PredictorOptions) -> DemoModel:
    """Load a model, or see that its server answers.

    Args:
        name: nano, a folder, a hub id, or another predictor's name, as `endpoint:URL#MODEL`.
        options: the `tokenizer` is needed where the model has none of its own.

    Raises:
        ValueError, OSError: it cannot be loaded or reached, does not read an option, or has no mask
            tokenizer.
    """
    kind, argument = registry.predictor_class(name)
    if kind.recorded:
        raise ValueError(f"--model {name} has answers that were given before; the demo asks new questions")
    given = ("answers", "regions", "dtype", "revision")
    check_taken(kind, name, [option for option in given if getattr(options, option) is not None])
    predictor = kind(argument, options)
    if isinstance(predictor, SAMTokPredictor):
        tokenizer = MaskTokenizer(str(predictor.tokenizer), options, predictor.loaded().samtok)
        return DemoModel(name, predictor, tokenizer, reads_words=True)
    known = predictor.tokenizer if isinstance(predictor, EndpointPredictor) else None
    if known is None and options.tokenizer is None:
        raise ValueError(f"--model {name} has no mask tokenizer: name one by --tokenizer, such as nano")
    predictor.prepare()
    tokenizer = known or MaskTokenizer(options.tokenizer or "", options)
    tokenizer.prepare()
    reads_words = isinstance(predictor, EndpointPredictor) and predictor.reads_words
    return DemoModel(name, predictor, tokenizer, reads_words)

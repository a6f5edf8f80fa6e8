"""A mask tokenizer for models that run elsewhere: regions to words, words and boxes to masks."""

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from samtok_bench import rle
from samtok_bench.exchange.coordinates import Box
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.predictors.samtok import SAMTokCodec, word_parser
from samtok_bench.rle import RLE
from samtok_bench.sample import Outcome, Prediction

if TYPE_CHECKING:
    from samtok import SAMTok

KEPT_IMAGES = 16
"""Embeddings that are kept: several questions are about one image."""


class MaskTokenizer:
    """One SAMTok tokenizer, which several threads may ask in turn.

    Args:
        name: nano, a folder, or a hub id of a model or of its tokenizer.
        options: device, threads, and how mask words are read.
        loaded: the tokenizer itself, where a model has it already.
    """

    def __init__(self, name: str, options: PredictorOptions, loaded: "SAMTok | None" = None) -> None:
        self.name = name
        self.codec = SAMTokCodec(name, options, loaded)
        self._parse = word_parser(options.generation.reading)
        self._lock = Lock()
        self._embed = lru_cache(maxsize=KEPT_IMAGES)(self._embedded)

    def identity(self) -> dict[str, Any]:
        """See `Predictor.identity`."""
        return self.codec.identity()

    def ceiling(self, forced: bool) -> Predictor | None:
        """See `Predictor.ceiling`."""
        cheap = forced or self.codec.is_cheap()
        return OraclePredictor("", self.codec.options, self.codec) if cheap else None

    def prepare(self) -> None:
        """Load the weights."""
        with self._lock:
            self.codec.prepare()

    def words(self, image: Image.Image, masks: Sequence[RLE]) -> list[str]:
        """The words of masks on an image of their size."""
        with self._lock:
            codes = self.codec.encode(self._embed(_Picture(image)), masks)
            return list(map(self.codec.text, codes))

    def read(self, text: str, image: Image.Image) -> Prediction:
        """An answer with its mask words decoded on an image."""
        parsed = self._parse(text)
        faults = tuple(fault.kind for fault in parsed.faults)
        masks: list[RLE] = []
        if parsed.words:
            with self._lock:
                masks = self.codec.decode(self._embed(_Picture(image)), parsed.codes)
        return Prediction(
            outcome=Outcome.PARSE_ERROR if faults else Outcome.OK,
            text=text,
            masks=tuple(masks),
            words=tuple(text[word.start : word.end] for word in parsed.words),
            faults=faults,
        )

    def in_boxes(self, image: Image.Image, boxes: Sequence[Box]) -> list[RLE]:
        """What SAM 2 finds in boxes on an image."""
        if not boxes:
            return []
        with self._lock:
            embedding = self._embed(_Picture(image))
            found = self._tokenizer.decode_boxes(embedding, np.array(boxes)).cpu().numpy()
        return [rle.encode(mask) for mask in found]

    def at_points(
        self, image: Image.Image, points: Sequence[tuple[float, float]], inside: Sequence[bool]
    ) -> RLE:
        """What SAM 2 finds at points x, y in pixels of an image, each in the mask or kept out of it."""
        with self._lock:
            embedding = self._embed(_Picture(image))
            found = self._tokenizer.decode_points(embedding, np.array([points]), np.array([inside]))
        return rle.encode(found[0].cpu().numpy())

    @property
    def _tokenizer(self) -> Any:
        return self.codec.loaded()

    def _embedded(self, picture: "_Picture") -> Any:
        return self._tokenizer.embed(picture.image)


class _Picture:
    """An image by its pixels, for the cache."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self._key = hash((image.size, image.tobytes()))

    def __hash__(self) -> int:
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Picture) and self._key == other._key

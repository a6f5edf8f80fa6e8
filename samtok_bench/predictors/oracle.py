"""The target masks as the answer: the ceiling, as they are or after a codec.

`oracle` answers with the target itself and shows that a metric can reach its maximum. `oracle:samtok` and
`oracle:FOLDER` send the target through a mask tokenizer first: no model that speaks its words can do better.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from samtok_bench.metrics import rle
from samtok_bench.metrics.rle import RLE
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.sample import Outcome, Prediction, Sample

NANO_CODEC = "samtok"


class Codec(Protocol):
    """Masks to symbols and back."""

    def identity(self) -> dict[str, Any]:
        """All that decides what comes back."""

    def prepare(self) -> None:
        """Load the weights."""

    def pass_through(self, sample: Sample, masks: Sequence[RLE]) -> tuple[list[RLE], list[str]]:
        """What remains of non-empty masks of the sample's image, and the symbols of each as text.

        Raises:
            OSError, ValueError: the image cannot be used; the reason in one line.
        """


class OraclePredictor(Predictor):
    """Answers with the target.

    Args:
        argument: empty; `samtok` for nano's tokenizer; a folder or hub id of a model or its tokenizer.
        options: see `PredictorOptions`.
        codec: used in place of the one that `argument` names.
    """

    summary = "the target masks as they are, or through a mask tokenizer (oracle:samtok, oracle:FOLDER)"

    def __init__(self, argument: str, options: PredictorOptions, codec: Codec | None = None) -> None:
        super().__init__(argument, options)
        if codec is None and argument:
            from samtok_bench.predictors.samtok import SAMTokCodec

            codec = SAMTokCodec("nano" if argument == NANO_CODEC else argument, options)
        self.codec = codec

    def identity(self) -> dict[str, Any]:
        return {"kind": "oracle", "codec": self.codec.identity() if self.codec else None}

    def prepare(self) -> None:
        if self.codec:
            self.codec.prepare()

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        return [self._answer(sample) for sample in samples]

    def _answer(self, sample: Sample) -> Prediction:
        masks = [mask for mask in sample.target.masks if not rle.is_empty(mask)]
        words: list[str] = []
        if self.codec and masks:
            try:
                masks, words = self.codec.pass_through(sample, masks)
            except (OSError, ValueError) as error:
                return Prediction(outcome=Outcome.SKIPPED, detail=str(error))
        text = "".join(words) or sample.target.text
        return Prediction(text=text, masks=tuple(masks), words=tuple(words), stop_reason="stop")

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("", NANO_CODEC)

"""The target masks as the answer: the ceiling, as they are or after a codec.

`oracle` answers with the target itself and shows that a metric can reach its maximum. `oracle:CODEC` sends
the target through a codec first (`oracle:grid16`, `oracle:samtok`, `oracle:FOLDER`): no model that speaks its
words can do better.

A target of text and masks by turns is answered with the codec's words between the pieces of text, as a model
writes them. Without a codec MASK_PLACE stands for them and is the answer's `words`, or another place where
the text itself says that. A mask for which the codec writes nothing has such a place too; an empty target
mask has none.
"""

import time
from collections.abc import Callable, Sequence
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, ClassVar

from samtok_bench import registry, rle
from samtok_bench.codec import Codec
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.rle import RLE
from samtok_bench.sample import Code, Outcome, Prediction, Sample, Target, free_place


class OraclePredictor(Predictor):
    """Answers with the target.

    Args:
        argument: empty, or a codec by name, or a folder or hub id of a model or its tokenizer.
        options: see `PredictorOptions`.
        codec: used in place of the one that `argument` names.
    """

    takes: ClassVar[frozenset[str]] = frozenset(("tokenizer", "revision"))
    summary = "the target masks as they are, or through a codec: oracle:CODEC"

    def __init__(self, argument: str, options: PredictorOptions, codec: Codec | None = None) -> None:
        super().__init__(argument, options)
        self.codec = codec or self._named_codec()
        self._embedded: tuple[Path, Any] | None = None

    def _named_codec(self) -> Codec | None:
        kind, argument = registry.codec_class(self.argument) if self.argument else (None, "")
        for name in sorted(self.takes - (kind.takes if kind else frozenset())):
            if getattr(self.options, name) is not None:
                own = f"oracle:{self.argument}" if self.argument else "oracle"
                raise ValueError(f"the model {own!r} takes no --{name}")
        return kind(argument, self.options) if kind else None

    def identity(self) -> dict[str, Any]:
        return {"kind": "oracle", "codec": self.codec.identity() if self.codec else None}

    def prepare(self) -> None:
        if self.codec:
            self.codec.prepare()

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        if self.codec is None:
            return [_answer(sample, _kept(sample)) for sample in samples]
        predictions: list[Prediction] = []
        for _, group in groupby(samples, lambda sample: (sample.image, sample.size)):
            same = list(group)
            try:
                predictions += self._through(self.codec, same)
            except (OSError, ValueError) as error:
                predictions += [Prediction(outcome=Outcome.SKIPPED, detail=str(error)) for _ in same]
        return predictions

    def _through(self, codec: Codec, samples: Sequence[Sample]) -> list[Prediction]:
        """Answers to samples of one image, whose masks go through the codec in one go."""
        masks = [_kept(sample) for sample in samples]
        every = list(chain.from_iterable(masks))
        if not every:
            return [_answer(sample, []) for sample in samples]
        seconds = {"embed": 0.0}

        def timed(step: str, work: Callable[..., Any], *arguments: Any) -> Any:
            began = time.perf_counter()
            done = work(*arguments)
            seconds[step] = time.perf_counter() - began
            return done

        image = samples[0].image
        if self._embedded is None or self._embedded[0] != image:
            # samples of one image come one after the other
            self._embedded = None
            size, upright = samples[0].size, samples[0].upright
            self._embedded = (image, timed("embed", codec.embed_file, image, size, upright))
        embedding = self._embedded[1]
        codes = timed("encode", codec.encode, embedding, every)
        coded = zip(codes, timed("decode", codec.decode, embedding, codes), strict=True)
        answers = []
        for sample, its_masks in zip(samples, masks, strict=True):
            of_sample = list(islice(coded, len(its_masks)))
            costs = [
                Code(codec.tokens(symbols), codec.bits(symbols), symbols if codec.codebooks else ())
                for symbols, _ in of_sample
            ]
            texts = [codec.text(symbols) for symbols, _ in of_sample]
            timings = {step: spent * len(its_masks) / len(every) for step, spent in seconds.items()}
            answers.append(_answer(sample, [back for _, back in of_sample], texts, costs, timings))
        return answers

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("",)


def _kept(sample: Sample) -> list[RLE]:
    """The target masks that a codec can be asked for."""
    return [mask for mask in sample.target.masks if not rle.is_empty(mask)]


def _answer(
    sample: Sample,
    masks: Sequence[RLE],
    words: Sequence[str] = (),
    codes: Sequence[Code] = (),
    timings: dict[str, float] | None = None,
) -> Prediction:
    text, words = _written(sample.target, words)
    return Prediction(
        text=text,
        masks=tuple(masks),
        words=tuple(words),
        codes=tuple(codes),
        stop_reason="stop",
        seconds=sum((timings or {}).values()),
        timings=timings or {},
    )


def _written(target: Target, words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The text of an answer and its words, one a mask that is not empty."""
    if not target.pieces:
        return "".join(words) or target.text, words
    empty = [rle.is_empty(mask) for mask in target.masks]
    place = free_place(target.pieces)
    words = [word or place for word in words] or [place] * empty.count(False)
    left = iter(words)
    placed = ["" if nothing else next(left) for nothing in empty]
    return "".join(a + b for a, b in zip(target.pieces, [*placed, ""], strict=True)), words

"""One prediction per sample, whatever a predictor does."""

import sys
from collections.abc import Sequence
from dataclasses import replace

from samtok_bench import rle
from samtok_bench.errors import what_it_raised
from samtok_bench.images import ImageFileError, check_pixels
from samtok_bench.predictor import Predictor, Unavailable
from samtok_bench.sample import Outcome, Prediction, Sample


def predict(predictor: Predictor, batch: Sequence[Sample]) -> list[Prediction]:
    """Answer a batch; where it fails, sample by sample, and in halves where memory is short.

    Ctrl-C and Unavailable end the run all the same.

    Samples whose annotation states more pixels than an image may have are not asked.
    """
    skipped: dict[str, Prediction] = {}
    for sample in batch:
        try:
            check_pixels(*sample.size, f"by its annotation {sample.image}")
        except ImageFileError as error:
            skipped[sample.id] = Prediction(outcome=Outcome.SKIPPED, detail=str(error))
    asked = [sample for sample in batch if sample.id not in skipped]
    made = iter(_answer(predictor, asked) if asked else ())
    return [skipped.get(sample.id) or next(made) for sample in batch]


def _answer(predictor: Predictor, batch: Sequence[Sample]) -> list[Prediction]:
    try:
        made = predictor.predict(batch)
        if len(made) != len(batch):
            raise RuntimeError(f"{len(made)} predictions for {len(batch)} samples")
        return [_checked(*answered) for answered in zip(batch, made, strict=True)]
    except Unavailable:
        raise
    except Exception as error:
        reason = what_it_raised(error)
        short = _is_out_of_memory(error)
    # past the handler, which keeps the tensors of the batch alive
    if len(batch) == 1:
        return [Prediction(outcome=Outcome.MODEL_ERROR, detail=reason)]
    # one bad sample must not take the others of its batch with it
    size = (len(batch) + 1) // 2 if short else 1
    if short:
        print(
            f"note: out of memory with {len(batch)} samples at once, now {size}: a smaller --batch-size is "
            "faster, and answers may depend on it",
            file=sys.stderr,
            flush=True,
        )
        if torch := sys.modules.get("torch"):
            torch.cuda.empty_cache()
    parts = [batch[start : start + size] for start in range(0, len(batch), size)]
    return [answer for part in parts for answer in _answer(predictor, part)]


def _is_out_of_memory(error: Exception) -> bool:
    """Of Python, of torch, or of a library that wraps them."""
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def _checked(sample: Sample, prediction: Prediction) -> Prediction:
    """The prediction with its masks in the canonical form."""
    masks = tuple(map(rle.validate, prediction.masks))
    for mask in masks:
        if tuple(mask["size"]) != sample.size:
            raise RuntimeError(f"a mask of size {mask['size']} on an image of {list(sample.size)}")
    return replace(prediction, masks=masks) if masks else prediction

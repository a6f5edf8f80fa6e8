"""Pictures that are opened in threads while the model works on the batch before."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from samtok_bench.predictors.pictures import pictures_of
from samtok_bench.sample import ImagePart, Sample, View

THREADS = 4
Opened: TypeAlias = dict[str, Image.Image]
_Key: TypeAlias = tuple[Path, View | None, tuple[int, int] | None, bool]


class PicturesAhead:
    """Of at most two batches at a time: the one at work, and the next."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._batches: deque[dict[_Key, Future[Opened]]] = deque(maxlen=2)

    def begin(self, samples: Sequence[Sample]) -> None:
        """Open the pictures of a batch."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "pictures")
        batch: dict[_Key, Future[Opened]] = {}
        for sample in samples:
            for part in parts_of(sample):
                key = _key(part, sample)
                if key not in batch:
                    batch[key] = self._threads.submit(pictures_of, part, sample)
        self._batches.append(batch)

    def take(self, part: ImagePart, sample: Sample) -> Opened:
        """As `pictures_of`, with its errors; what was begun is handed out once."""
        key = _key(part, sample)
        for batch in self._batches:
            if key in batch:
                return batch.pop(key).result()
        return pictures_of(part, sample)


def parts_of(sample: Sample) -> Iterator[ImagePart]:
    """The pictures in a sample's turns."""
    return (part for turn in sample.turns for part in turn.parts if isinstance(part, ImagePart))


def _key(part: ImagePart, sample: Sample) -> _Key:
    """What decides what `pictures_of` does."""
    stated = sample.size if part.path == sample.image else None
    return part.path, part.view, stated, sample.shown_upright(part.path)

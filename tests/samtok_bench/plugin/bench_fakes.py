"""A tiny task and predictors that misbehave on purpose, found through entry points as any plug-in."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np

from samtok_bench import rle
from samtok_bench.predictor import Predictor, Unavailable
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.sample import ImagePart, Prediction, Sample, Target, Text, Turn, content_id
from samtok_bench.task import Dropped, Generation, SampleSet, Task
from samtok_tasks.gres.metrics import gres_metrics, gres_scores

COUNT, PER_IMAGE = 24, 3
_LOCK = threading.Lock()


class Squares(Task):
    """24 samples on 8 images of 10 x 10; every fourth has no target, the others rows 0 to 3."""

    name = "squares"
    summary = "for tests"
    group = "shapes"
    primary = "giou"
    splits = ("val",)
    generation = Generation(8)

    @property
    def metrics(self):
        return gres_metrics(self.protocol)

    def default_root(self):
        return Path(__file__).parent

    def samples(self, root, split):
        shift = int(os.environ.get("SQUARES_SHIFT", "0"))
        dropped = Dropped()
        dropped.add("crowds", count=2)
        return SampleSet([self._sample(root, k, shift) for k in range(COUNT)], dropped)

    def _sample(self, root, k, shift):
        mask = np.zeros((10, 10), bool)
        mask[shift : 4 + shift] = True
        # images in turn, so that grouping by image changes the order
        image = root / f"image{k % (COUNT // PER_IMAGE)}.png"
        return Sample(
            id=content_id("squares", str(k)),
            image=image,
            size=(10, 10),
            turns=(Turn("user", (ImagePart(image), Text(f"square {k}"))),),
            cluster=image.name,
            target=Target(() if k % 4 == 0 else (rle.encode(mask),)),
            tags={"parity": "odd" if k % 2 else "even"},
        )

    def score(self, sample, prediction):
        masks = sample.target.masks
        target = masks[0] if masks else rle.empty(*sample.size)
        return gres_scores(target, not masks, prediction, self.protocol)


class FarSquares(Squares):
    """Squares without data of their own; there is data where a folder has a square."""

    name = "far-squares"
    default_root = Task.default_root

    def locate(self, root):
        if not (root / "image0.png").is_file():
            raise FileNotFoundError(f"{root / 'image0.png'} is missing")
        return str(root)


class Perfect(Predictor):
    """The target, with a record of what was asked."""

    summary = "for tests"
    asked: list[str] = []  # noqa: RUF012
    ceilings = 0

    def identity(self):
        return {"kind": "perfect", "argument": self.argument}

    def predict(self, samples):
        self.asked.extend(sample.id for sample in samples)
        return [Prediction(masks=sample.target.masks, text="é\n", seconds=0.1) for sample in samples]

    def ceiling(self, forced):
        type(self).ceilings += 1
        return OraclePredictor("", self.options)


class Slow(Perfect):
    """Slow enough to be killed in the middle."""

    def predict(self, samples):
        time.sleep(0.15)
        return super().predict(samples)


class Faulty(Perfect):
    """Raises whenever the sample number 5 is in the batch."""

    def predict(self, samples):
        if content_id("squares", "5") in [sample.id for sample in samples]:
            raise RuntimeError("boom\nwith details")
        return super().predict(samples)


class Short(Perfect):
    """Returns one prediction too few."""

    def predict(self, samples):
        return super().predict(samples)[1:]


class Misshapen(Perfect):
    """Returns masks of another size."""

    def predict(self, samples):
        return [Prediction(masks=(rle.empty(3, 4),)) for _ in samples]


class Deadly(Perfect):
    """Its process dies whenever the sample number 5 is in the batch."""

    def predict(self, samples):
        if content_id("squares", "5") in [sample.id for sample in samples]:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(samples)


class Mortal(Perfect):
    """The first process that comes to the sample number 5 dies, and leaves a file."""

    def predict(self, samples):
        died = Path(os.environ["MORTAL_DIED"])
        if content_id("squares", "5") in [sample.id for sample in samples] and not died.exists():
            died.touch()
            os._exit(3)
        return super().predict(samples)


class Stillborn(Perfect):
    """Its process dies while it loads."""

    def prepare(self):
        os._exit(7)


class Gone(Perfect):
    """A server that goes away after the first samples: the file says how many it answers."""

    concurrency = 2

    def predict(self, samples):
        left = Path(os.environ["GONE_LEFT"])
        with _LOCK:
            count = int(left.read_text())
            left.write_text(str(count - 1))
        if count <= 0:
            raise Unavailable("nobody answers at http://localhost:1/v1")
        return super().predict(samples)


class Unloadable(Perfect):
    """Has no weights."""

    def prepare(self):
        raise FileNotFoundError("no weights here")

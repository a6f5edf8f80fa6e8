"""GRES with any number of samples: mini's, again and again under other ids, three to an image.

samtok-bench run --task benchmarks/many_task.py --split 10000 --model constant:refuse
"""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from samtok_bench.rle import RLE
from samtok_bench.sample import Sample, Target, content_id, question
from samtok_bench.task import SampleSet
from samtok_tasks.gres.task import GRES

A_CLUSTER = 3


class Many(GRES):
    """A split is named by its number of samples; nothing is read but mini, and no sample shares its masks."""

    name = "many_task.py"  # so that its runs can be read again
    summary = "mini's GRES samples, as many as the split says"
    splits: ClassVar[tuple[str, ...]] = ("240", "2400", "10000", "100000")

    def samples(self, root: Path, split: str) -> SampleSet:
        given = super().samples(root, "val").samples
        return SampleSet([_again(given[k % len(given)], k) for k in range(int(split))])


def _again(sample: Sample, number: int) -> Sample:
    masks = tuple(_copied(mask) for mask in sample.target.masks)
    return replace(
        sample,
        id=content_id(sample.id, str(number)),
        cluster=f"images/train2014/{number // A_CLUSTER:012}.jpg",
        turns=question(sample.image, sample.turns[0].parts[1].text + " " * (number % 2)),
        target=Target(masks),
        tags=dict(sample.tags),
    )


def _copied(mask: RLE) -> RLE:
    return {"size": list(mask["size"]), "counts": mask["counts"][:-1] + mask["counts"][-1:]}

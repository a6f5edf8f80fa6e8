"""Repeated mentions of an object, merged into one mask.

As the public successor's script does before it matches (devinxzhang/CycleGRPO, evaluation/psg). Every subject
and every object of a triplet is a mention, subjects first. Of equal label,

- mentions of stuff are one object, however far apart;
- of things, the first mention that is left takes all later ones whose mask has IoU > 0.5 with its own.

An object's mask is where more than `LEAST_SHARE` of its mentions are: of up to five all, of six five. So
stuff that is mentioned in several places is nowhere.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_tasks.scene_graph.triplets import IOU, Triplet, mask_iou

LEAST_SHARE = 0.8 * (math.exp(10) + 133) / math.exp(10)
"""0.8048. The script keeps the pixels whose mean over the mentions is above 0.8, each weighted with the
probability of its label: that of the logit 10 beside 133 others of 0, as PSG has labels.
"""


def merged(triplets: Sequence[Triplet], stuff: Iterable[str]) -> list[Triplet]:
    """Triplets with the masks of their objects; a mention without a mask stays without.

    Args:
        triplets: what takes a rank.
        stuff: the labels that are no things.
    """
    never_apart = frozenset(stuff)
    mentions = [(triplet.subject, triplet.subject_mask) for triplet in triplets]
    mentions += [(triplet.object, triplet.object_mask) for triplet in triplets]
    by_label: dict[str, list[int]] = {}
    for place, (label, mask) in enumerate(mentions):
        if mask is not None:
            by_label.setdefault(label, []).append(place)
    masks = [mask for _, mask in mentions]
    for label, left in by_label.items():
        while left:
            first, *others = left
            same, left = [first], []
            for k in others:
                alike = label in never_apart or mask_iou(masks[first], masks[k]) > IOU
                (same if alike else left).append(k)
            of_object = _shared([mask for k in same if (mask := masks[k]) is not None])
            for place in same:
                masks[place] = of_object
    count = len(triplets)
    return [
        replace(triplet, subject_mask=masks[k], object_mask=masks[count + k])
        for k, triplet in enumerate(triplets)
    ]


def _shared(masks: Sequence[RLE]) -> RLE:
    """Where more than LEAST_SHARE of masks of one size are."""
    if len({mask["counts"] for mask in masks}) == 1:
        return masks[0]
    covered = np.sum([rle.decode(mask) for mask in masks], axis=0)  # (H, W)
    return rle.encode(covered > LEAST_SHARE * len(masks))

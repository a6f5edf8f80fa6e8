"""Scene graphs: what is in an image and how it is related, each region with its mask (PSG).

SAMTok's script for PSG is not published. Prompts, form of the answer and token limit are those of its
public successor (devinxzhang/CycleGRPO, projects/vlm/tokenmask), see formats.graph_answers; metrics and
protocols are in samtok_tasks.scene_graph.metrics.

Variants, by `--data`:

- `candidates`: the labels and predicates of the data set stand in the prompt.
- `open`: nothing does but the question.
- `given`: the regions with their labels, in an earlier round; asked for are the relations.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import (
    MASK_PLACE,
    ImagePart,
    Part,
    Prediction,
    Region,
    Sample,
    Scores,
    Target,
    Text,
    Turn,
    content_id,
)
from samtok_bench.task import DataStatus, Generation, SampleSet, Task
from samtok_tasks.mini.writer import ensure_mini
from samtok_tasks.scene_graph.answers import fenced, read_graph, region, write_graph
from samtok_tasks.scene_graph.metrics import (
    Answer,
    Names,
    Triplet,
    mean_recalls,
    relation_metrics,
    relation_scores,
)
from samtok_tasks.scene_graph.reader import SPLITS, PsgData, PsgImage, image_folder, locate_psg, read_psg

CANDIDATES = "CANDIDATE CATEGORIES: \n{labels}\n"
PREDICATES = "CANDIDATE PREDICATES: \n{predicates}\n"
QUESTION = (
    "Create a scene graph by identifying triplets of <subject, predicate, object>. "
    "Focus on the most prominent interactions."
)
OPEN_QUESTION = (
    "Generate a scene graph for this image. "
    "Identify the main objects and describe their relationships to each other."
)
"""Of SAMTok's demo."""
DETECT = "Please carefully check the image and detect the following objects: {labels}"
MAX_NEW_TOKENS = 2048
RELATION_COUNTS = ("1 to 3", "4 to 7", "8 or more")
PREDICATES_OF_PSG, TEST_IMAGES_OF_PSG = 56, 2186
NO_NAMES = Names(frozenset(), ())


@dataclass(frozen=True)
class GraphSample(Sample):
    """A sample with its graph, ready to be compared."""

    truth: tuple[Triplet, ...] = ()
    names: Names = NO_NAMES
    frequent: tuple[str, str, str] = ("", "", "")
    """The names that most triplets of the split have."""


class SceneGraph(Task):
    """Scene graphs on PSG or mini."""

    name = "scene_graph"
    summary = "triplets of subject, predicate and object with masks (PSG)"
    primary = "r20"
    splits: ClassVar[tuple[str, ...]] = SPLITS
    data_formats: ClassVar[tuple[str, ...]] = ("candidates", "open", "given")
    generation = Generation(MAX_NEW_TOKENS)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "relations": RELATION_COUNTS,
        "between": ("things", "things and stuff"),
    }

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return relation_metrics(self.protocol)

    def default_root(self) -> Path:
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        if root is None:
            return mini_status()
        try:
            locate_psg(root)
        except OSError as error:
            return DataStatus(False, str(error))
        folder = image_folder(root)
        if not any(folder.glob("*/*.jpg")):
            return DataStatus(False, f"no images below {folder}")
        counts = (
            f"the official file has {PREDICATES_OF_PSG} predicates and {TEST_IMAGES_OF_PSG:,} test images"
        )
        return DataStatus(True, f"PSG, in {root}; {counts}")

    def samples(self, root: Path, split: str) -> SampleSet:
        read = read_psg(root, split)
        shared = _Shared.of(read)
        return SampleSet(
            [_sample(one, shared, self.data or "candidates") for one in read.images],
            dict(read.dropped),
            dict(read.first),
        )

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        assert isinstance(sample, GraphSample)
        answer = read_graph(prediction) if prediction.answered else Answer(())
        return relation_scores(sample.truth, answer, sample.names, self.protocol)

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction]
    ) -> Mapping[str, float | None]:
        scores = [self.score(sample, one) for sample, one in zip(samples, predictions, strict=True)]
        names = next((one.names for one in samples if isinstance(one, GraphSample)), NO_NAMES)
        return mean_recalls(scores, names.predicates, self.protocol)

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """Nothing, and the triplet that is the most frequent one of the split, the whole image twice."""
        assert isinstance(sample, GraphSample)
        whole = Prediction(
            text=write_graph([sample.frequent]),
            masks=(rle.full(*sample.size),) * 2,
            words=(MASK_PLACE,) * 2,
            stop_reason="stop",
        )
        return {"empty": Prediction(stop_reason="stop"), "most frequent": whole}


@dataclass(frozen=True)
class _Shared:
    """What all samples of a split have in common."""

    read: PsgData
    names: Names
    frequent: tuple[str, str, str]

    @classmethod
    def of(cls, read: PsgData) -> "_Shared":
        counts = Counter(names for one in read.images for names in _names(one, read.predicates))
        frequent = min(counts, key=lambda names: (-counts[names], names), default=("", "", ""))
        return cls(read, Names(frozenset(read.things + read.stuff), read.predicates), frequent)


def _sample(image: PsgImage, shared: _Shared, variant: str) -> GraphSample:
    read = shared.read
    named = list(_names(image, read.predicates))
    pairs = [(image.segments[a].mask, image.segments[b].mask) for a, b, _ in image.relations]
    masks = tuple(mask for pair in pairs for mask in pair)
    text = write_graph(named)
    counts = (mask["counts"] for mask in masks)
    return GraphSample(
        id=content_id("scene_graph", variant, image.image.name, image.image_id, text, *counts),
        image=image.image,
        size=(image.height, image.width),
        turns=_turns(image, read, variant),
        cluster=image.image.name,
        target=Target(masks, text),
        tags=_tags(named, read.things),
        truth=tuple(Triplet(*names, *pair) for names, pair in zip(named, pairs, strict=True)),
        names=shared.names,
        frequent=shared.frequent,
    )


def _names(image: PsgImage, predicates: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Subject, predicate and object of each relation."""
    for subject, object, predicate in image.relations:
        yield image.segments[subject].label, predicates[predicate], image.segments[object].label


def _turns(image: PsgImage, read: PsgData, variant: str) -> tuple[Turn, ...]:
    picture, labels = ImagePart(image.image), _listed(read.things + read.stuff)
    predicates = PREDICATES.format(predicates=_listed(read.predicates))
    if variant == "open":
        return (Turn("user", (picture, Text(OPEN_QUESTION))),)
    if variant == "candidates":
        asked = CANDIDATES.format(labels=labels) + predicates + QUESTION
        return (Turn("user", (picture, Text(asked))),)
    return (
        Turn("user", (picture, Text(DETECT.format(labels=labels)))),
        Turn("assistant", tuple(_regions(image))),
        Turn("user", (Text(predicates + QUESTION),)),
    )


def _regions(image: PsgImage) -> Iterator[Part]:
    """All segments with their labels, those of a label together, as an answer lists them."""
    seen = [segment for segment in image.segments if not rle.is_empty(segment.mask)]
    order = {label: place for place, label in reversed(list(enumerate(one.label for one in seen)))}
    seen.sort(key=lambda segment: order[segment.label])
    pieces = fenced(json.dumps(region(one.label), ensure_ascii=False) for one in seen).split(MASK_PLACE)
    for piece, segment in zip(pieces, seen, strict=False):
        yield Text(piece)
        yield Region(segment.mask)
    yield Text(pieces[-1])


def _listed(names: Sequence[str]) -> str:
    return "{" + ", ".join(names) + "}"


def _tags(named: Sequence[tuple[str, str, str]], things: Sequence[str]) -> dict[str, str]:
    stuff = any({subject, object} - set(things) for subject, _, object in named)
    return {
        "relations": RELATION_COUNTS[(len(named) > 3) + (len(named) > 7)],
        "between": "things and stuff" if stuff else "things",
    }

"""Scene graphs: what is in an image and how it is related, each region with its mask (PSG).

SAMTok's script for PSG is not published. Prompts, form of the answer and token limit are those of its
public successor (devinxzhang/CycleGRPO, projects/vlm/tokenmask), see samtok_tasks.scene_graph.answers;
metrics and protocols are in samtok_tasks.scene_graph.metrics.

The prompt, by `--option prompt=`:

- `candidates`: the labels and predicates of the data set stand in the prompt.
- `open`: nothing does but the question.
- `given`: the regions with their labels, in an earlier round; asked for are the relations.

`--option mentions=merged` merges what an answer says of one object in several triplets before it is matched,
see samtok_tasks.scene_graph.mentions.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.reading import STANDARD
from samtok_bench.sample import (
    Part,
    Prediction,
    Region,
    Sample,
    Scores,
    Target,
    Text,
    Turn,
    content_id,
    free_place,
    image_key,
    question,
)
from samtok_bench.shown import Relations
from samtok_bench.task import Generation, SampleSet
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.scene_graph.answers import GRAPH, read_graph, write_graph, write_regions
from samtok_tasks.scene_graph.metrics import mean_recalls, relation_metrics, relation_scores
from samtok_tasks.scene_graph.reader import SPLITS, PsgData, PsgImage, locate_psg, read_psg, require_images
from samtok_tasks.scene_graph.triplets import Triplet, Vocabulary
from samtok_tasks.scene_graph.verdicts import shown_graph

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

Names = tuple[str, str, str]
"""Subject, predicate, object."""


@dataclass(frozen=True)
class GraphTruth:
    """The graph of a sample, ready to be compared."""

    triplets: tuple[Triplet, ...]
    vocabulary: Vocabulary
    frequent: Names
    """The names that most triplets of the split have."""


class SceneGraph(MiniTask):
    """Scene graphs on PSG or mini."""

    name = "scene_graph"
    answer_form = "scene graph"
    summary = "triplets of subject, predicate and object with masks (PSG)"
    primary = "r20"
    source = "OpenPSG, sgg_metrics.py (arXiv 2207.11247)"
    splits: ClassVar[tuple[str, ...]] = SPLITS
    option_values: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "prompt": ("candidates", "open", "given"),
        "mentions": ("apart", "merged"),
    }
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "relations": RELATION_COUNTS,
        "between": ("things", "things and stuff"),
    }

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return relation_metrics(self.protocol)

    @property
    def generation(self) -> Generation:
        return Generation(MAX_NEW_TOKENS, GRAPH if self.protocol == "released" else STANDARD)

    def locate(self, root: Path) -> str:
        locate_psg(root)
        require_images(root)
        official = f"{PREDICATES_OF_PSG} predicates and {TEST_IMAGES_OF_PSG:,} test images"
        return f"PSG, in {root}; the official file has {official}"

    def samples(self, root: Path, split: str) -> SampleSet:
        data = read_psg(root, split)
        vocabulary = Vocabulary(frozenset(data.things + data.stuff), data.predicates, frozenset(data.stuff))
        frequent = _most_frequent(data)
        prompt = self.options["prompt"]
        samples = [_sample(image, data, vocabulary, frequent, prompt, root) for image in data.images]
        return SampleSet(samples, data.dropped, shared=data.predicates)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        truth: GraphTruth = sample.truth
        answer = read_graph(prediction, self.protocol)
        merge = self.options["mentions"] == "merged"
        return relation_scores(truth.triplets, answer, truth.vocabulary, self.protocol, merge)

    def shown(self, sample: Sample, prediction: Prediction) -> Relations:
        truth: GraphTruth = sample.truth
        answer, merge = read_graph(prediction, self.protocol), self.options["mentions"] == "merged"
        return shown_graph(truth.triplets, answer, prediction, truth.vocabulary, self.protocol, merge)

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction], shared: Any
    ) -> Mapping[str, float | None]:
        scores = [self.score(*answered) for answered in zip(samples, predictions, strict=True)]
        return mean_recalls(scores, shared, self.protocol)

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """Nothing, and the triplet that is the most frequent one of the split, the whole image twice."""
        truth: GraphTruth = sample.truth
        pieces = write_graph([truth.frequent])
        place = free_place(pieces)
        whole = Prediction(
            text=place.join(pieces),
            masks=(rle.full(*sample.size),) * 2,
            words=(place,) * 2,
            stop_reason="stop",
        )
        return {"empty": Prediction(stop_reason="stop"), "most frequent": whole}


def _most_frequent(data: PsgData) -> Names:
    counts = Counter(triplet.names for image in data.images for triplet in _triplets(image, data.predicates))
    return min(counts, key=lambda names: (-counts[names], names), default=("", "", ""))


def _sample(
    image: PsgImage, data: PsgData, vocabulary: Vocabulary, frequent: Names, prompt: str, root: Path
) -> Sample:
    triplets = tuple(_triplets(image, data.predicates))
    masks = [mask for triplet in triplets for _, mask in triplet.regions]
    target = Target.in_turns(write_graph([triplet.names for triplet in triplets]), masks)
    counts = (mask["counts"] for mask in masks)
    return Sample(
        id=content_id("scene_graph", prompt, image.image.name, image.image_id, target.text, *counts),
        image=image.image,
        size=(image.height, image.width),
        turns=_turns(image, data, prompt),
        cluster=image_key(image.image, root),
        target=target,
        tags=_tags(triplets, data.things),
        truth=GraphTruth(triplets, vocabulary, frequent),
    )


def _triplets(image: PsgImage, predicates: Sequence[str]) -> Iterator[Triplet]:
    for subject, object, predicate in image.relations:
        first, second = image.segments[subject], image.segments[object]
        yield Triplet(first.label, predicates[predicate], second.label, first.mask, second.mask)


def _turns(image: PsgImage, data: PsgData, prompt: str) -> tuple[Turn, ...]:
    labels = _listed(data.things + data.stuff)
    predicates = PREDICATES.format(predicates=_listed(data.predicates))
    if prompt == "open":
        return question(image.image, OPEN_QUESTION)
    if prompt == "candidates":
        return question(image.image, CANDIDATES.format(labels=labels) + predicates + QUESTION)
    return (
        *question(image.image, DETECT.format(labels=labels)),
        Turn("assistant", tuple(_regions(image))),
        Turn("user", (Text(predicates + QUESTION),)),
    )


def _regions(image: PsgImage) -> Iterator[Part]:
    """All segments with their labels, those of a label together, as an answer lists them."""
    seen = [segment for segment in image.segments if not rle.is_empty(segment.mask)]
    labels = [segment.label for segment in seen]
    seen.sort(key=lambda segment: labels.index(segment.label))
    *pieces, rest = write_regions([segment.label for segment in seen])
    for piece, segment in zip(pieces, seen, strict=False):
        yield from (Text(piece), Region(segment.mask))
    yield Text(rest)


def _listed(names: Sequence[str]) -> str:
    return "{" + ", ".join(names) + "}"


def _tags(triplets: Sequence[Triplet], things: Sequence[str]) -> dict[str, str]:
    stuff = any({triplet.subject, triplet.object} - set(things) for triplet in triplets)
    return {
        "relations": RELATION_COUNTS[(len(triplets) > 3) + (len(triplets) > 7)],
        "between": "things and stuff" if stuff else "things",
    }

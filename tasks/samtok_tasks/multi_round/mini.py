"""SegLLM's files: dialogues that name an object, and then others, and parts, by what was found before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from samtok_tasks.mini.coco import annotation, instances_file
from samtok_tasks.mini.expressions import make_expression
from samtok_tasks.mini.meaning import EXTREMES, RELATIONS, Noun, extreme, related, select
from samtok_tasks.mini.picture import MiniPicture, category
from samtok_tasks.mini.scene import Mask, Scene, SceneObject
from samtok_tasks.mini.scene_masks import HALVES, MIN_PART_PIXELS, half
from samtok_tasks.mini.shapes import SHAPES

HASH = "4a83b3b8e89ee5c08e9de65bd72f3962819b5e5de9117f68e84d873dcdd44b57"

SPLITS = ("val", "train")
DATASET = "refcoco"
ROUNDS = (2, 6)
"""Least and greatest number of rounds."""
MAX_PARTS = 3
"""Of a picture: annotation ids have one digit for its masks, and a scene has at most seven objects."""
PART_CATEGORY = len(SHAPES) + 1
_TRIES = 12
_STREAM = 5
"""Of random numbers; other files draw others from a scene's seed."""


@dataclass(frozen=True)
class MadeRound:
    """A question about a scene, true of exactly one mask."""

    text: str
    """What is to be segmented; earlier masks are `instance 1`, `instance 2`, ..."""
    mask: Mask
    """(H, W) bool."""
    kind: str
    """none, relational, property or part: how the mask is referred to an earlier one."""
    reference: int | None = None
    """The earlier round, from 1."""
    item: SceneObject | None = None
    """The object; None where the mask is a part of one."""

    @property
    def category(self) -> int:
        """Of its mask in the instances file."""
        return category(self.item.shape) if self.item else PART_CATEGORY


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`segllm/conversations_folder/` with dialogues and `segllm/annotations_folder/` with their masks."""
    annotations: list[dict[str, Any]] = []
    made: dict[str, Any] = {}
    for split in SPLITS:
        chosen = [picture for picture in pictures if picture.split == split]
        dialogues = []
        for picture in chosen:
            rounds = dialogue(np.random.default_rng((picture.scene.seed, _STREAM)), picture.scene)
            if rounds:
                ids = _ids(picture, rounds)
                dialogues.append(_conversation(picture, rounds, ids))
                annotations += [
                    annotation(id, picture, made_round.category, made_round.mask)
                    for made_round, id in zip(rounds, ids, strict=True)
                ]
        if chosen:
            name = f"segllm/conversations_folder/all_data_mix_{split}/mr_{DATASET}_{split}.json"
            made[name] = dialogues
    if made:
        made[f"segllm/annotations_folder/{DATASET}/instances.json"] = _instances(pictures, annotations)
    return made


def dialogue(rng: np.random.Generator, scene: Scene) -> list[MadeRound]:
    """Rounds about a scene, no mask twice; none at all where the scene allows fewer than two.

    Every round is true of exactly one mask; what is borderline is never asked, see `mini.meaning`.
    """
    wanted = int(rng.integers(ROUNDS[0], ROUNDS[1] + 1))
    rounds: list[MadeRound] = []
    for _ in range(4 * wanted):  # a scene may allow little of one kind
        if len(rounds) == wanted:
            break
        maker = _MAKERS[int(rng.choice(len(_MAKERS), p=_WEIGHTS))] if rounds else _named
        found = _new(maker, rng, scene, rounds)
        if found is not None:
            rounds.append(found)
    return rounds if len(rounds) >= ROUNDS[0] else []


def _new(
    maker: "_Maker", rng: np.random.Generator, scene: Scene, rounds: Sequence[MadeRound]
) -> MadeRound | None:
    """A round of one kind whose mask no round has yet."""
    for _ in range(_TRIES):
        found = maker(rng, scene, rounds)
        if found is not None and not any(np.array_equal(found.mask, before.mask) for before in rounds):
            return found
    return None


def _named(rng: np.random.Generator, scene: Scene, rounds: Sequence[MadeRound]) -> MadeRound | None:
    said = make_expression(rng, scene, "attribute")
    if said is None:
        return None
    item = scene.objects[said.targets[0]]
    return MadeRound(f"the {said.text.removeprefix('the ')}", item.mask, "none", item=item)


def _relational(rng: np.random.Generator, scene: Scene, rounds: Sequence[MadeRound]) -> MadeRound | None:
    number, anchor = _earlier(rng, rounds)
    noun = _kind(rng, scene)
    relation = RELATIONS[int(rng.integers(len(RELATIONS)))]
    kind = [item for item in select(scene.objects, noun) or [] if item is not anchor]
    if len(kind) < (2 if relation == "nearest to" else 1):
        return None
    return _if_only_one(
        f"the {noun.phrase()} {relation} instance {number}",
        related(kind, relation, anchor),
        "relational",
        number,
    )


def _property(rng: np.random.Generator, scene: Scene, rounds: Sequence[MadeRound]) -> MadeRound | None:
    number, anchor = _earlier(rng, rounds)
    name = ("colour", "shape")[int(rng.integers(2))]
    others = [
        item for item in scene.objects if item is not anchor and getattr(item, name) == getattr(anchor, name)
    ]
    ending = f"other object of the same {name} as instance {number}"
    if len(others) < 2:
        return _if_only_one(f"the {ending}", others, "property", number)
    word = EXTREMES[int(rng.integers(len(EXTREMES)))]
    return _if_only_one(f"the {word} {ending}", extreme(others, word), "property", number)


def _part(rng: np.random.Generator, scene: Scene, rounds: Sequence[MadeRound]) -> MadeRound | None:
    if sum(before.kind == "part" for before in rounds) == MAX_PARTS:
        return None
    number, item = _earlier(rng, rounds)
    side = HALVES[int(rng.integers(len(HALVES)))]
    mask = half(item, side)
    if mask.sum() < MIN_PART_PIXELS:
        return None
    return MadeRound(f"the {side} half of instance {number}", mask, "part", number)


_Maker = Callable[[np.random.Generator, Scene, Sequence[MadeRound]], MadeRound | None]
_MAKERS: tuple[_Maker, ...] = (_named, _relational, _property, _part)
_WEIGHTS = (0.15, 0.45, 0.25, 0.15)


def _earlier(rng: np.random.Generator, rounds: Sequence[MadeRound]) -> tuple[int, SceneObject]:
    """An earlier round whose mask is an object; the first one always is."""
    whole = [(number, before.item) for number, before in enumerate(rounds, 1) if before.item is not None]
    return whole[int(rng.integers(len(whole)))]


def _kind(rng: np.random.Generator, scene: Scene) -> Noun:
    item = scene.objects[int(rng.integers(len(scene.objects)))]
    says = rng.random(2)
    return Noun(item.shape if says[0] < 0.5 else None, item.colour if says[1] < 0.35 else None)


def _if_only_one(
    text: str, found: Sequence[SceneObject] | None, kind: str, reference: int
) -> MadeRound | None:
    if found is None or len(found) != 1:
        return None
    return MadeRound(text, found[0].mask, kind, reference, found[0])


def _ids(picture: MiniPicture, rounds: Sequence[MadeRound]) -> list[int]:
    """Annotation ids: an object's number, and for parts those from the end."""
    ids = []
    parts = 0
    for made in rounds:
        parts += made.item is None
        ids.append(picture.annotation_id(made.item.index if made.item else 10 - parts))
    return ids


def _conversation(picture: MiniPicture, rounds: Sequence[MadeRound], ids: Sequence[int]) -> dict[str, Any]:
    image = f"coco/train2014/{picture.file_name}"
    turns: list[dict[str, Any]] = []
    for number, (made, id) in enumerate(zip(rounds, ids, strict=True), 1):
        tags, reference = "", "none"
        if made.reference:
            reference = str(ids[made.reference - 1])
            place = f"{image}|{DATASET}|{reference}"
            tags = f"[MASK-ENCODE:{place}][BOX-ENCODE:{place}]"
        elif number == 1:
            tags = f"[IMAGE256:{image}]"
        question = {"from": "human", "value": f"{tags} Segment {made.text}.".lstrip()}
        turns.append(question | ({"ind": made.reference} if made.reference else {}))
        answer = f"[MASK-DECODE:{made.kind}:{reference}:{id}:{image}:{DATASET}]."
        turns.append({"from": "gpt", "value": answer})
    return {"task": "segmentation", "base": "[null]", "conversations": turns}


def _instances(pictures: Sequence[MiniPicture], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    named = {annotation["image_id"] for annotation in annotations}
    categories = [
        {"id": number, "name": name, "supercategory": "shape"}
        for number, name in enumerate((*SHAPES, "part"), start=1)
    ]
    return instances_file(
        [picture for picture in pictures if picture.image_id in named], annotations, categories
    )

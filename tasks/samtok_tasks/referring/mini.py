"""The refer family's files: expressions that mean one object."""

from collections.abc import Sequence
from typing import Any

from samtok_tasks.mini.coco import instances
from samtok_tasks.mini.expressions import Expression
from samtok_tasks.mini.picture import MiniPicture, category
from samtok_tasks.mini.sentences import SentenceNumbering, by_targets

HASH = "948b37930cf43dd557bbed62a2f3c1bc09a3d6cc5737f3dbc68325b6590253e4"


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`refcoco/`, `refcoco+/` (no words for places) and `refcocog/`."""
    objects = instances(pictures)
    made: dict[str, Any] = {}
    for dataset, by in (("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")):
        made[f"{dataset}/refs({by}).p"] = _references(pictures, dataset)
        made[f"{dataset}/instances.json"] = objects
    return made


def _references(pictures: Sequence[MiniPicture], dataset: str) -> list[dict[str, Any]]:
    """References of the refer family's form: one object each."""
    refs: list[dict[str, Any]] = []
    sentences = SentenceNumbering()
    for picture in pictures:
        split = "test" if dataset == "refcocog" and picture.split.startswith("test") else picture.split
        usable = [said for said in picture.expressions if dataset != "refcoco+" or not _tells_place(said)]
        for targets, expressions in by_targets(usable).items():
            if len(targets) != 1:
                continue
            annotation_id = picture.annotation_id(targets[0])
            refs.append(
                {
                    "ref_id": len(refs),
                    "ann_id": annotation_id,
                    "category_id": category(picture.scene.objects[targets[0]].shape),
                    "image_id": picture.image_id,
                    "file_name": picture.file_name.replace(".jpg", f"_{annotation_id}.jpg"),
                    "split": split,
                    **sentences.of(expressions),
                }
            )
    return refs


def _tells_place(expression: Expression) -> bool:
    return expression.kind in ("position", "relation") or "most" in expression.text

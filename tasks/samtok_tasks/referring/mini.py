"""gRefCOCO's and the refer family's files: expressions and the objects they mean."""

from collections.abc import Sequence
from typing import Any

from samtok_tasks.mini.expressions import Expression
from samtok_tasks.mini.picture import Picture, category
from samtok_tasks.reconstruction.mini import instances


def files(pictures: Sequence[Picture]) -> dict[str, Any]:
    """`grefcoco/`, and `refcoco/`, `refcoco+/` (no words for places), `refcocog/` (single targets only)."""
    objects = instances(pictures)
    made: dict[str, Any] = {
        "grefcoco/grefs(unc).json": _grefs(pictures),
        "grefcoco/instances.json": objects,
    }
    for dataset, by in (("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")):
        made[f"{dataset}/refs({by}).p"] = _refs(pictures, dataset)
        made[f"{dataset}/instances.json"] = objects
    return made


def _grefs(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """References of gRefCOCO's form: sentences with the same targets share one."""
    refs: list[dict[str, Any]] = []
    sentences = _Sentences()
    for picture in pictures:
        for targets, expressions in _by_targets(picture.expressions).items():
            shapes = [picture.scene.objects[index].shape for index in targets]
            refs.append(
                {
                    "ref_id": len(refs),
                    "ann_id": [picture.annotation_id(index) for index in targets] or [-1],
                    "category_id": [category(shape) for shape in shapes] or [-1],
                    "image_id": picture.image_id,
                    "file_name": picture.file_name,
                    "split": picture.split,
                    "no_target": not targets,
                    **sentences.of(expressions),
                }
            )
    return refs


def _refs(pictures: Sequence[Picture], dataset: str) -> list[dict[str, Any]]:
    """References of the refer family's form: one object each."""
    refs: list[dict[str, Any]] = []
    sentences = _Sentences()
    for picture in pictures:
        split = "test" if dataset == "refcocog" and picture.split.startswith("test") else picture.split
        usable = [one for one in picture.expressions if dataset != "refcoco+" or not _tells_place(one)]
        for targets, expressions in _by_targets(usable).items():
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


class _Sentences:
    """Numbers the sentences of a file."""

    def __init__(self) -> None:
        self.next_id = 0

    def of(self, expressions: list[Expression]) -> dict[str, Any]:
        """The two fields of a reference that hold its sentences."""
        records = [
            {
                "sent_id": self.next_id + place,
                "raw": one.text,
                "sent": one.text,
                "tokens": one.text.split(),
                "kind": one.kind,  # official readers pass over it
            }
            for place, one in enumerate(expressions)
        ]
        self.next_id += len(records)
        return {"sent_ids": [record["sent_id"] for record in records], "sentences": records}


def _by_targets(expressions: list[Expression]) -> dict[tuple[int, ...], list[Expression]]:
    groups: dict[tuple[int, ...], list[Expression]] = {}
    for one in expressions:
        groups.setdefault(one.targets, []).append(one)
    return groups


def _tells_place(expression: Expression) -> bool:
    return expression.kind in ("position", "relation") or "most" in expression.text

"""gRefCOCO's files: expressions and the objects they mean, which may be none."""

from collections.abc import Sequence
from typing import Any

from samtok_tasks.mini.coco import instances
from samtok_tasks.mini.picture import MiniPicture, category
from samtok_tasks.mini.sentences import SentenceNumbering, by_targets

HASH = "e856a507726ae45ba47de4cace99e89bec7260e449902a4993624e6ef09995aa"


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`grefcoco/grefs(unc).json` and `grefcoco/instances.json`."""
    return {
        "grefcoco/grefs(unc).json": _references(pictures),
        "grefcoco/instances.json": instances(pictures),
    }


def _references(pictures: Sequence[MiniPicture]) -> list[dict[str, Any]]:
    """References of gRefCOCO's form: sentences with the same targets share one."""
    refs: list[dict[str, Any]] = []
    sentences = SentenceNumbering()
    for picture in pictures:
        for targets, expressions in by_targets(picture.expressions).items():
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

"""gRefCOCO: sentences that mean one object, several or none (henghuiding/ReLA, henghuiding/gRefCOCO)."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from samtok_tasks.formats.files import require_file
from samtok_tasks.formats.refer import IMAGE_FOLDERS, Reference, ReferringData, collect

LAYOUT = (
    "Expected below the data root: grefcoco/grefs(unc).json (or .p), grefcoco/instances.json (from "
    f"huggingface.co/datasets/FudanCVL/gRefCOCO) and COCO's train2014 images in {IMAGE_FOLDERS[1]} "
    "(images.cocodataset.org/zips/train2014.zip)."
)
NO_TARGET = -1
"""Stands alone as the annotation id of a reference without a target."""


def _as_list(given: Any) -> Any:
    """Old files have a plain number for one object."""
    return [given] if type(given) is int else given


class _AnyObjects(Reference):
    ann_id: Annotated[list[int], Field(min_length=1), BeforeValidator(_as_list)]
    no_target: bool | None = None

    @property
    def objects(self) -> tuple[int, ...]:
        return () if self.ann_id == [NO_TARGET] else tuple(dict.fromkeys(self.ann_id))

    @model_validator(mode="after")
    def _contradicts_itself_nowhere(self) -> Self:
        none = self.ann_id == [NO_TARGET]
        if not none and NO_TARGET in self.ann_id:
            raise ValueError(
                f"'ann_id' {self.ann_id} says both that there is a target and that there is none"
            )
        if self.no_target not in (None, none):
            raise ValueError(f"'no_target' is {self.no_target} but 'ann_id' is {self.ann_id}")
        return self


def read_grefcoco(root: Path, *, keep_crowds: bool = False) -> ReferringData:
    """Read gRefCOCO with all its splits; images are not opened.

    Crowds are left out of the targets as in ReLA's loader, which stops at a sentence about nothing else:
    that one is left out whole. SAMTok's converter keeps them, and so does `keep_crowds`.
    """
    return collect(root, "gRefCOCO", *locate_grefcoco(root), _AnyObjects, keep_crowds=keep_crowds)


def locate_grefcoco(root: Path) -> tuple[Path, Path]:
    """The files of the references and of the annotations, unread."""
    folder = root / "grefcoco"
    pickled = folder / "grefs(unc).p"
    refs = pickled if pickled.is_file() else require_file(folder / "grefs(unc).json", LAYOUT)
    return refs, require_file(folder / "instances.json", LAYOUT)

"""The former names of samtok_tasks.formats.annotated_masks and images; goes once nothing imports it."""

from samtok_tasks.formats.annotated_masks import AnnotatedMask as RegionMask
from samtok_tasks.formats.annotated_masks import AnnotatedMasks, MaskCollector
from samtok_tasks.formats.images import find_images, image_size

__all__ = ["RegionCollector", "RegionData", "RegionMask", "find_images", "image_size"]


class RegionData(AnnotatedMasks):
    @property
    def regions(self) -> tuple[RegionMask, ...]:
        return self.masks


class RegionCollector(MaskCollector):
    def drop(self, reason: str, where: str, details: str = "") -> None:
        self.dropped.add(reason, where, details)

    def data(self) -> RegionData:
        return RegionData(tuple(self._masks), self.dropped)

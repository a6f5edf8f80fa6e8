"""A scene of mini with the names it has in all official files."""

from dataclasses import dataclass

from samtok_tasks.mini.expressions import Expression
from samtok_tasks.mini.scene import Scene
from samtok_tasks.mini.shapes import SHAPES

SIZE = 192
"""Height and width in pixels."""
IMAGE_FOLDER = "images/train2014"


@dataclass(frozen=True)
class MiniPicture:
    """An image of a split."""

    image_id: int
    split: str
    scene: Scene
    expressions: list[Expression]

    @property
    def file_name(self) -> str:
        """As COCO names it."""
        return f"COCO_train2014_{self.image_id:012d}.jpg"

    def annotation_id(self, index: int) -> int:
        """Of the object or region with this number, below 10."""
        return self.image_id * 10 + index


def category(shape: str) -> int:
    """Number of a shape as a category, from 1."""
    return SHAPES.index(shape) + 1

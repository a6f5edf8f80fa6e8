"""ReasonSeg's copies on the hub, of Seg-Zero's authors: another protocol than ReasonSeg's own.

Ricky06662/ReasonSeg_val and ReasonSeg_test hold the images and questions of LISA's files with the masks as
rows of pixels. These were made by a cast to bool, which took the label of ignored pixels (255) for the
target's: what LISA leaves out counts here, as target. Nor do they say whether a question is a sentence; all
are asked as LISA asks sentences. gIoU and cIoU are LISA's, without ignored pixels, as in Seg-Zero's
evaluation_scripts. Figures of the two protocols appear under one name in papers; they do not compare.

This is by the data sets' cards: image, text, mask, and the split `test` in both. The files themselves were
not available here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from samtok_bench.task import HubSource
from samtok_tasks.formats.hub_rows import Columns
from samtok_tasks.hub_masks.task import HubBenchmark
from samtok_tasks.reasonseg.task import SENTENCE


class ReasonSegHub(HubBenchmark):
    """The copies or mini."""

    name = "reasonseg-hub"
    summary = "ReasonSeg's copies on the hub, where ignored pixels are target: another protocol"
    source = "Seg-Zero, evaluation_scripts (arXiv 2503.06520)"
    splits = ("val", "test")
    columns = Columns("image", "text", "mask")
    folder = "."
    prompt = SENTENCE.replace("{text}", "{phrase}")
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource(
            "Ricky06662/ReasonSeg_val",
            ("data/*.parquet",),
            folder="ReasonSeg_val",
            rest="the test split is Ricky06662/ReasonSeg_test, in ReasonSeg_test/",
        )
    }

    def place(self, root: Path, split: str) -> tuple[Path, str]:
        return root / f"ReasonSeg_{split}", "test"

    def default_split(self, root: Path) -> str:
        return next((split for split in self.splits if self.place(root, split)[0].is_dir()), self.splits[0])

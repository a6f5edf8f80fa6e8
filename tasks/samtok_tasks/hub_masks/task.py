"""Any data set of the Hugging Face hub whose rows are an image, a phrase and a mask.

    samtok-bench run --task hub-masks --data-root FOLDER --split validation \\
        --option image=picture --option phrase=annotations.caption --option mask=annotations.segmentation

What the columns may hold is in samtok_tasks.formats.hub_rows. The data root is a folder of parquet files, as
`hf download` leaves them, or one file. gIoU and cIoU are ReasonSeg's (LISA), without ignored pixels: where
neither the data nor the answer has a mask, a sample counts 1 in gIoU.

A benchmark in such files is a subclass with its names, see samtok_tasks.refcoco_m.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, question
from samtok_bench.task import DataStatus, Generation, Protocol, SampleSet
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.formats.files import locate_any
from samtok_tasks.formats.hub_rows import Columns, HubRegion, read_hub_regions, split_files
from samtok_tasks.formats.parquet import NOT_INSTALLED, has_pyarrow
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.prompts import REFERRING_PROMPT
from samtok_tasks.reasonseg.metrics import REASONSEG_METRICS, reasonseg_scores

MAX_NEW_TOKENS = 512
_HINT = "; name yours by --option image=COLUMN, phrase=COLUMN and mask=COLUMN"


class HubBenchmark(MiniTask):
    """What such data sets have in common."""

    primary = "giou"
    protocols: ClassVar[tuple[Protocol, ...]] = ("standard",)
    metrics: tuple[MetricInfo, ...] = REASONSEG_METRICS
    generation = Generation(MAX_NEW_TOKENS)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"area": (*COCO_AREAS, "none")}
    columns: ClassVar[Columns]
    folder: ClassVar[str]
    """Below the data root."""
    prompt: ClassVar[str] = REFERRING_PROMPT

    def place(self, root: Path, split: str) -> tuple[Path, str]:
        """The folder of a split's files, and the split's name there."""
        return root / self.folder, split

    def default_split(self, root: Path) -> str:
        """The first of the usual ones that is there, else the first there is."""
        there = split_files(self._first(root))
        return next((split for split in self.splits if split in there), min(there))

    def own_data(self) -> DataStatus:
        return super().own_data() if has_pyarrow() else DataStatus(False, NOT_INSTALLED)

    def default_root(self) -> Path:
        if not has_pyarrow():
            raise ValueError(NOT_INSTALLED)
        return super().default_root()

    def locate(self, root: Path) -> str:
        folder = self._first(root)
        return f"{', '.join(sorted(split_files(folder)))}, in {folder}"

    def _first(self, root: Path) -> Path:
        """The first folder of the splits' that holds parquet files."""

        def folder(split: str) -> Path:
            there, _ = self.place(root, split)
            split_files(there)
            return there

        return locate_any(self.splits, folder)

    def samples(self, root: Path, split: str) -> SampleSet:
        folder, name = self.place(root, split)
        read = read_hub_regions(folder, name, self._columns, self._hint)
        return SampleSet([self._sample(region) for region in read.regions], read.dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return reasonseg_scores(rle.union(sample.target.masks, sample.size), None, prediction)

    @property
    def _columns(self) -> Columns:
        return self.columns

    @property
    def _hint(self) -> str:
        return ""

    @property
    def _prompt(self) -> str:
        return self.prompt

    def _sample(self, region: HubRegion) -> Sample:
        prompt = self._prompt.replace("{phrase}", region.phrase)
        words = (mask["counts"] for mask in region.masks)
        image = region.image
        pixels = rle.area(rle.union(region.masks, image.size))
        return Sample(
            id=content_id(self.name, image.path.stem, region.place, prompt, *words),
            image=image.path,
            size=image.size,
            turns=question(image.path, prompt),
            cluster=image.key,
            target=Target(region.masks),
            tags={"area": coco_area(pixels) if pixels else "none"},
        )


class HubMasks(HubBenchmark):
    """Any such data set; its columns are options."""

    name = "hub-masks"
    summary = "any parquet files with image, phrase and mask; the columns are options"
    source = "LISA, train_ds.py (arXiv 2308.00692)"
    splits = ("validation", "val", "test", "train")
    folder = "."
    option_texts: ClassVar[Mapping[str, str]] = {
        "image": Columns.image,
        "phrase": Columns.phrase,
        "mask": Columns.mask,
        "prompt": REFERRING_PROMPT,
    }

    def __init__(
        self,
        protocol: Protocol = "standard",
        data: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(protocol, data, options)
        if "{phrase}" not in self._prompt:
            raise ValueError(f"the option prompt needs {{phrase}} where the phrase belongs: {self._prompt!r}")

    def default_root(self) -> Path:
        return super().default_root() / "hub-masks"

    @property
    def _columns(self) -> Columns:
        return Columns(self.options["image"], self.options["phrase"], self.options["mask"])

    @property
    def _hint(self) -> str:
        return _HINT

    @property
    def _prompt(self) -> str:
        return self.options["prompt"]

"""Visual7W's pointing questions: which of four boxes is meant.

The benchmark is from before there were prompts. Its four boxes are the choices here, as filled regions and by
letter, in an order that depends on the question and the boxes alone; the official toolkit shuffles them.
ViP-LLaVA's evaluation counts as the metric `exact` does.
"""

from pathlib import Path

from samtok_bench.sample import MASK_PLACE, Region, Sample, Target, content_id, image_key, question
from samtok_bench.task import SampleSet
from samtok_tasks.multiple_choice import LETTERS, MultipleChoice, choice_prompt
from samtok_tasks.visual7w.reader import PointingQuestion, locate_visual7w, read_visual7w


class Visual7W(MultipleChoice):
    """Which region an expression means, in Visual7W or mini."""

    name = "visual7w"
    summary = "which of four regions is meant (Visual7W pointing)"
    source = "Visual7W (arXiv 1511.03416); ViP-LLaVA, model_vqa_loader_vip.py"
    splits = ("test", "val", "train")

    def locate(self, root: Path) -> str:
        locate_visual7w(root)
        return f"Visual7W, in {root}"

    def samples(self, root: Path, split: str) -> SampleSet:
        data = read_visual7w(root, split)
        return SampleSet([_sample(asked, root) for asked in data.questions], data.dropped)


def _sample(asked: PointingQuestion, root: Path) -> Sample:
    qa_id, place = str(asked.qa_id), image_key(asked.image, root)
    right, _ = asked.right
    # shuffled by what does not change, and does not tell which is right
    boxes = sorted([asked.right, *asked.wrong], key=lambda box: content_id("visual7w", qa_id, str(box[0])))
    masks = [mask for _, mask in boxes]
    letter = LETTERS[[id for id, _ in boxes].index(right)]
    height, width = masks[0]["size"]
    counts = [mask["counts"] for mask in masks]
    prompt = choice_prompt(asked.question, [f"{choice}. {MASK_PLACE}" for choice in LETTERS[: len(masks)]])
    # from the right: the question may have the words of a place too
    *before, last = prompt.rsplit(MASK_PLACE, len(masks))
    parts = [part for text, mask in zip(before, masks, strict=True) for part in (text, Region(mask))]
    return Sample(
        id=content_id("region_vqa", "visual7w", place, qa_id, asked.question, letter, *counts),
        image=asked.image,
        size=(height, width),
        turns=question(asked.image, *parts, last),
        cluster=place,
        target=Target(text=letter),
        tags={"type": asked.type},
        truth=("",) * len(masks),
    )

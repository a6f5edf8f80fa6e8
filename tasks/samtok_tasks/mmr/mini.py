"""MMR's file of val: questions that mean one object, or several."""

from collections.abc import Sequence
from typing import Any

from samtok_bench import rle
from samtok_tasks.grounding_suite.mini import with_article
from samtok_tasks.mini.picture import IMAGE_FOLDER, SIZE, MiniPicture, category
from samtok_tasks.reasonseg.mini import SENTENCES

HASH = "8ae23edc9d5f13bdeeb31b4971a856814b4533ea7429575b2ef69aeb2b00a2f9"

SPLIT = "val"


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`MMR/MMR_val.json`."""
    images = []
    for picture in pictures:
        asked = [said for said in picture.expressions if said.targets] if picture.split == SPLIT else []
        if not asked:
            continue
        answers = [[_answer(picture, index) for index in said.targets] for said in asked]
        images.append(
            {
                "file_name": f"{IMAGE_FOLDER.removeprefix('images/')}/{picture.file_name}",
                "height": SIZE,
                "width": SIZE,
                "image_id": picture.image_id,
                "questions": [
                    SENTENCES[number % len(SENTENCES)].format(phrase=with_article(said))
                    for number, said in enumerate(asked, picture.image_id)
                ],
                "answers": answers,
                "text_answers": ["{seg} " * len(answer) for answer in answers],
            }
        )
    return {"MMR/MMR_val.json": images} if images else {}


def _answer(picture: MiniPicture, index: int) -> dict[str, Any]:
    item = picture.scene.objects[index]
    packed = dict(rle.encode(item.mask))
    number = category(item.shape)
    return {
        "segmentation": packed,
        "image_id": picture.image_id,
        "category_name": item.shape,
        "category_id": number,
    }

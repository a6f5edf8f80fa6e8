"""How a model that runs elsewhere is asked, and how its answers are read."""

from dataclasses import dataclass

from samtok_bench.exchange.messages import REGION_FORMS, Picture, RegionForm, Rendering, in_url
from samtok_bench.predictor import PredictorOptions, Unfit
from samtok_bench.predictors.answer_forms import (
    GRAPHS_MASKS,
    SCENE_GRAPH,
    AnswerForm,
    TextForm,
    answer_form,
)
from samtok_bench.predictors.pictures import first_image, pictures_of
from samtok_bench.registry import suggestion
from samtok_bench.sample import Prediction, Sample

DEFAULT_ANSWERS = "words"


@dataclass(frozen=True)
class Manner:
    """Both ways."""

    form: AnswerForm
    rendering: Rendering

    def read(self, sample: Sample, text: str) -> Prediction:
        """An answer with its masks; OSError or ValueError where the image cannot be read."""
        return self.form.read(text, pictures_of(first_image(sample), sample)["image"])


def manner_of(options: PredictorOptions, picture: Picture = in_url) -> Manner:
    """What the options say.

    Args:
        options: tokenizer, answers, regions, instruction, and what the task asks for.
        picture: how a picture stands in a message.

    Raises:
        ValueError: options that do not go together.
        Unfit: an answer of this form never has the masks that the task asks for.
    """
    answers = options.answers or DEFAULT_ANSWERS
    form = answer_form(answers, options.tokenizer, options)
    if isinstance(form, TextForm) and options.answer_form == SCENE_GRAPH:
        raise Unfit(GRAPHS_MASKS.format(answers))
    instruction = options.instruction
    if instruction is None:
        instruction = form.instructions.get(options.answer_form, "")
    rendering = Rendering(
        regions=_region_form(options.regions, answers),
        coordinates=form.coordinates,
        instruction=instruction,
        open=pictures_of,
        words=form.tokenizer.words if form.tokenizer else None,
        picture=picture,
    )
    if rendering.regions == "words" and rendering.words is None:
        raise ValueError("--regions words needs a mask tokenizer and --answers words")
    return Manner(form, rendering)


def _region_form(named: str | None, answers: str) -> RegionForm:
    if named is None:
        kind = answers.partition(":")[0]
        return "words" if kind == "words" else "boxes" if kind == "boxes" else "outline"
    for form in REGION_FORMS:
        if named == form:
            return form
    raise ValueError(f"unknown --regions {named!r}{suggestion(named, list(REGION_FORMS))}")

"""What the page shows of a session: HTML, and the picture with its regions. Plain values, without gradio."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from samtok.colours import hexed
from samtok_bench.demo import drawing
from samtok_bench.demo.model import DemoModel
from samtok_bench.demo.scenes import CHOSEN, Scene
from samtok_bench.demo.session import REFERENCE, Exchange, Marked, Session
from samtok_bench.exchange.pictures import data_url
from samtok_bench.sample import Outcome
from samtok_bench.showing.answer_pieces import answer_pieces
from samtok_bench.showing.templates import environment

TEMPLATES = Path(__file__).parent / "templates"
THUMB = 96
"""Longer side of a scene's small picture, pixels."""


@dataclass(frozen=True)
class Chip:
    """A region as a text names it."""

    number: int
    colour: str
    """Of CSS."""
    words: str = ""
    """Their digits, where the words themselves stand in the text."""
    there: bool = True
    """Whether the region is still there."""


def header(model: DemoModel) -> str:
    """What the page is, and who answers."""
    return _filled("header.html.jinja", model=model)


def canvas(session: Session) -> dict[str, Any]:
    """The picture with its regions, and what the script needs to draw on it; JSON."""
    height, width = session.size
    lit = [session.regions[number] for number in session.lit]
    return {
        "picture": data_url(drawing.with_regions(session.image, lit)),
        "width": width,
        "height": height,
        "chosen": session.chosen,
        "badges": [_badge(region, session) for region in session.regions.values()],
        # a value that differs ends the waiting also after a failure
        "stamp": time.monotonic_ns(),
    }


def regions(session: Session) -> str:
    """The list of regions, and the way of the chosen one through its words."""
    chosen = session.regions.get(session.chosen or 0)
    panels = [data_url(panel) for panel in drawing.round_trip(session.image, chosen)] if chosen else []
    legend = {name: hexed(rgb) for name, rgb in drawing.LEGEND.items()}
    return _filled("regions.html.jinja", session=session, chosen=chosen, panels=panels, legend=legend)


def dialogue(session: Session, waiting: str = "") -> str:
    """Questions and answers; `waiting` is a question without an answer yet."""
    return _filled("dialogue.html.jinja", session=session, waiting=waiting)


def suggestions(session: Session, questions: Sequence[str]) -> str:
    """Questions that can be asked now, those with CHOSEN about the chosen region."""
    about = f"[{session.chosen}]"
    asked = [question.replace(CHOSEN, about) for question in questions]
    shown = [text for text in asked if session.chosen is not None or about not in text]
    return _filled("suggestions.html.jinja", questions=shown)


def scene_strip(scenes: Sequence[Scene]) -> str:
    """Small pictures to choose from."""
    thumbs = []
    for scene in scenes:
        with Image.open(scene.picture) as image:
            thumbs.append(data_url(drawing.shown(image.convert("RGB"), THUMB)))
    return _filled("scenes.html.jinja", thumbs=thumbs)


def message(text: str) -> str:
    """An error in one line, or nothing."""
    return str(Markup('<p role="alert">{}</p>').format(" ".join(text.split()))) if text else ""


def question_pieces(text: str, session: Session) -> Iterator[str | Chip]:
    """A question with its references as chips."""
    end = 0
    for found in REFERENCE.finditer(text):
        yield text[end : found.start()]
        yield _chip(int(found[1]), session)
        end = found.end()
    yield text[end:]


def exchange_pieces(exchange: Exchange, session: Session) -> Iterator[str | Chip]:
    """An answer with its mask words as chips; regions without words in it come after the text."""
    answer, numbers = exchange.answer, exchange.regions
    words = answer.words if len(answer.words) == len(numbers) else ()
    for piece in answer_pieces(answer.text, words, len(numbers)):
        yield piece if isinstance(piece, str) else _chip(numbers[piece[0]], session, piece[1])


def remarks(exchange: Exchange) -> list[str]:
    """What else there is to say of an answer."""
    answer = exchange.answer
    said = [f"malformed mask words: {', '.join(answer.faults)}"] if answer.faults else []
    if answer.outcome is Outcome.TRUNCATED:
        said.append("cut at the limit of new tokens")
    return [*said, f"{answer.new_tokens} tokens, {answer.seconds:.1f} s"]


def digits(words: str) -> str:
    """`<|mt_start|><|mt_0230|><|mt_0345|><|mt_end|>` in short: 0230 0345."""
    return " ".join(part for part in words.replace("|", "_").split("_") if part.isdigit())


def css_colour(number: int) -> str:
    """The colour of a region, as style sheets write it."""
    return hexed(drawing.colour(number))


def _chip(number: int, session: Session, words: str = "") -> Chip:
    return Chip(number, css_colour(number), digits(words), number in session.regions)


def _badge(region: Marked, session: Session) -> dict[str, Any]:
    """The number of a region, at its place on the picture."""
    x, y = drawing.place_of(region.mask)
    lit = region.number in session.lit
    return {"number": region.number, "colour": css_colour(region.number), "x": x, "y": y, "lit": lit}


def _filled(template: str, **values: Any) -> str:
    tools = {
        "colour": css_colour,
        "digits": digits,
        "question_pieces": question_pieces,
        "exchange_pieces": exchange_pieces,
        "remarks": remarks,
    }
    return environment(TEMPLATES).get_template(template).render(**tools, **values)

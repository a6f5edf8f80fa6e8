"""The page in gradio: parts, and which event calls what. `session` does it, `view` says what is shown.

The one module that imports gradio; `launch` imports it once that is known to be there.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from samtok_bench.demo import view
from samtok_bench.demo.model import NANO, DemoModel
from samtok_bench.demo.scenes import Scene, common_questions
from samtok_bench.demo.session import Session
from samtok_bench.errors import in_one_line

KEPT_FILES = (3600, 24 * 3600)
"""How often gradio looks for uploaded pictures that are old, and how old these are; seconds. All of them go
when the demo ends.
"""
BUG = "a bug in the demo; its terminal has the details"
QUEUE: dict[str, Any] = {
    # one thing at a time, whoever asks: there is one model
    "concurrency_id": "model",
    "concurrency_limit": 1,
    "show_progress": "hidden",
    "api_visibility": "private",
}
Shown = list[Any]
"""New values of parts of the page."""


@dataclass(frozen=True)
class Parts:
    """The components that events come from or go to."""

    session: gr.State
    questions: gr.State
    """What can be asked about the picture."""
    status: gr.HTML
    scenes: gr.HTML
    opener: gr.UploadButton
    canvas: gr.HTML
    regions: gr.HTML
    dialogue: gr.HTML
    suggestions: gr.HTML
    question: gr.Textbox
    follow: gr.Checkbox
    forget: gr.Button


def build(model: DemoModel, scenes: Sequence[Scene]) -> gr.Blocks:
    """The page.

    Args:
        model: who answers.
        scenes: pictures to begin with, at least one.
    """
    with gr.Blocks(title="SAMTok demo", analytics_enabled=False, delete_cache=KEPT_FILES) as page:
        _connect(page, _laid_out(model, scenes), Events(model, scenes))
    return page


def theme() -> gr.themes.Base:
    """Only fonts that machines have: others would be fetched."""
    return gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )


def asset(name: str) -> str:
    """A script or style of ours."""
    return (view.TEMPLATES / name).read_text(encoding="utf-8")


def _laid_out(model: DemoModel, scenes: Sequence[Scene]) -> Parts:
    """The picture with its regions left, the dialogue right."""
    plain: dict[str, Any] = {"apply_default_css": False}
    choices = {**plain, "js_on_load": asset("choices.js")}
    drawing = {**plain, "html_template": asset("canvas.html"), "js_on_load": asset("canvas.js")}
    parts: dict[str, Any] = {"session": gr.State(), "questions": gr.State(())}
    gr.HTML(view.header(model), **plain)
    parts["status"] = gr.HTML(elem_id="status", **plain)
    with gr.Row(equal_height=False):
        with gr.Column(scale=6, min_width=320):
            with gr.Row(elem_id="pictures"):
                parts["scenes"] = gr.HTML(view.scene_strip(scenes), **choices)
                parts["opener"] = gr.UploadButton(
                    "Open a picture", file_types=["image"], size="sm", elem_id="open-picture", scale=0
                )
            parts["canvas"] = gr.HTML(elem_id="canvas", **drawing)
            parts["regions"] = gr.HTML(elem_id="regions", **choices)
        with gr.Column(scale=5, min_width=320):
            parts["dialogue"] = gr.HTML(elem_id="dialogue", **choices)
            parts["suggestions"] = gr.HTML(elem_id="suggestions", **choices)
            parts["question"] = gr.Textbox(
                label="Question",
                show_label=False,
                container=False,
                placeholder="Ask about the picture; [1] is region 1",
                submit_btn="Ask",
                max_lines=4,
                elem_id="question",
            )
            with gr.Row(elem_id="manner"):
                parts["follow"] = gr.Checkbox(
                    model.name != NANO,
                    label="Tell the model the turns before",
                    container=False,
                    elem_id="follow",
                )
                parts["forget"] = gr.Button("Clear the dialogue", size="sm", scale=0, elem_id="forget")
    return Parts(**parts)


def _connect(page: gr.Blocks, parts: Parts, events: "Events") -> None:
    """Which event calls what, and what is shown then: `Events` returns values in these orders."""
    here = [parts.session, parts.questions]
    shown = [parts.canvas, parts.regions, parts.dialogue, parts.suggestions, parts.status]
    page.load(events.begin, None, [*here, *shown], **QUEUE)
    parts.scenes.scene(events.open_scene, here, [*here, *shown], **QUEUE)
    parts.opener.upload(events.open_upload, [*here, parts.opener], [*here, *shown], **QUEUE)
    acts: list[tuple[Any, Act]] = [
        (parts.canvas.box, lambda session, at: session.box(at.x0, at.y0, at.x1, at.y1)),
        (parts.canvas.point, lambda session, at: session.click(at.x, at.y, at.change, at.inside)),
        (parts.canvas.stroke, lambda session, at: session.brush(at.points, at.width, at.change, at.inside)),
        (parts.regions.choose, lambda session, one: session.choose(one.number)),
        (parts.regions.remove, lambda session, one: session.remove(one.number)),
        (parts.dialogue.choose, lambda session, one: session.choose(one.number)),
        (parts.forget.click, lambda session, _: session.forget()),
    ]
    for event, act in acts:
        event(events.doing(act), here, shown, **QUEUE)
    asking = [parts.question, *shown]
    parts.question.submit(events.answer, [*here, parts.follow, parts.question], asking, **QUEUE)
    parts.suggestions.ask(events.answer_suggested, [*here, parts.follow], asking, **QUEUE)
    parts.regions.refer(events.refer, parts.question, parts.question, **QUEUE)


Act = Callable[[Session, Any], object]
"""What an event does with a session; ValueError and OSError are shown."""


class Events:
    """What events call. Nothing of a visitor is kept here: the session comes along."""

    def __init__(self, model: DemoModel, scenes: Sequence[Scene]) -> None:
        self._model = model
        self._scenes = scenes
        self._always = common_questions(scenes)

    def begin(self) -> Shown:
        """A visitor comes."""
        scene = self._scenes[0]
        session = Session(self._model, scene.picture)
        return [session, scene.questions, *_look(session, scene.questions)]

    def open_scene(self, session: Session, known: Sequence[str], event: gr.EventData) -> Shown:
        """A scene is chosen."""
        scene = self._scenes[event.number]
        return self._opened(session, known, scene.picture, scene.questions)

    def open_upload(self, session: Session, known: Sequence[str], file: str) -> Shown:
        """A picture has come."""
        return self._opened(session, known, Path(file), self._always)

    def doing(self, act: Act) -> Callable[..., Shown]:
        """A function for an event that changes the session."""

        def run(session: Session, known: Sequence[str], event: gr.EventData) -> Shown:
            return _look(session, known, _error_of(lambda: act(session, event)))

        return run

    def answer(self, session: Session, known: Sequence[str], follow: bool, text: str) -> Iterator[Shown]:
        """A question is asked: first it is shown, then its answer. One that fails can be corrected."""
        yield [text, gr.skip(), gr.skip(), view.dialogue(session, text), gr.skip(), ""]
        error = _error_of(lambda: session.ask(text, follow))
        yield [text if error else "", *_look(session, known, error)]

    def answer_suggested(
        self, session: Session, known: Sequence[str], follow: bool, event: gr.EventData
    ) -> Iterator[Shown]:
        """The same for a question that was suggested."""
        yield from self.answer(session, known, follow, event.text)

    def refer(self, text: str, event: gr.EventData) -> str:
        """The question with a reference to a region."""
        return f"{text.rstrip()} [{event.number}]".lstrip()

    def _opened(
        self, session: Session, known: Sequence[str], picture: Path, questions: Sequence[str]
    ) -> Shown:
        opened: list[Session] = []
        error = _error_of(lambda: opened.append(Session(self._model, picture)))
        if error:
            error = error.replace(f"{picture.parent}/", "")  # where gradio keeps it says nothing
            return [session, known, *_look(session, known, error)]
        return [*opened, questions, *_look(opened[0], questions)]


def _look(session: Session, questions: Sequence[str], error: str = "") -> Shown:
    return [
        view.canvas(session),
        view.regions(session),
        view.dialogue(session),
        view.suggestions(session, questions),
        view.message(error),
    ]


def _error_of(act: Callable[[], object]) -> str:
    """What went wrong, in one line; "" if nothing did."""
    try:
        act()
    except (ValueError, OSError) as error:
        return in_one_line(error)
    except Exception:
        logging.getLogger(__name__).exception("the demo failed")
        return BUG
    return ""

"""The page of the demo, in gradio. It holds no logic: `session` does, and `view` says what is shown."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samtok_bench.demo import view
from samtok_bench.demo.model import NANO, DemoModel
from samtok_bench.demo.scenes import Scene, common_questions
from samtok_bench.demo.session import Session
from samtok_bench.interruption import in_one_line

if TYPE_CHECKING:
    import gradio

EXTRA = "the demo needs gradio: pip install 'samtok-bench[demo]'"
LARGEST_FILE = "200mb"
KEPT_FILES = (3600, 24 * 3600)
"""How often gradio looks for uploaded pictures that are old, and how old these are; seconds. All go at the
end."""
BUG = "a bug in the demo; its terminal has the details"


def check_place(host: str, port: int) -> None:
    """See before the model is loaded that the page can be served.

    Raises:
        ValueError: gradio is not installed.
        OSError: the port is taken, or the host is none of this machine.
    """
    if find_spec("gradio") is None:
        raise ValueError(EXTRA)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise OSError(
                f"the demo cannot listen on {host}, port {port}: {reason}; see --port, --host"
            ) from None


def serve(
    model: DemoModel, scenes: Sequence[Scene], host: str, port: int, share: bool, say: Callable[[str], None]
) -> None:
    """Serve the page until it is interrupted.

    Args:
        model: who answers.
        scenes: pictures to begin with, at least one.
        host: an address of this machine.
        port: 0 for a free one.
        share: also at a public address of gradio's.
        say: is told the addresses.

    Raises:
        ValueError: gradio is not installed.
        OSError: see `check_place`; also where gradio's server for public addresses cannot be reached.
    """
    check_place(host, port)
    page, how = build(model, scenes)
    _, local, public = page.launch(
        server_name=host,
        server_port=port or _free_port(host),
        share=share,
        quiet=True,
        prevent_thread_lock=True,
        max_file_size=LARGEST_FILE,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        **how,
    )
    try:
        if share and not public:
            raise OSError("gradio gave no public address: is there a way to the internet?")
        say(f"demo of {model.name}: {local} (Ctrl-C ends it)")
        if public:
            say(f"public for a week, to all who know it: {public}")
        threading.Event().wait()
    except KeyboardInterrupt:
        say("the demo has ended")
    finally:
        page.close(verbose=False)


def build(model: DemoModel, scenes: Sequence[Scene]) -> "tuple[gradio.Blocks, dict[str, Any]]":
    """The page, and how it is launched: its look.

    Args:
        model: who answers.
        scenes: pictures to begin with, at least one.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # also of what gradio does as it is imported
    import gradio as gr

    plain: dict[str, Any] = {"apply_default_css": False}
    choices = {**plain, "js_on_load": _asset("choices.js")}
    always = common_questions(scenes)
    with gr.Blocks(title="SAMTok demo", analytics_enabled=False, delete_cache=KEPT_FILES) as page:
        session = gr.State()
        questions = gr.State(always)
        gr.HTML(view.header(model), **plain)
        status = gr.HTML(elem_id="status", **plain)
        with gr.Row(equal_height=False):
            with gr.Column(scale=6, min_width=320):
                with gr.Row(elem_id="pictures"):
                    strip = gr.HTML(view.scene_strip(scenes), **choices)
                    opener = gr.UploadButton(
                        "Open a picture", file_types=["image"], size="sm", elem_id="open-picture", scale=0
                    )
                canvas = gr.HTML(
                    html_template=_asset("canvas.html"),
                    js_on_load=_asset("canvas.js"),
                    elem_id="canvas",
                    **plain,
                )
                regions = gr.HTML(elem_id="regions", **choices)
            with gr.Column(scale=5, min_width=320):
                dialogue = gr.HTML(elem_id="dialogue", **choices)
                suggestions = gr.HTML(elem_id="suggestions", **choices)
                question = gr.Textbox(
                    show_label=False,
                    label="Question",
                    placeholder="Ask about the picture; [1] is region 1",
                    submit_btn="Ask",
                    max_lines=4,
                    elem_id="question",
                )
                with gr.Row():
                    follow = gr.Checkbox(
                        model.name != NANO, label="Tell the model the turns before", elem_id="follow"
                    )
                    forget = gr.Button("New dialogue", size="sm", min_width=120, scale=0, elem_id="forget")
        shown = [canvas, regions, dialogue, suggestions, status]

        def look(session: Session, questions: Sequence[str], error: str = "") -> list[Any]:
            return [
                view.canvas(session),
                view.regions(session),
                view.dialogue(session),
                view.suggestions(session, questions),
                view.message(error),
            ]

        def then_look(act: Callable[[Session, Any], Any]) -> Callable[..., list[Any]]:
            """An event's function: it does something with the session and shows what came of it."""

            def run(session: Session, questions: Sequence[str], event: gr.EventData) -> list[Any]:
                return look(session, questions, _error_of(lambda: act(session, event)))

            return run

        def open_file(before: Session, known: Sequence[str], picture: Path, ask: Sequence[str]) -> list[Any]:
            opened: list[Session] = []
            error = _error_of(lambda: opened.append(Session(model, picture)))
            error = error.replace(f"{picture.parent}/", "")  # where gradio keeps it says nothing
            now, questions = (opened[0], ask) if opened else (before, known)
            return [now, questions, *look(now, questions, error)]

        def open_scene(session: Session, known: Sequence[str], event: gr.EventData) -> list[Any]:
            scene = scenes[event.number]
            return open_file(session, known, scene.picture, scene.questions)

        def open_upload(session: Session, known: Sequence[str], file: str) -> list[Any]:
            return open_file(session, known, Path(file), always)

        def begin() -> list[Any]:
            fresh = Session(model, scenes[0].picture)
            return [fresh, scenes[0].questions, *look(fresh, scenes[0].questions)]

        def answer(session: Session, known: Sequence[str], text: str, follow: bool) -> Iterator[list[Any]]:
            yield [text, gr.skip(), gr.skip(), view.dialogue(session, text), gr.skip(), ""]
            error = _error_of(lambda: session.ask(text, follow))
            yield [text if error else "", *look(session, known, error)]

        def answer_suggested(
            session: Session, known: Sequence[str], follow: bool, event: gr.EventData
        ) -> Iterator[list[Any]]:
            yield from answer(session, known, event.text, follow)

        def refer(text: str, event: gr.EventData) -> str:
            return f"{text.rstrip()} [{event.number}]".lstrip()

        queue: dict[str, Any] = {
            "concurrency_id": "model",
            "concurrency_limit": 1,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        here = [session, questions]
        new = [session, questions, *shown]
        page.load(begin, None, new, **queue)
        strip.scene(open_scene, here, new, **queue)
        opener.upload(open_upload, [*here, opener], new, **queue)
        acts: list[tuple[Any, Callable[[Session, Any], Any]]] = [
            (canvas.box, lambda session, at: session.box(at.x0, at.y0, at.x1, at.y1)),
            (canvas.point, lambda session, at: session.click(at.x, at.y, at.change, at.inside)),
            (canvas.stroke, lambda session, at: session.brush(at.points, at.width, at.change, at.inside)),
            (regions.choose, lambda session, one: session.choose(one.number)),
            (regions.remove, lambda session, one: session.remove(one.number)),
            (dialogue.choose, lambda session, one: session.choose(one.number)),
            (forget.click, lambda session, _: session.forget()),
        ]
        for event, act in acts:
            event(then_look(act), here, shown, **queue)
        question.submit(answer, [*here, question, follow], [question, *shown], **queue)
        suggestions.ask(answer_suggested, [*here, follow], [question, *shown], **queue)
        regions.refer(refer, question, question, **queue)
    look_of_page = {"css": _asset("page.css"), "theme": _theme(gr)}
    return page, look_of_page


def _error_of(act: Callable[[], Any]) -> str:
    """What went wrong, in one line; "" if nothing did."""
    try:
        act()
    except (ValueError, OSError) as error:
        return in_one_line(error)
    except Exception:
        logging.getLogger(__name__).exception("the demo failed")
        return BUG
    return ""


def _theme(gr: Any) -> Any:
    """Only fonts that machines have: the others would be fetched."""
    return gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )


def _asset(name: str) -> str:
    return (view.TEMPLATES / name).read_text(encoding="utf-8")


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])

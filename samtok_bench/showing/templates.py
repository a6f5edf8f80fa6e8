"""Templates of pages: a name that is not known is an error, and texts of others stay texts."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_PAGES = Path(__file__).parent / "pages" / "templates"
TABLES_CSS, TABLES_JS = _PAGES / "tables.css", _PAGES / "tables.js"
"""Style and script of pages with tables that sort."""


@cache  # compiling a template takes longer than filling it
def environment(folder: Path) -> Environment:
    """Jinja with the templates of a folder."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def own_text(path: Path) -> Markup:
    """A style or script of ours, for an element of the page."""
    return Markup(path.read_text(encoding="utf-8"))


def csp_hash(text: str) -> str:
    """The source of a content security policy that allows this style or script alone."""
    return Markup(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")

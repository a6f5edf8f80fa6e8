"""Blocks of a document, each a table with its title and texts, as plain text or as Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from samtok_bench.showing.tables import markdown_table, markdown_text, printable, text_table


@dataclass(frozen=True)
class Block:
    """A title, paragraphs, a table and a list, in this order; whatever is empty is left out."""

    title: str = ""
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    right: Sequence[int] = ()
    """Columns of the table that are aligned to the right."""
    before: Sequence[str] = ()
    """Paragraphs above the table."""
    after: Sequence[str] = ()
    """Items of the list below the table."""
    level: int = 2
    """Of the heading."""


def as_text(blocks: Iterable[Block], bullet: str = "") -> str:
    """For a terminal, with an empty line between blocks; `bullet` starts each item of the lists."""
    return "\n\n".join("\n".join(_text_parts(block, bullet)) for block in blocks)


def as_markdown(blocks: Iterable[Block]) -> str:
    """In GitHub's Markdown; no text in a block acts as Markdown or HTML."""
    return "\n\n".join(part for block in blocks for part in _markdown_parts(block))


def _text_parts(block: Block, bullet: str) -> Iterator[str]:
    if block.title:
        title = printable(block.title)
        yield title
        if block.level == 1:
            yield "=" * len(title)
    yield from map(printable, block.before)
    if block.headers:
        yield text_table(block.headers, block.rows, block.right)
    yield from (f"{bullet}{printable(item)}" for item in block.after)


def _markdown_parts(block: Block) -> Iterator[str]:
    if block.title:
        yield f"{'#' * block.level} {markdown_text(block.title)}"
    yield from map(_paragraph, block.before)
    if block.headers:
        yield markdown_table(block.headers, block.rows, block.right)
    if block.after:
        yield "\n".join(f"- {_paragraph(item)}" for item in block.after)


def _paragraph(text: str) -> str:
    """As `markdown_text`, at the beginning of a line or an item: it begins no list, rule or heading there."""
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", markdown_text(text))

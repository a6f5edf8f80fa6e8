"""Blocks of a document, each a table with its title and texts, as plain text or as Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from samtok_bench.showing.tables import markdown_table, markdown_text, text_table


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
        yield block.title
        if block.level == 1:
            yield "=" * len(block.title)
    yield from block.before
    if block.headers:
        yield text_table(block.headers, block.rows, block.right)
    yield from (f"{bullet}{item}" for item in block.after)


def _markdown_parts(block: Block) -> Iterator[str]:
    if block.title:
        yield f"{'#' * block.level} {markdown_text(block.title)}"
    yield from map(markdown_text, block.before)
    if block.headers:
        yield markdown_table(block.headers, block.rows, block.right)
    if block.after:
        yield "\n".join(f"- {markdown_text(item)}" for item in block.after)

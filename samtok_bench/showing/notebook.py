"""Runs in a notebook: a run as a pandas frame, tables and samples as HTML."""

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import pandas as pd

from samtok_bench.runs.reading import open_run
from samtok_bench.showing.inspection import run_text, sample_text, shown_samples


def load_run(path: str | Path) -> pd.DataFrame:
    """A complete run as a frame, one row per sample.

    Args:
        path: a results folder.

    Returns:
        indexed by sample id, with the columns `cluster` (the image), `tag.NAME` for each tag, `score.NAME`
        for each score (sufficient statistics, shares 0 to 1), and of the answer `outcome`, `text`, `masks`
        (lists of COCO RLE), `words`, `faults`, `detail`, `prompt_tokens`, `new_tokens`, `seconds`.
        `frame.attrs` has `settings` and `summary`, both as JSON values.

    Raises:
        ValueError: no results folder, or an incomplete or malformed one.
    """
    run = open_run(Path(path))
    lists, plain = ("masks", "words", "faults"), ("detail", "prompt_tokens", "new_tokens", "seconds")
    rows = [
        {
            "id": line.id,
            "cluster": line.cluster,
            **{f"tag.{name}": value for name, value in line.tags.items()},
            **{f"score.{name}": value for name, value in line.scores.items()},
            "outcome": str(line.prediction.outcome),
            "text": line.prediction.text,
            **{name: list(getattr(line.prediction, name)) for name in lists},
            **{name: getattr(line.prediction, name) for name in plain},
        }
        for line in run.lines.values()
    ]
    frame = pd.DataFrame(rows).set_index("id")
    frame.attrs = {
        "settings": run.settings.model_dump(mode="json"),
        "summary": run.summary.model_dump(mode="json"),
    }
    return frame


@dataclass(frozen=True)
class Display:
    """Text, with pictures where the notebook can show them."""

    blocks: tuple[tuple[str, bytes | None], ...]
    """Text, and a PNG below it."""

    def __repr__(self) -> str:
        return "\n\n".join(text for text, _ in self.blocks)

    def _repr_html_(self) -> str:
        parts = []
        for text, picture in self.blocks:
            parts.append(f"<pre>{escape(text)}</pre>")
            if picture is not None:
                data = base64.b64encode(picture).decode()
                parts.append(f'<img alt="target and answer" src="data:image/png;base64,{data}">')
        return "\n".join(parts)


def display(path: str | Path, sample: str | Sequence[str] = ()) -> Display:
    """A run's tables, or some of its samples with their pictures, for the last line of a notebook's cell.

    Args:
        path: a results folder.
        sample: ids, or unique beginnings of ids; none for the tables.

    Raises:
        ValueError: no complete results folder, or no such sample.
    """
    run = open_run(Path(path))
    asked = [sample] if isinstance(sample, str) else list(sample)
    if not asked:
        return Display(((run_text(run), None),))
    with tempfile.TemporaryDirectory() as folder:
        shown, notes = shown_samples(run, asked, Path(folder))
        blocks: list[tuple[str, bytes | None]] = [(note, None) for note in notes]
        for answer in shown:
            picture = answer.picture.read_bytes() if answer.picture else None
            blocks.append((sample_text(replace(answer, picture=None)), picture))
    return Display(tuple(blocks))

"""A report as one HTML file; if that would be too large, its samples are in a folder next to it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from samtok_bench.files import whole_file, write_whole
from samtok_bench.report.collect import Report, collect
from samtok_bench.report.samples import IMAGES
from samtok_bench.showing.tables import NOT_AVAILABLE, interval_header
from samtok_bench.showing.templates import csp_hash, environment, own_text

TEMPLATES = Path(__file__).parent / "templates"
REPORT = "report.html"
LIMIT_BYTES = 30_000_000
"""A larger file is hard to send and slow to open, so its samples go to a folder."""
PAGE_BYTES = 4_000_000
PICTURE_BYTES, LEAST_PICTURE_BYTES = 48_000, 7_000
"""The size of a picture if there is enough room, and the smallest size that still shows something."""
FEW_BYTES, LARGE_PICTURE_BYTES = 10_000_000, 600_000
"""Few pictures share this, so that they keep their pixels; the most that one of them gets."""
_SCRIPTS = (
    *("masks.js", "filters.js", "drawing.js", "parts.js", "panels.js", "enlarged.js", "thumbs.js"),
    *("answers.js", "texts.js", "browser.js"),
)
_FRAME_BYTES = 150_000
"""Estimated size of tables, style and scripts."""
_BASE64 = 3 / 4 * 0.98
"""Bytes of a picture per byte of the file, after base64 and the JSON around it."""


@dataclass(frozen=True)
class Written:
    """A report on disk."""

    path: Path
    folder: Path | None
    """The folder with its samples, if they are not in the file."""
    samples: int
    pictures: int
    size: int
    """Of all files, in bytes."""
    notes: list[str]
    """What is not shown, and why."""


def write_report(runs: Sequence[Path], out: Path | None = None, data_root: Path | None = None) -> Written:
    """Write the report of one run, or of several runs that compare with each other.

    Args:
        runs: results folders.
        out: the file; `report.html` in the first run's folder if None.
        data_root: where the data of the runs is now, if not where it was.

    Raises:
        ValueError: a run is incomplete, or the runs do not compare.
        OSError: the file cannot be written.
    """
    report = collect(runs, data_root)
    details = [_json(sample) for sample in report.details]
    index = _json(report.index)
    text = len(index) + sum(map(len, details))
    room = _BASE64 * (LIMIT_BYTES - _FRAME_BYTES - text) / max(1, len(report.pictures.found))
    share = FEW_BYTES / max(1, len(report.pictures.found))
    wanted = max(PICTURE_BYTES, min(LARGE_PICTURE_BYTES, share))
    report.pictures.encode(min(wanted, room) if room >= LEAST_PICTURE_BYTES else PICTURE_BYTES)
    pictures = []
    for picture in report.pictures.found:
        if picture.note:
            report.events.add(IMAGES, picture.note)
        shown = {"w": picture.width, "h": picture.height, "uri": picture.uri, "note": picture.note}
        pictures.append(_json(shown))
    path = out or runs[0] / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    split = _FRAME_BYTES + text + sum(map(len, pictures)) > LIMIT_BYTES
    folder = path.with_name(f"{path.stem}-samples") if split else None
    pages = list(_pages(report, details, pictures, PAGE_BYTES if split else None))
    stale: list[Path] = []
    with whole_file(path, after=lambda: _remove(stale)) as file:
        parts: dict[str, Any] = {"starts": [place for place, _ in pages], "folder": None}
        size = 0
        if folder:
            there = sorted(folder.glob("samples-*.js"))
            written = _write_pages(folder, pages)
            stale += [page for page in there if page not in written]
            size = sum(page.stat().st_size for page in written)
            parts |= {"folder": folder.name, "first": _number(written[0])}
        content = _render(report, index, parts, "" if folder else pages[0][1])
        file.write(content)
    notes = [f"no pictures and no targets: {report.problem}"] if report.problem else []
    notes += [*report.warnings, *report.notes]
    return Written(
        path, folder, len(details), len(pictures), size + len(content), [*notes, *report.events.lines()]
    )


def _render(report: Report, index: str, parts: Mapping[str, Any], page: str) -> bytes:
    """The page; `parts` has the number of the first sample in each part, and where the parts are."""
    script = Markup("\n").join(own_text(TEMPLATES / name) for name in _SCRIPTS)
    template = environment(TEMPLATES).get_template("report.html.jinja")
    html = template.render(
        report=report,
        zip=zip,
        ceilings=[
            k
            for k in range(len(report.names))
            if any(row.cells[k].ceiling not in ("", NOT_AVAILABLE) for row in report.metrics)
        ],
        has=_present(report),
        interval=interval_header(report.summary.interval.level),
        css=own_text(TEMPLATES / "report.css"),
        script=script,
        csp_hash=csp_hash,
        # JSON for a script element: _json leaves no "<"
        index=Markup(index),
        parts=Markup(_json(parts)),
        page=Markup(page),
        folder=parts["folder"],
    )
    return html.encode("utf-8", "backslashreplace")  # commands and paths may hold bytes that are not text


def _present(report: Report) -> dict[str, bool]:
    """What the metric table has at all: only that is explained below it."""
    rows = report.metrics
    cells = [cell for row in rows for cell in row.cells]
    return {
        "share": any(not row.unit for row in rows),
        "direction": any(row.direction != "none" for row in rows),
        "best": any(cell.best for cell in cells),
        "interval": any(cell.interval not in ("", NOT_AVAILABLE) for cell in cells),
        "floor": any(row.floor not in ("", NOT_AVAILABLE) for row in rows),
        "verdict": any(row.difference and row.difference.verdict for row in rows),
    }


def _pages(
    report: Report, details: Sequence[str], pictures: Sequence[str], limit: int | None
) -> Iterator[tuple[int, str]]:
    """The samples in parts: the number of the first sample, and the JSON of samples and pictures."""
    start, size, used = 0, 0, dict[int, None]()
    for number, text in enumerate(details):
        own = [picture for picture in report.details[number]["pictures"] if isinstance(picture, int)]
        fresh = [picture for picture in own if picture not in used]
        grown = len(text) + sum(len(pictures[picture]) for picture in fresh)
        if limit and number > start and size + grown > limit:
            yield start, _page(details[start:number], pictures, used)
            start, size, used = number, 0, dict[int, None]()
            grown = len(text) + sum(len(pictures[picture]) for picture in own)
        used |= dict.fromkeys(own)
        size += grown
    yield start, _page(details[start:], pictures, used)


def _page(details: Sequence[str], pictures: Sequence[str], used: dict[int, None]) -> str:
    shown = ",".join(f'"{number}":{pictures[number]}' for number in used)
    return f'{{"pictures":{{{shown}}},"samples":[{",".join(details)}]}}'


def _write_pages(folder: Path, pages: Sequence[tuple[int, str]]) -> list[Path]:
    """Write each part as a script that hands it over, as a page on file:// may load scripts but no JSON.

    Parts of an older report stay as they are until the new one is whole: the new ones get other numbers.
    """
    folder.mkdir(exist_ok=True)
    contents = [f"receivePart({number},{page});\n".encode() for number, (_, page) in enumerate(pages)]
    first = 0
    while not all(_is_free(folder, first + k, content) for k, content in enumerate(contents)):
        first += len(contents)
    written = [folder / f"samples-{first + k:04d}.js" for k in range(len(contents))]
    for path, content in zip(written, contents, strict=True):
        write_whole(path, content)
    return written


def _remove(pages: Sequence[Path]) -> None:
    for page in pages:
        page.unlink(missing_ok=True)


def _is_free(folder: Path, number: int, content: bytes) -> bool:
    path = folder / f"samples-{number:04d}.js"
    return not path.exists() or path.read_bytes() == content


def _number(page: Path) -> int:
    return int(page.stem.removeprefix("samples-"))


def _json(value: Any) -> str:
    """JSON that can neither close the script element around it nor open another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

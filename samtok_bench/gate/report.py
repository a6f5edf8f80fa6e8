"""The results of a gate as text, Markdown, JUnit, JSON and pictures."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from samtok_bench.errors import in_one_line
from samtok_bench.files import naming
from samtok_bench.gate.verdicts import CheckResult, Verdict, exit_code, refresh_commands
from samtok_bench.runs.reading import samples_of
from samtok_bench.showing import overlays
from samtok_bench.showing.blocks import Block, as_markdown, as_text
from samtok_bench.showing.tables import bounds, interval_header, markdown_table, number, printable, signed
from samtok_bench.statistics import LEVEL

SUMMARY_BYTES = 1 << 20
"""GitHub rejects a longer step summary."""
_LAST_LINE_BYTES = 200
"""Room for the line that counts what was left out."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OUTCOMES = {0: "pass", 1: "regression", 3: "undecided", 4: "too many failed samples"}
_BETTER = "Better than the baseline. To make it the new baseline:"
_HEADERS = ("check", "value", "baseline", "difference", interval_header(LEVEL), "verdict", "reason")
_NUMBERS = (1, 2, 3, 4)


def write_pictures(results: Sequence[CheckResult], folder: Path) -> dict[str, Path]:
    """Draw the samples that lost most, one picture per check: target, baseline's answer, run's answer.

    If a picture cannot be drawn, its check gets a note instead.

    Returns:
        the pictures by the check's name.
    """
    drawn = {}
    for place, result in enumerate(results, start=1):
        if not (result.losses and result.run and result.baseline):
            continue
        name = re.sub(r"[^A-Za-z0-9]+", "-", result.name).strip("-")[:80]
        try:
            path = folder / f"{place:02d}-{name}.png"
            captions = {id: f"target | baseline {old} | now {new}" for id, old, new in _loss_rows(result)}
            samples, before, now = samples_of(result.run), result.baseline.lines, result.run.lines
            result.notes += overlays.write_changes(path, samples, before, now, captions)
            drawn[result.name] = path
        except Exception as error:  # faulty data, images or disks must not change a verdict
            result.notes.append(f"no picture: {type(error).__name__}: {in_one_line(error)}")
    return drawn


def text(results: Sequence[CheckResult], pictures: Mapping[str, Path]) -> str:
    """The table of all checks, the details of each check, and the commands that replace baselines."""
    blocks = [Block(headers=_HEADERS, rows=[_row(result) for result in results], right=_NUMBERS)]
    blocks += [block for result in results if (block := _details(result, pictures.get(result.name)))]
    blocks += [Block(_BETTER, after=[command]) for command in refresh_commands(results)]
    return as_text(blocks)


def _details(result: CheckResult, picture: Path | None = None) -> Block | None:
    """The samples that lost most and the notes; None if there are neither."""
    after = [f"note: {note}" for note in result.notes]
    after += [f"picture: {picture}"] if picture else []
    if result.losses:
        before, headers = ["samples that lost most"], ("sample", "baseline", "now")
        return Block(result.name, headers, _loss_rows(result), (1, 2), before, after, level=4)
    return Block(result.name, after=after, level=4) if after else None


def markdown(results: Sequence[CheckResult], limit: int = SUMMARY_BYTES) -> str:
    """The same in GitHub's Markdown, in at most `limit` bytes; if not all fits, the last line says so."""
    # what needs attention comes first, so that it is the last to be cut
    order = sorted(results, key=lambda result: result.verdict is Verdict.PASS)
    table = markdown_table(_HEADERS, [_row(result) for result in order], right=_NUMBERS)
    head, rule, *lines = table.splitlines()
    # each piece with its number of table rows and of samples
    pieces = [(f"### samtok-bench gate: {_OUTCOMES[exit_code(results)]}\n\n{head}\n{rule}", 0, 0)]
    pieces += [(line, 1, 0) for line in lines]
    pieces += [(f"\n{_BETTER}\n\n    {printable(command)}", 0, 0) for command in refresh_commands(results)]
    details = [(result, block) for result in order if (block := _details(result))]
    pieces += [(f"\n{as_markdown([block])}", 0, len(result.losses)) for result, block in details]
    kept, used = 0, _LAST_LINE_BYTES
    while kept < len(pieces) and used + len(_encoded(pieces[kept][0])) < limit:
        used += len(_encoded(pieces[kept][0])) + 1
        kept += 1
    shown = [piece for piece, _, _ in pieces[:kept]]
    if 0 < kept < len(pieces):
        checks = sum(rows for _, rows, _ in pieces[kept:])
        samples = sum(samples for _, _, samples in pieces[kept:])
        shown.append(f"\nLeft out because of GitHub's limit: {checks} rows of the table, {samples} samples.")
    return "".join(f"{piece}\n" for piece in shown)


def append_step_summary(results: Sequence[CheckResult], path: Path) -> None:
    """Append as much as fits to the file in $GITHUB_STEP_SUMMARY; OSError if it cannot be written."""
    there = path.stat().st_size if path.exists() else 0
    with naming(path), path.open("ab") as file:
        file.write(_encoded(markdown(results, SUMMARY_BYTES - there)))


def junit(results: Sequence[CheckResult]) -> bytes:
    """JUnit's XML; tolerated results count as skipped, undecided ones as errors."""
    kinds = [_junit_kind(result) for result in results]
    attributes = {
        "name": "samtok-bench gate",
        "tests": str(len(results)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
    }
    root = ElementTree.Element("testsuites", attributes)
    suite = ElementTree.SubElement(root, "testsuite", attributes)
    for result, kind in zip(results, kinds, strict=True):
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": "samtok-bench gate", "name": _xml(result.name)}
        )
        if kind is not None:
            message = {"message": _xml(f"{result.verdict}: {result.reason}")}
            child = ElementTree.SubElement(case, kind, message)
            losses = [f"{id}: {before} before, {now} now" for id, before, now in _loss_rows(result)]
            child.text = _xml("\n".join([*result.notes, *losses]))
        elif result.notes:
            ElementTree.SubElement(case, "system-out").text = _xml("\n".join(result.notes))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _junit_kind(result: CheckResult) -> str | None:
    if result.verdict is Verdict.PASS:
        return None
    if result.verdict in (Verdict.REGRESSION, Verdict.FAILED):
        return "failure"
    return "skipped" if result.tolerated else "error"


def as_json(results: Sequence[CheckResult], pictures: Mapping[str, Path]) -> str:
    """One object, on the scale of files."""
    checks = [
        {
            "name": result.name,
            "verdict": result.verdict,
            "tolerated": result.tolerated,
            "reason": result.reason,
            "run": str(result.run.path) if result.run else None,
            "baseline": str(result.check.baseline) if result.check.baseline else None,
            "metric": result.check.metric,
            "tag": result.check.tag,
            "floor": result.check.floor,
            "tolerance": result.check.tolerance,
            "value": result.value,
            "baseline_value": result.before,
            "difference": result.change,
            "low": result.interval and result.interval.low,
            "high": result.interval and result.interval.high,
            "improved": result.improved,
            "losses": [vars(loss) for loss in result.losses],
            "picture": str(pictures[result.name]) if result.name in pictures else None,
            "notes": result.notes,
        }
        for result in results
    ]
    whole = {"exit_code": exit_code(results), "checks": checks, "refresh": refresh_commands(results)}
    return json.dumps(whole, indent=1)


def _row(result: CheckResult) -> list[str]:
    unit = result.info.unit if result.info else ""
    return [
        result.name,
        number(result.value, unit),
        number(result.before, unit),
        signed(result.change, unit),
        bounds(result.interval, unit),
        f"{result.verdict} (warning)" if result.tolerated else str(result.verdict),
        result.reason,
    ]


def _loss_rows(result: CheckResult) -> list[tuple[str, str, str]]:
    unit = result.info.unit if result.info else ""
    return [(loss.id, number(loss.before, unit), number(loss.after, unit)) for loss in result.losses]


def _encoded(piece: str) -> bytes:
    return piece.encode("utf-8", "backslashreplace")  # paths may hold bytes that are no text


def _xml(value: str) -> str:
    return _NOT_XML.sub("", value)

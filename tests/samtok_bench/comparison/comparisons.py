"""What is done to runs before a comparison, and read from it."""

from pathlib import Path

from synthetic_runs import COUNT, edit

from samtok_bench.runs.folder import JOURNAL, SUMMARY

THIRDS = [0.8 + 0.1 * (k % 3 - 1) for k in range(COUNT)]
"""Against PLAIN: a third each wins, ties and loses."""


def rewrite(path: Path, old: str, new: str) -> None:
    """Exchange a text that is in a file."""
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


def metrics(found: dict, place: int = 0) -> dict[str, dict]:
    return {metric["metric"]: metric for metric in found["pairs"][place]["metrics"]}


def summarized(folder: str, bounds: tuple[float, float] | None = None) -> Path:
    """Take the answers away; the summary keeps an interval of `mean` and of the groups by side."""

    def change(summary):
        if bounds:
            summary["metrics"][0]["low"], summary["metrics"][0]["high"] = bounds
        group = {"samples": 20, "metrics": {"mean": 0.5}, "low": 0.4, "high": 0.6}
        summary["breakdown"] = {"side": {"left": group, "right": {**group, "metrics": {"mean": 0.7}}}}

    (Path(folder) / JOURNAL).unlink()
    edit(Path(folder) / SUMMARY, change)
    return Path(folder)

"""Pictures of the samples that changed most: the target and both answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from samtok_bench.comparison.compare import Comparison, RunPair
from samtok_bench.runs.changes import Change
from samtok_bench.runs.reading import samples_of
from samtok_bench.sample import Sample
from samtok_bench.showing import overlays
from samtok_bench.showing.tables import number


@dataclass
class ChangedSamples:
    """What was drawn."""

    drawn: list[tuple[RunPair, Path]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be drawn, and why."""

    def of(self, pair: RunPair) -> list[Path]:
        """The pictures of one pair."""
        return [path for drawn_pair, path in self.drawn if drawn_pair is pair]


def write_pictures(comparison: Comparison, folder: Path) -> ChangedSamples:
    """Draw the samples that improved most and those that got worse most: up to two pictures per pair.

    Without the data there is a note instead.
    """
    pictures = ChangedSamples()
    for place, pair in enumerate(comparison.pairs, start=1):
        changes_by_kind = {"better": pair.better or [], "worse": pair.worse or []}
        if not any(changes_by_kind.values()):
            continue
        names = f"{pair.second.given.label}-minus-{pair.first.given.label}"
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", names).strip("-.")[:80]
        try:
            assert pair.first.given.run is not None
            samples = samples_of(pair.first.given.run)
            for which, changed in changes_by_kind.items():
                if changed:
                    path = folder / f"{place:02d}-{slug}-{which}.png"
                    captions = _captions(comparison, pair, changed)
                    pictures.notes += [
                        f"{path.name}: {note}" for note in _draw(path, pair, samples, captions)
                    ]
                    pictures.drawn.append((pair, path))
        except (OSError, ValueError) as error:  # the comparison stands without them
            pictures.notes.append(f"no pictures of {names}: {' '.join(str(error).split())}")
    return pictures


def _captions(comparison: Comparison, pair: RunPair, changes: Sequence[Change]) -> dict[str, str]:
    unit = comparison.metrics[comparison.headline].unit
    first, second = pair.first.given.label, pair.second.given.label
    return {
        change.id: f"target | {first} {number(change.before, unit)} | {second} {number(change.after, unit)}"
        for change in changes
    }


def _draw(path: Path, pair: RunPair, samples: dict[str, Sample], captions: dict[str, str]) -> list[str]:
    before, now = pair.first.lines, pair.second.lines
    assert before is not None
    assert now is not None
    return overlays.write_changes(path, samples, before, now, captions)

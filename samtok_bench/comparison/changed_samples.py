"""Pictures of the samples that changed most: the target and both answers."""

import re
from pathlib import Path

from samtok_bench.comparison.compare import Comparison
from samtok_bench.errors import in_one_line
from samtok_bench.runs.reading import samples_of
from samtok_bench.showing import overlays
from samtok_bench.showing.tables import number


def write_pictures(comparison: Comparison, folder: Path) -> None:
    """Draw the samples that improved most and those that got worse most: up to two pictures per pair.

    What cannot be drawn, as without the data, becomes a note of the comparison.
    """
    unit = comparison.metrics[comparison.headline].unit
    for place, pair in enumerate(comparison.pairs, start=1):
        run, before, now = pair.first.given.run, pair.first.lines, pair.second.lines
        if run is None or before is None or now is None or not (pair.better or pair.worse):
            continue
        first, second = pair.first.given.label, pair.second.given.label
        names = f"{second}-minus-{first}"
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", names).strip("-.")[:80]
        try:
            samples = samples_of(run)
            for which, changes in (("better", pair.better), ("worse", pair.worse)):
                if not changes:
                    continue
                path = folder / f"{place:02d}-{slug}-{which}.png"
                captions = {
                    change.id: f"target | {first} {number(change.before, unit)}"
                    f" | {second} {number(change.after, unit)}"
                    for change in changes
                }
                notes = overlays.write_changes(path, samples, before, now, captions)
                comparison.notes += [f"{path.name}: {note}" for note in notes]
                pair.pictures.append(path)
        except (OSError, ValueError) as error:  # the comparison stands without them
            comparison.notes.append(f"no pictures of {names}: {in_one_line(error)}")

"""Which samples of a split a run is of."""

import hashlib
import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samtok_bench import provenance
from samtok_bench.progress import Reporter
from samtok_bench.running.options import RunOptions
from samtok_bench.sample import ImagePart, Sample, matching_id, prompt_text
from samtok_bench.task import SampleSet, Task


@dataclass(frozen=True)
class Split:
    """A split as a user names it, read."""

    name: str
    root: Path
    read: SampleSet


def read_split(task: Task, options: RunOptions, note: Callable[[str], None]) -> Split:
    """The split that is asked for, or the task's default; `note` is told what its reader left out or kept.

    Raises:
        ValueError, OSError: as `Task.samples`.
    """
    root = options.data_root or task.default_root()
    name = options.split or task.default_split(root)
    read = task.samples(root, name)
    for line in read.dropped.lines():
        note(f"left out by the reader: {line}")
    for line in read.dropped.kept_lines():
        note(f"kept by the reader: {line}")
    return Split(name, root, read)


def choose(
    read: SampleSet, asked: Sequence[str], limit: int | None, reporter: Reporter, shuffle: int | None = None
) -> SampleSet:
    """The samples that are asked for, and those that these come after.

    Args:
        read: the split.
        asked: ids, or unique beginnings of ids; none for all.
        limit: only so many, the first ones.
        reporter: told what comes along.
        shuffle: a seed that draws them instead, the same from the same ids in any order.

    Raises:
        ValueError: no samples, an unknown id, or one id twice.
    """
    samples = read.samples
    by_id: dict[str, Sample] = {}
    for sample in samples:
        if sample.id in by_id:
            raise ValueError(
                f"two samples have the id {sample.id}: {prompt_text(sample.turns)!r} on {sample.image}"
            )
        by_id[sample.id] = sample
    if asked:
        samples = [by_id[id] for id in dict.fromkeys(matching_id(by_id, beginning) for beginning in asked)]
    if limit is not None and shuffle is not None:
        drawn = set(heapq.nsmallest(limit, by_id, key=lambda id: _place(id, shuffle)))
        samples = [sample for sample in samples if sample.id in drawn]
    elif limit is not None:
        samples = samples[:limit]
    if not samples:
        raise ValueError("the split has no samples")
    earlier = _earlier(samples, by_id)
    if earlier:
        reporter.note(f"{len(earlier)} more samples are run: the chosen ones need their answers")
    return replace(read, samples=[*earlier, *samples])


def _place(id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {id}".encode()).digest()


def _earlier(chosen: Sequence[Sample], by_id: Mapping[str, Sample]) -> list[Sample]:
    """The samples that the chosen ones come after, and those that these come after, as far as not chosen."""
    wanted: set[str] = set()
    left = list(chosen)
    while left:
        sample = left.pop()
        for id in sample.after:
            if id not in by_id:
                raise ValueError(f"the sample {sample.id} comes after {id}, which the split does not have")
            if id not in wanted:
                left.append(by_id[id])
                wanted.add(id)
    wanted -= {sample.id for sample in chosen}
    return [sample for id, sample in by_id.items() if id in wanted]


def data_hash(samples: Sequence[Sample]) -> str:
    """sha256 over ids, prompts with their regions and views, targets and image bytes."""
    digest = hashlib.sha256()
    for sample in samples:
        parts = [part for turn in sample.turns for part in turn.parts]
        views = [str(part.view) for part in parts if isinstance(part, ImagePart) and part.view]
        prompt = prompt_text(sample.turns)
        fields = (sample.id, prompt, *(mask["counts"] for mask in sample.masks), *views, sample.target.text)
        digest.update("\x1f".join([*fields, str(sample.size)]).encode())
    digest.update(provenance.file_hash(dict.fromkeys(sample.image for sample in samples)).encode())
    return digest.hexdigest()

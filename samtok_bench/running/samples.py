"""Which samples of a split a run is of."""

import hashlib
import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from samtok_bench import provenance
from samtok_bench.progress import Reporter
from samtok_bench.registry import suggestion
from samtok_bench.running.canonical import canonical
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


class Wanted(Protocol):
    """Which samples of a split a user, or the record of a run, wants."""

    @property
    def sample(self) -> tuple[str, ...]:
        """Ids, or unique beginnings of ids; none for all."""

    @property
    def limit(self) -> int | None:
        """Only so many, the first ones."""

    @property
    def shuffle(self) -> int | None:
        """A seed that draws them instead, the same from the same ids in any order."""

    @property
    def stratify(self) -> str | None:
        """A tag, of whose values each keeps its share of the split."""


def choose(read: SampleSet, wanted: Wanted, reporter: Reporter) -> SampleSet:
    """The samples that are wanted, and those that these come after; `reporter` is told what comes along.

    Raises:
        ValueError: no samples, an unknown id, one id twice, or a tag that no sample has.
    """
    samples = read.samples
    by_id: dict[str, Sample] = {}
    for sample in samples:
        if sample.id in by_id:
            raise ValueError(
                f"two samples have the id {sample.id}: {prompt_text(sample.turns)!r} on {sample.image}"
            )
        by_id[sample.id] = sample
    if wanted.sample:
        asked = dict.fromkeys(matching_id(by_id, beginning) for beginning in wanted.sample)
        samples = [by_id[id] for id in asked]
    if wanted.limit is not None:
        strata = [samples] if wanted.stratify is None else _strata(samples, wanted.stratify)
        drawn: set[str] = set()
        for stratum, count in zip(strata, shares([*map(len, strata)], wanted.limit), strict=True):
            ids = [sample.id for sample in stratum]
            drawn.update(ids[:count] if wanted.shuffle is None else _drawn(ids, count, wanted.shuffle))
        samples = [sample for sample in samples if sample.id in drawn]
    if not samples:
        raise ValueError("the split has no samples")
    earlier = _earlier(samples, by_id)
    if earlier:
        reporter.note(f"{len(earlier)} more samples are run: the chosen ones need their answers")
    return replace(read, samples=[*earlier, *samples])


def _drawn(ids: Sequence[str], count: int, seed: int) -> list[str]:
    return heapq.nsmallest(count, ids, key=lambda id: hashlib.sha256(f"{seed} {id}".encode()).digest())


def _strata(samples: Sequence[Sample], tag: str) -> list[list[Sample]]:
    """The samples by their value of a tag, those without it together."""
    known = list(dict.fromkeys(name for sample in samples for name in sample.tags))
    if samples and tag not in known:
        raise ValueError(f"--stratify: no sample has the tag {tag!r}{suggestion(tag, known)}")
    found: dict[str | None, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.tags.get(tag), []).append(sample)
    return list(found.values())


def shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many of each of some groups, `count` together, by their sizes: the largest remainders are rounded
    up, of equal ones the first (Hamilton's method). All, where there are no more.
    """
    total = sum(sizes)
    if count >= total:
        return list(sizes)
    whole = [count * size // total for size in sizes]
    remainders = sorted(range(len(sizes)), key=lambda k: -(count * sizes[k] % total))
    for k in remainders[: count - sum(whole)]:
        whole[k] += 1
    return whole


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


def truth_hash(chosen: SampleSet) -> str | None:
    """sha256 over what answers are scored against, as far as `data_hash` does not tell it.

    That is the target, the truth and the tags of each sample, and what is shared. None where a task has
    something in there that has no canonical form.
    """
    digest, encode = hashlib.sha256(), canonical()
    try:
        for sample in chosen.samples:
            digest.update(encode([sample.id, sample.target, sample.truth, sample.tags]).encode())
        digest.update(encode(chosen.shared).encode())
    except (TypeError, ValueError, RecursionError):
        return None
    return digest.hexdigest()

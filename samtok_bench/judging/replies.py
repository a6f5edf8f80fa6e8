"""How a judge's replies become scores, and which of them the official script cannot read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from samtok_bench.judging.contract import OFFICIAL, Judged
from samtok_bench.judging.transcript import Unread
from samtok_bench.sample import Sample, Scores

_SHOWN = 120


@dataclass(frozen=True)
class Replies:
    """A reading of replies. Only those that the official script cannot read are read in another way."""

    task: Judged
    files: Any
    """Of `Judged.judge_files`."""
    reading: str = OFFICIAL
    """Or one of `Judged.judge_readings`."""

    def scores(self, sample: Sample, replies: Sequence[str]) -> Scores:
        """What one sample adds to the metrics."""
        return self.task.judge_scores(sample, self._mended(sample, replies), self.files)

    def unread(self, samples: Sequence[Sample], replies: Sequence[Sequence[str]]) -> Unread | None:
        """What the official script cannot read of the replies to all samples; None if there is nothing."""
        found: list[tuple[str, str, bool]] = []
        for sample, said in zip(samples, replies, strict=True):
            before, after = self._read(sample, said), self._read(sample, self._mended(sample, said))
            found += [
                (sample.id, reply, mended)
                for reply, read, mended in zip(said, before, after, strict=True)
                if not read
            ]
        if not found:
            return None
        id, first, _ = found[0]
        mended = sum(mended for _, _, mended in found)
        total = sum(map(len, replies))
        return Unread(count=len(found), replies=total, sample=id, first=first[:_SHOWN], mended=mended)

    def _read(self, sample: Sample, replies: Sequence[str]) -> Sequence[bool]:
        return self.task.judge_reads(sample, replies, self.files)

    def _mended(self, sample: Sample, replies: Sequence[str]) -> list[str]:
        """The replies as the official reading gets them."""
        if self.reading == OFFICIAL:
            return list(replies)
        mend = self.task.judge_readings[self.reading]
        read = self._read(sample, replies)
        return [reply if good else mend(reply) for reply, good in zip(replies, read, strict=True)]

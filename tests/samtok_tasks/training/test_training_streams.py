"""Streams of real data: every record once an epoch, bad ones counted, any place without those before."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samtok_tasks.training.streams import Joined, Part, Records, UnusableError, at, share, stream


class Numbers(Records[int]):
    """0, 1, 2, ..., of which some are bad."""

    def __init__(self, size: int, bad: tuple[int, ...] = (), base: int = 0) -> None:
        super().__init__()
        self.size, self.bad, self.base = size, bad, base

    def __len__(self) -> int:
        return self.size

    def read(self, place: int, rng: np.random.Generator) -> int:
        if place in self.bad:
            raise UnusableError("bad numbers", f"number {place}", "it is bad")
        return self.base + place


@pytest.mark.parametrize("lengths", [[3], [2, 0, 1], [0, 1, 2, 0], [0, 0, 1, 0, 0, 2]])
def test_a_place_is_found_in_its_file(lengths: list[int]) -> None:
    joined = Joined(lengths)
    everywhere = [(which, number) for which, length in enumerate(lengths) for number in range(length)]
    assert [joined.find(place) for place in range(len(joined))] == everywhere


def test_no_file_has_no_place() -> None:
    assert [len(Joined([])), len(Joined([0, 0]))] == [0, 0]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 5))
def test_every_epoch_has_each_record_once(seed: int, size: int, epoch: int) -> None:
    places = [at((seed,), epoch * size + number, size) for number in range(size)]
    assert sorted(places) == list(range(size))


def test_epochs_differ_and_a_stream_starts_anywhere() -> None:
    parts = [Part(Numbers(20))]
    whole = list(islice(stream(parts, 3, 0), 60))
    assert whole[:20] != whole[20:40]
    assert list(islice(stream(parts, 3, 33), 20)) == whole[33:53]
    assert list(islice(stream(parts, 4, 0), 20)) != whole[:20]


@settings(max_examples=20)
@given(st.lists(st.floats(0.05, 9), min_size=1, max_size=5), st.integers(0, 10**6))
def test_a_draw_knows_how_many_of_its_part_came_before(weights: list[float], first: int) -> None:
    draws = [share(tuple(weights), index) for index in range(first, first + 1000)]
    for part, weight in enumerate(weights):
        numbers = [number for which, number in draws if which == part]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(numbers) / 1000 == pytest.approx(weight / sum(weights), abs=0.004)


def test_parts_come_by_weight_and_each_of_their_records_once() -> None:
    parts = [Part(Numbers(30), 3), Part(Numbers(10, base=100), 1)]
    drawn = list(islice(stream(parts, 1, 0), 40))
    small, large = ([n for n in drawn if (n >= 100) == late] for late in (False, True))
    assert len(large) == pytest.approx(10, abs=1)
    assert len(set(small)) == min(len(small), 30)
    assert len(set(large)) == min(len(large), 10)


def test_a_weight_that_is_never_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1/1000 of all at least, got 0\.0001 of 1\.0001"):
        next(stream([Part(Numbers(3)), Part(Numbers(3), 0.0001)], 1, 0))


def test_bad_records_are_counted_and_others_come_instead(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = Numbers(40, bad=tuple(range(10, 30)))
    drawn = list(islice(stream([Part(numbers)], 1, 0), 40))
    assert len(drawn) == 40
    assert not set(drawn) & set(numbers.bad)
    assert numbers.left_out.counts["bad numbers"] >= 20
    first = numbers.left_out.first["bad numbers"]
    # said at the first and at the tenth, not each time
    assert capsys.readouterr().err.splitlines() == [
        f"left out of the training data so far: {count} bad numbers, the first: {first}" for count in (1, 10)
    ]


def test_a_data_set_without_a_usable_record_is_one_error() -> None:
    with pytest.raises(
        ValueError, match=r"200 records in a row cannot be used: 200 bad numbers, the first: n"
    ):
        next(stream([Part(Numbers(3, bad=(0, 1, 2)))], 1, 0))
    with pytest.raises(ValueError, match="no record to train on"):
        next(stream([Part(Numbers(0))], 1, 0))

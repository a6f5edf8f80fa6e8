"""summary.json: the values of a run with intervals, floor, ceiling, counts and break-down."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from samtok_bench.metric import Direction, MetricInfo
from samtok_bench.statistics import Interval

SCHEMA = 3
"""Version of the files of a results folder."""


class MetricValue(BaseModel):
    """A metric of a run; shares are 0 to 1, other numbers have a unit, None is undefined."""

    id: str
    version: int
    display: str
    unit: str
    direction: Direction
    value: float | None
    low: float | None
    high: float | None
    floor: float | None
    """The better of the constant answers."""
    floor_by: str | None
    """Which constant answer that is."""
    ceiling: float | None
    """Target masks through the model's own mask words."""

    @classmethod
    def of(
        cls,
        info: MetricInfo,
        value: float | None,
        interval: Interval | None,
        floor: tuple[float | None, str | None] = (None, None),
        ceiling: float | None = None,
    ) -> Self:
        """A metric with its value; `floor` comes with the name of the answer that gives it."""
        about = {name: getattr(info, name) for name in ("id", "version", "display", "unit", "direction")}
        return cls(
            **about,
            value=value,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            floor=floor[0],
            floor_by=floor[1],
            ceiling=ceiling,
        )

    @property
    def interval(self) -> Interval | None:
        """Low and high, if there are both."""
        return None if self.low is None or self.high is None else Interval(self.low, self.high)


class Group(BaseModel):
    """The samples with one value of a tag, maybe none; None is undefined."""

    samples: int
    images: int | None = None
    """How many inform the primary metric; None in files that do not count them."""
    metrics: dict[str, float | None]
    """By id."""
    low: float | None
    """Bounds of the primary metric; none where few images inform it (statistics.FEWEST_CLUSTERS)."""
    high: float | None

    @property
    def interval(self) -> Interval | None:
        """Low and high, if there are both."""
        return None if self.low is None or self.high is None else Interval(self.low, self.high)


class IntervalInfo(BaseModel):
    """How low and high came about."""

    method: str
    level: Annotated[float, Field(gt=0, lt=1)]
    resamples: int
    seed: int


class Summary(BaseModel):
    """summary.json."""

    schema_version: int = SCHEMA
    task: str
    protocol: str
    split: str
    model: str
    samples: int
    clusters: int
    outcomes: dict[str, int]
    """Counts by outcome; they add up to samples."""
    ceiling_outcomes: dict[str, int] | None = None
    """The same of the answers that the ceiling is of; None without a ceiling, or where nobody counted."""
    dropped: dict[str, int]
    """What the reader of the data left out."""
    kept: dict[str, int] = {}
    """What the reader kept although something is wrong with it."""
    primary: str
    metrics: list[MetricValue]
    interval: IntervalInfo
    breakdown: dict[str, dict[str, Group]]
    """tag -> value of the tag -> its samples."""

    @model_validator(mode="after")
    def _has_its_primary(self) -> Self:
        if all(metric.id != self.primary for metric in self.metrics):
            raise ValueError(f"there is no metric {self.primary!r}, which should be the primary one")
        for tag, groups in self.breakdown.items():
            for value, group in groups.items():
                if self.primary not in group.metrics:
                    raise ValueError(f"the samples with {tag} {value!r} have no {self.primary!r}")
        return self

    @property
    def headline(self) -> MetricValue:
        """The primary metric."""
        return self.metric(self.primary)

    def metric(self, id: str) -> MetricValue:
        """A metric by id; KeyError where there is none."""
        return {metric.id: metric for metric in self.metrics}[id]

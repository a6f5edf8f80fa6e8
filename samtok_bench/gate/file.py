"""The file of a gate: its checks, the runs that they look at, and what they are called."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from samtok.yaml_file import read_yaml
from samtok_bench.running.options import RunOptions
from samtok_bench.runs.folder import RunFolder
from samtok_bench.runs.reading import task_of
from samtok_bench.runs.settings import RunSettings
from samtok_bench.validation import first_fault

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Check(BaseModel):
    """An entry of `checks` in a gate's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    run: (
        Annotated[
            Annotated[RunOptions, Tag("options")] | Annotated[Path, Tag("folder")],
            Discriminator(lambda value: "options" if isinstance(value, dict) else "folder"),
        ]
        | None
    ) = None
    """A run to make, or the folder of a run; if absent, a folder from the command line."""
    baseline: Path | None = None
    metric: str
    floor: Number | None = None
    tolerance: Annotated[Number, Field(ge=0)] | None = None
    tag: dict[str, str] = Field(default_factory=dict)
    """Look only at samples with these values of tags."""
    inconclusive: Literal["fail", "warn"] = "fail"
    max_failed: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Largest share of samples that may lack an answer."""
    min_images: int = Field(20, ge=2)
    """A tolerance needs at least this many images that inform the metric."""
    force: bool = False
    """Compare although device, dtype, batch size or token limit differ, or on the samples in common if the
    data do."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.floor is None and self.tolerance is None:
            raise ValueError("neither floor nor tolerance: it would check nothing")
        if self.tolerance is not None and self.baseline is None:
            raise ValueError("a tolerance needs a baseline")
        if isinstance(self.run, RunOptions) and self.run.command:
            raise ValueError("`command` of a run cannot be set in a gate's file")
        return self

    @property
    def tags(self) -> str:
        """The values of tags that choose its samples, in words."""
        return ", ".join(f"{tag} {value}" for tag, value in self.tag.items())


class GateFile(BaseModel):
    """A gate's file."""

    model_config = ConfigDict(extra="forbid")

    checks: list[Check] = Field(min_length=1)


def read_gate(path: Path) -> list[Check]:
    """The checks of a gate's file, with paths relative to the current folder.

    Raises:
        ValueError: any fault in the file; says where.
        OSError: it cannot be read.
    """
    content = read_yaml(path)
    try:
        checks = GateFile.model_validate(content).checks
    except ValidationError as error:
        raise ValueError(f"{path}: {first_fault(error)}") from None
    return [_located(check, path.parent) for check in checks]


def _located(check: Check, base: Path) -> Check:
    run = check.run
    if isinstance(run, RunOptions):
        paths = {name: base / path for name in ("data_root", "out") if (path := getattr(run, name))}
        elsewhere = dict(run.elsewhere)
        if tokenizer := elsewhere.get("tokenizer"):
            elsewhere["tokenizer"] = _model(str(tokenizer), base)
        run = replace(run, model=_model(run.model, base), elsewhere=elsewhere, **paths)
    elif run is not None:
        run = base / run
    return check.model_copy(update={"run": run, "baseline": check.baseline and base / check.baseline})


def _model(model: str, base: Path) -> str:
    """PATH and NAME:PATH with the path relative to the current folder; other names stay as they are.

    A path begins with ./ or ../, or has a slash and is there; what `predictions` reads is always one.
    """
    name, colon, path = model.rpartition(":")
    named = name == "predictions" or path.startswith(("./", "../"))
    return f"{name}{colon}{base / path}" if named or ("/" in path and (base / path).exists()) else model


def sources_of(checks: Sequence[Check], given: Sequence[Path]) -> list[RunOptions | Path]:
    """The run of each check: its own, or the given folder that fits; ValueError unless exactly one does."""
    for folder in given:
        if not any(check.run is None and _fits(check, folder) for check in checks):
            what = ", ".join(_kind(RunFolder(folder).record().settings))
            raise ValueError(f"{folder} ({what}) fits no check without `run` in the gate's file")
    found: list[RunOptions | Path] = []
    for place, check in enumerate(checks):
        fitting = [folder for folder in given if check.run is None and _fits(check, folder)]
        if check.run is None and len(fitting) != 1:
            several = f"fits several of the given folders: {', '.join(map(str, fitting))}"
            none = "names no run: give a results folder on the command line"
            raise ValueError(f"checks.{place} ({check.metric}) {several if fitting else none}")
        found.append(check.run or fitting[0])
    return found


def names_of(checks: Sequence[Check], sources: Sequence[RunOptions | Path]) -> list[str]:
    """The names of the checks; ValueError if two have the same."""
    names = []
    for check, source in zip(checks, sources, strict=True):
        if isinstance(source, RunOptions):
            task = source.task
        else:
            task = source.name
            with suppress(OSError, ValueError):  # the verdict will say so
                task = RunFolder(source).record().settings.task
        chosen = f", {check.tags}" if check.tag else ""
        names.append(check.name or f"{task} {check.metric}{chosen}")
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} checks are called {name!r}: give each a name of its own")
    return names


def _fits(check: Check, folder: Path) -> bool:
    """Whether a run has the baseline's task, protocol and split, or without a baseline the metric."""
    run = RunFolder(folder)
    expected = None
    if check.baseline is not None:
        with suppress(OSError, ValueError):  # the verdict will say so
            expected = RunFolder(check.baseline).record().settings
    if expected is None:
        return any(info.id == check.metric for info in task_of(run).metrics)
    return _kind(run.record().settings) == _kind(expected)


def _kind(settings: RunSettings) -> tuple[str, str, str]:
    """What a run on the command line must have in common with the baseline of its check."""
    return settings.task, settings.protocol, settings.split

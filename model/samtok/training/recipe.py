"""Recipes: YAML files with everything that a training needs."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
import torch
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)
from torch import nn
from transformers import TrainingArguments

from samtok.training.folders import clear_unfinished, locked
from samtok.training.processes import processes
from samtok.training.sources import find_source, starts_anywhere
from samtok.yaml_file import read_yaml

RECIPES = Path(__file__).parent.parent / "recipes"


def installed(names: list[str]) -> list[str]:
    """The names of packages, if all are installed; ValueError says how to get the first that is not."""
    for name in names:
        if find_spec(name) is None:
            raise ValueError(f"{name} is not installed: pip install {name}")
    return names


Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What NumPy and torch both take."""
Trackers = Annotated[list[Literal["tensorboard", "wandb"]], AfterValidator(installed)]
"""Trackers to which transformers also logs the losses; log.jsonl has them in any case."""


class RecipePart(BaseModel):
    """A part of a recipe; unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


Kind = Literal["dialogues", "prompts", "regions", "something else"]
"""What data sources yield: for `train sft`, `train rl`, which takes dialogues too, and `train tokenizer`."""


def kind_of(record: Any) -> Kind:
    """What a source's record is, by its form."""
    if isinstance(record, tuple):
        return "regions" if len(record) == 2 else "something else"
    named = record if isinstance(record, Mapping) else {}
    return "prompts" if "problem" in named else "dialogues" if "turns" in named else "something else"


class DataSource(RecipePart):
    """Endless training data by name, so that the model package depends on no data set.

    `source` is "module:attribute", or a short name, of a function `f(seed, **options)` that returns an
    iterator; see `find_source` for which functions a recipe may name. A function with a parameter `start`
    begins with that number of its stream: those of real data do, so that each image comes once before any
    comes again.
    """

    source: str
    options: dict[str, Any] = {}

    @field_validator("source")
    @classmethod
    def _findable(cls, source: str) -> str:
        find_source(source)
        return source

    def check(self, options: Mapping[str, Any]) -> None:
        """ValueError where the source does not take these options and the recipe's, or lacks one."""
        source, given = find_source(self.source), {**self.options, **options}
        found = inspect.signature(source)
        if "start" in given and starts_anywhere(source):
            raise ValueError(
                f"options of {self.source}: start is set by the training, which draws any number"
            )
        try:
            found.bind(0, **given)
        except TypeError as error:
            known = ", ".join(name for name in list(found.parameters)[1:] if name != "start")
            raise ValueError(f"options of {self.source}: {error}; there are {known}") from None

    def open(self, seed: int, **options: Any) -> Iterator[Any]:
        """Start the stream of this seed; `options` override those of the recipe."""
        return find_source(self.source)(seed, **{**self.options, **options})

    def first(self, seed: int, kinds: Sequence[Kind], /, **options: Any) -> Any:
        """Number 0 of this seed's stream; ValueError as `required`."""
        return self.required(self.pick(seed, 0, **options), kinds)

    def required(self, record: Any, kinds: Sequence[Kind]) -> Any:
        """What the source has yielded; ValueError if it is of none of these kinds, as a mixture's may be."""
        if (kind := kind_of(record)) not in kinds:
            raise ValueError(f"data: {self.source} yields {kind}, where {' or '.join(kinds)} are needed")
        return record

    def pick(self, seed: int, index: int, /, **options: Any) -> Any:
        """Number `index` of this seed's stream, or else the first of a stream with a seed of its own."""
        if starts_anywhere(find_source(self.source)):
            return next(self.open(seed, start=index, **options))
        own = int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0])
        return next(self.open(own >> 1, **options))


class Optimisation(RecipePart):
    """What is trained, and at what learning rate."""

    learning_rate: NonNegativeFloat
    schedule: Literal["cosine", "constant_with_warmup"] = "cosine"
    warmup_steps: NonNegativeFloat = 0
    """Below 1 the share of all steps."""
    frozen: list[str] = Field(default_factory=list)
    """Prefixes of the names of parameters that are not trained."""

    def freeze(self, model: nn.Module) -> None:
        """Say of each parameter whether it is trained; ValueError if a prefix is that of no weight."""
        names = list(model.state_dict())  # with those that are never trained, as SAM 2's positions
        for prefix in self.frozen:
            if not any(name.startswith(prefix) for name in names):
                there = ", ".join(dict.fromkeys(".".join(name.split(".")[:2]) for name in names))
                raise ValueError(f"frozen: no weight begins with {prefix}; there are {there}")
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not name.startswith(tuple(self.frozen)))


class TimedRecipe(RecipePart):
    """Of a training that may end by time."""

    seconds: PositiveFloat | None = None
    """The training ends in order after so many seconds, if it has not before; see `TimeLimit`."""


class TrainingRecipe(RecipePart):
    """What every training needs."""

    seed: Seed
    threads: int | None = Field(default=None, gt=0, le=1024)
    """Of each process on the CPU."""
    autocast: Literal["bfloat16"] | None = None
    """Precision of the forward pass; weights and losses stay in float32."""
    attention: Literal["sdpa", "eager"] = "sdpa"
    """On CPUs `eager` is faster in bfloat16."""
    data: DataSource
    beta2: float = Field(default=0.999, ge=0, lt=1)
    weight_decay: NonNegativeFloat = 0.05
    log_every: PositiveInt
    report_to: Trackers = Field(default_factory=list)
    save_every: PositiveInt

    @model_validator(mode="after")
    def _has_data(self) -> Self:
        for options in self.data_options():
            self.data.check(options)
        return self

    def data_options(self) -> Sequence[Mapping[str, Any]]:
        """All options that its parts ask its data source with, beside those of `data`."""
        return [{}]

    @contextmanager
    def folder(self, out: str | Path, resume: bool) -> Iterator[Path]:
        """The folder of a training, which is made if need be and kept from others; sets torch's threads.

        Raises:
            FileExistsError: the folder holds a training and `resume` is False.
            BlockingIOError: another training is writing there.
        """
        out, together = Path(out), processes()
        marks = ("log.jsonl", "checkpoint-*", "*/checkpoint-*")
        if not resume and any(any(out.glob(mark)) for mark in marks):
            raise FileExistsError(f"{out} already holds a training: resume it or choose another folder")
        together.wait_for_everyone()  # until all have looked
        with ExitStack() as kept:
            if together.is_main_process:
                out.mkdir(parents=True, exist_ok=True)
                kept.enter_context(locked(out))
                clear_unfinished(out)
            together.wait_for_everyone()
            if self.threads:
                torch.set_num_threads(self.threads)
            yield out

    def arguments(
        self,
        out: Path,
        optimisation: Optimisation,
        kind: type[TrainingArguments] = TrainingArguments,
        **more: Any,
    ) -> TrainingArguments:
        """The arguments of a Trainer that saves below `out`; `more` go before those of the recipe."""
        ours = {
            "output_dir": str(out),
            "learning_rate": optimisation.learning_rate,
            "lr_scheduler_type": optimisation.schedule,
            "warmup_steps": optimisation.warmup_steps,
            "weight_decay": self.weight_decay,
            "adam_beta2": self.beta2,
            "logging_steps": self.log_every,
            "save_steps": self.save_every,
            "seed": self.seed,
            "report_to": list(self.report_to),
            "ignore_data_skip": True,  # the data themselves start at the right step
            "remove_unused_columns": False,
            "use_cpu": not torch.cuda.is_available(),
        }
        arguments = kind(**{**ours, **more})
        # or a Trainer spreads one process over all GPUs by DataParallel, which halves patches anywhere
        _ = arguments.device
        arguments._n_gpu = min(arguments._n_gpu, 1)
        return arguments


Recipe = TypeVar("Recipe", bound=RecipePart)


def load_recipe(path: str | Path, kind: type[Recipe]) -> Recipe:
    """Read a recipe from a file, or a shipped recipe by its name ("nano-tokenizer").

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: see `read_yaml`; or a field is wrong, and the message shows the first error in one line.
    """
    path = Path(path)
    if not path.is_file() and (RECIPES / f"{path}.yaml").is_file():
        path = RECIPES / f"{path}.yaml"
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
        raise FileNotFoundError(f"no recipe at {path}; shipped recipes: {shipped}")
    content = read_yaml(path)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "(top)"
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{path}: {where}: {message} ({error.error_count()} errors in total)") from None

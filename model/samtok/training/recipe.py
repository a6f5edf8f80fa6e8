"""Recipes: YAML files with everything that a training needs."""

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

RECIPES = Path(__file__).parent.parent / "recipes"


def _installed(names: list[str]) -> list[str]:
    for name in names:
        if find_spec(name) is None:
            raise ValueError(f"{name} is not installed: pip install {name}")
    return names


Trackers = Annotated[list[Literal["tensorboard", "wandb"]], AfterValidator(_installed)]
"""Trackers to which transformers also logs the losses; log.jsonl has them in any case."""


class RecipePart(BaseModel):
    """A part of a recipe; unknown fields are errors."""

    model_config = ConfigDict(extra="forbid")


class DataSource(RecipePart):
    """Endless training data by name, so that the model package depends on no data set.

    `source` is "module:attribute" and names a function `f(seed, **options)` that returns an iterator.
    """

    source: str
    options: dict[str, Any] = {}

    def open(self, seed: int, **options: Any) -> Iterator[Any]:
        """Start the stream of this seed; `options` override those of the recipe.

        Raises:
            ValueError: there is no such module or attribute.
        """
        module, _, attribute = self.source.partition(":")
        try:
            factory: Callable[..., Iterator[Any]] = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"data source {self.source!r} cannot be imported: {error}") from None
        return factory(seed, **{**self.options, **options})


Recipe = TypeVar("Recipe", bound=RecipePart)


def load_recipe(path: str | Path, kind: type[Recipe]) -> Recipe:
    """Read a recipe from a file, or a shipped recipe by its name ("nano-tokenizer").

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not YAML, or a field is wrong; the message shows the first error in one line.
    """
    path = Path(path)
    if not path.is_file() and (RECIPES / f"{path}.yaml").is_file():
        path = RECIPES / f"{path}.yaml"
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
        raise FileNotFoundError(f"no recipe at {path}; shipped recipes: {shipped}")
    try:
        return kind.model_validate(yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "(top)"
        raise ValueError(f"{path}: {where}: {first['msg']} ({error.error_count()} errors in total)") from None


def open_training(out: str | Path, resume: bool, threads: int | None) -> Path:
    """Create the folder of a training if it does not exist, and set torch's number of threads.

    Raises:
        FileExistsError: the folder holds a training and `resume` is False.
    """
    import torch

    out = Path(out)
    if (out / "log.jsonl").exists() and not resume:
        raise FileExistsError(f"{out} already holds a training: resume it or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    if threads:
        torch.set_num_threads(threads)
    return out

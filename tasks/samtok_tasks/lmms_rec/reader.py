"""lmms-eval's own loading and scoring of a REC task. It is imported late: only its environment has it."""

import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from samtok_bench.files import cache_folder
from samtok_bench.lmms.environment import require_lmms_eval

Document = Mapping[str, Any]
"""`answer` is the sentence, `bbox` the box as x0, y0, x1, y1 in shares of the image; `image` a PIL image."""


@dataclass(frozen=True)
class RecTask:
    """A task by its YAML in lmms-eval."""

    name: str
    config: Mapping[str, Any]

    def documents(self, root: Path | None) -> Iterator[Document]:
        """All of the split, as lmms-eval gives them to models.

        Args:
            root: folder with the parquet files of its data set; None for the Hugging Face hub.

        Raises:
            OSError: they cannot be loaded.
        """
        from lmms_eval.api.task import ConfigurableMessagesTask

        path = {} if root is None else {"dataset_path": str(root.resolve())}
        try:
            with contextlib.redirect_stdout(sys.stderr):
                task = ConfigurableMessagesTask(config={**self.config, **path})
        except Exception as error:  # of its libraries, after five tries
            cause = getattr(getattr(error, "last_attempt", None), "exception", lambda: None)() or error
            where = root or f"{self.config['dataset_path']} of the Hugging Face hub"
            raise OSError(f"lmms-eval cannot load {self.name} from {where}: {cause}") from None
        yield from task.test_docs()

    def values(self, document: Document, answer: str) -> dict[str, float]:
        """Its metrics of one answer, by their names: they all are means."""
        raw = self.config["process_results"](document, [answer])
        with contextlib.redirect_stdout(io.StringIO()):
            return {name: float(self._aggregations[name]([item])) for name, item in raw.items()}

    @property
    def _aggregations(self) -> dict[str, Callable[[list[Any]], float]]:
        return {metric["metric"]: metric["aggregation"] for metric in self.config["metric_list"]}


@cache
def rec_config(name: str) -> RecTask:
    """A task of lmms-eval; ValueError where lmms-eval is not installed, or has no such task."""
    require_lmms_eval()
    import lmms_eval.tasks
    from lmms_eval.utils import load_yaml_config

    folder = Path(lmms_eval.tasks.__file__).parent / name.partition("_")[0]
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*_bbox_rec_*.yaml")))
        raise ValueError(f"lmms-eval has no task {name}; there are {known}")
    return RecTask(name, load_yaml_config(yaml_path=str(path), mode="full"))


def picture_cache() -> Path:
    """Where images are written as files, in the cache."""
    return cache_folder() / "lmms-images"

"""Tasks whose benchmark mini writes."""

from pathlib import Path

from samtok_bench.task import DataStatus, Task
from samtok_tasks.mini.cache import ensure_mini, has_mini, mini_cache


class MiniTask(Task):
    """A task that draws mini where no data folder is named.

    mini is in the benchmark's first data format only.
    """

    def default_root(self) -> Path:
        self._only_the_first_format()
        return ensure_mini()

    def own_data(self) -> DataStatus:
        try:
            self._only_the_first_format()
        except ValueError as error:
            return DataStatus(False, str(error))
        where = "in" if has_mini() else "to be written in some seconds to"
        return DataStatus(True, f"mini, {where} {mini_cache()}")

    def _only_the_first_format(self) -> None:
        if self.data_formats and self.data != self.data_formats[0]:
            raise ValueError(
                f"--data {self.data} needs a --data-root: mini is in the format {self.data_formats[0]} only"
            )

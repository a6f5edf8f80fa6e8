"""Downloads official files from the Hugging Face hub, only when a user asks: `samtok-bench data fetch`."""

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from samtok_bench.task import HubSource, Task


class NoHubSourceError(ValueError):
    """A task whose files are no data set on the hub that we know; says where they are."""


@dataclass(frozen=True)
class Listing:
    """What is to be downloaded, as the hub lists it."""

    revision: str
    """The commit; that very one is downloaded."""
    files: dict[str, int | None]
    """Bytes by path in the data set; None where the hub does not say."""

    @property
    def size(self) -> int:
        """Bytes, as far as they are known."""
        return sum(size or 0 for size in self.files.values())


def hub_source(task: Task, root: Path) -> HubSource:
    """What the hub has of a task's files.

    Raises:
        NoHubSourceError: nothing of them in this data format.
    """
    if task.data in task.hub:
        return task.hub[task.data]
    named = f"{task.name} --data {task.data}" if task.data else task.name
    others = ", ".join(f"--data {one}" for one in task.hub if one)
    there = f" (there is one for {others})" if others else ""
    raise NoHubSourceError(
        f"no data set on the hub is known for {named}{there}. {_where(task, root)}".strip()
    )


def address(source: HubSource) -> str:
    """The page of the data set, at the hub that HF_ENDPOINT names."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/datasets/{source.id}"


def listing(source: HubSource) -> Listing:
    """Ask the hub which files there are.

    Raises:
        OSError: there is no network, the hub refuses, or it has no such data set; one line.
        ValueError: the data set holds no file of this kind.
    """
    from huggingface_hub import HfApi

    try:
        info = HfApi().dataset_info(source.id, files_metadata=True)
    except Exception as error:  # the hub's library promises no one type, nor does what it stands on
        raise _failure(source, error) from None
    files = {
        one.rfilename: one.size
        for one in info.siblings or ()
        if any(fnmatch(one.rfilename, pattern) for pattern in source.patterns)
    }
    if not files or info.sha is None:
        patterns = ", ".join(source.patterns)
        raise ValueError(f"the hub's data set {source.id} holds no file like {patterns}: has it changed?")
    return Listing(info.sha, files)


def fetch(source: HubSource, listed: Listing, root: Path) -> Path:
    """Download into the place below the data root; files that are there already are not taken again.

    Returns:
        the folder.

    Raises:
        OSError: see `listing`; or a file did not come, or cannot be written.
    """
    from huggingface_hub import snapshot_download

    folder = root / source.folder
    try:
        snapshot_download(
            source.id,
            repo_type="dataset",
            revision=listed.revision,
            allow_patterns=list(source.patterns),
            local_dir=folder,
        )
    except Exception as error:
        raise _failure(source, error) from None
    # the library is content with a folder that is there when the network is gone
    missing = [name for name in listed.files if not (folder / name).is_file()]
    if missing:
        raise OSError(f"{source.id}: {len(missing)} files did not come, the first is {missing[0]}; try again")
    return folder


def _failure(source: HubSource, error: Exception) -> OSError:
    said = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return OSError(f"the hub's data set {source.id} cannot be fetched: {said}")


def _where(task: Task, root: Path) -> str:
    """Where the reader says that the files are from, for a root that lacks them."""
    try:
        task.samples(root, task.default_split(root))
    except FileNotFoundError as error:
        return str(error)
    except (ValueError, OSError):
        return ""
    return f"They are in {root} already."

"""Downloads official files from the Hugging Face hub, only when a user asks: `samtok-bench data fetch`."""

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from samtok_bench.files import naming
from samtok_bench.interruption import keeping
from samtok_bench.task import HubSource, Task
from samtok_tasks.formats.files import path_below


class NoHubSourceError(ValueError):
    """No data set on the hub is known for a task; says where its files are."""


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
    """The data set on the hub that has a task's files, or some of them.

    Raises:
        NoHubSourceError: there is none in this data format.
    """
    if task.data in task.hub:
        return task.hub[task.data]
    named = f"{task.name} --data {task.data}" if task.data else task.name
    others = ", ".join(f"--data {data}" for data in task.hub if data)
    there = f" (there is one for {others})" if others else ""
    raise NoHubSourceError(f"no data set on the hub is known for {named}{there}. {_where(task, root)}")


def address(source: HubSource) -> str:
    """The page of the data set, at the hub that HF_ENDPOINT names."""
    from huggingface_hub import constants

    return _shown(f"{constants.ENDPOINT}/datasets/{source.id}")


NEWEST = "newest"
"""In place of a revision."""


def listing(source: HubSource, revision: str | None = None) -> Listing:
    """Ask the hub which files there are.

    Args:
        source: the data set.
        revision: a commit, branch or tag, or NEWEST; the source's own if None, the newest where it has none.

    Raises:
        OSError: there is no network, the hub refuses, or it has no such data set; one line.
        ValueError: the data set holds no file of this kind, or one that would not lie below the data root.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RevisionNotFoundError

    asked = revision or source.revision
    try:
        info = HfApi().dataset_info(
            source.id, revision=None if asked == NEWEST else asked, files_metadata=True
        )
    except RevisionNotFoundError:
        raise OSError(
            f"the hub's data set {source.id} has no revision {asked}; "
            f"--revision {NEWEST} takes what it has now"
        ) from None
    except GatedRepoError:
        raise OSError(
            f"the hub's data set {source.id} needs your consent: accept its terms at {address(source)} and "
            "give a token (hf auth login, or HF_TOKEN)"
        ) from None
    except Exception as error:  # neither the hub's library nor what it stands on promises one type
        raise _failure(source, error) from None
    files = {
        file.rfilename: file.size
        for file in info.siblings or ()
        if any(fnmatch(file.rfilename, pattern) for pattern in source.patterns)
    }
    if not files or info.sha is None:
        patterns = ", ".join(source.patterns)
        raise ValueError(f"the hub's data set {source.id} holds no file like {patterns}: has it changed?")
    for name in files:
        path_below({"file": name}, "file", f"the hub's data set {source.id}")
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
    with keeping(lambda: f"the files that came are kept in {folder}: the same command takes the others"):
        try:
            with naming(folder):
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
    missing = [name for name, size in listed.files.items() if not _is_whole(folder / name, size)]
    if missing:
        raise OSError(f"{source.id}: {len(missing)} files did not come, the first is {missing[0]}; try again")
    return folder


def choice(source: HubSource, revision: str | None) -> str:
    """Why this revision is taken, in a few words."""
    if revision not in (None, NEWEST):
        return "as asked"
    if source.revision is None:
        return "the newest: none is pinned"
    return "pinned" if revision is None else f"the newest; {source.revision} is pinned"


def _is_whole(path: Path, size: int | None) -> bool:
    return path.is_file() and size in (None, path.stat().st_size)


def _failure(source: HubSource, error: Exception) -> OSError:
    said = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return OSError(f"the hub's data set {source.id} cannot be fetched: {_shown(said)}")


def _shown(text: str) -> str:
    """A text without the users, passwords and queries of its URLs, which may be signatures."""
    return re.sub(r"(?<=://)[^/@\s]++@|(?<=\w)\?[^\s?]*=[^\s]*", "", text)


def _where(task: Task, root: Path) -> str:
    """Where the task says that its files are from, for a root that lacks them."""
    try:
        task.locate(root)
    except OSError as error:
        return str(error)
    return f"They are in {root} already."

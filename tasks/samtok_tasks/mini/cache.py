"""The copy of mini that tasks read when no data folder is named: written once, into the cache."""

import shutil
import warnings
from contextlib import AbstractContextManager
from pathlib import Path

from samtok_bench.files import cache_folder, folder_aside
from samtok_bench.interruption import keeping
from samtok_tasks.mini.contents import MINI_VERSION, combined, expected_hashes
from samtok_tasks.mini.picture import IMAGE_FOLDER
from samtok_tasks.mini.writer import MARKER, write_mini


def mini_cache(cache: Path | None = None) -> Path:
    """The folder of this version of mini below the cache.

    The cache is the argument, else `samtok_bench.files.cache_folder`.
    """
    return (cache or cache_folder()) / f"mini-{MINI_VERSION}-{combined(expected_hashes())[:8]}"


def has_mini() -> bool:
    """Whether `ensure_mini` has nothing to write."""
    return (mini_cache() / MARKER).is_file()


def ensure_mini(cache: Path | None = None) -> Path:
    """The data root of mini, written at the first call (some seconds) and used again later.

    Raises:
        OSError: the cache cannot be written.
    """
    folder = mini_cache(cache)
    written, expected = ensure_written(folder), expected_hashes()
    differing = [name for name, found in (written or {}).items() if found != expected[name]]
    if differing:
        warnings.warn(
            f"mini came out different from version {MINI_VERSION} in {', '.join(differing)}: figures are not "
            "comparable with published ones",
            stacklevel=2,
        )
    return folder


def ensure_written(folder: Path) -> dict[str, str] | None:
    """Write mini into a folder unless it is there; its hashes where it was written now.

    It appears whole or not at all, also when two processes write it at once.

    Raises:
        OSError: it cannot be written.
    """
    if (folder / MARKER).is_file():
        return None
    with _until_whole(folder), folder_aside(folder) as part:
        if (folder / MARKER).is_file():  # another process was first
            return None
        report = write_mini(part)
        if folder.exists() and not (folder / MARKER).is_file():
            shutil.rmtree(folder)
        try:
            part.rename(folder)
        except OSError:
            if not (folder / MARKER).is_file():  # one that does not wait for others
                raise
    return report.hashes


def write_into(root: Path) -> None:
    """Write mini into a folder of the user's, where files of the same names are exchanged.

    They come once all of them are written, first the images and last the marker: annotations are never there
    without the images that they name.

    Raises:
        OSError: it cannot be written.
    """
    new = not root.exists()
    with _until_whole(root), folder_aside(root if new else root / MARKER) as part:
        write_mini(part)
        if new:
            part.rename(root)
            return
        (root / MARKER).unlink(missing_ok=True)
        written = [path.relative_to(part) for path in part.rglob("*") if path.is_file()]
        for path in sorted(written, key=lambda path: (path.name == MARKER, path.parts[0] != IMAGE_FOLDER)):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (part / path).replace(root / path)


def _until_whole(folder: Path) -> AbstractContextManager[None]:
    return keeping(lambda: f"{folder} is not whole: the same command writes it again")

"""Locate models: turn a name into a folder, and find the parts in a folder.

A name is "nano", a folder or a hub id (OWNER/NAME). The folder of a whole model is one that
`QwenVLSAMTok.save_pretrained` wrote (vlm/ and tokenizer/) or a published one, which holds the files of the
vision-language model and the tokenizer's two files side by side.
"""

from pathlib import Path

from samtok.file_kinds import read_object

NANO = "nano"
VLM, TOKENIZER = "vlm", "tokenizer"
PUBLISHED_SAM2 = "sam2.1_hiera_large.pt"
PUBLISHED_TOKENIZER = "mask_tokenizer_256x2.pth"
WEIGHT_FILES = frozenset({".safetensors", ".bin", ".pt", ".pth"})
_CONFIG = "config.json"


class UnknownModelError(FileNotFoundError):
    """A name that is not a folder and cannot be a hub id."""


def model_folder(name: str | Path, revision: str | None = None) -> Path:
    """Find the folder of a whole model; a hub id is downloaded if it is not in the hub's cache.

    Args:
        name: see above.
        revision: branch, tag or commit of a hub id.

    Raises:
        ValueError: a revision of what is not on the hub.
        UnknownModelError: the name is not a folder and cannot be a hub id.
        FileNotFoundError: nano's weights are not installed.
        OSError: the hub cannot be reached, or does not have the model.
    """
    if folder := _nano(VLM, TOKENIZER) if str(name) == NANO else _local(name):
        return _without_revision(folder, revision)
    return _from_hub(str(name), revision)


def tokenizer_folder(name: str | Path, revision: str | None = None) -> Path:
    """Find the folder of a mask tokenizer, given its name or that of a whole model.

    Args:
        name, revision: as `model_folder`.

    Raises:
        FileNotFoundError: there is no tokenizer; also as `model_folder`.
        OSError: as `model_folder`.
        ValueError: a config.json is broken.
    """
    if folder := _nano(TOKENIZER) if str(name) == NANO else _local(name):
        return tokenizer_part(_without_revision(folder, revision))
    # without the gigabytes of the model that the tokenizer belongs to
    small = _from_hub(str(name), revision, [f"{TOKENIZER}/*", PUBLISHED_SAM2, PUBLISHED_TOKENIZER])
    return _tokenizer_part(small) or tokenizer_part(_from_hub(str(name), revision))


def vlm_part(folder: Path) -> Path:
    """Find the vision-language model in a model's folder: a folder inside it, or the folder itself.

    Raises:
        FileNotFoundError: there is none.
    """
    for part in (folder / VLM, folder):
        if (part / _CONFIG).is_file():
            return part
    raise FileNotFoundError(
        f"{folder} has no vision-language model: expected {VLM}/{_CONFIG}, or {_CONFIG} with its weights"
    )


def tokenizer_part(folder: Path) -> Path:
    """Find the mask tokenizer in a model's folder, as `vlm_part` does; ValueError for a torn config.json."""
    if part := _tokenizer_part(folder):
        return part
    raise FileNotFoundError(
        f"{folder} has no mask tokenizer: expected {TOKENIZER}/{_CONFIG}, a tokenizer's own {_CONFIG}, or "
        f"the files {PUBLISHED_SAM2} and {PUBLISHED_TOKENIZER}"
    )


def nano_folder() -> Path:
    """The folder of nano, which may lack its weights."""
    return Path(__file__).parent / NANO


def nano_is_installed() -> bool:
    """Whether both parts of nano have weights."""
    return all(has_weights(nano_folder() / part) for part in (VLM, TOKENIZER))


def has_weights(folder: Path) -> bool:
    """Whether a folder or one below it holds weights."""
    return any(path.suffix in WEIGHT_FILES for path in folder.rglob("*"))


def _nano(*parts: str) -> Path:
    folder = nano_folder()
    for part in parts:
        if not has_weights(folder / part):
            raise FileNotFoundError(f"the weights of nano are not installed: none below {folder / part}")
    return folder


def _local(name: str | Path) -> Path | None:
    """The folder of that name, or None if the name can only be a hub id."""
    folder = Path(name)
    if folder.is_dir():
        return folder
    text = str(name)
    if isinstance(name, Path) or text.count("/") != 1 or text.startswith((".", "/", "~")) or folder.exists():
        raise UnknownModelError(f"unknown model {text!r}: no such folder, and no hub id OWNER/NAME")
    return None


def _without_revision(folder: Path, revision: str | None) -> Path:
    if revision is not None:
        raise ValueError(f"revision {revision!r}: {folder} is a folder here, only a hub id has revisions")
    return folder


def _from_hub(name: str, revision: str | None, patterns: list[str] | None = None) -> Path:
    """A snapshot of a hub id, or of the files in it that match the patterns."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise OSError(f"{name!r} is not a folder and cannot be fetched from the hub: {reason}") from None


def _tokenizer_part(folder: Path) -> Path | None:
    if (folder / PUBLISHED_TOKENIZER).is_file():
        return folder
    for config in (folder / TOKENIZER / _CONFIG, folder / _CONFIG):
        if config.is_file() and read_object(config).get("model_type") == "samtok":
            return config.parent
    return None

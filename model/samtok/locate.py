"""Where models are: a name becomes a folder, and a folder's parts are found.

A name is "nano", a folder or a hub id (OWNER/NAME). A whole model is a folder that
`QwenVLSAMTok.save_pretrained` wrote (vlm/ and tokenizer/), or a published one: the vision-language model's
files with the tokenizer's two beside them.
"""

import json
from pathlib import Path

NANO = "nano"
VLM, TOKENIZER = "vlm", "tokenizer"
PUBLISHED_SAM2 = "sam2.1_hiera_large.pt"
PUBLISHED_TOKENIZER = "mask_tokenizer_256x2.pth"
WEIGHT_FILES = frozenset({".safetensors", ".bin", ".pt", ".pth"})
_CONFIG = "config.json"


class UnknownModelError(FileNotFoundError):
    """A name that is no folder and cannot be a hub id."""


def model_folder(name: str | Path) -> Path:
    """The folder of a whole model; a hub id is downloaded where it is not in the hub's cache.

    Raises:
        UnknownModelError: see there.
        FileNotFoundError: nano's weights are not installed.
        OSError: the hub cannot be reached, or does not have it.
    """
    if str(name) == NANO:
        return _nano(VLM, TOKENIZER)
    return _local(name) or _from_hub(str(name))


def tokenizer_folder(name: str | Path) -> Path:
    """The folder of a mask tokenizer: its own, or that of the whole model it belongs to.

    Raises:
        as `model_folder`, and FileNotFoundError where there is no tokenizer.
    """
    if str(name) == NANO:
        return tokenizer_part(_nano(TOKENIZER))
    if folder := _local(name):
        return tokenizer_part(folder)
    # a model of gigabytes need not come along with its tokenizer
    small = _from_hub(str(name), [f"{TOKENIZER}/*", PUBLISHED_SAM2, PUBLISHED_TOKENIZER])
    return _tokenizer_part(small) or tokenizer_part(_from_hub(str(name)))


def vlm_part(folder: Path) -> Path:
    """The vision-language model's folder in a model's folder, which may be the same.

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
    """The mask tokenizer's folder in a model's folder, which may be the same.

    Raises:
        FileNotFoundError: there is none.
    """
    if part := _tokenizer_part(folder):
        return part
    raise FileNotFoundError(
        f"{folder} has no mask tokenizer: expected {TOKENIZER}/{_CONFIG}, a tokenizer's own {_CONFIG}, or "
        f"the files {PUBLISHED_SAM2} and {PUBLISHED_TOKENIZER}"
    )


def nano_folder() -> Path:
    """Where nano belongs; it may lack its weights."""
    return Path(__file__).parent / NANO


def nano_is_installed() -> bool:
    """Whether both parts of nano have weights."""
    return all(has_weights(nano_folder() / part) for part in (VLM, TOKENIZER))


def has_weights(folder: Path) -> bool:
    """Whether any weights are below a folder."""
    return any(path.suffix in WEIGHT_FILES for path in folder.rglob("*"))


def _nano(*parts: str) -> Path:
    folder = nano_folder()
    for part in parts:
        if not has_weights(folder / part):
            raise FileNotFoundError(f"the weights of nano are not installed: none below {folder / part}")
    return folder


def _local(name: str | Path) -> Path | None:
    """The folder of that name; None for what can only be a hub id."""
    folder = Path(name)
    if folder.is_dir():
        return folder
    text = str(name)
    if isinstance(name, Path) or text.count("/") != 1 or text.startswith((".", "/", "~")) or folder.exists():
        raise UnknownModelError(f"unknown model {text!r}: no such folder, and no hub id OWNER/NAME")
    return None


def _from_hub(name: str, patterns: list[str] | None = None) -> Path:
    """A snapshot of a hub id, or of those of its files that match."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise OSError(f"{name!r} is no local folder and cannot be fetched from the hub: {reason}") from None


def _tokenizer_part(folder: Path) -> Path | None:
    if (folder / PUBLISHED_TOKENIZER).is_file():
        return folder
    for part in (folder / TOKENIZER, folder):
        if _is_tokenizer(part / _CONFIG):
            return part
    return None


def _is_tokenizer(config: Path) -> bool:
    if not config.is_file():
        return False
    try:
        content = json.loads(config.read_bytes())
    except ValueError:
        raise ValueError(f"{config} is not a JSON file") from None
    return isinstance(content, dict) and content.get("model_type") == "samtok"

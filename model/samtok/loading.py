"""Loading a folder in transformers' format: its files are checked first, and every fault is one line."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedModel
from transformers.utils import logging

from samtok.file_kinds import check_safetensors, one_line, read_object, refuse_impostor, refuse_text
from samtok.torch_files import read_tensors

CONFIG = "config.json"
Loaded = TypeVar("Loaded")

_INDEX = ".index.json"
# in the order in which transformers looks for them
_WEIGHTS = (
    "model.safetensors",
    f"model.safetensors{_INDEX}",
    "pytorch_model.bin",
    f"pytorch_model.bin{_INDEX}",
)
_OBJECTS = (
    *(CONFIG, "generation_config.json", "preprocessor_config.json", "processor_config.json"),
    *(
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
        "added_tokens.json",
        "special_tokens_map.json",
    ),
    "chat_template.json",
)
_TOKENIZER = ("tokenizer.json", "vocab.json")
_IMAGES = ("processor_config.json", "preprocessor_config.json")
_TEXTS = ("merges.txt", "chat_template.jinja")
_SHOWN = 10  # keys of each kind that an error message lists


def load_model(load: Callable[..., Any], folder: Path, what: str, **options: Any) -> PreTrainedModel:
    """Load the model in a folder with `load`, a `from_pretrained`, strictly.

    Args:
        what: the model's name in messages.
        options: of `load`.

    Raises:
        FileNotFoundError: the folder lacks its configuration or weights.
        ValueError: a file is broken, or the weights are missing, unexpected or misshaped (all are listed).
    """
    check_weights(folder)
    # without `ignore_mismatched_sizes` misshaped weights would be an error that does not name them
    model, info = _guarded(
        load, folder, what, output_loading_info=True, ignore_mismatched_sizes=True, **options
    )
    found = {
        "missing": info["missing_keys"],
        "unexpected": info["unexpected_keys"],
        "misshaped": [
            f"{key} {tuple(stored)} instead of {tuple(expected)}"
            for key, stored, expected in info["mismatched_keys"]
        ],
    }
    if faults := [f"{len(keys)} {kind}: {listed(sorted(keys))}" for kind, keys in found.items() if keys]:
        raise ValueError(f"weights in {folder} do not fit {what}; {'; '.join(faults)}")
    return model


def load_processor(load: Callable[..., Loaded], folder: Path) -> Loaded:
    """Load the processor in a folder with `load`; FileNotFoundError or ValueError as `load_model`."""
    for names, what in ((_TOKENIZER, "text tokenizer"), (_IMAGES, "settings of images")):
        if not any((folder / name).is_file() for name in names):
            raise FileNotFoundError(f"no {what} in {folder}: expected {' or '.join(names)}")
    return _guarded(load, folder, "a processor of images and text")


def listed(names: Sequence[str]) -> str:
    """Names in one line; of many only the first ten."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _guarded(load: Callable[..., Loaded], folder: Path, what: str, **options: Any) -> Loaded:
    """Call a `from_pretrained` on a folder whose texts are checked first; what it raises becomes one line.

    Code that a folder brings along is never run, and nothing is fetched.
    """
    for name in (*_OBJECTS, *_TEXTS):
        if (file := folder / name).is_file():
            (read_object if name in _OBJECTS else refuse_impostor)(file)
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # its report of weights that do not fit is a table of many lines
    try:
        return load(folder, local_files_only=True, trust_remote_code=False, **options)
    except Exception as error:  # transformers promises no particular one for a broken folder
        raise ValueError(f"{folder} cannot be loaded as {what}: {one_line(error)}") from error
    finally:
        logging.set_verbosity(level)


def check_weights(folder: Path) -> None:
    """Check that the weights that transformers would read are whole, all shards of them.

    Raises:
        FileNotFoundError, ValueError: see `load_model`.
    """
    weights = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        shards = sorted(folder.glob("*-of-*.safetensors")) or sorted(folder.glob("*-of-*.bin"))
        lacking = f"only the shard {shards[0].name} without the index" if shards else "none of"
        raise FileNotFoundError(f"no weights in {folder}: {lacking} {' or '.join(_WEIGHTS)}")
    for file in _shards(weights) if weights.name.endswith(_INDEX) else [weights]:
        if file.suffix == ".safetensors":
            check_safetensors(file)
        else:
            refuse_text(file)
            read_tensors(file)


def _shards(index: Path) -> list[Path]:
    table = read_object(index).get("weight_map")
    if not isinstance(table, dict) or not table or not all(isinstance(name, str) for name in table.values()):
        raise ValueError(f"{index} has no table of shards: expected an object `weight_map` of file names")
    names = sorted(set(table.values()))
    if strange := [
        name for name in names if Path(name).name != name or not name.endswith((".safetensors", ".bin"))
    ]:
        raise ValueError(f"{index} names {strange[0]!r}, which is no shard beside it")
    if absent := [name for name in names if not (index.parent / name).is_file()]:
        raise FileNotFoundError(
            f"{len(absent)} of {len(names)} shards that {index} names are missing: {listed(absent)}"
        )
    return [index.parent / name for name in names]

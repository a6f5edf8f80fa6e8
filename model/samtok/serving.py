"""A model behind an OpenAI-compatible server: `transformers serve` with the model's own processor.

Without torchvision the stock server finds a tokenizer in the place of the processor and drops every image,
with an answer of status 200.
"""

from collections.abc import Sequence
from pathlib import Path

from samtok.file_kinds import read_object
from samtok.loading import CONFIG
from samtok.locate import model_folder, vlm_part
from samtok.perception_lm import FAMILY as PERCEPTION_LM
from samtok.processor import QwenVLProcessor


def serve(name: str | Path, options: Sequence[str] = ()) -> None:
    """Serve until it is stopped, by the extra `serve`.

    Args:
        name: see `samtok.locate`; the server calls the model by the path of its language model.
        options: of `transformers serve`, as `("--port", "8001")`.

    Raises:
        ValueError: the extra is not installed.
        OSError: there is no such folder or hub id.
    """
    from transformers import AutoProcessor, Qwen2_5_VLConfig, Qwen3VLConfig
    from transformers.cli.transformers import app
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        raise ValueError("serving needs fastapi, uvicorn and openai: pip install 'samtok-bench[serve]'")
    folder = vlm_part(model_folder(name))
    if (family := read_object(folder / CONFIG).get("model_type")) == PERCEPTION_LM:
        raise ValueError(f"{folder} is a {family}, whose images `transformers serve` would drop: use a Qwen")
    for config in (Qwen2_5_VLConfig, Qwen3VLConfig):
        AutoProcessor.register(config, QwenVLProcessor, exist_ok=True)
    app(["serve", str(folder), *options])

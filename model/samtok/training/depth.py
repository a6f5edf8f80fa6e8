"""A deeper language model that starts where a shallower one ended."""

from typing import Any

import torch
from transformers import PreTrainedModel


def deepen(model: PreTrainedModel, layers: int, seed: int) -> None:
    """Add random layers on top of a QwenVL's language model, until it has so many.

    What a new layer adds to its input is zero at first, so that the model says what it said before
    (function-preserving growth: Chen et al., Net2Net, 2016; zero residuals: Zhang et al., Fixup, 2019).

    Raises:
        ValueError: the model has more layers already.
    """
    text: Any = model.model.language_model
    config = text.config
    if len(text.layers) > layers:
        raise ValueError(f"text_layers: the checkpoint has {len(text.layers)}, which is more than {layers}")
    if kinds := getattr(config, "layer_types", None):  # of attention, one for each layer
        config.layer_types = [*kinds, *kinds[-1:] * (layers - len(text.layers))]
    torch.manual_seed(seed)
    for index in range(len(text.layers), layers):
        layer = type(text.layers[0])(config, index).to(model.device, model.dtype)
        for module in layer.modules():
            model._init_weights(module)
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
        torch.nn.init.zeros_(layer.mlp.down_proj.weight)
        text.layers.append(layer)
    config.num_hidden_layers = layers

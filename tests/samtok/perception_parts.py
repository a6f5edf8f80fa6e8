"""A small random PerceptionLM in a folder of the official form."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PerceptionLMConfig, PerceptionLMForConditionalGeneration, PreTrainedTokenizerFast

from samtok.perception_encoder import PerceptionEncoderConfig

SPECIAL = (
    *("<|begin_of_text|>", "<|end_of_text|>", "<|image|>", "<|video|>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
)
# like the published one: images first, texts trimmed, a system message
TEMPLATE = (
    "{{- bos_token }}{{- '<|start_header_id|>system<|end_header_id|>\n\nBe helpful.<|eot_id|>' }}"
    "{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}"
    "{%- for part in message['content'] if part['type'] == 'image' %}{{- '<|image|>' }}{%- endfor %}"
    "{%- for part in message['content'] if part['type'] == 'text' %}{{- part['text'] | trim }}{%- endfor %}"
    "{{- '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)
VISION = {
    "model_type": "timm_wrapper", "architecture": "vit_pe_core_large_patch14_336", "do_pooling": True,
    "initializer_range": 0.02, "label_names": ["LABEL_0", "LABEL_1"], "num_classes": 2,
    "model_args": {
        "embed_dim": 32, "depth": 2, "num_heads": 2, "img_size": [56, 56], "ref_feat_shape": [4, 4],
        "init_values": 0.1, "global_pool": "", "use_post_transformer_norm": False,
    },
}  # fmt: skip
IMAGES = {
    "image_processor_type": "PerceptionLMImageProcessorFast", "processor_class": "PerceptionLMProcessor",
    "tile_size": 56, "max_num_tiles": 36, "vision_input_type": "thumb+tile", "resample": 3, "do_resize": True,
    "do_rescale": True, "do_normalize": True, "do_convert_rgb": True, "rescale_factor": 1 / 255,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
}  # fmt: skip


def write_perception_lm(folder: Path, texts: list[str], seed: int = 0) -> Path:
    """A published folder before the mask words were added: 4 visual tokens a tile."""
    folder.mkdir(parents=True)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(special_tokens=list(SPECIAL), initial_alphabet=alphabet, vocab_size=300)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=SPECIAL[0], eos_token="<|eot_id|>", pad_token=SPECIAL[1],
        additional_special_tokens=list(SPECIAL[2:]), chat_template=TEMPLATE,
        extra_special_tokens={"image_token": "<|image|>", "video_token": "<|video|>"},
    )  # fmt: skip
    ends = tokenizer.convert_tokens_to_ids(["<|end_of_text|>", "<|eot_id|>"])
    config = {
        "architectures": ["PerceptionLMForConditionalGeneration"], "model_type": "perception_lm",
        "image_token_id": tokenizer.convert_tokens_to_ids("<|image|>"),
        "video_token_id": tokenizer.convert_tokens_to_ids("<|video|>"),
        "projector_pooling_ratio": 2, "vision_use_cls_token": True, "vision_config": VISION,
        "text_config": {
            "model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": len(tokenizer),
            "bos_token_id": 0, "eos_token_id": ends, "tie_word_embeddings": True,
        },
    }  # fmt: skip
    processor = {"processor_class": "PerceptionLMProcessor", "patch_size": 14, "pooling_ratio": 2}
    generation = {"bos_token_id": 0, "eos_token_id": ends, "do_sample": False}
    for name, content in (
        ("config.json", config),
        ("generation_config.json", generation),
        ("preprocessor_config.json", IMAGES),
        ("processor_config.json", processor),
    ):
        (folder / name).write_text(json.dumps(content))
    tokenizer.save_pretrained(folder)
    _random(folder, seed).save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _random(folder: Path, seed: int) -> PerceptionLMForConditionalGeneration:
    """With wide weights, so that answers vary."""
    config = PerceptionLMConfig.from_pretrained(folder)
    config.vision_config = PerceptionEncoderConfig(**config.vision_config.to_dict())
    torch.manual_seed(seed)
    model = PerceptionLMForConditionalGeneration(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)
    return model

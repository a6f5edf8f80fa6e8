"""Loading the published pair: every key accounted for, and no code from a file run."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from published_pair import small_config, write_pair
from torch import Tensor

from samtok.checkpoints import SAM2_PREFIX, published_names, read_published
from samtok.tokenizer import SAMTok

CONFIG = small_config()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pytest.importorskip("sam2", reason="the sam2 package, which makes the files, is not installed")
    return write_pair(tmp_path_factory.mktemp("pair"), CONFIG)


@pytest.fixture
def changed(pair: tuple[Path, Path], tmp_path: Path) -> Callable[..., Path]:
    """A copy of the tokenizer file after some change of its table."""

    def make(change: Callable[[dict[str, Tensor]], Any]) -> Path:
        state = read_published(pair[1])
        result = change(state)
        torch.save(state if result is None else result, tmp_path / "changed.pth")
        return tmp_path / "changed.pth"

    return make


def same(a: SAMTok, b: SAMTok) -> bool:
    states = a.state_dict(), b.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][key]) for key, value in states[0].items()
    )


@pytest.mark.parametrize(
    ("ours", "published"),
    [
        (
            "sam2.vision_encoder.backbone.blocks.4.mlp.proj_out.bias",
            "image_encoder.trunk.blocks.4.mlp.layers.1.bias",
        ),
        ("sam2.vision_encoder.neck.convs.3.weight", "image_encoder.neck.convs.3.conv.weight"),
        (
            "sam2.mask_decoder.iou_prediction_head.layers.0.weight",
            "sam_mask_decoder.iou_prediction_head.layers.1.weight",
        ),
        (
            "sam2.mask_decoder.iou_prediction_head.proj_out.bias",
            "sam_mask_decoder.iou_prediction_head.layers.2.bias",
        ),
        ("mask_encoder.query.weight", "sam_mask_encoder.mask_tokens.weight"),
        (
            "mask_encoder.transformer.layers.1.self_attn.o_proj.bias",
            "sam_mask_encoder.transformer.layers.1.self_attn.out_proj.bias",
        ),
        (
            "mask_encoder.transformer.layer_norm_final_attn.bias",
            "sam_mask_encoder.transformer.norm_final_attn.bias",
        ),
    ],
)
def test_names(ours: str, published: str):
    assert published_names(ours) == [SAM2_PREFIX + published]


def test_the_tokenizer_file_has_every_weight_and_overrides_sam2(pair: tuple[Path, Path]):
    with_sam2 = SAMTok.from_published(*pair, CONFIG)
    assert same(with_sam2, SAMTok.from_published(None, pair[1], CONFIG))
    published = read_published(pair[1])
    decoder = "sam_mask_decoder.iou_token.weight"
    assert torch.equal(with_sam2.sam2.mask_decoder.iou_token.weight, published[SAM2_PREFIX + decoder])
    assert not torch.equal(with_sam2.sam2.mask_decoder.iou_token.weight, read_published(pair[0])[decoder])


def test_padding_row_is_dropped_and_statistics_are_kept(pair: tuple[Path, Path]):
    model, published = SAMTok.from_published(None, pair[1], CONFIG), read_published(pair[1])
    for level, book in enumerate(model.quantizer.codebooks):
        key = f"quantizer.codebooks.{level}."
        assert torch.equal(book.weight, published[key + "weight"][:256])
        assert torch.equal(book.cluster_size_ema, published[key + "cluster_size_ema"])
        assert torch.equal(book.embed_ema, published[key + "embed_ema"])


def test_our_folder_gives_the_same_model_back(pair: tuple[Path, Path], tmp_path: Path):
    model = SAMTok.from_published(None, pair[1], CONFIG)
    model.save_pretrained(tmp_path)
    assert same(model, SAMTok.from_pretrained(tmp_path))


def test_training_checkpoints_load(pair: tuple[Path, Path], changed: Callable[..., Path]):
    wrapped = changed(lambda state: {"state_dict": {f"hf_model.{k}": v for k, v in state.items()}})
    assert same(SAMTok.from_published(None, wrapped, CONFIG), SAMTok.from_published(None, pair[1], CONFIG))


def test_half_precision_files_become_float32(changed: Callable[..., Path]):
    half = changed(lambda state: {k: v.bfloat16() for k, v in state.items()})
    model = SAMTok.from_published(None, half, CONFIG)
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}


def test_numbers_that_are_none(changed: Callable[..., Path]):
    key = "quantizer.codebooks.0.weight"
    broken = changed(lambda state: {**state, key: state[key] / 0})
    with pytest.raises(ValueError, match=rf"changed\.pth are not finite numbers: {key}"):
        SAMTok.from_published(None, broken, CONFIG)


def test_every_fault_is_listed(changed: Callable[..., Path]):
    def change(state: dict[str, Tensor]) -> None:
        del state["model.sam2_model.no_mem_embed"]
        state["model.sam2_model.memory_attention.layers.0.surprise"] = torch.zeros(1)
        state["quantizer.codebooks.0.weight"] = torch.zeros(256, 32)

    with pytest.raises(ValueError, match="does not fit SAMTok") as caught:
        SAMTok.from_published(None, changed(change), CONFIG)
    message = str(caught.value)
    assert "1 keys missing: model.sam2_model.no_mem_embed" in message
    assert "1 keys unexpected: model.sam2_model.memory_attention.layers.0.surprise" in message
    assert "1 keys of another shape: quantizer.codebooks.0.weight (256, 32) instead of (257, 32)" in message
    assert "\n" not in message


def test_long_lists_of_faults_are_cut(changed: Callable[..., Path]):
    surplus = changed(lambda state: {**state, **{f"surplus.{i}": torch.zeros(1) for i in range(12)}})
    with pytest.raises(ValueError, match=r"12 keys unexpected: .*surplus\.9 and 2 more"):
        SAMTok.from_published(None, surplus, CONFIG)


def test_video_parts_are_not_needed(pair: tuple[Path, Path], changed: Callable[..., Path]):
    without = changed(lambda state: {k: v for k, v in state.items() if "memory_" not in k})
    assert same(SAMTok.from_published(None, without, CONFIG), SAMTok.from_published(None, pair[1], CONFIG))


def test_a_wrong_sam2_file_is_noticed(pair: tuple[Path, Path]):
    with pytest.raises(ValueError, match=r"tokenizer\.pth does not fit SAMTok; \d+ keys missing"):
        SAMTok.from_published(pair[1], pair[1], CONFIG)
    with pytest.raises(ValueError, match="keys of another shape"):
        SAMTok.from_published(None, pair[1])  # Hiera-L


class Evil:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("bare", [True, False])
def test_code_in_a_file_is_refused_without_running_it(tmp_path: Path, bare: bool):
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    if bare:
        path.write_bytes(pickle.dumps({"x": Evil(trace)}, protocol=2))
    else:
        torch.save({"x": Evil(trace)}, path)
    with pytest.raises(ValueError, match="which could run code"):
        SAMTok.from_published(None, path, CONFIG)
    assert not trace.exists()


def test_files_that_are_no_weights(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no weights at"):
        SAMTok.from_published(None, tmp_path / "absent.pth", CONFIG)
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "text.pth").write_text("not weights at all")
    torch.save({"x": torch.zeros(5000)}, tmp_path / "torn.pth")
    (tmp_path / "torn.pth").write_bytes((tmp_path / "torn.pth").read_bytes()[:5000])
    for name in ("empty.pth", "text.pth", "torn.pth"):
        with pytest.raises(ValueError, match=name) as caught:
            SAMTok.from_published(None, tmp_path / name, CONFIG)
        assert "\n" not in str(caught.value)
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="not a table of tensors"):
        SAMTok.from_published(None, tmp_path / "list.pth", CONFIG)

"""Folders whose files are not what their names say: one line with the file and the likely cause."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from qwen_parts import tiny_qwen
from safetensors.torch import load_file, save_file
from torch import Tensor

from samtok import QwenVLSAMTok, SAMTok
from samtok.file_kinds import check_safetensors
from samtok.torch_files import read_tensors

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 12345\n"
PAGE = "\n<!DOCTYPE html>\n<html><title>Sign in</title></html>"
REPLY = '{"error": "Repository not found"}'


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    tiny_qwen("qwen3_vl").save_pretrained(folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A whole model to spoil."""
    return Path(shutil.copytree(whole, tmp_path / "model"))


def refusal(folder: Path, kind: type[Exception] = ValueError) -> str:
    with pytest.raises(kind) as caught:
        QwenVLSAMTok.from_pretrained(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert "more than tensors" not in message
    return message


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def tensors(path: Path) -> dict[str, Tensor]:
    """The weights in a file, not mapped to it."""
    return {name: tensor.clone() for name, tensor in load_file(path).items()}


def text(content: str) -> Callable[[Path], Any]:
    return lambda path: path.write_text(content)


@pytest.mark.parametrize("part", ["vlm/model.safetensors", "tokenizer/model.safetensors"])
@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (text(POINTER), "is a git-lfs pointer and not the file itself: run `git lfs pull`"),
        (text(PAGE), "is a web page and not the file"),
        (text(REPLY), 'is a text that begins \'{"error": '),
        (text(""), "is empty: its download or copy was probably interrupted"),
        (cut, "is cut or no safetensors file, download it again"),
        (lambda path: path.write_bytes(bytes(4000)), "is cut or no safetensors file"),
        (lambda path: torch.save(tensors(path), path), "is not safetensors but a PyTorch file"),
    ],
    ids=["pointer", "page", "reply", "empty", "cut", "zeros", "pytorch"],
)
def test_weights_that_are_none(folder: Path, part: str, spoil: Callable[[Path], Any], cause: str):
    spoil(folder / part)
    assert refusal(folder).startswith(f"{folder / part} {cause}")


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "tokenizer_config.json", "processor_config.json"]
)
@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (text(POINTER), "is a git-lfs pointer"),
        (text(PAGE), "is a web page"),
        (text(""), "is empty"),
        (text("[1]"), "holds no JSON object but a list"),
        (text("[" * 100_000), "is broken or cut, download it again: not JSON"),
        (cut, "is broken or cut, download it again: not JSON"),
    ],
    ids=["pointer", "page", "empty", "list", "deep", "cut"],
)
def test_configuration_that_is_none(folder: Path, name: str, spoil: Callable[[Path], Any], cause: str):
    spoil(folder / "vlm" / name)
    assert refusal(folder).startswith(f"{folder / 'vlm' / name} {cause}")


def test_a_template_that_is_a_pointer(folder: Path):
    (folder / "vlm" / "chat_template.jinja").write_text(POINTER)
    assert "chat_template.jinja is a git-lfs pointer" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.safetensors", "no weights in"),
        ("tokenizer.json", "no text tokenizer in"),
        ("processor_config.json", "no settings of images in"),
    ],
)
def test_a_missing_file_is_named(folder: Path, name: str, said: str):
    (folder / "vlm" / name).unlink()
    message = refusal(folder, FileNotFoundError)
    assert message.startswith(f"{said} {folder / 'vlm'}")
    assert name in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_size", "wide"),
        ("hidden_size", 0),
        ("head_dim", None),
        ("rope_parameters", 7),
        ("num_hidden_layers", -1),
    ],
)
def test_a_configuration_of_nonsense(folder: Path, field: str, value: Any):
    path = folder / "vlm" / "config.json"
    config = json.loads(path.read_text())
    config["text_config"][field] = value
    path.write_text(json.dumps(config))
    assert str(folder / "vlm") in refusal(folder)


def test_misshaped_weights_are_listed_without_a_table(folder: Path, capfd: pytest.CaptureFixture[str]):
    path = folder / "vlm" / "model.safetensors"
    weights = tensors(path)
    name = next(key for key in weights if key.endswith("layers.1.mlp.up_proj.weight"))
    weights[name] = weights[name][:-1].clone()
    save_file(weights, path, {"format": "pt"})
    assert refusal(folder).endswith(f"do not fit qwen3_vl; 1 misshaped: {name} (31, 32) instead of (32, 32)")
    assert "REPORT" not in capfd.readouterr().err


def test_numbers_that_are_none(folder: Path):
    path = folder / "tokenizer" / "model.safetensors"
    weights = tensors(path)
    weights["mask_encoder.query.weight"][0, 3] = float("nan")
    save_file(weights, path, {"format": "pt"})
    assert refusal(folder).endswith("are not finite numbers: mask_encoder.query.weight")


def test_a_header_that_begins_like_a_pickle(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    for length in range(300):  # of the header, whose length stands first
        save_file({"x": torch.zeros(1)}, path, {"note": "x" * (8 * length)})
        if path.read_bytes().startswith(b"\x80\x02"):
            return check_safetensors(path)
    pytest.fail("no such header")


class TestShards:
    @pytest.fixture
    def sharded(self, folder: Path) -> Path:
        """The folder of the language model, in several shards."""
        model = QwenVLSAMTok.from_pretrained(folder).model
        (folder / "vlm" / "model.safetensors").unlink()
        model.save_pretrained(folder / "vlm", max_shard_size="100KB")
        assert len(list((folder / "vlm").glob("*-of-*.safetensors"))) > 2
        return folder / "vlm"

    def test_all_shards(self, sharded: Path):
        QwenVLSAMTok.from_pretrained(sharded.parent)

    def test_a_missing_shard(self, sharded: Path):
        shards = sorted(sharded.glob("*-of-*.safetensors"))
        shards[1].unlink()
        index = sharded / "model.safetensors.index.json"
        assert refusal(sharded.parent, FileNotFoundError) == (
            f"1 of {len(shards)} shards that {index} names are missing: {shards[1].name}"
        )

    def test_a_missing_index(self, sharded: Path):
        (sharded / "model.safetensors.index.json").unlink()
        message = refusal(sharded.parent, FileNotFoundError)
        assert "only the shard model-00001-of-" in message
        assert "model.safetensors.index.json" in message

    def test_a_shard_that_is_a_pointer(self, sharded: Path):
        shard = sorted(sharded.glob("*-of-*.safetensors"))[1]
        shard.write_text(POINTER)
        assert refusal(sharded.parent).startswith(f"{shard} is a git-lfs pointer")

    @pytest.mark.parametrize(
        "table", [None, {}, [], {"x": 1}, {"x": "../model.safetensors"}, {"x": "evil.pkl"}]
    )
    def test_an_index_of_nonsense(self, sharded: Path, table: Any):
        index = sharded / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": table}))
        assert refusal(sharded.parent).startswith(str(index))


class TestPytorchModelBin:
    @pytest.fixture
    def binary(self, folder: Path) -> Path:
        """The weights of the language model as PyTorch saves them."""
        weights = tensors(folder / "vlm" / "model.safetensors")
        (folder / "vlm" / "model.safetensors").unlink()
        torch.save(weights, folder / "vlm" / "pytorch_model.bin")
        return folder / "vlm" / "pytorch_model.bin"

    def test_it_loads(self, binary: Path):
        QwenVLSAMTok.from_pretrained(binary.parents[1])

    def test_its_code_is_refused_in_one_line(self, binary: Path, tmp_path: Path):
        class Evil:
            def __reduce__(self) -> tuple[Any, ...]:
                return os.mkdir, (str(tmp_path / "ran"),)

        torch.save({"x": Evil()}, binary)
        with pytest.raises(
            ValueError, match=rf"^{binary} is refused: .*'posix.mkdir', which could run code$"
        ):
            QwenVLSAMTok.from_pretrained(binary.parents[1])
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("spoil", [text(POINTER), text(PAGE), cut], ids=["pointer", "page", "cut"])
    def test_it_is_none(self, binary: Path, spoil: Callable[[Path], Any]):
        spoil(binary)
        assert refusal(binary.parents[1]).startswith(str(binary))


def test_code_beside_the_weights_is_not_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """transformers would ask whether to, and some answer everything with yes."""
    code = f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\nclass Evil: pass\n"
    (folder / "vlm" / "evil.py").write_text(code)
    path = folder / "vlm" / "processor_config.json"
    settings = json.loads(path.read_text())
    settings["image_processor"] |= {
        "image_processor_type": "Evil",
        "auto_map": {"AutoImageProcessor": "evil.Evil"},
    }
    path.write_text(json.dumps(settings))
    asked = []
    monkeypatch.setattr("builtins.input", lambda question="": asked.append(question) or "y")
    assert "contains custom code" in refusal(folder)
    assert asked == []
    assert not (tmp_path / "ran").exists()


class TestTorchFiles:
    """Files of torch.save in both formats, made by hand."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "weights.pth"

    def store(self, path: Path, body: bytes, zipped: bool) -> None:
        """A file whose list of tensors is a pickle with this body."""
        torch.save({"x": torch.zeros(2)}, path, _use_new_zipfile_serialization=zipped)
        pickle = b"\x80\x02" + body + b"."
        if not zipped:
            content = path.read_bytes()
            begin = content.index(b"\x80\x02}q\x00X\x01\x00\x00\x00x")
            path.write_bytes(content[:begin] + pickle + content[content.index(b".", begin) + 1 :])
            return
        with zipfile.ZipFile(path) as file:
            parts = {name: file.read(name) for name in file.namelist()}
        with zipfile.ZipFile(path, "w") as file:
            for name, content in parts.items():
                file.writestr(name, pickle if name.endswith("/data.pkl") else content)

    def refusal(self, path: Path) -> str:
        with pytest.raises(ValueError, match="^" + str(path)) as caught:
            read_tensors(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    @pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
    @pytest.mark.parametrize(
        "body",
        [
            b"})" + b"\x85" * 1_000_000 + b"K\x01s",  # a tuple a million deep as a key
            b"})" + b"q\x00h\x00\x86" * 64 + b"K\x01s",  # a tuple with 2^64 parts as a key
            # an OrderedDict that is made from pairs, the first of such a tuple
            b"ccollections\nOrderedDict\n](])" + b"q\x00h\x00\x86" * 64 + b"aK\x01aea\x85R",
        ],
        ids=["deep", "wide", "pairs"],
    )
    @pytest.mark.timeout(60)
    def test_nests_are_refused_before_torch_hashes_them(self, path: Path, body: bytes, zipped: bool):
        self.store(path, body, zipped)
        assert self.refusal(path).endswith("is refused: it nests tuples, which no list of tensors does")

    def test_a_bare_pickle(self, path: Path):
        path.write_bytes(b"\x80\x02})" + b"\x85" * 1_000_000 + b"K\x01s.")
        assert self.refusal(path).endswith("is not a PyTorch file but another pickle, which could run code")

    def test_safetensors_by_another_name(self, path: Path):
        save_file({"x": torch.zeros(2)}, path)
        assert self.refusal(path).endswith("is not a PyTorch file but safetensors: name it so")

    @pytest.mark.parametrize(
        "name", ["os system", "builtins bytearray", "torch load", "torch._utils _rebuild_qtensor"]
    )
    def test_only_tensors_and_tables_are_made(self, path: Path, name: str):
        self.store(path, b"c" + name.replace(" ", "\n").encode() + b"\n", zipped=True)
        assert f"more than tensors, '{name.replace(' ', '.')}'" in self.refusal(path)

    @pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
    def test_a_claim_of_more_than_there_is(self, path: Path, zipped: bool):
        tensor = torch.zeros(1).expand(10**9)
        torch.save({"x": tensor}, path, _use_new_zipfile_serialization=zipped)
        assert self.refusal(path).endswith("x claims 4,000,000,000 bytes, which the file does not have")

    def test_a_packed_file(self, path: Path, tmp_path: Path):
        torch.save({"x": torch.zeros(10**6)}, path)
        with (
            zipfile.ZipFile(path) as file,
            zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed,
        ):
            for name in file.namelist():
                packed.writestr(name, file.read(name))
        assert (tmp_path / "packed.pth").stat().st_size < 10_000
        assert "is packed, and unpacks to 4,0" in self.refusal(tmp_path / "packed.pth")

    def test_another_archive(self, path: Path):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a.txt", "x")
        assert self.refusal(path).endswith("is a zip archive, but not one of torch.save")

    @pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
    def test_every_cut_is_one_line(self, path: Path, zipped: bool):
        torch.save({"x": torch.zeros(3), "y": torch.ones(2)}, path, _use_new_zipfile_serialization=zipped)
        content = path.read_bytes()
        for length in range(0, len(content) - 1, 3):
            path.write_bytes(content[:length])
            self.refusal(path)

    @pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
    def test_ordinary_tables_come_back(self, path: Path, zipped: bool):
        state = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict()
        half = {
            "half": torch.ones(3, 4, dtype=torch.bfloat16).T,
            "parameter": torch.nn.Parameter(torch.ones(1)),
        }
        torch.save({"model": {**state, **half}}, path, _use_new_zipfile_serialization=zipped)
        read = read_tensors(path)
        assert read.keys() == {*state, *half}
        assert all(torch.equal(read[key], value) for key, value in {**state, **half}.items())
        torch.save(state, path, _use_new_zipfile_serialization=zipped)
        assert read_tensors(path).keys() == state.keys()


def test_published_files_of_whole_numbers(tmp_path: Path):
    with torch.device("meta"):
        own = {"mask_encoder.query.weight": torch.zeros(1, 4)}
    from samtok.checkpoints import published_names, published_state

    key = published_names("mask_encoder.query.weight")[0]
    torch.save({key: torch.ones(1, 4, dtype=torch.int8)}, tmp_path / "mask.pth")
    with pytest.raises(ValueError, match=rf"1 keys of whole numbers: {key}"):
        published_state(None, tmp_path / "mask.pth", own)


def test_a_folder_of_the_published_pair_with_a_pointer(tmp_path: Path):
    (tmp_path / "mask_tokenizer_256x2.pth").write_text(POINTER)
    with pytest.raises(ValueError, match=r"mask_tokenizer_256x2\.pth is a git-lfs pointer"):
        SAMTok.from_pretrained(tmp_path)

"""Names to folders, and the parts of folders; the hub is a stand-in."""

from pathlib import Path

import huggingface_hub
import pytest

from samtok import locate

SAMTOK, QWEN = '{"model_type": "samtok"}', '{"model_type": "qwen3_vl"}'
PAIR = {locate.PUBLISHED_SAM2: "", locate.PUBLISHED_TOKENIZER: ""}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_parts_of_a_saved_model(tmp_path):
    folder = write(tmp_path, {"vlm/config.json": QWEN, "tokenizer/config.json": SAMTOK})
    assert locate.model_folder(str(folder)) == folder
    assert locate.vlm_part(folder) == folder / "vlm"
    assert locate.tokenizer_part(folder) == locate.tokenizer_folder(folder) == folder / "tokenizer"


def test_parts_of_a_published_model(tmp_path):
    folder = write(tmp_path, {"config.json": QWEN, **PAIR})
    assert locate.vlm_part(folder) == locate.tokenizer_part(folder) == folder


def test_a_tokenizer_alone(tmp_path):
    folder = write(tmp_path, {"config.json": SAMTOK})
    assert locate.tokenizer_folder(folder) == folder


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no vision-language model: expected vlm/config\.json"):
        locate.vlm_part(tmp_path)
    write(tmp_path, {"config.json": QWEN})
    with pytest.raises(FileNotFoundError, match=r"no mask tokenizer.*mask_tokenizer_256x2\.pth"):
        locate.tokenizer_folder(tmp_path)
    write(tmp_path, {"config.json": "{"})
    with pytest.raises(ValueError, match=r"config\.json is broken or cut"):
        locate.tokenizer_folder(tmp_path)


@pytest.mark.parametrize("name", ["typo", "/none/here", "./none/here", "~/none", "a/b/c", Path("a/b")])
def test_names_that_can_be_nothing(name):
    for find in (locate.model_folder, locate.tokenizer_folder):
        with pytest.raises(locate.UnknownModelError, match=f"unknown model '{name}': no such folder"):
            find(name)


@pytest.mark.parametrize(
    ("installed", "model", "tokenizer"),
    [
        ((), "nano/vlm", "nano/tokenizer"),
        (("tokenizer",), "nano/vlm", None),
        (("tokenizer", "vlm"), None, None),
    ],
)
def test_nano_says_which_part_is_missing(tmp_path, monkeypatch, installed, model, tokenizer):
    monkeypatch.setattr(locate, "nano_folder", lambda: tmp_path / "nano")
    for part in installed:
        write(tmp_path / "nano" / part, {"config.json": SAMTOK, "model.safetensors": ""})
    assert locate.nano_is_installed() == (model is None)
    for find, missing, found in (
        (locate.model_folder, model, "nano"),
        (locate.tokenizer_folder, tokenizer, "nano/tokenizer"),
    ):
        if missing is None:
            assert find("nano") == tmp_path / found
        else:
            with pytest.raises(FileNotFoundError, match=f"not installed: none below .*{missing}"):
                find("nano")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one repository: its files, and what was asked for."""
    asked: list[tuple[str | None, list[str] | None]] = []

    def snapshot(name, revision=None, allow_patterns=None):
        asked.append((revision, allow_patterns))
        if name != "owner/model":
            raise FileNotFoundError("Repository Not Found\nfor url")
        # as patterns do: files of other names stay away
        wanted = {k: v for k, v in files.items() if allow_patterns is None or k in allow_patterns}
        return str(write(tmp_path / "snapshot", wanted))

    files = {"config.json": QWEN, "model.safetensors": "", **PAIR}
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    return files, asked


def test_a_tokenizer_comes_without_its_model(hub, tmp_path):
    assert locate.tokenizer_folder("owner/model") == tmp_path / "snapshot"
    assert not (tmp_path / "snapshot" / "model.safetensors").exists()
    assert locate.model_folder("owner/model") == tmp_path / "snapshot"
    assert (tmp_path / "snapshot" / "model.safetensors").exists()


def test_a_repository_may_be_a_tokenizer(hub, tmp_path):
    files, asked = hub
    files.clear()
    files["config.json"] = SAMTOK
    assert locate.tokenizer_folder("owner/model") == tmp_path / "snapshot"
    assert asked[-1] == (None, None)


@pytest.mark.parametrize("find", [locate.model_folder, locate.tokenizer_folder])
def test_a_revision_is_that_of_the_hub_alone(hub, tmp_path, find):
    _, asked = hub
    find("owner/model", "v1")
    assert {revision for revision, _ in asked} == {"v1"}
    with pytest.raises(ValueError, match=f"revision 'v1': {tmp_path} is a folder here, only a hub id has"):
        find(tmp_path, "v1")


def test_what_the_hub_lacks_is_one_line(hub):
    with pytest.raises(OSError, match=r"'owner/none' is not a folder .* the hub: Repository Not Found$"):
        locate.model_folder("owner/none")

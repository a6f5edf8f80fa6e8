"""`samtok-bench data fetch` against a local server that speaks the hub's API."""

import io
import json
import os
import subprocess
import sys

import pytest
from caption_samples import DLC
from hub_server import REVISION, Hub
from huggingface_hub import constants
from PIL import Image
from refer_samples import GREFS, INSTANCES
from typer.testing import CliRunner
from vip_samples import FILES as VIP_FILES
from vip_samples import HEIGHT, WIDTH

from samtok_bench import registry
from samtok_bench.task import HubSource, Task
from samtok_tasks.data.cli import app
from samtok_tasks.data.fetch import _shown, hub_source, listing
from samtok_tasks.gres.task import GRES
from samtok_tasks.mini.cache import ensure_mini
from samtok_tasks.saco_gold.reader import GOLD
from samtok_tasks.saco_gold.task import SACoGold
from samtok_tasks.vip_bench.task import ViPBench


def picture(width, height) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height)).save(written, format="PNG")
    return written.getvalue()


def lines(content) -> bytes:
    return "".join(f"{json.dumps(record)}\n" for record in content).encode()


VIP = {
    "README.md": b"not asked for",
    "human/questions.jsonl": b"not asked for",
    "source_image/a.png": picture(WIDTH, HEIGHT),
    **{
        path: lines(content) if path.endswith(".jsonl") else json.dumps(content).encode()
        for path, content in VIP_FILES.items()
    },
}


@pytest.fixture
def hub(monkeypatch):
    """Starts a hub that holds these data sets, and points the library to it."""
    started = []

    def start(datasets, **more):
        server = Hub(datasets, **more)
        started.append(server)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        return server

    yield start
    for server in started:
        server.close()


def fetch(*options, **more):
    return CliRunner().invoke(app, ["data", "fetch", *map(str, options)], **more)


def test_all_that_is_asked_for_comes_and_is_checked(hub, tmp_path):
    server = hub({"mucai/ViP-Bench": VIP})
    root = tmp_path / "data"
    done = fetch("--task", "vip-bench", "--data-root", root, "--yes")
    assert done.exit_code == 0, done.output
    before, _, after = done.output.partition("\n\n")
    assert before.splitlines()[:2] == [
        f"from  {server.url}/datasets/mucai/ViP-Bench: "
        "vip-bench-meta-data.json, source_image/*, bbox/questions.jsonl",
        f"to    {root / 'ViP-Bench'}",
    ]
    assert f"size  4 files, 0.0 MB\nat    {REVISION} (the newest: none is pinned)" in before
    assert after.rstrip().endswith(f"vip-bench in {root}: complete")
    for path, content in VIP.items():
        wanted = content != b"not asked for"
        assert (root / "ViP-Bench" / path).is_file() == wanted
        assert not wanted or (root / "ViP-Bench" / path).read_bytes() == content
    downloads = [line for line in server.asked if line.startswith("GET /datasets")]
    assert len(downloads) == 4
    again = fetch("--task", "vip-bench", "--data-root", root, "--yes")
    assert again.exit_code == 0, again.output
    assert [line for line in server.asked if line.startswith("GET /datasets")] == downloads, "nothing twice"


@pytest.mark.parametrize(("said", "comes"), [("y\n", True), ("n\n", False), ("", False)])
def test_it_asks_first(hub, tmp_path, said, comes):
    server = hub({"mucai/ViP-Bench": VIP})
    root = tmp_path / "data"
    done = fetch("--task", "vip-bench", "--data-root", root, input=said)
    assert "Download? [y/N]" in done.output
    assert done.exit_code == (0 if comes else 1)
    assert root.exists() == comes
    assert any("/resolve/" in line for line in server.asked) == comes


GREFCOCO = {
    "grefs(unc).json": json.dumps(GREFS).encode(),
    "instances.json": json.dumps(INSTANCES).encode(),
}
PINNED = GRES.hub[None].revision


def test_what_is_from_elsewhere_is_said_and_missed(hub, tmp_path):
    hub({}, older={PINNED: {"FudanCVL/gRefCOCO": GREFCOCO}})
    done = fetch("--task", "gres", "--data-root", tmp_path, "--yes")
    assert done.exit_code == 1
    assert "not fetched: COCO's train2014 images in images/train2014/ (images.cocodataset.org" in done.output
    assert (tmp_path / "grefcoco/grefs(unc).json").is_file()
    assert "2 images are missing, the first is " in done.output


@pytest.mark.parametrize(
    ("options", "newest", "said"),
    [
        ([], False, f"at    {PINNED} (pinned)"),
        (["--revision", "newest"], True, f"at    {REVISION} (the newest; {PINNED} is pinned)"),
        (["--revision", PINNED], False, f"at    {PINNED} (as asked)"),
    ],
)
def test_the_pinned_revision_comes_unless_another_is_asked_for(hub, tmp_path, options, newest, said):
    old = {**GREFCOCO, "instances.json": b"{}"}
    hub({"FudanCVL/gRefCOCO": GREFCOCO}, older={PINNED: {"FudanCVL/gRefCOCO": old}})
    done = fetch("--task", "gres", "--data-root", tmp_path, "--yes", *options)
    assert said in done.output.splitlines()
    came = (tmp_path / "grefcoco/instances.json").read_bytes()
    assert came == (GREFCOCO if newest else old)["instances.json"]


def test_what_the_hub_does_not_give_is_said_with_what_to_do(hub, tmp_path):
    hub({"FudanCVL/gRefCOCO": GREFCOCO})
    done = fetch("--task", "gres", "--data-root", tmp_path, "--yes")
    wanted = f"FudanCVL/gRefCOCO has no revision {PINNED}; --revision newest takes what it has now"
    assert str(done.exception) == f"the hub's data set {wanted}"
    server = hub({}, gated=True)
    done = fetch("--task", "saco-gold", "--data-root", tmp_path, "--yes")
    assert f"accept its terms at {server.url}/datasets/facebook/SACo-Gold and give a token" in str(
        done.exception
    )


def test_saco_is_read_where_it_comes(hub, tmp_path):
    names = GOLD.files["attributes"]
    files = {f"gt-annotations/{name}": (ensure_mini() / GOLD.folder / name).read_bytes() for name in names}
    hub({"facebook/SACo-Gold": files})
    done = fetch("--task", "saco-gold", "--data-root", tmp_path, "--yes")
    assert "size  3 files" in done.output
    assert SACoGold().default_split(tmp_path) == "attributes"
    mini = SACoGold().samples(ensure_mini(), "attributes").samples
    fetched = SACoGold().samples(tmp_path, "attributes").samples
    assert [sample.id for sample in fetched] == [sample.id for sample in mini]


@pytest.mark.parametrize(
    ("name", "data", "left"),
    [
        ("gcg", None, "images are missing, the first is "),
        ("grounding-suite", None, "images are missing, the first is "),
        ("multi_round", "dialogues", "refcoco/instances.json is missing"),
    ],
)
def test_files_come_to_where_the_readers_look(hub, tmp_path, name, data, left):
    """With mini's files on the hub, as the data sets have them there."""
    source = registry.task_class(name).hub[data]
    folder = ensure_mini() / source.folder
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in source.patterns
        for path in folder.glob(pattern)
    }
    assert files
    hub({source.id: files})
    options = ["--data", data] if data else []
    done = fetch("--task", name, *options, "--data-root", tmp_path / "data", "--yes")
    assert done.exit_code == 1
    assert left in done.output.rstrip().splitlines()[-1], done.output


def test_dlc_bench_is_read_where_it_lies(hub, tmp_path):
    files = {path.removeprefix("annotations/"): json.dumps(content).encode() for path, content in DLC.items()}
    hub({"nvidia/DLC-Bench": {**files, "images/a.jpg": picture(400, 300), "README.md": b""}})
    done = fetch("--task", "dlc-bench", "--data-root", tmp_path, "--yes")
    assert done.exit_code == 0, done.output
    assert f"dlc-bench in {tmp_path}: can be run, but test has 2 samples, officially 100" in done.output
    assert not (tmp_path / "README.md").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["refcocog"], ["for refcocog --data umd. ", "github.com/lichengunc/refer", "web.archive.org"]),
        (["visual7w"], ["for visual7w. ", "visual7w-toolkit"]),
        (["vg-caption"], ["docs/datasets.md of github.com/mbzuai-oryx/groundingLMM"]),
        (["scene_graph"], ["for scene_graph", "github.com/Jingkang50/OpenPSG"]),
        (["reasonseg"], ["github.com/dvlab-research/LISA, on its Google Drive"]),
        (["reconstruction", "--data", "sa1b"], ["for reconstruction --data sa1b. "]),
    ],
)
def test_a_task_that_is_on_no_hub_says_where_its_files_are(tmp_path, options, words):
    done = fetch("--task", *options, "--data-root", tmp_path / "nowhere", "--yes")
    assert isinstance(done.exception, ValueError)
    text = str(done.exception)
    assert text.startswith("no data set on the hub is known for ")
    assert all(word in text for word in words), text
    assert not (tmp_path / "nowhere").exists()


def test_no_network_and_other_failures_are_one_line(hub, tmp_path):
    def failure(datasets, **more):
        hub(datasets, **more)
        done = fetch("--task", "vip-bench", "--data-root", tmp_path / "data", "--yes")
        assert isinstance(done.exception, OSError | ValueError), done.output
        assert "\n" not in str(done.exception)
        return str(done.exception)

    assert failure({}).startswith("the hub's data set mucai/ViP-Bench cannot be fetched: 404 Client Error")
    assert "holds no file like vip-bench-meta-data.json" in failure({"mucai/ViP-Bench": {"README.md": b""}})
    assert "cannot be fetched: " in failure(
        {"mucai/ViP-Bench": VIP}, broken=frozenset({"bbox/questions.jsonl"})
    )
    gone = hub({})
    gone.close()
    done = fetch("--task", "vip-bench", "--data-root", tmp_path / "data", "--yes")
    assert isinstance(done.exception, OSError)
    assert "cannot be fetched: " in str(done.exception)


def test_files_that_did_not_come_are_no_success(hub, tmp_path, monkeypatch):
    # what the library does when the network goes and the folder is there
    hub({"mucai/ViP-Bench": VIP})
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, local_dir, **__: str(local_dir))
    done = fetch("--task", "vip-bench", "--data-root", tmp_path, "--yes")
    assert isinstance(done.exception, OSError)
    assert str(done.exception).startswith("mucai/ViP-Bench: 4 files did not come, the first is ")


def test_sizes_are_added(hub):
    hub({"a/b": {"x/1": b"123", "x/2": b"45", "y": b"6"}})
    listed = listing(HubSource("a/b", ("x/*",)))
    assert (listed.files, listed.size, listed.revision) == ({"x/1": 3, "x/2": 2}, 5, REVISION)


def test_the_users_environment_names_the_hub(tmp_path):
    server = Hub({"mucai/ViP-Bench": VIP})
    command = "import sys; from samtok_tasks.data.cli import app; app(sys.argv[1:])"
    options = ["data", "fetch", "--task", "vip-bench", "--yes"]
    settings = {
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(tmp_path / "hf"),
        "SAMTOK_BENCH_DATA_ROOT": str(tmp_path / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-c", command, *options],
        env={**os.environ, **settings}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    server.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("complete")


def test_sources_belong_to_formats_and_folders_lie_below_the_root():
    seen = 0
    for name in registry.names("task"):
        task = registry.task_class(name)
        assert issubclass(task, Task)
        for data, source in task.hub.items():
            assert data in (task.data_formats or (None,))
            assert source.id.count("/") == 1
            assert source.patterns
            assert not source.folder.startswith(("/", ".."))
            seen += 1
    assert seen >= 7


@pytest.mark.parametrize("name", ["../../evil.json", "/evil.json", "annotations/../../evil.json"])
def test_a_file_that_leaves_the_data_root_is_refused_before_anything_comes(hub, tmp_path, name):
    hub({"nvidia/DLC-Bench": {"annotations.json": b"{}", name: b"evil"}})
    root = tmp_path / "deep" / "data"
    done = fetch("--task", "dlc-bench", "--data-root", root, "--yes")
    assert "must be a path below the folder" in str(done.exception)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_secrets_of_the_hubs_address_are_not_shown(hub, tmp_path, monkeypatch):
    server = hub({})
    monkeypatch.setattr(constants, "ENDPOINT", server.url.replace("//", "//me:p4ss@"))
    done = fetch("--task", "vip-bench", "--data-root", tmp_path, "--yes")
    assert done.output.startswith(f"from  {server.url}/datasets/mucai/ViP-Bench")
    assert "p4ss" not in done.output + str(done.exception)
    shown = _shown("404 for url: https://u:pw@cdn.org/x.json?Signature=ab/c&Key=d (is it gone?)")
    assert shown == "404 for url: https://cdn.org/x.json (is it gone?)"


@pytest.mark.parametrize("stopped", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_stopped_download_says_what_is_kept(hub, tmp_path, monkeypatch, called, stopped):
    hub({"mucai/ViP-Bench": VIP})

    def download(*_, **__):
        raise stopped

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    code, _, err = called("data", "fetch", "--task", "vip-bench", "--data-root", str(tmp_path), "--yes")
    folder = tmp_path / hub_source(ViPBench(), tmp_path).folder
    kept = f"the files that came are kept in {folder}: the same command takes the others\n"
    if isinstance(stopped, KeyboardInterrupt):
        assert (code, err) == (130, f"interrupted: {kept}")
    else:
        failure = (
            "error: the hub's data set mucai/ViP-Bench cannot be fetched: [Errno 28] No space left on device"
        )
        assert (code, err) == (2, f"{failure}: '{folder}'; {kept}")


def test_a_cut_file_is_no_success(hub, tmp_path, monkeypatch):
    hub({"mucai/ViP-Bench": VIP})

    def cut(*_, local_dir, **__):
        for name, content in VIP.items():
            (local_dir / name).parent.mkdir(parents=True, exist_ok=True)
            (local_dir / name).write_bytes(content[:-1])

    monkeypatch.setattr("huggingface_hub.snapshot_download", cut)
    done = fetch("--task", "vip-bench", "--data-root", tmp_path, "--yes")
    assert str(done.exception).startswith("mucai/ViP-Bench: 4 files did not come")

"""The leaderboard at the command line: which runs stand beside published figures, and what is said."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from official_runs import CO, gres_score, refusal, write_official
from synthetic_runs import edit
from typer.testing import CliRunner

from samtok_bench import registry
from samtok_bench.cli import main as cli
from samtok_bench.leaderboard import render
from samtok_bench.leaderboard.board import make_board
from samtok_bench.leaderboard.published import read_published, read_schema
from samtok_bench.leaderboard.toys import MINI_MARKER
from samtok_bench.runs.folder import RunFolder

ROOT = Path(__file__).parents[3]
HALF = [gres_score(0.75), gres_score(0.63)] * 10
"""gIoU 69.0."""
RL = "zhouyik/Qwen2.5-VL-3B-SAMTok-gres-rl"


@pytest.fixture
def command(command):
    """Call `samtok-bench leaderboard`: (exit code, stdout, stderr)."""
    return lambda *arguments: command("leaderboard", *arguments)


@pytest.fixture
def board(command):
    """The board as JSON, of the GRES runs unless told otherwise."""

    def board(*arguments: str) -> dict:
        code, out, err = command(*(arguments or ("--task", "gres")), "--json")
        assert code == 0, err
        return json.loads(out)

    return board


def gres(protocol: str = "released"):
    return registry.task_class("gres")(protocol)


def write_gres(
    name="runs/a", scores=HALF, *, protocol="released", split="testB", low=0.68, high=0.70, **more
):
    return write_official(Path(name), gres(protocol), split, scores, bounds={"giou": (low, high)}, **more)


def ours(found: dict, metric: str = "gIoU") -> list[dict]:
    figures = [figure for benchmark in found["benchmarks"] for figure in benchmark["figures"]]
    return [figure for figure in figures if figure["source"] == "ours" and figure["metric"] == metric]


def squeezed(text: str) -> list[str]:
    """Lines with one space between words."""
    return [" ".join(line.split()) for line in text.splitlines()]


# a reproduction


def test_a_published_checkpoint_beside_its_published_figure(command, board):
    write_gres()
    (figure,) = ours(board())
    assert (figure["benchmark"], figure["split"], figure["method"], figure["params"]) == (
        "gres",
        "testB",
        "Qwen3-VL-SAMTok",
        "4B",
    )
    assert figure["value"] == pytest.approx(69.0)
    assert (figure["low"], figure["high"]) == (pytest.approx(68), pytest.approx(70))
    assert (figure["published"], figure["inside"]) == (69.1, True)
    described = tuple(figure[name] for name in ("run", "model", "protocol", "samples"))
    assert described == ("runs/a", CO, "released", 20)
    assert figure["notes"] == ["the number of samples is not checked", "undefined: N-acc"]
    code, out, _ = command("--task", "gres")
    assert code == 0
    assert "testB Qwen3-VL-SAMTok 4B released 20 gIoU 69.0 68.0 to 70.0 69.1 -0.1 inside" in squeezed(out)


@pytest.mark.parametrize(
    ("low", "high", "inside"),
    [
        (0.60, 0.68, False),
        (0.70, 0.80, False),
        (0.60, 0.691, True),
        # 69.1 may stand for anything from 69.05 to 69.15
        (0.60, 0.6906, True),
        (0.60, 0.6904, False),
        (0.6914, 0.80, True),
        (0.6916, 0.80, False),
    ],
)
def test_inside_or_outside(board, low, high, inside):
    write_gres(low=low, high=high)
    assert ours(board())[0]["inside"] is inside


def test_a_metric_without_interval_has_a_difference_and_no_verdict(command, board):
    write_gres()
    (figure,) = ours(board(), "cIoU")
    assert (figure["published"], figure["inside"], figure["low"]) == (68.3, None, None)
    out = command("--task", "gres")[1]
    assert "testB Qwen3-VL-SAMTok 4B released 20 cIoU 69.0 68.3 +0.7 no interval" in squeezed(out)


def test_an_undefined_metric_is_told(board):
    write_gres(scores=HALF)
    found = board()
    assert ours(found, "N-acc") == []
    assert "undefined: N-acc" in ours(found)[0]["notes"]


def test_a_defined_one_by_hand(board):
    write_gres(scores=[*HALF, refusal(True), refusal(True), refusal(False), refusal(True)])
    found = board()
    assert ours(found, "N-acc")[0]["value"] == pytest.approx(75)
    assert ours(found)[0]["value"] == pytest.approx(100 * (20 * 0.69 + 3) / 24)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"protocol": "standard"}, "not how the paper's figures were made"),
        ({"model": "someone/else"}, "not a published checkpoint"),
        ({"model": "/data/Qwen3-VL-4B-SAMTok-co"}, "not a published checkpoint"),
        ({"model": "zhouyik/Qwen3-VL-4B-SAMTok"}, "no published figures for this checkpoint"),
        ({"model": "zhouyik/Qwen3-VL-4B-SAMTok-dam"}, "no published figures for this checkpoint"),
        ({"model": "zhouyik/Qwen2.5-VL-3B-SAMTok-gcg-rl"}, "no published figures for this checkpoint"),
        ({"model": RL}, "the paper's figures for this checkpoint are by protocol released-rl"),
        (
            {"protocol": "released-rl"},
            "the paper's figures for this checkpoint are by protocol released",
        ),
        ({"constrained": True}, "constrained decoding, which the paper did not use"),
        ({"max_new_tokens": 16}, "at most 16 tokens an answer, where the benchmark has 128"),
        ({"predictor": {"kind": "samtok", "tokenizer": "t" * 64}}, "another mask tokenizer"),
        (
            {"predictor": {"kind": "samtok", "max_pixels": 10_000}},
            "max_pixels 10000, which is not the checkpoint's",
        ),
        ({"revision": "refs/pr/7"}, "revision refs/pr/7"),
    ],
)
def test_no_difference_where_it_would_mislead(board, settings, reason):
    write_gres(**settings)
    (figure,) = ours(board())
    assert (figure["published"], figure["inside"]) == (None, None)
    assert reason in figure["notes"]


def test_a_model_trained_by_reinforcement_has_a_protocol_of_its_own(board):
    write_gres(protocol="released-rl", model=RL)
    (figure,) = ours(board())
    assert (figure["method"], figure["published"]) == ("Qwen2.5-VL-SAMTok (rl)", 71.3)


def test_cautions(board):
    write_gres(failed=3, dirty=True)
    notes = ours(board())[0]["notes"]
    assert "3 of 20 samples ended as model_error" in notes
    assert "made by uncommitted code" in notes


def test_best_first_and_ours_marked(command):
    write_gres(scores=[gres_score(0.70)] * 5, model="org/new")
    out = command("--task", "gres", "--format", "markdown")[1]
    table = out[out.index("## testB") :].split("\n\n")[1].splitlines()[2:]
    values = [float(line.split("|")[3]) for line in table]
    assert values == sorted(values, reverse=True)
    assert "| new |  | 70.0 |" in next(line for line in table if "ours, released: runs/a" in line)
    assert len(table) == 14


# what stands in no paper's table


def test_mini_and_nano_stand_apart(command, board, work):
    """By no data root, mini's own files, the data or weights of such a run, or the name."""
    marked = work / "mini"
    marked.mkdir()
    (marked / MINI_MARKER).touch()
    write_gres("runs/own", data_root=None, data="1" * 64)
    write_gres("runs/written", data_root=str(marked), data="2" * 64)
    write_gres("runs/moved", data="2" * 64)
    write_gres("runs/nano", model="nano", data="3" * 64, predictor={"kind": "samtok", "weights": "nanos"})
    write_gres("runs/folder", model="some/where/nano", data="4" * 64)
    write_gres("runs/renamed", model="tiny", data="4" * 64, predictor={"kind": "samtok", "weights": "nanos"})
    write_gres("runs/oracle", model="oracle:nano", data="5" * 64)
    write_gres("runs/real", data="6" * 64)
    found = board()
    assert [figure["run"] for figure in ours(found)] == ["runs/real"]
    toys = {
        "runs/folder",
        "runs/moved",
        "runs/nano",
        "runs/oracle",
        "runs/own",
        "runs/renamed",
        "runs/written",
    }
    assert {run["run"] for run in found["nano_and_mini"]} == toys
    assert found["left_out"] == []
    out = command("--task", "gres")[1]
    apart = out.index("nano and mini\n=====")
    assert all(out.index(name) > apart for name in toys)


def test_the_marker_is_the_one_that_mini_writes():
    from samtok_tasks.mini.writer import MARKER

    assert MINI_MARKER == MARKER


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"limit": 20}, "only some samples were asked for (--limit or --sample)"),
        ({"sample": ["s00001"]}, "only some samples were asked for (--limit or --sample)"),
        ({"split": "val"}, "partial: 20 samples, officially 14229"),
        ({"split": "train"}, "no table has gres on train by protocol released"),
        (
            {"model": "oracle:x/y", "predictor": {"kind": "oracle", "codec": None}},
            "oracle:x/y is not a model: it gives a ceiling or a floor",
        ),
        (
            {"model": "constant:refuse", "predictor": {"kind": "constant", "answer": "refuse"}},
            "constant:refuse is not a model: it gives a ceiling or a floor",
        ),
    ],
)
def test_left_out_with_the_reason(command, board, settings, reason):
    write_gres(**settings)
    found = board()
    assert ours(found) == []
    assert found["left_out"] == [{"run": "runs/a", "reason": reason}]
    assert f"- runs/a: {reason}" in command("--task", "gres")[1]


def test_unfinished_and_unreadable_runs_are_listed(board, work):
    names = ("cut", "torn", "running", "stale", "version", "stranger", "empty", "old", "more")
    for name in names:
        write_gres(f"runs/{name}")
    journal = work / "runs/cut/samples.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(True)[:-1]))
    (work / "runs/torn/samples.jsonl").write_text("{}\n")
    folder = RunFolder(work / "runs/running")
    folder.write_record(folder.record().model_copy(update={"status": "running"}))
    for name, key, value in (("stale", "value", 0.99), ("version", "version", 7)):
        file = work / f"runs/{name}/summary.json"
        stored = json.loads(file.read_text())
        stored["metrics"][0][key] = value
        file.write_text(json.dumps(stored))
    edit(work / "runs/stranger/run.json", lambda record: record["settings"].update(task="gers"))
    edit(work / "runs/old/run.json", lambda record: record.update(schema_version=2))
    edit(work / "runs/more/run.json", lambda record: record["settings"].update(policy="strict"))
    (work / "runs/empty/run.json").write_text("")
    found = board()
    assert ours(found) == []
    reasons = {Path(run["run"]).name: run["reason"] for run in found["left_out"]}
    assert reasons.keys() == set(names)
    assert reasons["cut"] == "is incomplete: samples.jsonl holds 19 of 20 samples"
    assert "line 1 is malformed" in reasons["torn"]
    assert reasons["running"] == "is incomplete: run its command again"
    assert reasons["stale"] == "summary.json and samples.jsonl differ in giou: rescore it"
    assert reasons["version"] == "has version 7 of giou, not 1: rescore it"
    assert reasons["stranger"].startswith("run.json: unknown task 'gers'; did you mean 'gres'? (")
    assert reasons["old"].startswith(
        "run.json is of schema version 2, this samtok-bench reads version 3: run"
    )
    assert reasons["more"].startswith("run.json is malformed: settings.policy: Extra inputs")
    assert reasons["empty"].startswith("run.json is malformed: ")


def test_the_official_number_of_samples(board):
    task = registry.task_class("gar-bench")("standard")
    scores = [{"exact": float(k % 2), "parsed": 1.0, "unreadable": 0.0} for k in range(424)]
    write_official(Path("runs/all"), task, "test", scores, model="org/new")
    write_official(Path("runs/most"), task, "test", scores[1:], model="org/new")
    found = board("--benchmark", "gar-bench-vqa")
    (figure,) = ours(found, "Overall")
    assert (figure["run"], figure["value"]) == ("runs/all", 50)
    assert figure["notes"] == ["not a published checkpoint"]
    assert found["left_out"] == [{"run": "runs/most", "reason": "partial: 423 samples, officially 424"}]


def test_a_run_may_be_in_two_tables(board):
    """Masks and boxes of one run of RefCOCO, by the usual definitions."""
    task = registry.task_class("refcoco")("standard")
    keys = {key for info in task.metrics for key in info.keys}
    scores = [{**dict.fromkeys(keys, 0.0), "intersection": 3, "union": 4} for _ in range(5095)]
    write_official(Path("runs/b"), task, "testB", scores)
    found = board("--task", "refcoco")
    assert ours(found, "cIoU")[0]["value"] == pytest.approx(75)
    assert ours(found, "cIoU")[0]["benchmark"] == "referring-segmentation"
    assert ours(found, "Acc@0.5")[0]["benchmark"] == "referring-comprehension"
    assert {figure["split"] for figure in (*ours(found, "cIoU"), *ours(found, "Acc@0.5"))} == {
        "RefCOCO testB"
    }


def test_another_format_of_the_data_is_another_benchmark(board):
    """Google's split of RefCOCO has as many samples here as UNC's."""
    task = registry.task_class("refcoco")("standard", "google")
    keys = {key for info in task.metrics for key in info.keys}
    write_official(Path("runs/google"), task, "testB", [dict.fromkeys(keys, 1.0)] * 5095)
    (left,) = board("--task", "refcoco")["left_out"]
    assert left["reason"] == "no table has refcoco on testB by protocol standard, data google"


def test_options_of_a_task_decide(board):
    kind = registry.task_class("multi_round")
    for history in ("ground-truth", "own"):
        task = kind("released", "rounds", {"history": history})
        keys = {key for info in task.metrics for key in info.keys}
        write_official(Path(f"runs/{history}"), task, "paco_val", [dict.fromkeys(keys, 1.0)] * 9281)
    found = board("--benchmark", "multi-round")
    assert [(figure["run"], figure["published"]) for figure in ours(found, "cIoU round 2")] == [
        ("runs/ground-truth", 58.7)
    ]
    (left,) = found["left_out"]
    assert (
        left["reason"]
        == "no table has multi_round on paco_val by protocol released, data rounds, history own"
    )


# the command


def test_formats_tell_the_same(command, board):
    write_gres(model="org/a|b")
    found = [figure for benchmark in board()["benchmarks"] for figure in benchmark["figures"]]
    lines = list(csv.DictReader(io.StringIO(command("--task", "gres", "--format", "csv")[1])))
    assert [float(line["value"]) for line in lines] == [figure["value"] for figure in found]
    assert [line["metric"] for line in lines] == [figure["metric"] for figure in found]
    assert len(lines) == 93 + 18 + 2
    (line,) = [line for line in lines if line["source"] == "ours" and line["metric"] == "gIoU"]
    assert (line["run"], line["method"], line["published"]) == ("runs/a", "a|b", "")
    assert line["notes"].startswith("not a published checkpoint; ")
    assert command("--task", "gres", "--format", "json")[1] == command("--task", "gres", "--json")[1]
    assert r"a\|b" in command("--task", "gres", "--format", "markdown")[1]


def test_latex_has_a_line_for_each_run_of_a_split(command, work):
    write_gres("runs/a", low=0.68, high=0.70)
    write_gres("runs/b", [gres_score(0.999)] * 20, low=0.99, high=1)
    write_gres("runs/c", split="val")
    code, out, _ = command("--task", "gres", "--format", "latex", "--intervals")
    assert code == 0
    ours = [line for line in out.splitlines() if line.startswith("Qwen3-VL-SAMTok (ours)")]
    assert [line.count(" & ") for line in ours] == [10, 10]
    (best,) = (line for line in ours if "99.9" in line)
    assert r"\textbf{99.9} {\scriptsize (99.0 to 100.0)}" in best
    assert any(r"69.0 {\scriptsize (68.0 to 70.0)}" in line for line in ours)
    assert "% Qwen3-VL-SAMTok (ours) 4B: protocol released: runs/b" in out
    published = next(line for line in out.splitlines() if line.startswith("HiMTok"))
    assert "scriptsize" not in published


def test_results_folders(command, board, work):
    write_gres("elsewhere/deep/a")
    assert ours(board()) == []
    assert command("--task", "gres")[2] == "note: no runs below results or runs\n"
    assert len(ours(board("--task", "gres", "--results", "elsewhere"))) == 1
    assert command("--task", "gres", "--results", "elsewhere")[2] == ""


def test_no_filter_shows_all_and_what_is_missing(command):
    out = command()[1]
    for number in range(1, 11):
        assert f"Table {number} of the SAMTok paper" in out
    assert "- Table 11 of the SAMTok paper: we do not have its figures" in out


def test_a_task_without_published_figures_says_so(command):
    assert command("--task", "pixmmvp")[1].endswith("- PixMMVP: no published figures have been entered\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--task", "grse"), "unknown task 'grse'; did you mean 'gres'?"),
        (("--benchmark", "gers"), "unknown benchmark 'gers'; did you mean 'gres'?"),
        (("--results", "nowhere"), "no folder nowhere"),
        (("--write",), "no folder leaderboards for the pages: give one with --folder, or go to a checkout"),
        (("--write", "--task", "gres"), "--write writes all pages: leave out --html, --task and --benchmark"),
        (("--write", "--json"), "--html and --write do not go with --format or --json"),
        (("--json", "--format", "csv"), "give either --json or --format csv"),
        (("--folder", "elsewhere"), "--folder needs --write"),
        (("--html", "."), "Is a directory: '.'"),
        (("--json", "add", "x"), "put the options after the subcommand: leaderboard add RUN [OPTIONS]"),
    ],
)
def test_usage_errors_are_one_line(command, arguments, message):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") <= 2
    assert err.splitlines()[-1].startswith("error: ")


def test_an_unknown_format(work):
    result = CliRunner().invoke(cli.build_app(), ["leaderboard", "--format", "xml"])
    assert result.exit_code == 2


# pages


def test_write_takes_committed_runs_alone(command, work):
    write_gres("results/gres/kept")
    write_gres("runs/mine")
    (work / "pages").mkdir()
    assert command("--write", "--folder", "pages")[1] == "20 pages in pages\n"
    page = (work / "pages/table-03-gres.md").read_text()
    assert "ours, released: results/gres/kept" in page
    assert "runs/mine" not in page
    index = (work / "pages/README.md").read_text()
    assert (
        "[GRES on gRefCOCO](table-03-gres.md) (`--benchmark gres`): 13 published methods, runs of ours: 1"
        in index
    )
    # nothing else is touched
    (work / "pages/SUBMIT.md").write_text("by hand")
    command("--write", "--folder", "pages")
    assert (work / "pages/SUBMIT.md").read_text() == "by hand"


def test_the_committed_pages_are_what_would_be_rendered(monkeypatch):
    """Else: samtok-bench leaderboard --write."""
    monkeypatch.chdir(ROOT)
    schema = read_schema()
    board = make_board(schema, read_published(schema), [Path("results")])
    pages = render.pages(board)
    folder = ROOT / "leaderboards"
    stale = [
        name
        for name, content in pages.items()
        if not (folder / name).is_file() or (folder / name).read_text() != content
    ]
    assert not stale, f"run: {render.WRITE}"
    rendered = {path.name for path in folder.glob("*.md") if path.read_text().startswith(render.HEAD)}
    assert rendered == pages.keys(), "a page that is not rendered any more"


def test_pages_say_that_they_are_rendered_and_links_lead_somewhere():
    folder = ROOT / "leaderboards"
    for path in folder.glob("*.md"):
        content = path.read_text()
        if path.name != "SUBMIT.md":
            first = content.splitlines()[0]
            assert "samtok-bench leaderboard --write" in first
            assert "Do not edit" in first
        for link in re.findall(r"\]\(([^)#]+)\)", content):
            assert link.startswith("https://") or (folder / link).exists(), f"{path.name}: {link}"
    names = {path.name for path in folder.glob("table-*.md")}
    assert {name[:8] for name in names} == {f"table-{number:02d}" for number in range(1, 11)}

"""Whether two runs compare: one table of pairs, through the four commands that ask."""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from synthetic_runs import PLAIN, Synthetic, edit, write_run

from samtok_bench import registry
from samtok_bench.runs.comparable import PREDICTOR_ROLES, ROLES, Role, comparability
from samtok_bench.runs.folder import JOURNAL, RUN, SUMMARY
from samtok_bench.runs.reading import NotComparable, open_run
from samtok_bench.runs.settings import RunSettings

PREDICTOR = {
    **{"kind": "samtok", "weights": "w" * 64, "backend": "torch", "device": "cpu", "dtype": "float32"},
    **{"attention": "sdpa", "min_pixels": None, "max_pixels": None, "decoding": "greedy"},
}
USUAL = {"model": "owner/model", "predictor": PREDICTOR, "code": "c" * 64, "truth": "a" * 64}
PACKAGES = {"torch": "2.13"}


class Twin(Synthetic):
    """Another task with the same metrics."""

    name = "twin"


@dataclass(frozen=True)
class Pair:
    """Two runs that differ in one respect."""

    setting: str
    """What differs, as in RunSettings."""
    expected: str
    """`fatal`, `grave`, `note` or `nothing`."""
    words: str = ""
    """How each command says so."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the second run, where they are not the first run's."""
    packages: Mapping[str, str] = field(default_factory=lambda: PACKAGES)
    change: Callable[[Path], object] = lambda folder: None
    """What is done to the second run once it is written."""
    gate_says: bool = True
    refused_by_add: str = ""
    """Why `leaderboard add` refuses the second run, if it does."""


def predictor(**changes: str | int) -> dict[str, Any]:
    return {"predictor": {**PREDICTOR, **changes}}


def other_ids(first: int) -> Callable[[Path], object]:
    """Other samples, from the given line on."""

    def change(folder: Path) -> None:
        lines = (folder / JOURNAL).read_text().splitlines(keepends=True)
        renamed = [line.replace('"id":"s', '"id":"t') for line in lines[first:]]
        (folder / JOURNAL).write_text("".join([*lines[:first], *renamed]))

    return change


def other_level(folder: Path) -> None:
    edit(folder / SUMMARY, lambda summary: summary["interval"].update(level=0.9))


OTHER_DATA = "data dddddddddddd... there, eeeeeeeeeeee... now"
SAME_DATA = "although the data are the same"
PAIRS = [
    # other questions
    Pair("task", "fatal", "task synthetic there, twin now", {"task": "twin"}),
    Pair("task_in_file", "fatal", "task_in_file false there, true now", {"task_in_file": True}),
    Pair("protocol", "fatal", "protocol standard there, released now", {"protocol": "released"}),
    Pair("data_format", "fatal", "data_format coco there, lvis now", {"data_format": "lvis"}),
    Pair("split", "fatal", "split val there, test now", {"split": "test"}),
    Pair("options", "fatal", "options.prompt a there, b now", {"options": {"prompt": "b"}}),
    Pair("level of intervals", "fatal", "level of intervals 0.95 there, 0.9 now", change=other_level),
    # other data
    Pair(
        "data",
        "grave",
        f"{OTHER_DATA}, 40 samples in common",
        {"data": "e" * 64},
        refused_by_add="second has other data than results/synthetic/first: ",
    ),
    Pair(
        "data",
        "grave",
        f"{OTHER_DATA}, 30 samples in common",
        {"data": "e" * 64},
        change=other_ids(30),
        refused_by_add="second has other data than results/synthetic/first: ",
    ),
    Pair(
        "data",
        "fatal",
        f"{OTHER_DATA}, and no sample in common",
        {"data": "e" * 64},
        change=other_ids(0),
        refused_by_add="second has other data than results/synthetic/first: ",
    ),
    Pair(
        "data",
        "grave",
        "data aaaaaaaaaaaa... there, eeeeeeeeeeee... now, 40 samples in common",
        {"truth": "e" * 64},
        refused_by_add="second has other data than results/synthetic/first: ",
    ),
    Pair(
        "data",
        "grave",
        f"{OTHER_DATA}, 40 samples in common",
        {"data": "e" * 64, "truth": "e" * 64},
        refused_by_add="second has other data than results/synthetic/first: ",
    ),
    Pair("truth", "nothing", settings={"truth": None}),
    Pair(
        "data",
        "fatal",
        f"samples differ, 30 in common, {SAME_DATA}",
        change=other_ids(30),
        refused_by_add="second has other data than results/synthetic/first: ",
    ),
    # samples are known by their ids, however they were asked for
    Pair(
        "shuffle", "nothing", settings={"limit": 40, "shuffle": 1}, refused_by_add="a table needs all samples"
    ),
    Pair(
        "stratify",
        "nothing",
        settings={"limit": 40, "stratify": "side"},
        refused_by_add="a table needs all samples",
    ),
    Pair("limit", "nothing", settings={"limit": 40}, refused_by_add="a table needs all samples"),
    Pair("sample", "nothing", settings={"sample": ["s00"]}, refused_by_add="a table needs all samples"),
    # other arithmetic
    Pair("max_new_tokens", "grave", "max_new_tokens 8 there, 64 now", {"max_new_tokens": 64}),
    Pair("reading", "grave", "reading standard there, lenient now", {"reading": "lenient"}),
    Pair("batch_size", "grave", "batch_size 16 there, 8 now", {"batch_size": 8}),
    Pair("predictor.backend", "grave", "backend torch there, vllm now", predictor(backend="vllm")),
    Pair("predictor.device", "grave", "device cpu there, cuda now", predictor(device="cuda")),
    Pair("predictor.dtype", "grave", "dtype float32 there, bfloat16 now", predictor(dtype="bfloat16")),
    Pair("predictor.attention", "grave", "attention sdpa there, eager now", predictor(attention="eager")),
    Pair("predictor.min_pixels", "grave", "min_pixels null there, 784 now", predictor(min_pixels=784)),
    Pair("predictor.max_pixels", "grave", "max_pixels null there, 1024 now", predictor(max_pixels=1024)),
    Pair(
        "predictor.codec.dtype",
        "grave",
        "dtype float32 there, bfloat16 now",
        {
            "predictor": {
                "kind": "oracle",
                "codec": {**PREDICTOR, "dtype": "bfloat16"},
            }
        },
    ),
    # without weights there is no arithmetic
    Pair(
        "predictor.kind",
        "nothing",
        settings={"predictor": {"kind": "constant", "device": "x"}, "batch_size": 1},
    ),
    # what one compares
    Pair("model", "nothing", settings={"model": "owner/other"}),
    Pair("revision", "nothing", settings={"revision": "v1"}),
    Pair("predictor.weights", "nothing", settings=predictor(weights="v" * 64)),
    # what may matter
    Pair("predictor.decoding", "note", "decoding greedy there, beam now", predictor(decoding="beam")),
    Pair("constrained", "note", "constrained false there, true now", {"constrained": True}),
    Pair("seed", "note", "seed 0 there, 1 now", {"seed": 1}),
    Pair("max_image_pixels", "note", "max_image_pixels 178956970 there, 9 now", {"max_image_pixels": 9}),
    Pair(
        "code",
        "note",
        "code cccccccccccc... there, eeeeeeeeeeee... now",
        {"code": "e" * 64},
        gate_says=False,  # other code is what a gate is for
    ),
    Pair("packages", "note", "packages.torch 2.13 there, 2.14 now", packages={"torch": "2.14"}),
    Pair("nothing", "nothing"),
    # of the time before the task had the option
    Pair("nothing", "nothing", settings={"options": {}}),
]
DIFFERENT_FROM = re.compile(r"\bthere, .* now\b")


@pytest.fixture
def write(work, monkeypatch):
    """Write both runs of a pair, `first` and `second`."""
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: Twin if name == "twin" else load(kind, name))
    Path("own.py").write_text("from synthetic_runs import Synthetic\nclass Own(Synthetic):\n    pass\n")
    monkeypatch.setattr(registry, "_trusted", {"own.py": Path("own.py")})
    monkeypatch.setattr(Synthetic, "data_formats", ("coco", "lvis"))
    monkeypatch.setattr(Synthetic, "option_values", {"prompt": ("a", "b")})

    def write(pair: Pair) -> None:
        write_run(Path("first"), PLAIN, settings=USUAL, packages=PACKAGES)
        write_run(Path("second"), PLAIN, settings={**USUAL, **pair.settings}, packages=pair.packages)
        pair.change(Path("second"))

    return write


def says(pair: Pair, text: str, words: bool) -> bool:
    """Whether a text has the words of a pair, or else speaks of no difference at all."""
    return pair.words in text if words else not DIFFERENT_FROM.search(text)


@pytest.mark.parametrize("pair", PAIRS, ids=[f"{pair.setting}-{pair.expected}" for pair in PAIRS])
def test_four_commands_agree(pair, write, command):
    write(pair)
    said = pair.expected != "nothing"

    def gate(force: bool) -> tuple[int, str]:
        check = {"run": "second", "baseline": "first", "metric": "mean", "tolerance": 0.1, "force": force}
        Path("gate.yaml").write_text(yaml.safe_dump({"checks": [check]}))
        code, out, _ = command("gate", "gate.yaml")
        return code, out

    # compare: what is grave only with --force
    for force in (False, True):
        code, out, err = command("compare", "first", "second", "--metric", "mean", *["--force"] * force)
        refused = pair.expected == "fatal" or (pair.expected == "grave" and not force)
        assert code == (2 if refused else 0), err
        assert says(pair, err if refused else out, said)
        assert ("second does not compare with first: " in err) is refused
        assert ("FORCED: " in out) is (pair.expected == "grave" and force)
        hint = "(--force compares them anyway)"
        assert (hint in err) is (pair.expected == "grave" and not force)

    # gate: the same, by a key of the check
    for force in (False, True):
        code, out = gate(force)
        refused = pair.expected == "fatal" or (pair.expected == "grave" and not force)
        assert code == (3 if refused else 0), out
        assert ("not comparable" in out) is refused
        assert says(pair, out, said and pair.gate_says)
        assert ("`force: true`" in out) is (pair.expected == "grave" and not force)

    # report: a page with a warning for what is grave
    code, out, err = command("report", "first", "second", "--out", "page.html")
    refused = pair.expected == "fatal"
    assert code == (2 if refused else 0), err
    assert says(pair, err if refused else out, said)
    if refused:
        assert not Path("page.html").exists()
    else:
        page = Path("page.html").read_text()
        shown = re.findall(r'<p class="(\w+)" role="note">(.*?)</p>', page)
        kinds = {kind for kind, text in shown if pair.words in html.unescape(text)}
        assert kinds >= {"grave": {"warning"}, "note": {"note"}, "nothing": set()}[pair.expected]
        assert says(pair, " ".join(text for _, text in shown), said)

    # leaderboard add: other questions are of other tables, other data is refused, the rest is told
    assert command("leaderboard", "add", "first")[0] == 0
    code, out, err = command("leaderboard", "add", "second")
    assert code == (2 if pair.refused_by_add else 0), err
    assert pair.refused_by_add in err
    other_table = pair.expected == "fatal" and not pair.refused_by_add
    if not pair.refused_by_add:
        assert says(pair, out, said and not other_table)
        assert ("ok: the first run of its table" in out) is other_table
    elif pair.setting == "data":
        assert says(pair, err, said)
        assert not Path("results/synthetic/second").exists()


def test_every_setting_has_a_role():
    assert ROLES.keys() == RunSettings.model_fields.keys()


def test_every_role_is_in_the_table():
    """With what it means."""
    meaning = {
        Role.QUESTION: {"fatal"},
        Role.ARITHMETIC: {"grave"},
        Role.SUBJECT: {"nothing"},
        Role.NOTE: {"note"},
    }
    found: dict[str, set[str]] = {}
    for pair in PAIRS:
        found.setdefault(pair.setting, set()).add(pair.expected)
    for name, role in PREDICTOR_ROLES.items():
        assert found[f"predictor.{name}"] == meaning[role]
    assert found["predictor.weights"] == meaning[ROLES["predictor"]]
    for name, role in ROLES.items():
        if role is not Role.DATA and name != "predictor":
            assert found[name] == meaning[role]
    assert found["data"] == {"grave", "fatal"}


def test_what_is_fatal_and_what_is_grave_are_both_told(write, command):
    settings = {"split": "test", "batch_size": 8, "seed": 1}
    write(Pair("several", "fatal", settings=settings))
    found = comparability(open_run(Path("first")), open_run(Path("second")))
    assert [
        [finding.text for finding in findings] for findings in (found.fatal, found.grave, found.notes)
    ] == [["split val there, test now"], ["batch_size 16 there, 8 now"], ["seed 0 there, 1 now"]]
    with pytest.raises(NotComparable) as refused:
        found.require(insist=True)
    assert str(refused.value) == "second does not compare with first: split val there, test now"


def test_a_run_does_not_compare_with_itself(write, command):
    write(Pair("nothing", "nothing"))
    code, _, err = command("report", "first", "first/../first")
    assert (code, "they are the same run" in err) == (2, True)


def test_scores_of_different_judges_never_compare(write):
    write(Pair("nothing", "nothing"))
    first, second = open_run(Path("first")), open_run(Path("second"))
    judge = "llama (temperature 0.0)"
    assert not comparability(replace(first, judge=judge), replace(second, judge=judge)).fatal
    for other, shown in (("llama (temperature 1.0)", "llama (temperature 1.0)"), (None, "null")):
        (finding,) = comparability(replace(first, judge=judge), replace(second, judge=other)).fatal
        assert (finding.setting, finding.text) == ("judge", f"judge {judge} there, {shown} now")


@pytest.mark.parametrize(
    ("kinds", "grave"),
    [
        (("endpoint", "endpoint"), ["max_new_tokens"]),
        (("endpoint", "samtok"), ["max_new_tokens"]),
        (("constant", "endpoint"), []),
        (("predictions", "samtok"), []),
    ],
)
def test_the_token_limit_matters_wherever_a_model_answers(work, kinds, grave):
    """A served model states no weights; batch size and device are those of its tokenizer here."""
    stated = {"samtok": PREDICTOR, "endpoint": {"kind": "endpoint", "tokenizer": PREDICTOR}}
    for name, kind, limit in (("first", kinds[0], 8), ("second", kinds[1], 16)):
        said = {"predictor": stated.get(kind, {"kind": kind}), "batch_size": limit, "max_new_tokens": limit}
        write_run(Path(name), PLAIN, settings={**USUAL, **said}, packages=PACKAGES)
    found = comparability(open_run(Path("first")), open_run(Path("second"))).grave
    assert [finding.setting for finding in found] == grave


def test_without_a_record_the_summaries_must_agree(write, command):
    """Then samples and images stand for the hash of the data."""
    write(Pair("seed", "note", settings={"seed": 1, "batch_size": 8}))
    (Path("second") / RUN).unlink()
    (Path("second") / JOURNAL).unlink()
    code, out, _ = command("compare", "first", "second", "--metric", "mean")
    assert code == 0
    assert "second comes without run.json: it is not known whether" in out
    assert says(Pair("", "nothing"), out, words=False)
    edit(Path("second") / SUMMARY, lambda summary: summary.update(samples=39))
    code, _, err = command("compare", "first", "second", "--metric", "mean", "--force")
    assert (code, "samples 40 there, 39 now, and which samples is not known" in err) == (2, True)

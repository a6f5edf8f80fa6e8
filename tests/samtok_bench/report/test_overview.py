"""`samtok-bench report RUNS... --index DIR`: a page over many runs with a report of each."""

import json
import re
from pathlib import Path

import pytest
from synthetic_runs import COUNT, VALUES, edit, write_run

from samtok_bench.judging.transcript import JudgeSummary, store
from samtok_bench.report.overview import write_overview
from samtok_bench.runs.summary import MetricValue


@pytest.fixture
def runs(work, data) -> Path:
    """Two runs of the same folder name, one that is not complete, one of another version."""
    for name, x in (("a/same", 0.25), ("b/same", 0.75)):
        write_run(work / "all" / name, [x] * COUNT, data_root=data, settings={"model": "m"})
    write_run(work / "all/half", VALUES, data_root=data, settings={"model": "m"})
    edit(work / "all/half/run.json", lambda record: record.update(status="running"))
    write_run(work / "all/old", VALUES, data_root=data, settings={"model": "m"})
    edit(work / "all/old/run.json", lambda record: record.update(schema_version=2))
    return work / "all"


def test_each_run_has_a_row_and_a_report(command, runs):
    code, out, err = command("report", str(runs), "--index", "site")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"note: no report of {runs}/half: running",
        f"note: no report of {runs}/old: run.json is of schema version 2, this samtok-bench reads version 3:"
        " run the command of the run again, or read it with the samtok-bench that made it",
        "index: site/index.html (2 reports)",
    ]
    page = Path("site/index.html").read_text()
    links = re.findall(r'<a href="(.*?)">(.*?)</a>', page)
    assert links == [("run-a-same.html", "a/same"), ("run-b-same.html", "b/same")]
    for link, _ in links:
        assert "samtok-bench report" in Path("site", link).read_text()
    assert re.findall(r"<b>(.*?)</b>", page) == ["25.00", "75.00"]
    assert "default-src 'none'" in page
    assert str(runs) not in page, "names are relative"


def test_no_page_takes_the_name_of_another(command, work, data):
    names = ["X-y", "x/y", "x-y", "x-y-2"]
    for k, name in enumerate(names):
        write_run(work / "all" / name, [k / 10] * COUNT, data_root=data, settings={"model": f"m{k}"})
    assert command("report", "all", "--index", "site")[0] == 0
    links = re.findall(r'<a href="(.*?)">(.*?)</a>', Path("site/index.html").read_text())
    assert [name for _, name in links] == names
    assert len({link.lower() for link, _ in links}) == 4
    for k, (link, _) in enumerate(links):
        assert f"m{k}" in Path("site", link).read_text()


def test_a_judge_is_named_with_its_value(command, runs):
    unknown = dict.fromkeys(("low", "high", "floor", "floor_by", "ceiling"))
    mean = {
        "id": "m",
        "version": 1,
        "display": "<b>mean",
        "unit": "of 5",
        "direction": "higher",
        "value": 3.2,
    }
    judge = JudgeSummary(
        url="http://x",
        model="<i>judge-1",
        settings={"reading": "lenient"},
        judge="f",
        prompts="0",
        first_asked="2026-01-01",
        last_asked="2026-01-01",
        samples=COUNT,
        primary="m",
        metrics=[MetricValue(**mean, **unknown)],
    )
    store(runs / "a/same", "synthetic", "standard", judge)
    assert command("report", str(runs / "a"), "--index", "site")[0] == 0
    said = "judged by &lt;i&gt;judge-1 (lenient): &lt;b&gt;mean 3.20"
    assert f"<small>{said}</small>" in Path("site/index.html").read_text()


def test_json_and_what_is_refused(command, runs):
    code, out, _ = command("report", str(runs / "a"), "--index", "site", "--json")
    assert (code, json.loads(out)) == (0, {"path": "site/index.html", "reports": 1, "without": []})
    for arguments, said in (
        (["nowhere", "--index", "site"], "no folder nowhere"),
        ([str(runs), "--index", "site", "--out", "x.html"], "give either --out or --index"),
        (["data", "--index", "site"], "no runs below data"),
    ):
        code, _, err = command("report", *arguments)
        assert (code, err) == (2, f"error: {said}\n")


def test_the_page_filters_and_sorts(browser, runs, work):
    browser.get_log("browser")
    browser.get(write_overview([runs], work / "site").path.resolve().as_uri())

    def names() -> list[str]:
        return [row.text for row in browser.find_elements("css selector", "tbody th") if row.is_displayed()]

    assert names() == ["a/same", "b/same", "half", "old"]
    header = browser.find_elements("css selector", "thead button")[4]
    header.click()
    assert names() == ["b/same", "a/same", "half", "old"], "without a value last"
    browser.find_element("css selector", "[name=text]").send_keys("same 25.00")
    assert names() == ["a/same"]
    assert browser.find_element("id", "count").text == "1 of 4 runs"
    browser.find_element("link text", "a/same").click()
    assert browser.title.startswith("synthetic on val")
    assert browser.get_log("browser") == []

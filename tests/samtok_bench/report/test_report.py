"""`samtok-bench report` without a browser: the command, what the page says, pictures and their size."""

import base64
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_pages import part, rows_of
from synthetic_runs import COUNT, VALUES, Synthetic, write_run
from synthetic_runs import edit as change_json

from samtok_bench import rle
from samtok_bench.report import collect, html
from samtok_bench.runs.summary import SCHEMA
from samtok_bench.sample import ImagePart, Region, Sample, Target, Text, Turn, View
from samtok_bench.task import SampleSet


def edit(folder: Path, change) -> None:
    """Change the journal's records in place."""
    path = folder / "samples.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for k, record in enumerate(records):
        change(k, record)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_the_report_lies_in_the_folder_of_the_run(command, run):
    code, out, err = command("report", str(run))
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"report: {run}/report.html \(40 samples, 40 images, 0.\d MB\)\n", out)
    assert (run / "report.html").stat().st_size < 200_000


def test_out_and_json(command, run, work):
    code, out, _ = command("report", str(run), "--out", "far/off/page.html", "--json")
    assert code == 0
    said = json.loads(out)
    assert said == {
        **{"path": "far/off/page.html", "folder": None, "samples": 40, "pictures": 40, "notes": []},
        "size": (work / "far/off/page.html").stat().st_size,
    }


def test_what_is_no_run_is_one_line(command, work):
    code, out, err = command("report", "nowhere")
    assert (code, out) == (2, "")
    assert err == "error: nowhere is not a results folder: it has no run.json\n"


def test_runs_that_do_not_compare_are_one_line(command, run, work):
    write_run(work / "other", VALUES, settings={"split": "test"})
    code, _, err = command("report", str(run), "other")
    assert code == 2
    assert err == (f"error: other does not compare with {run}: split val there, test now\n")
    assert not (run / "report.html").exists()


def test_runs_that_differ_gravely_have_a_page_with_a_notice(command, run, work, data):
    settings = {"batch_size": 8, "predictor": {"weights": "other", "dtype": "bfloat16"}, "seed": 1}
    write_run(work / "other", VALUES, settings=settings, data_root=data)
    code, out, _ = command("report", str(run), "other")
    assert code == 0
    differing = (
        f"other does not compare with {run}: dtype float32 there, bfloat16 now; batch_size 16 there, 8 now"
    )
    assert out.splitlines()[0] == f"note: {differing}"
    assert out.splitlines()[1].startswith(
        f"note: other differs from {run}: seed 0 there, 1 now; code run there"
    )
    notices = re.findall(r'<p class="(\w+)" role="note">(.*?)</p>', (run / "report.html").read_text())
    assert notices[0] == ("warning", differing)
    assert notices[1][0] == "note"
    assert notices[1][1].startswith(f"other differs from {run}: seed 0 there, 1 now; code run there")
    # beside each other, not only beside the first
    write_run(work / "constant", VALUES, settings={"predictor": {"kind": "constant"}}, data_root=data)
    report = collect.collect([work / "constant", run, Path("other")])
    assert differing in report.warnings


def test_runs_of_other_data_are_shown_on_the_samples_in_common(command, run, work, data):
    write_run(work / "half", VALUES[:20], settings={"data": "e" * 64, "code": "run"}, data_root=data)
    code, out, _ = command("report", str(run), "half")
    assert code == 0
    shared = "data dddddddddddd... there, eeeeeeeeeeee... now, 20 samples in common"
    assert out.splitlines()[:2] == [
        f"note: half does not compare with {run}: {shared}",
        f"note: 20 of the 40 samples of {run} are left out: values are those of all samples of a run, "
        "differences and answers those of the samples in common",
    ]
    page = (run / "report.html").read_text()
    assert len(part(page, "index")["samples"]) == len(part(page, "part-0")["samples"]) == 20
    rows = {row[0]: row[1:] for row in rows_of(page, "metrics several")}
    assert rows["mean \u2191"][2] == "0.00 0.00 to 0.00"


def test_a_damaged_record_is_one_line(command, run):
    for change, fault in (
        (
            lambda record: record["settings"].update(policy="strict"),
            "is malformed: settings.policy: Extra inputs",
        ),
        (
            lambda record: record.update(schema_version=2),
            "is of schema version 2, this samtok-bench reads version 3",
        ),
    ):
        change_json(run / "run.json", change)
        code, out, err = command("report", str(run))
        assert (code, out) == (2, "")
        assert err.startswith(f"error: {run}/run.json {fault}")
        assert err.count("\n") == 1


def test_a_summary_that_is_not_its_journals_is_refused(command, run):
    edit(run, lambda k, record: record["scores"].update(x=0.5))
    code, _, err = command("report", str(run))
    assert code == 2
    assert err == f"error: {run}: summary.json and samples.jsonl differ in mean: rescore it\n"


def test_without_the_data_there_is_a_report_without_pictures(command, work):
    write_run(work / "run", VALUES, data_root=work / "gone")
    code, out, _ = command("report", "run")
    assert code == 0
    assert out.splitlines()[0] == f"note: no pictures and no targets: no data in {work}/gone"
    assert out.splitlines()[1].startswith("report: run/report.html (40 samples, 0 images")
    page = Path("run/report.html").read_text()
    assert f"No images and no targets: no data in {work}/gone" in page
    shown = part(page, "part-0")["samples"][0]
    assert shown["target"] is None
    assert shown["answers"][0]["masks"] == [{"h": 10, "w": 12, "rle": rle.full(10, 12)["counts"]}]


def test_missing_unreadable_and_misfitting_are_counted(command, run, data):
    for k in (3, 5):
        (data / f"image{k}.png").unlink()
    (data / "image7.png").write_bytes(b"no picture")
    whole = (data / "image9.png").read_bytes()
    (data / "image9.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (24, 20)).save(data / "image11.png")
    edit(run, lambda k, record: k == 13 and record.update(masks=[rle.empty(3, 4)]))
    code, out, _ = command("report", str(run))
    assert code == 0
    assert out.splitlines()[:2] == [
        "note: 3 masks do not fit their image and are not drawn, the first: sample s11, a mask of the"
        " target is not drawn: 10 x 12 pixels, its image has 20 x 24",
        "note: 4 images cannot be read, the first: no image at image3.png",
    ]
    page = (run / "report.html").read_text()
    shown = part(page, "part-0")
    assert shown["samples"][11]["target"]["masks"] == [None]
    assert shown["samples"][13]["notes"] == [
        "a mask of the answer is not drawn: 3 x 4 pixels, its image has 10 x 12"
    ]
    grey = shown["pictures"][str(shown["samples"][3]["pictures"][0])]
    assert grey == {"w": 12, "h": 10, "uri": "", "note": "no image at image3.png"}
    assert "4 images cannot be read" in page


def test_a_broken_mask_is_refused_with_its_line(command, run):
    edit(run, lambda k, record: k == 13 and record.update(masks=[{"size": [10, 12], "counts": "0"}]))
    code, _, err = command("report", str(run))
    assert code == 2
    assert "samples.jsonl: line 14 is malformed (mask 0: RLE counts cover 0 pixels, its size" in err


def test_samples_that_left_the_data_are_counted(command, run, monkeypatch):
    whole = Synthetic.samples
    monkeypatch.setattr(Synthetic, "samples", lambda *a: SampleSet(whole(*a).samples[1:]))
    _, out, _ = command("report", str(run))
    assert out.startswith("note: 1 samples are not in the data any more, the first: s00\n")
    index = part((run / "report.html").read_text(), "index")
    assert len(index["samples"]) == COUNT


def test_a_picture_is_there_once_however_many_samples_it_has(command, run, monkeypatch):
    whole = Synthetic.samples

    def on_one_image(self, root, split):
        samples = whole(self, root, split).samples
        return SampleSet(
            [replace(sample, image=samples[0].image, turns=samples[0].turns) for sample in samples]
        )

    monkeypatch.setattr(Synthetic, "samples", on_one_image)
    _, out, _ = command("report", str(run))
    assert "40 samples, 1 images" in out
    assert (run / "report.html").read_text().count("data:image/webp") == 1


def test_pictures_are_true_to_the_image_and_small(command, run, data):
    Image.linear_gradient("L").resize((1200, 1000)).convert("RGB").save(data / "image0.png")
    command("report", str(run))
    picture = part((run / "report.html").read_text(), "part-0")["pictures"]["0"]
    assert (picture["w"], picture["h"]) == (1200, 1000), "masks keep the size of the image"
    shown = Image.open(io.BytesIO(base64.b64decode(picture["uri"].split(",")[1])))
    assert (shown.format, shown.size) == ("WEBP", (1200, 1000)), "few pictures keep their pixels"
    assert [abs(shown.getpixel((300, y))[0] - 255 * y / 1000) < 8 for y in (50, 500, 950)] == [True] * 3


def test_regions_and_views_of_a_prompt(command, run, data, monkeypatch):
    view = View(box=(2, 2, 8, 6), size=(40, 60), jpeg_quality=75)
    whole = Synthetic.samples

    def asked(self, root, split):
        samples = whole(self, root, split).samples
        first, mask = samples[0], rle.rectangle(1, 1, 4, 4, 10, 12)
        near = rle.rectangle(0, 0, 30, 20, 40, 60)
        parts = (
            *(ImagePart(first.image, View(jpeg_quality=75)), Region(mask), Text(" or "), Region(mask)),
            *(Text(" near "), ImagePart(first.image, view), Region(near)),
        )
        return SampleSet([replace(first, turns=(Turn("user", parts),)), *samples[1:]])

    monkeypatch.setattr(Synthetic, "samples", asked)
    code, out, _ = command("report", str(run))
    assert code == 0
    assert "note" not in out
    shown = part((run / "report.html").read_text(), "part-0")
    sample = shown["samples"][0]
    pieces = [["image", 0, ""], ["region", 0, ""], " or ", ["region", 0, ""], " near "]
    assert sample["prompts"] == [[["user", [*pieces, ["image", 1, ""], ["region", 1, ""]]]]]
    assert [region["picture"] for region in sample["regions"]] == [0, 1]
    close = shown["pictures"][str(sample["pictures"][1])]
    assert (close["w"], close["h"]) == (60, 40)


def test_what_judges_said_stands_with_the_answer(command, run):
    judge = {"url": "http://x", "model": "judge-1", "settings": {"temperature": 0}, "judge": "f" * 8}
    exchange = {"messages": [{"role": "user", "content": "?"}], "reply": "7 4"}
    line = {"prompt_hash": "0", "asked": "2026-01-01", "exchanges": [exchange], "scores": {"model": 4.0}}
    (run / "judge.jsonl").write_text(json.dumps(judge | line | {"sample": "s01"}) + "\n")
    metric = {
        "id": "ratio",
        "version": 1,
        "display": "ratio",
        "unit": "",
        "direction": "higher",
        "value": 0.5,
    }
    metric |= {**dict.fromkeys(("floor", "floor_by", "ceiling")), "low": 0.4, "high": 0.6}
    times = {"first_asked": "2026-01-01", "last_asked": "2026-01-01", "prompts": "0", "samples": 1}
    summary = judge | times | {"primary": "ratio", "metrics": [metric]}
    file = {"schema_version": SCHEMA, "task": "synthetic", "protocol": "standard", "judges": [summary]}
    (run / "judge.json").write_text(json.dumps(file))
    assert command("report", str(run))[0] == 0
    page = (run / "report.html").read_text()
    samples = part(page, "part-0")["samples"]
    said = {"by": "judge-1", "scores": {"model": 4.0}, "replies": ["7 4"]}
    assert [sample["answers"][0]["judged"] for sample in samples[:3]] == [[], [said], []]
    assert "<h3>Judged by judge-1</h3>" in page
    assert rows_of(page, "judges") == [
        ["metric", "value", "95 % interval"],
        ["ratio ↑", "50.00", "40.00 to 60.00"],
    ]
    assert "1 sample. Scores depend on the judge" in page

    shutil.copytree(run, run.with_name("better"))
    better = (run / "judge.json").read_text().replace('"value": 0.5', '"value": 0.55')
    (run.with_name("better") / "judge.json").write_text(better)
    command("report", str(run), "better", "--out", "both.html")
    page = (run.with_name("both.html")).read_text()
    assert "ratio ↑" in rows_of(page, "judges")[1][0]
    assert re.findall(r'class="number strong( other)?">(5[05].00)<', page) == [
        (" other", "50.00"),
        ("", "55.00"),
    ]


def test_the_data_may_lie_elsewhere_now(command, work, data):
    write_run(work / "run", VALUES, data_root=Path("nowhere"))
    _, out, _ = command("report", "run")
    assert "no pictures and no targets: no data in " in out
    code, out, err = command("report", "run", "--data-root", "data")
    assert (code, err) == (0, "")
    assert "note" not in out
    assert " 40 images, " in out
    code, out, err = command("show", "run", "--sample", "s01", "--data-root", "data")
    assert (code, err) == (0, "")
    assert f"image    {data.resolve() / 'image1.png'}" in out
    for line in ("report run", "show run"):
        code, _, err = command(*line.split(), "--data-root", "absent")
        assert (code, err) == (2, "error: no folder absent\n")


def test_earlier_answers_are_shown_as_each_run_was_told(command, plugin, work):
    """The dialogue task with its own history: the prompts of two runs differ."""
    for model, folder in (("echo", "a"), ("echo:faulty", "b")):
        code, _, err = command(
            "run", "--task", "dialogues", "--model", model, "--out", folder, "--no-ceiling"
        )
        assert code == 0, err
    command("report", "a", "b", "--out", "two.html")
    samples = part(Path("two.html").read_text(), "part-0")["samples"]
    told = [sample["prompts"] for sample in samples]
    assert max(map(len, told)) == 2
    assert any("[model_error:]" in str(prompts[1]) for prompts in told if len(prompts) == 2)


def test_a_large_report_keeps_its_samples_in_a_folder(command, run, monkeypatch):
    monkeypatch.setattr(html, "LIMIT_BYTES", 170_000)
    monkeypatch.setattr(html, "PAGE_BYTES", 6_000)
    _, out, _ = command("report", str(run))
    folder = run / "report-samples"
    assert out.splitlines()[-1] == f"its samples: {folder}"
    page = (run / "report.html").read_text()
    starts = part(page, "parts")["starts"]
    files = sorted(folder.iterdir())
    assert len(files) == len(starts) > 2
    assert 'id="part-0"' not in page
    told = [re.fullmatch(r"receivePart\((\d+),(.*)\);\n", file.read_text()) for file in files]
    parts = [json.loads(match[2]) for match in told]
    assert [int(match[1]) for match in told] == list(range(len(files)))
    assert sum(len(content["samples"]) for content in parts) == COUNT
    assert [len(content["samples"]) for content in parts[:-1]] == list(np.diff(starts))
    for content in parts:
        used = {str(number) for sample in content["samples"] for number in sample["pictures"]}
        assert used == set(content["pictures"])
    # a smaller report afterwards leaves no part of this one behind
    monkeypatch.setattr(html, "PAGE_BYTES", 30_000)
    command("report", str(run))
    assert len(list(folder.iterdir())) < len(files)


def photograph(seed: int, height: int, width: int) -> Image.Image:
    """Noise with the spectrum of photographs, which compresses as they do."""
    rng = np.random.default_rng(seed)
    frequencies = np.fft.rfft2(rng.standard_normal((height, width)))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    radius[0, 0] = 1
    pixels = np.fft.irfft2(frequencies / radius**1.2, s=(height, width))
    pixels = (pixels - pixels.mean()) / pixels.std() * 50 + 120
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize(
    ("count", "limit"), [(20, 750_000), pytest.param(300, 9_000_000, marks=pytest.mark.slow)]
)
def test_many_photographs_fit_in_one_file(work, data, monkeypatch, count, limit):
    """30 KB a sample with an image of its own, as for 1000 of them in a page: the same in small."""
    monkeypatch.setattr(html, "LIMIT_BYTES", limit)
    pictures = [photograph(seed, 480, 640) for seed in range(5)]
    for k in range(count):
        pictures[k % 5].save(data / f"image{k}.jpg", quality=90)
    mask = rle.encode(np.hypot(*np.mgrid[-240:240, -320:320]) < 150)

    def photographs(self, root, split):
        images = [root / f"image{k}.jpg" for k in range(count)]
        turns = [(Turn("user", (ImagePart(image), Text("this"))),) for image in images]
        return SampleSet(
            [
                Sample(f"s{k:02d}", image, (480, 640), turn, image.name, Target((mask,) * 3))
                for k, (image, turn) in enumerate(zip(images, turns, strict=True))
            ]
        )

    monkeypatch.setattr(Synthetic, "samples", photographs)
    folder = write_run(work / "many", [0.5] * count, data_root=data)
    edit(folder, lambda k, record: record.update(masks=[mask] * 3))
    written = html.write_report([folder])
    assert written.folder is None
    assert written.notes == []
    assert limit / 3 < written.size < limit
    uris = part(written.path.read_text(), "part-0")["pictures"]
    widths = {
        Image.open(io.BytesIO(base64.b64decode(picture["uri"].split(",")[1]))).width
        for picture in uris.values()
    }
    assert min(widths) >= 320


@pytest.mark.parametrize(
    ("task", "model"),
    [
        *[
            (name, "constant:whole")
            for name in ("gres", "multi_round", "gar-bench", "scene_graph", "reasonseg")
        ],
        ("reconstruction", "oracle:grid16"),
    ],
)
def test_real_tasks_have_reports(command, work, task, model):
    arguments = ("--task", task, "--model", model, "--limit", "6", "--out", "run", "--no-ceiling")
    code, _, err = command("run", *arguments)
    assert code == 0, err
    written = html.write_report([Path("run")])
    assert written.notes == []
    shown = part(written.path.read_text(), "part-0")
    assert len(shown["samples"]) == 6
    assert all(picture["uri"] for picture in shown["pictures"].values())
    assert all(sample["prompts"] and sample["target"]["pieces"] is not None for sample in shown["samples"])
    regions = task in ("gar-bench", "reconstruction", "multi_round")
    assert any(sample["regions"] for sample in shown["samples"]) == regions


def test_parts_of_an_older_report_stay_until_the_new_one_is_whole(command, run, monkeypatch):
    """A report that is cut short shows the older one, with all of its samples."""
    monkeypatch.setattr(html, "LIMIT_BYTES", 170_000)
    monkeypatch.setattr(html, "PAGE_BYTES", 6_000)
    assert command("report", str(run))[0] == 0
    folder = run / "report-samples"
    before = {path: path.read_bytes() for path in (run / "report.html", *folder.iterdir())}
    edit(run, lambda k, record: record.update(text="another answer"))
    render = html._render

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(html, "_render", full)
    code, _, err = command("report", str(run))
    assert (code, err) == (2, f"error: [Errno 28] No space left on device: '{run / 'report.html'}'\n")
    assert {path: path.read_bytes() for path in before} == before
    monkeypatch.setattr(html, "_render", render)
    for _ in range(2):  # the second finds its own parts in place
        assert command("report", str(run))[0] == 0
        about = part((run / "report.html").read_text(), "parts")
        names = [f"samples-{about['first'] + k:04d}.js" for k in range(len(about["starts"]))]
        assert sorted(path.name for path in folder.iterdir()) == names
        assert all("another answer" in (folder / name).read_text() for name in names)

"""MDVP-Bench: regions of domains, and a judge who sees the image."""

import base64
import copy
import io

import numpy as np
import pytest
from caption_samples import LARGE, MDVP, regions_shown, write
from judged_captions import Judge, Silent, run_task, text_of, values_of
from PIL import Image

from samtok_bench import rle
from samtok_bench.judging.judge import judge
from samtok_bench.judging.transcript import read_transcript
from samtok_tasks.captioning.review import ReviewRule
from samtok_tasks.mdvp_bench.reader import read_mdvp_bench
from samtok_tasks.mdvp_bench.task import MDVPBench


def test_regions_have_their_domain(tmp_path):
    data = read_mdvp_bench(write(tmp_path, "mdvp"))
    assert regions_shown(data) == [("0", 2400, "A button.", "web"), ("1", 380 * 280, "A page.", "ocr_doc")]
    assert data.regions[0].image == tmp_path / "data/web/images/a.jpg"
    assert MDVPBench().judge_files(tmp_path) == ReviewRule(prompt="Please rate.", role="Assistant")
    samples = MDVPBench().samples(tmp_path, "test").samples
    assert [sample.tags["domain"] for sample in samples] == ["web", "ocr_doc"]


def test_masks_that_cannot_be_used_are_counted(tmp_path):
    files = copy.deepcopy(MDVP)
    record = files["annotations/mdvp_caption_mask.json"][0]
    broken = [{"size": [300, 400], "counts": "~"}, {"size": [300, 400], "counts": [120000]}, None]
    files["annotations/mdvp_caption_mask.json"] += [{**record, "mask_rle": mask} for mask in broken]
    data = read_mdvp_bench(write(tmp_path, "mdvp", files))
    assert len(data.regions) == 2
    assert data.dropped.counts == {"broken masks": 2, "empty masks": 1}


def test_the_judge_sees_the_image_and_domains_have_their_ratios(tmp_path, monkeypatch):
    folder = run_task(monkeypatch, MDVPBench, write(tmp_path / "data", "mdvp"), tmp_path / "run")
    client = Judge(lambda messages: "8 4" if "webpage" in text_of(messages) else "5 5")
    judged = values_of(judge(folder, client, Silent()))
    assert (judged["ratio_web"], judged["ratio_ocr_doc"], judged["ratio"]) == (0.5, 1, 9 / 13)
    assert judged["ratio_natural"] is None
    assert judged["ratio_screenshot"] is None, "android has no item here"
    content = client.asked[0][0][1]["content"]
    assert content[1]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    kept = read_transcript(folder)[0].exchanges[0].messages[1]["content"]
    assert kept[1]["image_url"]["url"].startswith("sha256:"), "pictures are not kept twice"


def test_the_region_is_outlined_in_red(tmp_path):
    sample = MDVPBench().samples(write(tmp_path, "mdvp"), "test").samples[1]
    assert sample.truth.mask == LARGE
    ((_, user),) = MDVPBench().judge_prompts(sample, "A page.", MDVPBench().judge_files(tmp_path))
    encoded = user["content"][1]["image_url"]["url"].partition(",")[2]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")).astype(int)
    given = np.asarray(Image.open(sample.image).convert("RGB")).astype(int)
    x0, y0, x1, y1 = rle.box(sample.truth.mask)
    line = shown[y0 : y0 + 2, x0:x1].mean((0, 1))
    assert line[0] - line[1:].max() > 100, "the upper side, after a JPEG"
    assert abs(shown - given)[y0 + 16 : y1 - 16, x0 + 16 : x1 - 16].mean() < 40


def test_an_image_that_nobody_can_read_is_judged_by_its_empty_answer(tmp_path, vast):
    sample = MDVPBench().samples(write(tmp_path, "mdvp"), "test").samples[1]
    vast(str(sample.image.relative_to(tmp_path)), 60_000, 60_000)
    rule = MDVPBench().judge_files(tmp_path)
    ((_, user),) = MDVPBench().judge_prompts(sample, "", rule)
    assert "[Assistant 2]\n\n" in user["content"]
    with pytest.raises(ValueError, match="3600000000 pixels: at most 178,956,970 are read"):
        MDVPBench().judge_prompts(sample, "A page.", rule)


def test_means_of_domains_need_both():
    ratios = {f"ratio_{domain}": 0.5 for domain in ("ocr_doc", "ocr_spotting", "android")}
    assert MDVPBench().judge_totals({**ratios, "ratio_web": 1.0}) == {
        "ratio_ocr": 0.5,
        "ratio_screenshot": 0.75,
    }
    assert MDVPBench().judge_totals({**ratios, "ratio_web": None})["ratio_screenshot"] is None


def test_the_released_copy_names_screens_by_their_kind(tmp_path):
    write(tmp_path, "mdvp")
    rule = MDVPBench().judge_files(tmp_path)
    said = {}
    for protocol in ("standard", "released"):
        task = MDVPBench(protocol)
        sample = task.samples(tmp_path, "test").samples[0]
        said[protocol] = text_of(task.judge_prompts(sample, "x", rule)[0]).split("\n")[0]
    assert said == {
        "standard": "[Context]\\The image is a screenshot from a mobile phone or webpage.",
        "released": "[Context]\\The image is a webpage screenshot.",
    }
    assert [MDVPBench(protocol).judge_settings.temperature for protocol in said] == [0.7, 0]

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from samtok.masks import mask_boxes, mask_iou
from samtok.tokenizer import SAMTok


def test_shapes_and_types(tiny: SAMTok, photo: np.ndarray, masks: np.ndarray) -> None:
    e = tiny.embed(photo)
    codes = tiny.encode(e, masks)
    assert codes.shape == (3, 2)
    assert codes.dtype == torch.int64
    logits = tiny.decode_logits(e, codes)
    assert logits.shape == (3, 16, 16)
    assert logits.dtype == torch.float32
    decoded = tiny.decode(e, codes)
    assert decoded.shape == (3, 40, 60)
    assert decoded.dtype == torch.bool


def test_decode_is_bilinear_then_threshold_at_half_a_logit(tiny: SAMTok, photo: np.ndarray) -> None:
    e = tiny.embed(photo)
    codes = torch.tensor([[3, 1], [0, 7]])
    resized = np.stack(
        [
            np.asarray(Image.fromarray(m).resize((160, 160), Image.Resampling.BILINEAR))
            for m in tiny.decode_logits(e, codes).numpy()
        ]
    )
    square = tiny.embed(np.zeros((160, 160, 3), np.uint8))
    same = tiny.decode(type(e)(e.features, square.size), codes).numpy()
    assert (same == (resized > 0.5)).mean() > 0.999  # enlarging bilinearly: PIL is an independent opinion


def test_no_masks_at_all(tiny: SAMTok, photo: np.ndarray) -> None:
    e = tiny.embed(photo)
    codes = tiny.encode(e, np.zeros((0, 40, 60), bool))
    assert codes.shape == (0, 2)
    assert tiny.decode_logits(e, codes).shape == (0, 16, 16)
    assert tiny.decode(e, codes).shape == (0, 40, 60)


def test_an_empty_mask_has_no_words(tiny: SAMTok, photo: np.ndarray, masks: np.ndarray) -> None:
    masks[1] = False
    with pytest.raises(ValueError, match=r"masks \[1\] are empty"):
        tiny.encode(tiny.embed(photo), masks)


def test_a_mask_of_another_size_is_refused(tiny: SAMTok, photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"\(N, 40, 60\) like the image, got \(1, 60, 40\)"):
        tiny.encode(tiny.embed(photo), np.ones((1, 60, 40), bool))


@pytest.mark.parametrize("codes", [[[0, 8]], [[-1, 0]]])
def test_codes_out_of_range_are_refused(tiny: SAMTok, photo: np.ndarray, codes: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"\[0, 8\)"):
        tiny.decode(tiny.embed(photo), np.array(codes))


def test_one_pixel_image(tiny: SAMTok) -> None:
    e = tiny.embed(Image.new("L", (1, 1)))
    codes = tiny.encode(e, np.ones((1, 1, 1), bool))
    assert tiny.decode(e, codes).shape == (1, 1, 1)


def test_a_batch_of_images_equals_one_by_one(tiny: SAMTok, photo: np.ndarray, masks: np.ndarray) -> None:
    other = np.ascontiguousarray(photo[::-1, ::-1])
    together = tiny.embed([photo, other])
    for image, e in zip([photo, other], together, strict=True):
        alone = tiny.embed(image)
        torch.testing.assert_close(e.features.top, alone.features.top, atol=1e-5, rtol=1e-5)
        assert torch.equal(tiny.encode(e, masks), tiny.encode(alone, masks))
    assert tiny.embed([]) == []


def test_masks_do_not_influence_each_other(
    tiny: SAMTok, photo: np.ndarray, masks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    e = tiny.embed(photo)
    together = tiny.encode(e, masks)
    monkeypatch.setattr("samtok.tokenizer.PIXELS_AT_ONCE", 1)  # one mask a chunk
    assert torch.equal(tiny.encode(e, masks), together)
    assert tiny.decode(e, together).shape == (3, 40, 60)


def test_training_pass_agrees_with_inference(tiny: SAMTok, photo: np.ndarray, masks: np.ndarray) -> None:
    from samtok.images import to_pixels

    out = tiny(to_pixels(photo, 64)[None], torch.as_tensor(masks)[None], path="codes")
    e = tiny.embed(photo)
    assert torch.equal(out.codes[0], tiny.encode(e, masks))
    best = out.logits[0][torch.arange(3), out.iou[0].argmax(1)]
    torch.testing.assert_close(best, tiny.decode_logits(e, out.codes[0]), atol=1e-4, rtol=1e-4)


def test_save_and_load(tiny: SAMTok, photo: np.ndarray, masks: np.ndarray, tmp_path: Path) -> None:
    tiny.save_pretrained(tmp_path)
    loaded = SAMTok.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32
    e, again = tiny.embed(photo), loaded.embed(photo)
    codes = tiny.encode(e, masks)
    assert torch.equal(codes, loaded.encode(again, masks))
    assert torch.equal(tiny.decode_logits(e, codes), loaded.decode_logits(again, codes))


def test_weights_that_do_not_fit_are_listed(tiny: SAMTok, tmp_path: Path) -> None:
    tiny.save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    state["mask_encoder.surplus"] = state.pop("mask_encoder.query.weight")
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ValueError, match=r"missing: mask_encoder\.query\.weight.*unexpected: mask_encoder\.surplus"
    ):
        SAMTok.from_pretrained(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        SAMTok.from_pretrained(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"has no mask tokenizer: expected tokenizer/config\.json"):
        SAMTok.from_pretrained(tmp_path)


def test_autocast_changes_precision_not_types(tiny: SAMTok, photo: np.ndarray, masks: np.ndarray) -> None:
    e = tiny.embed(photo)
    try:
        tiny.autocast = torch.bfloat16
        low = tiny.embed(photo)
        assert low.features.top.dtype == torch.bfloat16 or not torch.equal(low.features.top, e.features.top)
        assert tiny.decode_logits(low, tiny.encode(low, masks)).dtype == torch.float32
    finally:
        tiny.autocast = None


def test_rounded_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"float32, got dtype torch\.bfloat16: set autocast=torch\.bfloat16"):
        SAMTok.from_pretrained(tmp_path, dtype=torch.bfloat16)


def test_boxes_by_hand() -> None:
    mask = torch.zeros(1, 4, 10, dtype=torch.bool)
    mask[0, 1:3, 2:7] = True
    # inclusive corners (2, 1) and (6, 2) over (10, 4)
    assert mask_boxes(mask).tolist()[0] == pytest.approx([0.2, 0.25, 0.6, 0.5])


def test_iou_by_hand() -> None:
    a, b = torch.zeros(2, 2, 4, dtype=torch.bool), torch.zeros(2, 2, 4, dtype=torch.bool)
    a[0, :, :2], b[0, :, 1:3] = True, True
    assert mask_iou(a, b).tolist() == pytest.approx([2 / 6, 0.0])


def test_points_and_boxes_are_asked_as_transformers_asks_sam2(tiny: SAMTok, photo: np.ndarray) -> None:
    """The prompts of Sam2Model itself, on the same features: its best mask above 0, at the photo's size."""
    e = tiny.embed(photo)
    features = [e.features.s0, e.features.s1, e.features.top]
    points = np.array([[[15.0, 10.0], [45.0, 30.0]], [[1.0, 39.0], [59.0, 0.0]]])
    inside = np.array([[True, False], [True, True]])
    boxes = np.array([[6.0, 4.0, 30.0, 20.0]])
    share = 64 / np.array([60.0, 40.0])
    asked = {
        "points": {
            "input_points": torch.tensor(points * share, dtype=torch.float32)[None],
            "input_labels": torch.tensor(inside)[None].int(),
        },
        "boxes": {"input_boxes": torch.tensor(boxes * np.tile(share, 2), dtype=torch.float32)[None]},
    }
    asked["both"] = asked["boxes"] | {
        "input_points": asked["points"]["input_points"][:, :1],
        "input_labels": torch.ones(1, 1, 2, dtype=torch.int32),
    }
    found = {
        "points": tiny.decode_points(e, points, inside),
        "boxes": tiny.decode_boxes(e, boxes),
        "both": tiny.decode_boxes(e, boxes, points[:1]),
    }
    for kind, prompts in asked.items():
        with torch.no_grad():
            out = tiny.sam2(image_embeddings=features, multimask_output=True, **prompts)
        best = out.iou_scores[0].argmax(-1)
        logits = out.pred_masks[0][torch.arange(len(best)), best]
        expected = torch.nn.functional.interpolate(logits[None], (40, 60), mode="bilinear")[0] > 0
        assert torch.equal(found[kind], expected)
        assert found[kind].any()
        assert not found[kind].all()
    turned = tiny.decode_points(e, points, ~inside)
    assert not torch.equal(turned, found["points"])
    assert not torch.equal(found["both"], found["boxes"])
    with pytest.raises(ValueError, match=r"points must have shape \(1, P, 2\), got \(2, 2, 2\)"):
        tiny.decode_boxes(e, boxes, points)


@pytest.mark.parametrize("points", [np.zeros((1, 2)), np.zeros((1, 0, 2)), np.zeros((1, 2, 3))])
def test_points_of_another_shape_are_refused(tiny: SAMTok, photo: np.ndarray, points: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"shapes \(N, P, 2\) and \(N, P\), got"):
        tiny.decode_points(tiny.embed(photo), points, np.ones(points.shape[:2], bool))


def test_no_points_at_all(tiny: SAMTok, photo: np.ndarray) -> None:
    assert tiny.decode_points(tiny.embed(photo), np.zeros((0, 1, 2)), np.ones((0, 1))).shape == (0, 40, 60)

"""PaliGemma's mask words with made-up weights in the form of the official file."""

import pickle
import re

import numpy as np
import pytest
from scipy.signal import correlate

from samtok_bench import registry, rle
from samtok_bench.codec import Codec
from samtok_bench.predictor import PredictorOptions
from samtok_bench.task import Generation


def weights(width: int = 128, vector: int = 512, seed: int = 0) -> dict[str, np.ndarray]:
    """Random arrays; by default in the sizes of the official file, 8.5 MB."""
    rng = np.random.default_rng(seed)
    half, quarter, eighth = width // 2, width // 4, width // 8
    shapes = {
        "encoder.0": (eighth, 1, 4, 4),
        "encoder.2": (quarter, eighth, 4, 4),
        "encoder.4": (half, quarter, 4, 4),
        "encoder.6": (width, half, 4, 4),
        "encoder.10": (vector, width, 1, 1),
        "decoder.0": (width, vector, 1, 1),
        # transposed: the inputs come first
        "decoder.4": (width, width, 4, 4),
        "decoder.6": (width, half, 4, 4),
        "decoder.8": (half, quarter, 4, 4),
        "decoder.10": (quarter, eighth, 4, 4),
        "decoder.12": (1, eighth, 1, 1),
    }
    for block in ("encoder.8", "encoder.9", "decoder.2", "decoder.3"):
        for part, kernel in ((0, 3), (2, 3), (4, 1)):
            shapes[f"{block}.net.{part}"] = (width, width, kernel, kernel)
    arrays = {"_vq_vae._embedding": rng.normal(size=(128, vector)), "_vq_vae._ema_w": np.zeros((128, vector))}
    for layer, shape in shapes.items():
        arrays[f"{layer}.weight"] = rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        # of a transposed layer the outputs come second
        outputs = shape[1] if layer in ("decoder.4", "decoder.6", "decoder.8", "decoder.10") else shape[0]
        arrays[f"{layer}.bias"] = rng.normal(size=outputs) / 10
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def codec(path) -> Codec:
    kind, argument = registry.codec_class(f"paligemma:{path}")
    return kind(argument, PredictorOptions(Generation(0), device="cpu"))


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    path = tmp_path_factory.mktemp("paligemma") / "vae-oid.npz"
    np.savez(path, **weights())
    return path


@pytest.fixture
def mask():
    mask = np.zeros((100, 200), bool)
    mask[20:60, 50:150] = True
    mask[30:35, 60:80] = False
    return mask


def test_words_and_what_they_cost(official, mask):
    one = codec(official)
    one.prepare()
    (symbols,) = one.encode(mask.shape, [rle.encode(mask)])
    assert symbols[:4] == (205, 256, 614, 767), "y before x; 20, 50, 60, 150 of the image by 1,023"
    assert re.fullmatch(r"<loc0205><loc0256><loc0614><loc0767>(<seg\d{3}>){16}", one.text(symbols))
    assert (one.tokens(symbols), one.bits(symbols)) == (20, 152)
    (back,) = one.decode(mask.shape, [symbols])
    outside = rle.decode(back)
    outside[20:60, 50:150] = False
    assert not outside.any()


@pytest.mark.parametrize(("bias", "inside"), [(1, 40 * 99), (-1, 0)])
def test_what_is_above_0_is_inside(tmp_path, mask, bias, inside):
    arrays = weights(8, 4)
    arrays["decoder.12.weight"][:] = 0
    arrays["decoder.12.bias"][:] = bias
    np.savez(tmp_path / "a.npz", **arrays)
    one = codec(tmp_path / "a.npz")
    (back,) = one.decode(mask.shape, one.encode(mask.shape, [rle.encode(mask)]))
    # 205, 256, 614, 767 of 1,023 are 20.04, 50.05, 60.02, 149.95 pixels, which are cut
    assert rle.area(back) == inside


def test_a_box_below_a_pixel_is_nothing(official):
    one = codec(official)
    dot = np.zeros((3000, 3000), bool)
    dot[1000, 1000] = True
    (back,) = one.decode(dot.shape, one.encode(dot.shape, [rle.encode(dot)]))
    assert rle.is_empty(back)


def convolved(x, weight, bias, stride=1):
    """TensorFlow's convolution with padding SAME of x (C, H, W)."""
    size, kernel = x.shape[1], weight.shape[-1]
    zeros = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    around = (zeros // 2, zeros - zeros // 2)
    x = np.pad(x, ((0, 0), around, around))
    return np.stack(
        [correlate(x, w, "valid")[0, ::stride, ::stride] + b for w, b in zip(weight, bias, strict=True)]
    )


def enlarged(x, weight, bias):
    """Flax's ConvTranspose with transpose_kernel, strides 2 and padding 2: zeros between, kernel turned."""
    apart = np.zeros((len(x), 2 * x.shape[1] - 1, 2 * x.shape[2] - 1))
    apart[:, ::2, ::2] = x
    apart = np.pad(apart, ((0, 0), (2, 2), (2, 2)))
    turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return np.stack([correlate(apart, w, "valid")[0] + b for w, b in zip(turned, bias, strict=True)])


def block(arrays, name, x):
    def layer(part, y):
        return convolved(y, arrays[f"{name}.net.{part}.weight"], arrays[f"{name}.net.{part}.bias"])

    return x + layer(4, np.maximum(layer(2, np.maximum(layer(0, x), 0)), 0))


def test_both_ways_agree_with_a_second_implementation(tmp_path):
    arrays = weights(8, 4, seed=1)
    np.savez(tmp_path / "a.npz", **arrays)
    one = codec(tmp_path / "a.npz")
    rng = np.random.default_rng(0)
    shape = np.kron(rng.integers(0, 2, (8, 8)), np.ones((8, 8)))  # 64 x 64: nothing is resized
    shape[0, :], shape[-1, :], shape[:, 0], shape[:, -1] = 1, 1, 1, 1
    (symbols,) = one.encode((64, 64), [rle.encode(shape)])

    def layer(name, x, stride=1):
        return convolved(x, arrays[f"{name}.weight"], arrays[f"{name}.bias"], stride)

    x = 2 * shape[None] - 1
    for place in (0, 2, 4, 6):
        x = np.maximum(layer(f"encoder.{place}", x, 2), 0)
    x = layer("encoder.10", block(arrays, "encoder.9", block(arrays, "encoder.8", x)))
    book = arrays["_vq_vae._embedding"]
    far = ((x.reshape(4, 16).T[:, None] - book[None]) ** 2).sum(-1)
    assert symbols == (0, 0, 1023, 1023, *far.argmin(1).tolist())

    x = book[list(symbols[4:])].T.reshape(4, 4, 4)
    x = np.maximum(layer("decoder.0", x), 0)
    x = block(arrays, "decoder.3", block(arrays, "decoder.2", x))
    for place in (4, 6, 8, 10):
        x = np.maximum(enlarged(x, arrays[f"decoder.{place}.weight"], arrays[f"decoder.{place}.bias"]), 0)
    values = layer("decoder.12", x)[0]
    clear = np.abs(values) > 1e-4
    (back,) = one.decode((64, 64), [symbols])
    assert np.array_equal(rle.decode(back)[clear], (values > 0)[clear])
    assert 0 < (values > 0).sum() < values.size


class Harm:
    def __reduce__(self):
        return exec, ("raise SystemExit('harm')",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("decoder.12.bias"), r"lacks decoder.12.bias \(1 arrays\)"),
        (lambda arrays: arrays.update({"encoder.10.bias": np.zeros(3)}), "do not fit together"),
        (lambda arrays: arrays.update({"decoder.12.bias": np.full(1, np.nan)}), "no finite numbers"),
        (lambda arrays: arrays.update({"encoder.0.bias": np.array([Harm()])}), "is no npz file of arrays"),
    ],
)
def test_other_arrays_are_refused(tmp_path, change, message):
    arrays = weights(8, 4)
    change(arrays)
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message) as refused:
        codec(tmp_path / "a.npz").prepare()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"version https://git-lfs.github.com/spec/v1\n", b"", pickle.dumps(Harm())]
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="is no npz file of arrays"):
        codec(tmp_path / "a.npz").prepare()
    with pytest.raises(FileNotFoundError, match=r"there is no file .*b.npz; see vae-oid.npz of"):
        codec(tmp_path / "b.npz").prepare()

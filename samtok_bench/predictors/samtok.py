"""Local SAMTok models: nano, a folder or a hub id. The only module here that imports `samtok`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from PIL import Image

from samtok import locate
from samtok.conversations import template_mark as template_mark
from samtok.words import END, START, VOCABULARY, Fault, ParsedWords, Word, format_words, marks, parse_words
from samtok_bench import provenance, rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.predictor import OF_LANGUAGE_MODEL, Predictor, PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.predictors.pictures import open_at_size
from samtok_bench.predictors.pictures_ahead import Opened, PicturesAhead, parts_of
from samtok_bench.reading import Mark, Reading
from samtok_bench.registry import codec_choices, names, nearest, suggestion
from samtok_bench.rle import RLE
from samtok_bench.sample import ImagePart, Outcome, Prediction, Region, Sample, Text

if TYPE_CHECKING:
    from samtok import ImageEmbedding, QwenVLSAMTok, SAMTok
    from samtok.qwen import Answer

DTYPES = ("float32", "bfloat16", "float16")
ATTENTIONS = ("sdpa", "eager", "flash_attention_2", "flash_attention_3", "flex_attention")
"""By transformers' names, its own choice first."""
CHEAP_BYTES = 200_000_000
"""Size of a tokenizer's weights up to which the ceiling is computed unasked on a CPU."""
Pictures: TypeAlias = dict[ImagePart, Opened]
"""The opened images of a batch, as a conversation's parts take them."""


class SAMTokPredictor(Predictor):
    """A QwenVL with mask words, run in this process."""

    can_constrain = True
    takes: ClassVar[frozenset[str]] = OF_LANGUAGE_MODEL | {"tokenizer", "revision"}
    summary = "a local model: nano, a folder, or a hub id such as zhouyik/Qwen3-VL-4B-SAMTok-co"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument or locate.NANO, options)
        for name, given, known in (
            ("dtype", options.dtype, DTYPES),
            ("attn", options.attn, ATTENTIONS),
        ):
            if given is not None and given not in known:
                raise ValueError(f"unknown --{name} {given!r}{suggestion(given, list(known))}")
        find = partial(locate.model_folder, revision=options.revision)
        self.folder = _named(find, self.argument)
        self._model: QwenVLSAMTok | None = None
        self._ahead = PicturesAhead()

    @cached_property
    def tokenizer(self) -> Path:
        """The folder of the mask tokenizer that was named, or else the model's own."""
        if self.options.tokenizer:
            return _named(locate.tokenizer_folder, self.options.tokenizer)
        try:
            return locate.tokenizer_part(self.folder)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error}; name one of another place by --tokenizer FOLDER") from None

    def identity(self) -> dict[str, Any]:
        device = _device(self.options.device)
        return {
            "kind": "samtok",
            "weights": weights_hash(self.folder),
            **({"tokenizer": weights_hash(self.tokenizer)} if self.options.tokenizer else {}),
            "device": device.split(":")[0],
            # what QwenVLSAMTok takes when none is named
            "dtype": self.options.dtype or ("bfloat16" if device.startswith("cuda") else "float32"),
            "attention": self.options.attn or ATTENTIONS[0],
            "min_pixels": self.options.min_pixels,
            "max_pixels": self.options.max_pixels,
            "decoding": "greedy",
        }

    def prepare(self) -> None:
        if self._model is None:
            import torch

            from samtok import QwenVLSAMTok

            options = self.options
            _settle(options)
            model = QwenVLSAMTok.from_pretrained(
                self.folder,
                device=_device(options.device),
                dtype=getattr(torch, options.dtype) if options.dtype else None,
                samtok=self.tokenizer,
                attention=options.attn,
            )
            if options.min_pixels is not None or options.max_pixels is not None:
                model.processor.limit_pixels(options.min_pixels, options.max_pixels)
            self._model = model

    def read_ahead(self, samples: Sequence[Sample]) -> None:
        self._ahead.begin(samples)

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        model = self.loaded()
        images: Pictures = {}
        predictions: dict[str, Prediction] = {}
        asked: list[Sample] = []
        for sample in samples:
            try:
                _open_all(sample, images, self._ahead)
                asked.append(sample)
            except (OSError, ValueError) as error:
                predictions[sample.id] = Prediction(outcome=Outcome.SKIPPED, detail=str(error))
        answers = model.chat(
            [_conversation(sample, images) for sample in asked],
            max_new_tokens=self.options.generation.max_new_tokens,
            constrained=self.options.constrained,
            parse=word_parser(self.options.generation.reading),
            skip_special_tokens=not self.options.generation.special_tokens,
        )
        predictions |= {s.id: _prediction(answer) for s, answer in zip(asked, answers, strict=True)}
        return [predictions[sample.id] for sample in samples]

    def loaded(self) -> "QwenVLSAMTok":
        """The model itself."""
        self.prepare()
        assert self._model is not None
        return self._model

    def ceiling(self, forced: bool) -> Predictor | None:
        options = replace(self.options, tokenizer=None, revision=None)  # they led to the folder
        codec = SAMTokCodec(str(self.tokenizer), options, self._model.samtok if self._model else None)
        if not forced and not codec.is_cheap():
            return None
        return OraclePredictor("", options, codec)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return (locate.NANO,)

    @classmethod
    def status(cls) -> str:
        return "nano is installed" if locate.nano_is_installed() else "the weights of nano are missing"


class SAMTokCodec(Codec):
    """`samtok`: a SAMTok mask tokenizer (arXiv 2601.16093); `samtok:FOLDER` for another one than nano's.

    Tokens: a word for each codebook and two that frame them, 4 a mask. Bits: log2 of each codebook's size, 16
    a mask; the image is known to both sides.

    Args:
        argument: nano if empty; a folder or hub id of a model or of its tokenizer.
        options: device and threads.
        tokenizer: already loaded.
    """

    summary = "SAMTok's mask words, which the image helps to read"
    takes: ClassVar[frozenset[str]] = frozenset(("tokenizer", "revision"))
    needs_image = True
    levels: int | None = None
    """How many codebooks are used, the first ones; None for all."""

    def __init__(self, argument: str, options: PredictorOptions, tokenizer: "SAMTok | None" = None) -> None:
        super().__init__(argument or locate.NANO, options)
        self.folder = _codec_folder(options.tokenizer or self.argument, options.revision)
        self._tokenizer = tokenizer

    @property
    def codebooks(self) -> int:  # type: ignore[override]
        depth = self.loaded().config.codebook_depth
        return depth if self.levels is None else min(self.levels, depth)

    def identity(self) -> dict[str, Any]:
        device = _device(self.options.device)
        return {
            "kind": "samtok",
            "weights": weights_hash(self.folder),
            "device": device.split(":")[0],
            "levels": self.levels,
        }

    def prepare(self) -> None:
        if self._tokenizer is None:
            import torch

            from samtok import SAMTok
            from samtok.agreement import check_codebooks

            _settle(self.options)
            device = _device(self.options.device)
            autocast = torch.bfloat16 if device.startswith("cuda") else None
            tokenizer = SAMTok.from_pretrained(self.folder, device=device, autocast=autocast)
            check_codebooks(tokenizer.config)
            self._tokenizer = tokenizer

    def is_cheap(self) -> bool:
        """Whether sending a data set through takes little beside the model itself."""
        if _device(self.options.device).startswith("cuda"):
            return True
        weights = (path for path in self.folder.iterdir() if path.suffix in locate.WEIGHT_FILES)
        return sum(path.stat().st_size for path in weights) <= CHEAP_BYTES

    def embed(self, image: Path, size: tuple[int, int], upright: bool = False) -> "ImageEmbedding":
        return self.loaded().embed(open_at_size(image, size, upright))

    def encode(self, embedding: "ImageEmbedding", masks: Sequence[RLE]) -> list[Symbols]:
        codes = self.loaded().encode(embedding, np.stack([rle.decode(mask) for mask in masks]))
        return [tuple(code) for code in codes[:, : self.levels].tolist()]

    def decode(self, embedding: "ImageEmbedding", codes: Sequence[Symbols]) -> list[RLE]:
        decoded = self.loaded().decode(embedding, np.array(codes)).cpu().numpy()
        return [rle.encode(mask) for mask in decoded]

    def text(self, symbols: Symbols) -> str:
        return format_words([symbols])[0]

    def words_hash(self) -> str:
        return self.loaded().codebook_hash()

    def tokens(self, symbols: Symbols) -> int:
        return len(symbols) + 2

    def bits(self, symbols: Symbols) -> float:
        return len(symbols) * math.log2(self.loaded().config.codebook_size)

    def loaded(self) -> "SAMTok":
        """The tokenizer itself."""
        self.prepare()
        assert self._tokenizer is not None
        return self._tokenizer


class SAMTokFirstCodec(SAMTokCodec):
    """`samtok-first`: the first word alone. The released code instead adds the second codebook's row 0 where
    a word is missing (its index -1 becomes 0), which is no code of that mask.

    Tokens: 3 a mask. Bits: 8 a mask.
    """

    summary = "SAMTok's first word alone"
    levels = 1

    def text(self, symbols: Symbols) -> str:
        return START + VOCABULARY[1 + symbols[0]] + END


def _named(find: Callable[[str], Path], name: str) -> Path:
    """The folder of a model; an unknown name may also be a misspelt predictor."""
    try:
        return find(name)
    except locate.UnknownModelError as error:
        known = [locate.NANO, *names("predictor")]
        raise locate.UnknownModelError(f"{error}{suggestion(name, known)}") from None


def _codec_folder(name: str, revision: str | None) -> Path:
    """The folder of a mask tokenizer; an unknown name may also be a misspelt codec."""
    try:
        return locate.tokenizer_folder(name, revision)
    except locate.UnknownModelError as error:
        known = codec_choices()
        listed = f", and no codec, of which there are {', '.join(known)}"
        raise locate.UnknownModelError(f"{error}{listed}{nearest(name, [locate.NANO, *known])}") from None


def weights_hash(folder: Path) -> str:
    """sha256 over the weights, configuration and vocabulary files below a folder."""
    kinds = locate.WEIGHT_FILES | {".json", ".jinja", ".txt"}
    return provenance.file_hash(sorted(path for path in folder.rglob("*") if path.suffix in kinds))


def preflight() -> float:
    """Load nano whole and send a disc through its words: the IoU of what comes back, 0 to 1.

    Raises:
        ValueError, OSError: it cannot be loaded.
    """
    from samtok import QwenVLSAMTok

    _quiet()
    side = 192
    y, x = np.mgrid[:side, :side]
    disc = (x - 110) ** 2 + (y - 80) ** 2 < 45**2
    pixels = np.where(disc[..., None], (210, 35, 40), (235, 235, 225)).astype(np.uint8)
    tokenizer = QwenVLSAMTok.from_pretrained(locate.NANO, device="cpu").samtok
    embedding = tokenizer.embed(Image.fromarray(pixels))
    back = tokenizer.decode(embedding, tokenizer.encode(embedding, disc[None]))[0].cpu().numpy()
    inter, union = rle.intersection_union(rle.encode(disc), rle.encode(back))
    return inter / union


def _conversation(sample: Sample, images: Pictures) -> list[dict[str, Any]]:
    messages = []
    for turn in sample.turns:
        content: list[dict[str, Any]] = []
        for part in turn.parts:
            if isinstance(part, Text):
                content.append({"type": "text", "text": part.text})
            elif isinstance(part, ImagePart):
                content.append({"type": "image", **images[part]})
            elif isinstance(part, Region):
                content.append({"type": "region", "mask": rle.decode(part.rle)})
        messages.append({"role": turn.role, "content": content})
    return messages


def word_parser(reading: Reading) -> Callable[[str], ParsedWords]:
    """What the model reads its answers with: its own parser, or the benchmark's reading of the marks."""
    read = reading.read
    if read is None:
        return parse_words

    def parse(text: str) -> ParsedWords:
        masks, faults = read(text, [Mark(*mark) for mark in marks(text)])
        return ParsedWords([Word(*mask) for mask in masks], [Fault(*fault) for fault in faults])

    return parse


def _prediction(answer: "Answer") -> Prediction:
    faults = tuple(fault.kind for fault in answer.words.faults)
    outcome = Outcome.PARSE_ERROR if faults else Outcome.OK
    if answer.stop_reason == "length":
        outcome = Outcome.TRUNCATED
    return Prediction(
        outcome=outcome,
        text=answer.text,
        masks=tuple(rle.encode(mask) for mask in answer.masks),
        words=tuple(answer.text[word.start : word.end] for word in answer.words.words),
        faults=faults,
        stop_reason=answer.stop_reason,
        prompt_tokens=answer.prompt_tokens,
        new_tokens=answer.new_tokens,
        seconds=answer.seconds,
    )


def _open_all(sample: Sample, images: Pictures, ahead: PicturesAhead) -> None:
    for part in parts_of(sample):
        if part not in images:
            images[part] = ahead.take(part, sample)


def _settle(options: PredictorOptions) -> None:
    import torch

    _quiet()
    torch.manual_seed(options.seed)
    if options.threads is not None:
        torch.set_num_threads(options.threads)


def _quiet() -> None:
    """No progress bar for loading weights: it would break ours."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _device(asked: str) -> str:
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(asked).type
    except RuntimeError:
        raise ValueError(f"unknown device {asked!r}; use auto, cpu, cuda or cuda:N") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device {asked}: torch {torch.__version__} sees no GPU here")
    return asked

"""SAMTok: from masks to two codes and back, on the embedding of their image."""

import hashlib
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, Sam2Model

from samtok.checkpoints import published_state
from samtok.config import SAMTokConfig
from samtok.images import ImageLike, to_pixels, to_rgb
from samtok.loading import listed, load_model
from samtok.locate import PUBLISHED_SAM2, PUBLISHED_TOKENIZER, tokenizer_folder
from samtok.masks import mask_boxes
from samtok.quantizer import ResidualQuantizer
from samtok.sam2_parts import Features, MaskEncoder, best_mask, decode_prompts, decode_vectors, encode_images

THRESHOLD = 0.5
"""Of raw logits, as released; a probability of 0.622."""
PIXELS_AT_ONCE = 2**26
"""Masks are resized in chunks of at most this many pixels."""


@dataclass(frozen=True)
class ImageEmbedding:
    """What `SAMTok.embed` computes once per image."""

    features: Features
    """Of a batch of one image."""
    size: tuple[int, int]
    """Height and width of the image in pixels, as masks have them."""


@dataclass(frozen=True)
class SAMTokOutput:
    """The result of a training pass over B images with N masks each."""

    logits: Tensor
    """(B, N, 3, 4h, 4w), for features of h x w."""
    iou: Tensor
    """Predicted IoUs, (B, N, 3)."""
    codes: Tensor | None
    """(B, N, depth) int64 on path "codes", else None."""
    commitment: Tensor
    """The commitment loss, a scalar; 0 unless the path is "codes"."""


class SAMTok(PreTrainedModel):
    """The tokenizer of "SAMTok: Representing Any Mask with Two Words" (arXiv 2601.16093).

    It consists of a SAM 2 image model, a mask encoder and a residual quantizer. `embed` runs the image
    encoder once; after that, `encode` and `decode` cost little per mask.

    `autocast` (None or a dtype such as torch.bfloat16) is the precision of the image encoder and of both
    two-way transformers. Prompts and quantizer stay in float32, as released.
    """

    config_class = SAMTokConfig
    base_model_prefix = "samtok"
    main_input_name = "pixel_values"
    _supports_sdpa = True

    def __init__(self, config: SAMTokConfig) -> None:
        super().__init__(config)
        self.autocast: torch.dtype | None = None
        self.sam2 = Sam2Model(config.sam2_config)
        self.mask_encoder = MaskEncoder(self.sam2.config.mask_decoder_config)
        self.quantizer = ResidualQuantizer(config.codebook_size, config.codebook_depth, config.hidden_size)
        self.post_init()

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        autocast: torch.dtype | None = None,
        **kwargs: Any,
    ) -> "SAMTok":
        """Load a tokenizer by the name of its own or of a whole model: "nano", a folder or a hub id.

        Args:
            name: see `samtok.locate`.
            device: None for the CPU.
            dtype: of the weights; only float32, because rounded weights give other codes.
            autocast: precision of the transformers, for speed; the release takes torch.bfloat16 on CUDA.

        Raises:
            OSError: there is no such folder or hub id, or no tokenizer in it.
            ValueError: weights are missing, unexpected or misshaped (all are listed), or another `dtype`.
        """
        if dtype is not torch.float32:
            raise ValueError(
                f"SAMTok keeps its weights in float32, got dtype {dtype}: set autocast={dtype} instead"
            )
        folder = tokenizer_folder(name)
        if (folder / PUBLISHED_TOKENIZER).is_file():
            model = cls.from_published(folder / PUBLISHED_SAM2, folder / PUBLISHED_TOKENIZER)
        else:
            model = load_model(super().from_pretrained, folder, "SAMTok", dtype=dtype, **kwargs)
            _check_finite(model, folder)
        model.autocast = autocast
        return model.to(device=device)

    @classmethod
    def from_published(
        cls, sam2_pt: str | Path | None, tokenizer_pth: str | Path, config: SAMTokConfig | None = None
    ) -> "SAMTok":
        """Load the released pair of files in float32, strictly and without running code from them.

        Args:
            sam2_pt: see `samtok.checkpoints.published_state`, also for the errors.
            tokenizer_pth: the same.
            config: sizes; by default those of the release (Hiera-L, 1024 px, two codebooks of 256).
        """
        with torch.device("meta"):
            model = cls(config or SAMTokConfig())
        state = published_state(sam2_pt, tokenizer_pth, model.state_dict())
        model.to_empty(device="cpu")
        model.load_state_dict(state)
        _check_finite(model, tokenizer_pth)
        return model.eval()

    @overload
    def embed(self, image: ImageLike) -> ImageEmbedding: ...
    @overload
    def embed(self, image: Sequence[ImageLike]) -> list[ImageEmbedding]: ...
    @torch.no_grad()
    def embed(self, image: ImageLike | Sequence[ImageLike]) -> ImageEmbedding | list[ImageEmbedding]:
        """Run the image encoder.

        Args:
            image: a PIL image of any mode, an array (H, W), (H, W, 3) or (H, W, 4) uint8, or a list of them,
                which becomes one batch.

        Raises:
            ValueError: not an image, see `samtok.images.to_rgb`.
        """
        if not isinstance(image, Sequence):
            return self.embed([image])[0]
        if not image:
            return []
        pictures = [to_rgb(picture) for picture in image]
        pixels = torch.stack([to_pixels(picture, self.config.image_size) for picture in pictures])
        with self._autocast():
            features = encode_images(self.sam2, pixels.to(self.device, self.dtype))
        return [
            ImageEmbedding(features[index : index + 1], (picture.height, picture.width))
            for index, picture in enumerate(pictures)
        ]

    @torch.no_grad()
    def encode(self, embedding: ImageEmbedding, masks: Tensor | np.ndarray) -> Tensor:
        """Encode masks to codes (N, depth) int64, each in [0, codebook_size).

        Args:
            masks: (N, H, W) bool, or numbers where above 0 is inside, at the image's own size; N may be 0.

        Raises:
            ValueError: the shape is wrong, or a mask is empty, which mask words cannot express.
        """
        return self.encode_batch([embedding], [masks])[0]

    @torch.no_grad()
    def encode_batch(
        self, embeddings: Sequence[ImageEmbedding], masks: Sequence[Tensor | np.ndarray]
    ) -> list[Tensor]:
        """The same for several images, of which those of equal size are one batch."""
        groups = [self._checked(*pair) for pair in zip(embeddings, masks, strict=True)]
        codes = [torch.empty(0, self.config.codebook_depth, dtype=torch.int64, device=self.device)] * len(
            groups
        )
        for size in {
            embedding.size for embedding, group in zip(embeddings, groups, strict=True) if len(group)
        }:
            alike = [place for place, embedding in enumerate(embeddings) if embedding.size == size]
            counts = [len(groups[place]) for place in alike]
            top = torch.cat([embeddings[place].features.top for place in alike])
            image = torch.arange(len(alike), device=self.device).repeat_interleave(
                torch.tensor(counts, device=self.device)
            )
            found = [
                self.quantizer.encode(self._vectors(top[which], chunk))
                for which, chunk in zip(
                    image.split(_masks_at_once(size)),
                    torch.cat([groups[place] for place in alike]).split(_masks_at_once(size)),
                    strict=True,
                )
            ]
            for place, group in zip(alike, torch.cat(found).split(counts), strict=True):
                codes[place] = group
        return codes

    def _checked(self, embedding: ImageEmbedding, masks: Tensor | np.ndarray) -> Tensor:
        """Masks as (N, H, W) bool; errors as `encode`."""
        masks = torch.as_tensor(masks, device=self.device)
        if masks.ndim != 3 or tuple(masks.shape[1:]) != embedding.size:
            height, width = embedding.size
            raise ValueError(
                f"masks must have shape (N, {height}, {width}) like the image, got {tuple(masks.shape)}"
            )
        masks = masks > 0
        if empty := (~masks.flatten(1).any(1)).nonzero().flatten().tolist():
            raise ValueError(f"masks {empty} are empty: mask words cannot express an empty mask")
        return masks

    @torch.no_grad()
    def decode_logits(self, embedding: ImageEmbedding, codes: Tensor | np.ndarray) -> Tensor:
        """Decode codes to mask logits (N, image_size / 4, image_size / 4) float32.

        Args:
            codes: (N, depth) integers, or fewer columns to use only the first levels; N may be 0.

        Raises:
            ValueError: a code is outside the codebook, or there are more columns than levels.
        """
        codes = torch.as_tensor(codes, dtype=torch.int64, device=self.device)
        if not codes.numel():
            side = self.config.image_size // 4
            return torch.empty(0, side, side, device=self.device)
        vectors = self.quantizer.decode(codes)
        with self._autocast():
            return best_mask(*decode_vectors(self.sam2, embedding.features, vectors[None].to(self.dtype)))[0]

    @torch.no_grad()
    def decode(self, embedding: ImageEmbedding, codes: Tensor | np.ndarray) -> Tensor:
        """Decode codes to masks (N, H, W) bool at the image's own size.

        As released: `decode_logits`, bilinear interpolation, then logit > 0.5.
        """
        return _at_size(self.decode_logits(embedding, codes), embedding, THRESHOLD)

    @torch.no_grad()
    def decode_boxes(
        self,
        embedding: ImageEmbedding,
        boxes: Tensor | np.ndarray,
        points: Tensor | np.ndarray | None = None,
    ) -> Tensor:
        """The masks that SAM 2 alone finds in boxes, without codes: (N, H, W) bool at the image's own size.

        Of the decoder's three masks the one that it thinks best, logit > 0, as SAM 2 itself has it.

        Args:
            boxes: (N, 4) numbers, x0, y0, x1, y1 in pixels of the image; N may be 0.
            points: (N, P, 2) numbers, x, y in pixels, which the masks are to hold.

        Raises:
            ValueError: another shape.
        """
        boxes = torch.as_tensor(boxes, dtype=torch.float32, device=self.device)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"boxes must have shape (N, 4), got {tuple(boxes.shape)}")
        corners = boxes.unflatten(-1, (2, 2))
        labels = self._corner_labels(corners[..., 0])
        if points is not None:
            held = torch.as_tensor(points, dtype=torch.float32, device=self.device)
            if held.ndim != 3 or held.shape[::2] != (len(boxes), 2):
                raise ValueError(f"points must have shape ({len(boxes)}, P, 2), got {tuple(held.shape)}")
            corners = torch.cat([corners, held], 1)
            labels = torch.cat([labels, labels.new_ones(held.shape[:2])], 1)
        return self._decode_points(embedding, corners, labels)

    @torch.no_grad()
    def decode_points(
        self, embedding: ImageEmbedding, points: Tensor | np.ndarray, inside: Tensor | np.ndarray
    ) -> Tensor:
        """The masks that SAM 2 alone finds at points: (N, H, W) bool, chosen as by `decode_boxes`.

        Args:
            points: (N, P, 2) numbers, x, y in pixels of the image, P at least 1; N may be 0.
            inside: (N, P) bool, whether the mask is to hold the point or to leave it out.

        Raises:
            ValueError: other shapes.
        """
        points = torch.as_tensor(points, dtype=torch.float32, device=self.device)
        inside = torch.as_tensor(inside, dtype=torch.bool, device=self.device)
        if (
            points.ndim != 3
            or points.shape[2] != 2
            or not points.shape[1]
            or inside.shape != points.shape[:2]
        ):
            shapes = f"{tuple(points.shape)} and {tuple(inside.shape)}"
            raise ValueError(f"points and inside must have shapes (N, P, 2) and (N, P), got {shapes}")
        return self._decode_points(embedding, points, inside.long())

    def _decode_points(self, embedding: ImageEmbedding, points: Tensor, labels: Tensor) -> Tensor:
        """Masks (N, H, W) bool of points (N, P, 2) in pixels with SAM 2's labels (N, P)."""
        height, width = embedding.size
        if not len(points):
            return torch.empty(0, height, width, dtype=torch.bool, device=self.device)
        shares = points / points.new_tensor([width, height])
        with self._autocast():
            prompts = self._point_tokens(shares[None], labels[None])
            found = decode_prompts(self.sam2, embedding.features, prompts)
        return _at_size(best_mask(*found)[0], embedding, 0.0)

    def codebook_hash(self) -> str:
        """sha256 over the codebooks' vectors in float32, 64 hex digits: tells whose words a text's are.

        Any training moves the codebooks, so tokenizers with equal ones are the same in practice.
        """
        found = hashlib.sha256()
        for book in self.quantizer.levels:
            found.update(book.weight.detach().float().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def forward(
        self, pixel_values: Tensor, masks: Tensor, path: str = "codes", **quantizer: Any
    ) -> SAMTokOutput:
        """Run a training pass over B images with N masks each.

        Args:
            pixel_values: (B, 3, S, S) float32, normalised.
            masks: (B, N, H, W) bool, none empty.
            path: "box" prompts the decoder with the masks' boxes alone, "mask" with the vectors z, "codes"
                with the quantized vectors; anything else is a ValueError.
            quantizer: arguments of `ResidualQuantizer.forward`.
        """
        if path not in ("box", "mask", "codes"):
            raise ValueError(f"path must be box, mask or codes, got {path!r}")
        with self._autocast():
            features = encode_images(self.sam2, pixel_values)
        codes, commitment = None, pixel_values.new_zeros(())
        if path == "box":
            box = self._box_tokens(masks)
            with self._autocast():
                return SAMTokOutput(*decode_prompts(self.sam2, features, box), codes, commitment)
        z = self.encode_vectors(features, masks)
        if path == "codes":
            z, codes, commitment = self.quantizer(z, **quantizer)
        with self._autocast():
            return SAMTokOutput(*decode_vectors(self.sam2, features, z), codes, commitment)

    def encode_vectors(self, features: Features, masks: Tensor) -> Tensor:
        """Encode masks to vectors, unquantized: (B, N, H, W) bool -> z (B, N, D) float32."""
        batch, count = masks.shape[:2]
        top = features.top.repeat_interleave(count, 0)
        return self._vectors(top, masks.flatten(0, 1)).view(batch, count, -1)

    def _vectors(self, top: Tensor, masks: Tensor) -> Tensor:
        """The same for masks (M, H, W) and the top features of each one's image (M, D, h, w) -> (M, D)."""
        dense = self._dense_prompt(masks)  # (M, D, h, w)
        box = self._box_tokens(masks[:, None]).flatten(0, 1)  # (M, 3, D)
        with self._autocast():
            z = self.mask_encoder(top + dense, self.sam2.get_image_wide_positional_embeddings(), box)
        return z.float()

    def _dense_prompt(self, masks: Tensor) -> Tensor:
        """Embed masks (M, H, W) bool -> (M, D, h, w). Their values stay 0 and 1, not scaled to logits."""
        small = nn.functional.interpolate(
            masks[:, None].float(), self.sam2.prompt_encoder.mask_input_size, mode="bilinear", antialias=True
        )
        return self.sam2.prompt_encoder.mask_embed(small.to(self.dtype))

    def _box_tokens(self, masks: Tensor) -> Tensor:
        """Two corner tokens and a padding token for the box of each mask, (B, N, 3, D)."""
        corners = mask_boxes(masks).unflatten(-1, (2, 2))
        return self._point_tokens(corners, self._corner_labels(corners[..., 0]))

    def _corner_labels(self, corners: Tensor) -> Tensor:
        """SAM 2's labels of boxes' corners, two in the last dimension: a box is two points to it."""
        return torch.tensor([2, 3], device=corners.device).expand_as(corners)

    def _point_tokens(self, points: Tensor, labels: Tensor) -> Tensor:
        """Tokens (B, N, P + 1, D), the last one padding, of points (B, N, P, 2) as shares of the image.

        `labels` (B, N, P) are SAM 2's: 0 outside, 1 inside, 2 and 3 the corners of a box.
        """
        scaled = (points * self.config.image_size).to(self.dtype)
        sparse, _ = self.sam2.prompt_encoder(scaled, labels, None, None)
        return sparse

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, self.autocast) if self.autocast else nullcontext()


def _at_size(logits: Tensor, embedding: ImageEmbedding, threshold: float) -> Tensor:
    """Logits (N, h, w) as masks (N, H, W) bool of the image's size, by bilinear interpolation."""
    if not len(logits):
        return torch.empty(0, *embedding.size, dtype=torch.bool, device=logits.device)
    masks = [
        nn.functional.interpolate(chunk[None], embedding.size, mode="bilinear")[0] > threshold
        for chunk in logits.split(_masks_at_once(embedding.size))
    ]
    return torch.cat(masks)


def _check_finite(model: SAMTok, source: str | Path) -> None:
    if broken := [name for name, value in model.state_dict().items() if not value.isfinite().all()]:
        raise ValueError(f"weights in {source} are not finite numbers: {listed(broken)}")


def _masks_at_once(size: tuple[int, int]) -> int:
    return max(1, PIXELS_AT_ONCE // math.prod(size))

"""What a box, or a box and two points, is worth to the SAM 2 inside a SAMTok tokenizer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from samtok_bench import rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.exchange.bins import CoordinateWords, bins_of, box_symbols, place_of
from samtok_bench.predictors.samtok import SAMTokCodec
from samtok_bench.rle import RLE

if TYPE_CHECKING:
    from samtok import ImageEmbedding


class SAMBoxCodec(CoordinateWords, SAMTokCodec):
    """`sam-box`: the tight box (1,024 bins a coordinate) as the prompt of the SAM 2 (arXiv 2408.00714) inside
    nano's tokenizer; `sam-box:FOLDER` for another one. Of its three masks the one that it thinks best. Beside
    `samtok` this tells what two words give over a box for the same SAM 2.

    Tokens: one a coordinate, 4 a mask. Bits: 10 a coordinate, 40 a mask; the image is known to both sides.
    """

    summary = "the tight box as a prompt of the SAM 2 inside SAMTok"
    kind = "sam-box"
    codebooks = 0
    points = 0
    """How many are added to the box."""

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "kind": self.kind}

    def words_hash(self) -> str:
        return Codec.words_hash(self)

    def encode(self, embedding: "ImageEmbedding", masks: Sequence[RLE]) -> list[Symbols]:
        return [box_symbols(mask) + _points(mask, self.points) for mask in masks]

    def decode(self, embedding: "ImageEmbedding", codes: Sequence[Symbols]) -> list[RLE]:
        height, width = embedding.size
        pairs = np.reshape(codes, (-1, 2)).tolist()
        places = np.array([place_of(pair, width, height) for pair in pairs])
        places = places.reshape(len(codes), 2 + self.points, 2)
        boxes, inside = places[:, :2].reshape(-1, 4), places[:, 2:]
        found = self.loaded().decode_boxes(embedding, boxes, inside).cpu().numpy()
        return [rle.encode(mask) for mask in found]


class SAMBoxPointsCodec(SAMBoxCodec):
    """`sam-box-points`: the tight box and two points inside as the prompt, the centres of the two largest
    inscribed circles, as Seg-Zero (arXiv 2503.06520), VisionReasoner (arXiv 2505.12081) and GenSeg-R1 (arXiv
    2602.09701) prompt a frozen SAM 2.

    Tokens: one a coordinate, 8 a mask. Bits: 10 a coordinate, 80 a mask.
    """

    summary = "the tight box and two points inside as a prompt of the SAM 2 inside SAMTok"
    kind = "sam-box-points"
    points = 2


def _points(mask: RLE, count: int) -> Symbols:
    """Bins of the centres of the largest circles inside a mask, x and y; the second one beside the first."""
    height, width = mask["size"]
    free = np.pad(rle.decode(mask), 1).astype(np.uint8) if count else np.zeros((0, 0), np.uint8)
    symbols: Symbols = ()
    for _ in range(count):
        radii = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        y, x = np.unravel_index(int(radii.argmax()), radii.shape)
        if radii[y, x] > 0:
            symbols += bins_of((x - 0.5, y - 0.5), width, height)  # one pixel was padded
            rows, columns = np.ogrid[: free.shape[0], : free.shape[1]]
            free[(rows - y) ** 2 + (columns - x) ** 2 < radii[y, x] ** 2] = 0
        else:  # one circle covers the whole mask
            symbols += symbols[-2:]
    return symbols

"use strict";
// Masks: COCO's run-length strings to pixels. Bits are column-major, as in the string.

function decodeMask(mask) {
  const bits = new Uint8Array(mask.h * mask.w);
  let inside = 0;
  let place = 0;
  for (const run of runLengths(mask.rle)) {
    if (inside) bits.fill(1, place, place + run);
    place += run;
    inside = 1 - inside;
  }
  return bits;
}

function runLengths(text) {
  const runs = [];
  let value = 0;
  let digits = 0;
  for (let k = 0; k < text.length; k++) {
    const code = text.charCodeAt(k) - 48;
    value |= (code & 31) << (5 * digits++);
    if (code & 32) continue; // more digits follow
    if (code & 16) value |= -1 << (5 * digits);
    // from the fourth on, a run is stored as its difference to the run before the last
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
    value = digits = 0;
  }
  return runs;
}

function unionBits(masks) {
  const [first, ...others] = masks.map(bitsOf);
  const bits = first.slice();
  for (const other of others) for (let k = 0; k < bits.length; k++) bits[k] |= other[k];
  return bits;
}

const decoded = new WeakMap();

function bitsOf(mask) {
  if (!decoded.has(mask)) decoded.set(mask, decodeMask(mask));
  return decoded.get(mask);
}

// Row-major bits of a canvas where the picture is placed on it; each pixel takes the one at its middle.
function placed(bits, size, width, height, place) {
  const out = new Uint8Array(width * height);
  const span = (corner, length, most) =>
    [Math.max(0, Math.ceil(corner - 0.5)), Math.min(most, Math.ceil(corner + length * place.k - 0.5))];
  const [x0, x1] = span(place.left, size.w, width);
  const [y0, y1] = span(place.top, size.h, height);
  const rows = Uint32Array.from({ length: Math.max(0, y1 - y0) },
    (_, y) => Math.min(size.h - 1, Math.floor((y0 + y + 0.5 - place.top) / place.k)));
  for (let x = x0; x < x1; x++) {
    const column = Math.min(size.w - 1, Math.floor((x + 0.5 - place.left) / place.k)) * size.h;
    for (let y = y0; y < y1; y++) out[y * width + x] = bits[column + rows[y - y0]];
  }
  return out;
}

// The box of a mask in its pixels, half open; null for an empty mask.
function extentOf(bits, size) {
  const first = bits.indexOf(1);
  if (first < 0) return null;
  const [left, right] = [first, bits.lastIndexOf(1)].map((k) => Math.floor(k / size.h));
  const box = { left, right: right + 1, top: size.h, bottom: 0 };
  for (let k = first; k < bits.length; k++) {
    if (!bits[k]) continue;
    box.top = Math.min(box.top, k % size.h);
    box.bottom = Math.max(box.bottom, (k % size.h) + 1);
  }
  return box;
}

// A pixel near the middle of a mask that is not empty, as shares of width and height.
function anchor(bits, size) {
  let left = countBits(bits) >> 1;
  const middle = bits.findIndex((bit) => bit && left-- === 0);
  const column = Math.floor(middle / size.h);
  const inside = [];
  for (let y = 0; y < size.h; y++) if (bits[column * size.h + y]) inside.push(y);
  return [(column + 0.5) / size.w, (inside[inside.length >> 1] + 0.5) / size.h];
}

// Pixels of the target and the answer: in both, missed, beyond.
function differenceBits(target, answer, ignore, size) {
  const none = () => new Uint8Array(size.w * size.h);
  const a = target.length ? unionBits(target) : none();
  const b = answer.length ? unionBits(answer) : none();
  const skip = ignore ? bitsOf(ignore) : none();
  const parts = { both: none(), missed: none(), beyond: none(), ignored: skip };
  for (let k = 0; k < a.length; k++) {
    if (skip[k]) continue;
    parts.both[k] = a[k] & b[k];
    parts.missed[k] = a[k] & ~b[k];
    parts.beyond[k] = b[k] & ~a[k];
  }
  return parts;
}

function countBits(bits) {
  let count = 0;
  for (const bit of bits) count += bit;
  return count;
}

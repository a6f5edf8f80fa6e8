// Drawing: layers of masks over a picture, at the size at which they are shown.

const MASK_COLOURS = INDEX.colours.masks;
const PARTS = {
  both: { colour: INDEX.colours.both, label: "in both" },
  missed: { colour: INDEX.colours.missed, label: "missed" },
  beyond: { colour: INDEX.colours.beyond, label: "beyond the target" },
  ignored: { colour: INDEX.colours.ignored, label: "ignored" },
};
const REGION_COLOUR = "#FFFFFF";
const TALLEST = 460;
const WIDEST = 1200;
const SHARP_FROM = 2.5; // device pixels a stored pixel
const WHOLE = { x: 0.5, y: 0.5, scale: 1 };

function maskColour(number) {
  return MASK_COLOURS[number % MASK_COLOURS.length];
}

function rgb(colour) {
  return [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
}

// Black or white, whichever has more contrast (WCAG's relative luminance).
function inkOn(colour) {
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = rgb(colour).map((v) => linear(v / 255));
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? "#000000" : "#FFFFFF";
}

// The canvas takes the width of its panel, within limits.
function fit(canvas, size) {
  const room = canvas.parentElement.clientWidth || 300;
  const scale = Math.min(room / size.w, TALLEST / size.h);
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.min(WIDEST, Math.round(size.w * scale * ratio)));
  const height = Math.max(1, Math.round((width * size.h) / size.w));
  canvas.style.width = `${Math.max(1, size.w * scale)}px`;
  canvas.width = width;
  canvas.height = height;
}

// Where the picture lies on a canvas: device pixels a pixel of its own, and its corner.
// view: {x, y, scale}; the middle of what is shown, as shares of the picture, and 1 for all of it.
function placement(canvas, size, view) {
  const k = Math.min(canvas.width / size.w, canvas.height / size.h) * view.scale;
  return { k, left: canvas.width / 2 - view.x * size.w * k, top: canvas.height / 2 - view.y * size.h * k };
}

function fill(pixels, bits, colour, opacity) {
  const [r, g, b] = rgb(colour);
  for (let k = 0; k < bits.length; k++) if (bits[k]) setPixel(pixels, k, r, g, b, opacity);
}

function setPixel(pixels, k, r, g, b, opacity) {
  pixels[4 * k] = r;
  pixels[4 * k + 1] = g;
  pixels[4 * k + 2] = b;
  pixels[4 * k + 3] = Math.round(255 * opacity);
}

// Pixels inside within `thick` of the border; with `dash`, gaps of that length.
function outline(pixels, bits, width, height, colour, thick, dash) {
  const [r, g, b] = rgb(colour);
  const at = (x, y) => x >= 0 && y >= 0 && x < width && y < height && bits[y * width + x];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!bits[y * width + x]) continue;
      if (at(x - thick, y) && at(x + thick, y) && at(x, y - thick) && at(x, y + thick)) continue;
      const gap = dash && Math.floor((x + y) / dash) % 2;
      setPixel(pixels, y * width + x, ...(gap ? [0, 0, 0] : [r, g, b]), 1);
    }
  }
}

// Within a mask that has room for it, else at its corner, as are those of regions.
function labelPlace(layer, place, radius) {
  const extent = extentOf(layer.bits, layer.size);
  if (!extent) return null;
  const [left, top] = [place.left + extent.left * place.k, place.top + extent.top * place.k];
  const least = Math.min(extent.right - extent.left, extent.bottom - extent.top);
  if (layer.kind === "dashed" || least * place.k < 4 * radius) return [left - radius / 2, top - radius / 2];
  const [x, y] = anchor(layer.bits, layer.size);
  return [place.left + x * layer.size.w * place.k, place.top + y * layer.size.h * place.k];
}

function numberLabel(context, layer, place, canvas, ratio) {
  const { label: text, colour } = layer;
  const size = 11 * ratio;
  const radius = size * 0.78;
  const middle = labelPlace(layer, place, radius);
  if (!middle) return;
  const clamp = (value, most) => Math.min(Math.max(value, radius + 1), most - radius - 1);
  const x = clamp(middle[0], canvas.width);
  const y = clamp(middle[1], canvas.height);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = ratio;
  context.strokeStyle = "#000000";
  context.stroke();
  context.fillStyle = inkOn(colour);
  context.fillText(text, x, y + size * 0.06);
}

/* Draw a panel on a canvas that has its size in device pixels.
   panel: {size, image, missing, grey, layers}
   layer: {kind: "fill" | "outline" | "dashed", bits, size, colour, edge, label} */
function drawPanel(canvas, panel, opacity, view) {
  const { width, height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const place = placement(canvas, panel.size, view);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  drawPicture(context, panel, place);
  const overlay = new OffscreenCanvas(width, height);
  const data = new ImageData(width, height);
  const thick = Math.max(1, Math.round(1.5 * ratio));
  for (const layer of panel.layers) {
    const bits = placed(layer.bits, layer.size, width, height, place);
    if (layer.kind === "fill") {
      fill(data.data, bits, layer.colour, opacity);
      if (layer.edge) outline(data.data, bits, width, height, layer.colour, thick, 0);
    } else {
      const thin = Math.max(1, Math.round(ratio));
      outline(data.data, bits, width, height, "#000000", 2 * thin, 0);
      outline(data.data, bits, width, height, layer.colour, thin, layer.kind === "dashed" ? 5 * ratio : 0);
    }
  }
  overlay.getContext("2d").putImageData(data, 0, 0);
  context.drawImage(overlay, 0, 0);
  for (const layer of panel.layers) {
    if (layer.label) numberLabel(context, layer, place, canvas, ratio);
  }
}

function drawPicture(context, panel, place) {
  const on = [place.left, place.top, panel.size.w * place.k, panel.size.h * place.k];
  context.fillStyle = panel.missing ? "#8A8A8A" : "#2B2B2B";
  context.fillRect(...on);
  if (!panel.image) return;
  // pixels that are seen one by one keep their edges
  context.imageSmoothingEnabled = on[2] < SHARP_FROM * panel.image.naturalWidth;
  context.imageSmoothingQuality = "high";
  context.filter = panel.grey ? "grayscale(1)" : "none"; // so that colours of a difference stand out
  context.drawImage(panel.image, ...on);
  context.filter = "none";
}

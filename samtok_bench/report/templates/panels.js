// Panels of a sample with their layers: target, answers, differences, further pictures.

const LAYERS = [
  ["image", "Image"], ["target", "Target"], ["answer", "Answer"], ["difference", "Difference"],
  ["regions", "Regions"], ["numbers", "Numbers"],
];
const LAYERS_OF_MASKS = ["target", "answer", "difference"];

let panels = [];
const layers = new Set(LAYERS.map(([name]) => name));
let opacity = 0.55;

function columnsOf(panels) {
  return INDEX.masks ? Math.min(3, panels.length) : 1;
}

// Panels: the target (or just the image), the answers, their differences, further pictures of the prompt.
function buildPanels(detail, sources) {
  const main = sources[0];
  const target = detail.target ? distinct(detail.target) : [];
  const several = INDEX.runs.length > 1;
  const regions = (picture) => detail.regions.flatMap((region, k) => region.picture === picture && region.mask
    ? [{ on: "regions", kind: "dashed", mask: region.mask, colour: REGION_COLOUR, label: `R${k + 1}` }] : []);
  const further = sources.slice(1).map((source, k) =>
    panel([`Image ${k + 2} of the prompt`], source, regions(k + 1)));
  if (!INDEX.masks) {
    const own = state.pair.length === 1 ? distinct(detail.answers[state.pair[0]]) : [];
    return [panel(["Image"], main, [...maskFills(own, "answer"), ...regions(0)]), ...further];
  }
  const answers = state.pair.map((run) => distinct(detail.answers[run]));
  const name = (k, what) => (several ? [runName(k), ` ${what}`] : [what]);
  return [
    panel(["Target"], main, [...maskFills(target, "target"), ...regions(0)], masksSaid(target)),
    ...answers.map((masks, k) => answerPanel(name(k, "Answer"), main, target, masks)),
    ...(several ? [{ figure: legendFigure() }] : []),
    ...answers.map((masks, k) => differencePanel(name(k, "Difference"), main, target, masks, detail)),
    ...further,
  ];
}

// A mask that comes again has the number of the first: it is one thing.
function shownNumber(owner, number) {
  const places = [...new Set(owner.masks.map((mask, k) => (mask ? mask.rle : k)))];
  return places.indexOf(owner.masks[number] ? owner.masks[number].rle : number);
}

function distinct(owner) {
  const first = new Map();
  owner.masks.forEach((mask, k) => {
    if (mask && !first.has(mask.rle)) first.set(mask.rle, [mask, shownNumber(owner, k)]);
  });
  return [...first.values()];
}

function maskFills(masks, on) {
  const label = (k) => (masks.length > 1 ? String(k + 1) : "");
  return masks.map(([mask, k]) => (
    { on, kind: "fill", edge: true, mask, colour: maskColour(k), label: label(k) }));
}

function answerPanel(title, source, target, masks) {
  const outlines = target.map(([mask]) => ({ on: "target", kind: "outline", mask, colour: INDEX.colours.target }));
  return panel(title, source, [...maskFills(masks, "answer"), ...outlines], masksSaid(masks));
}

function masksSaid(masks) {
  return masks.length === 0 ? "no mask" : masks.length === 1 ? "1 mask" : `${masks.length} masks`;
}

function differencePanel(title, source, target, answer, detail) {
  const size = { w: source.picture.w, h: source.picture.h };
  const ignore = detail.target && detail.target.ignore;
  const parts = differenceBits(target.map(([mask]) => mask), answer.map(([mask]) => mask), ignore, size);
  const made = Object.entries(PARTS).map(([name, { colour }]) => (
    { on: "difference", kind: "fill", bits: parts[name], mask: size, colour }));
  const [both, missed, beyond] = ["both", "missed", "beyond"].map((name) => countBits(parts[name]));
  const all = both + missed + beyond;
  const said = all ? `IoU of the unions ${((100 * both) / all).toFixed(1)}` : "no pixel on either side";
  return { ...panel(title, source, made, said), grey: true };
}

function panel(title, source, layersOf, said = "") {
  const canvas = element("canvas", { role: "img" });
  const caption = element("figcaption", {}, span("panel-title", ...title), span("dim", said));
  const { picture, image } = source;
  const notes = picture.note ? [element("p", { class: "warning small" }, picture.note)] : [];
  const name = caption.firstChild.textContent;
  const frame = element("button", { type: "button", class: "frame", title: "Enlarge (z)" }, canvas);
  frame.setAttribute("aria-label", `Enlarge ${name}`);
  const figure = element("figure", {}, caption, frame, ...notes);
  canvas.setAttribute("aria-label", [name, said, picture.note].filter(Boolean).join(", "));
  const made = { figure, canvas, frame, name, said, image, missing: !image, layersOf };
  return { ...made, size: { w: picture.w, h: picture.h } };
}

// What a panel shows while some layers are off.
function shownPanel(panel) {
  const shown = panel.layersOf.filter((layer) => layers.has(layer.on)).map((layer) => ({
    ...layer, bits: layer.bits || bitsOf(layer.mask), size: layer.mask,
    label: layers.has("numbers") ? layer.label : "",
  }));
  const [image, missing] = layers.has("image") ? [panel.image, panel.missing] : [null, false];
  return { ...panel, image, missing, layers: shown };
}

function drawOn(canvas, panel) {
  drawPanel(canvas, shownPanel(panel), panel.grey ? 1 - (1 - opacity) ** 2 : opacity, view);
}

function draw() {
  for (const panel of panels) {
    if (!panel.canvas) continue;
    fit(panel.canvas, panel.size);
    drawOn(panel.canvas, panel);
  }
  drawEnlarged();
}

function buildLayers() {
  const useful = LAYERS.filter(([name]) => (INDEX.masks || !LAYERS_OF_MASKS.includes(name))
    && (INDEX.regions || name !== "regions"));
  const boxes = useful.map(([name, label]) => {
    const box = element("input", { type: "checkbox", id: `layer-${name}`, checked: true });
    box.addEventListener("change", () => {
      if (box.checked) layers.add(name);
      else layers.delete(name);
      draw();
    });
    return element("label", { class: "toggle" }, box, label);
  });
  const range = { min: "0", max: "100", value: String(100 * opacity) };
  const slider = element("input", { type: "range", id: "opacity", ...range });
  slider.addEventListener("input", () => {
    opacity = Number(slider.value) / 100;
    draw();
  });
  byId("layers").append(element("fieldset", {}, element("legend", { class: "hidden" }, "Layers"), ...boxes));
  if (INDEX.masks) byId("layers").append(element("label", { class: "slider" }, "Opacity", slider));
}

function legendItems() {
  const items = Object.values(PARTS).slice(0, 3).map(({ colour, label }) => swatch(colour, label));
  const first = swatch(MASK_COLOURS[0], "a colour for each mask");
  first.firstChild.style.background = `linear-gradient(90deg, ${MASK_COLOURS.slice(0, 4).join(", ")})`;
  return [first, ...items, span("key-item", element("i", { class: "line" }), "outline of the target")];
}

function swatch(colour, label) {
  const box = element("i", {});
  box.style.background = colour;
  return span("key-item", box, label);
}

function legendFigure() {
  return element("div", { class: "legend inner" }, ...legendItems());
}

function buildLegend() {
  if (INDEX.masks && INDEX.runs.length === 1) byId("legend").append(...legendItems());
}

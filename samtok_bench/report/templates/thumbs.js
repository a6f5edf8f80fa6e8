// Small pictures of samples: drawn when they come into sight, and kept.

const THUMB = 220;

const thumbs = new Map();
const inSight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    inSight.unobserve(entry.target);
    drawThumb(entry.target).catch(() => {}); // a part is missing: the sample itself says so
  }
}, { rootMargin: "300px" });

// The picture of a sample with the first answer; a canvas that is empty at first.
function thumbOf(number) {
  const key = `${number} ${state.pair[0]}`;
  if (!thumbs.has(key)) {
    const canvas = element("canvas", { class: "thumb", width: THUMB, height: THUMB * 0.75 });
    canvas.setAttribute("aria-hidden", "true");
    canvas.dataset.sample = String(number);
    canvas.dataset.run = String(state.pair[0]);
    thumbs.set(key, canvas);
    inSight.observe(canvas);
  }
  return thumbs.get(key);
}

async function drawThumb(canvas) {
  const [detail, pictures] = await loadDetail(Number(canvas.dataset.sample));
  const first = detail.pictures[0];
  const picture = typeof first === "number" ? pictures[first] : { ...first, uri: "" };
  const image = picture.uri ? await loadImage(picture.uri) : null;
  const layer = (mask, kind, colour) => ({ kind, edge: true, colour, bits: decodeMask(mask), size: mask });
  const answered = distinct(detail.answers[Number(canvas.dataset.run)]);
  const wanted = detail.target ? distinct(detail.target) : [];
  const regions = detail.regions.filter((region) => region.picture === 0 && region.mask);
  const shown = [
    ...answered.map(([mask, k]) => layer(mask, "fill", maskColour(k))),
    ...wanted.map(([mask]) => layer(mask, "outline", INDEX.colours.target)),
    ...regions.map((region) => layer(region.mask, "dashed", REGION_COLOUR)),
  ];
  const scale = THUMB / Math.max(picture.w, picture.h);
  canvas.width = Math.max(1, Math.round(picture.w * scale));
  canvas.height = Math.max(1, Math.round(picture.h * scale));
  const size = { w: picture.w, h: picture.h };
  drawPanel(canvas, { size, image, missing: !image, layers: shown }, 0.6, WHOLE);
}

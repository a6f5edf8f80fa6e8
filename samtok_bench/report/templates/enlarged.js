// The view that all panels share, and panels at the size of the window.

const MOST_SCALE = 64;
const WHEEL = 1.0015; // scale a pixel of the wheel
const CLICK = 4; // pixels that a pointer may move and still click

let view = { ...WHOLE };
let enlarged = null; // what is shown: the number of a panel, "all", or null while the window is closed
let last = null;
let drawing = 0;

function look(next) {
  const scale = Math.min(MOST_SCALE, Math.max(1, next.scale));
  const within = (share) => Math.min(1 - 0.5 / scale, Math.max(0.5 / scale, share));
  view = { scale, x: within(next.x), y: within(next.y) };
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(draw);
}

// Zoom so that what lies under the pointer stays there.
function zoomAt(canvas, size, factor, event) {
  const scale = Math.min(MOST_SCALE, Math.max(1, view.scale * factor));
  const [across, down] = offset(canvas, size, event);
  const keep = 1 - view.scale / scale;
  look({ scale, x: view.x + across * keep, y: view.y + down * keep });
}

// From the middle of a canvas to the pointer, in shares of the picture.
function offset(canvas, size, event) {
  const box = canvas.getBoundingClientRect();
  const [k, ratio] = [placement(canvas, size, view).k, canvas.width / box.width];
  const from = (at, start, length, side) => ((at - start - length / 2) * ratio) / (side * k);
  return [from(event.clientX, box.left, box.width, size.w), from(event.clientY, box.top, box.height, size.h)];
}

// Wheel, drag and pinch on a canvas; `onClick` for a press that did not move.
function wireView(frame, canvas, size, free, onClick) {
  const held = new Map();
  let moved = 0;
  frame.addEventListener("wheel", (event) => {
    if (!free && !event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    zoomAt(canvas, size, WHEEL ** -(event.deltaY * (event.deltaMode ? 33 : 1)), event);
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, event);
    if (held.size === 1) moved = 0;
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const other = [...held.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    held.set(event.pointerId, event);
    moved += Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
    if (moved <= CLICK) return;
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    if (other) zoomAt(canvas, size, apart(event) / Math.max(1, apart(before)), event);
    const [then, now] = [before, event].map((pointer) => offset(canvas, size, pointer));
    if (!other) look({ ...view, x: view.x + then[0] - now[0], y: view.y + then[1] - now[1] });
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, (event) => held.delete(event.pointerId));
  }
  frame.addEventListener("dragstart", (event) => event.preventDefault());
  frame.addEventListener("click", (event) => {
    if (moved <= CLICK || event.detail === 0) onClick(); // 0: by a key
  });
}

// The window

function drawn() {
  return panels.filter((panel) => panel.canvas);
}

function wirePanels() {
  drawn().forEach((panel, k) => wireView(panel.frame, panel.canvas, panel.size, false, () => enlarge(k)));
}

function enlarge(which) {
  const all = drawn();
  if (!all.length) return;
  enlarged = which === "all" || which < all.length ? which : 0;
  last = enlarged;
  if (!byId("enlarged").open) {
    byId("enlarged").showModal();
    byId("stage").focus();
  }
  const names = [...all.map((panel, k) => [k, panel.name]), ...(all.length > 1 ? [["all", "All"]] : [])];
  byId("enlarged-which").replaceChildren(...names.map(([k, name]) => {
    const key = k === "all" ? "a" : String(k + 1);
    const button = element("button", { type: "button", title: `${name} (${key})` }, name);
    button.setAttribute("aria-pressed", String(k === enlarged));
    button.addEventListener("click", () => enlarge(k));
    return button;
  }));
  const shown = enlarged === "all" ? all : [all[enlarged]];
  byId("stage").replaceChildren(...shown.map((panel) => stagePanel(panel, shown.length > 1)));
  const [wide, tall] = [byId("stage").clientWidth, byId("stage").clientHeight];
  byId("stage").style.setProperty("--columns", String(bestColumns(shown, wide, tall)));
  const { w, h } = all[0].size;
  const stored = all[0].image && all[0].image.naturalWidth < w
    ? `, stored at ${all[0].image.naturalWidth} \u00d7 ${all[0].image.naturalHeight}` : "";
  byId("enlarged-about").textContent = `${byId("sample-title").textContent}; ${w} \u00d7 ${h} pixels${stored}`;
  drawEnlarged();
}

// The number of columns that shows pictures largest.
function bestColumns(shown, wide, tall) {
  const { w, h } = shown[0].size;
  const scale = (columns) =>
    Math.min(wide / columns / w, tall / Math.ceil(shown.length / columns) / h);
  const counts = shown.map((_, k) => k + 1);
  return counts.reduce((best, columns) => (scale(columns) > scale(best) ? columns : best));
}

function stagePanel(panel, named) {
  const canvas = element("canvas", { role: "img" });
  canvas.setAttribute("aria-label", panel.canvas.getAttribute("aria-label"));
  const frame = element("div", { class: "view" }, canvas);
  const said = named ? [span("stage-name", panel.name)] : [];
  const box = element("div", { class: "stage-panel" }, frame, ...said);
  wireView(frame, canvas, panel.size, true, () => {});
  frame.addEventListener("dblclick", (event) => {
    if (view.scale > 1) look(WHOLE);
    else zoomAt(canvas, panel.size, 4, event);
  });
  box.draw = () => {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(frame.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(frame.clientHeight * ratio));
    drawOn(canvas, panel);
    return placement(canvas, panel.size, view).k / ratio;
  };
  return box;
}

function drawEnlarged() {
  if (enlarged === null) return;
  const scales = [...byId("stage").children].map((box) => box.draw());
  byId("zoom-now").textContent = `${Math.round(100 * scales[0])} %`;
}

// A key while the window is open; whether it meant anything.
function keyEnlarged(key) {
  const zoom = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 }[key];
  if (zoom) look({ ...view, scale: view.scale * zoom });
  else if (key === "0") look(WHOLE);
  else if (key === "a") enlarge("all");
  else if (key === "z") byId("enlarged").close();
  else if (/^[1-9]$/.test(key) && Number(key) <= drawn().length) enlarge(Number(key) - 1);
  else return false;
  return true;
}

function buildEnlarged() {
  byId("zoom-in").addEventListener("click", () => keyEnlarged("+"));
  byId("zoom-out").addEventListener("click", () => keyEnlarged("-"));
  byId("zoom-fit").addEventListener("click", () => keyEnlarged("0"));
  byId("zoom-close").addEventListener("click", () => byId("enlarged").close());
  byId("enlarged").addEventListener("close", () => {
    enlarged = null;
    byId("stage").replaceChildren();
  });
  new ResizeObserver(drawEnlarged).observe(byId("stage"));
}

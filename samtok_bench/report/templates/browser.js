// The browser of samples: the list, the current sample, keys.

const LIST_STEP = 200;

let state = freshState();
let order = [];
let current = -1;
let listLength = LIST_STEP;

function currentState() {
  return state;
}

// The list

function change(what) {
  state = { ...state, ...what };
  if (what.pair || what.run !== undefined) buildControls(state, change);
  syncControls();
  refresh();
}

function refresh() {
  order = listed(state);
  listLength = LIST_STEP;
  const all = INDEX.samples.length;
  byId("count").textContent = order.length === all ? `${all} samples` : `${order.length} of ${all} samples`;
  byId("none").hidden = order.length > 0;
  byId("sample").hidden = order.length === 0;
  drawList();
  if (!order.includes(current)) show(order.length ? order[0] : -1);
  else show(current);
}

function drawList() {
  byId("list").replaceChildren(...order.slice(0, listLength).map(listItem));
  byId("more").hidden = order.length <= listLength;
}

function markCurrent() {
  const place = order.indexOf(current);
  if (place >= listLength) {
    listLength = LIST_STEP * Math.ceil((place + 1) / LIST_STEP);
    drawList();
  }
  for (const button of byId("list").querySelectorAll("button")) {
    if (Number(button.dataset.sample) === current) {
      button.setAttribute("aria-current", "true");
      if (isGrid()) button.focus(); // and scrolls the page
      else keepInView(byId("list"), button);
    } else button.removeAttribute("aria-current");
  }
}

// The grid of thumbnails takes the place of the current sample.

function isGrid() {
  return byId("columns").classList.contains("grid");
}

function setGrid(on) {
  byId("columns").classList.toggle("grid", on);
  byId("grid").setAttribute("aria-pressed", String(on));
  markCurrent();
  if (!on) draw();
}

// How many thumbnails stand in a row.
function gridColumns() {
  const tops = [...byId("list").children].map((item) => item.offsetTop);
  const second = tops.findIndex((top) => top > tops[0]);
  return second < 0 ? tops.length : second;
}

// Scrolls the list alone: the page stays where it is.
function keepInView(list, item) {
  const [outer, inner] = [list.getBoundingClientRect(), item.getBoundingClientRect()];
  if (inner.top >= outer.top && inner.bottom <= outer.bottom) return;
  list.scrollTop += (inner.top + inner.bottom - outer.top - outer.bottom) / 2;
}

function listItem(number) {
  const sample = INDEX.samples[number];
  const marks = state.pair.map((run, k) => {
    const answer = sample.answers[run];
    const name = INDEX.runs.length > 1 ? `${nameOf(k)} ` : "";
    const said = span("score", name + formatScore(shownScore(answer, state.score), state.score));
    if (answer.outcome !== "ok") said.prepend(span("fault", answer.outcome), " ");
    return said;
  });
  const button = element("button", { type: "button", "data-sample": String(number) },
    span("thumb-frame", thumbOf(number)), span("asked", sample.title), span("scores", ...marks));
  button.addEventListener("click", () => {
    const wasGrid = isGrid();
    if (wasGrid) setGrid(false);
    show(number);
    if (wasGrid) byId("sample").scrollIntoView({ block: "nearest" });
  });
  return element("li", {}, button);
}

// The current sample

async function show(number) {
  if (number !== current) view = { ...WHOLE };
  current = number;
  markCurrent();
  if (number < 0) return;
  const sample = INDEX.samples[number];
  const place = order.indexOf(number) + 1;
  byId("sample-title").textContent = `${place} of ${order.length}`;
  byId("badges").replaceChildren(...badges(sample));
  byId("announce").textContent = announcement(sample, place);
  history.replaceState(null, "", `#${sample.id}`);
  try {
    const [detail, pictures] = await loadDetail(number);
    if (current !== number) return; // another sample was chosen meanwhile
    await showDetail(sample, detail, pictures, number);
  } catch (error) {
    byId("panels").replaceChildren();
    byId("texts").replaceChildren(element("p", { class: "warning" }, String(error.message)));
  }
}

function announcement(sample, place) {
  const said = state.pair.map((run, k) => {
    const name = INDEX.runs.length > 1 ? `run ${nameOf(k)} ` : "";
    const value = METRIC ? `, ${METRIC.display} ${formatScore(shownScore(sample.answers[run], ""), "")}` : "";
    return `${name}${sample.answers[run].outcome}${value}`;
  });
  return `Sample ${place} of ${order.length}: ${sample.title}. ${said.join("; ")}`;
}

function badges(sample) {
  const made = state.pair.map((run, k) => {
    const answer = sample.answers[run];
    const several = INDEX.runs.length > 1;
    const value = METRIC ? ` ${METRIC.display} ${formatScore(shownScore(answer, ""), "")}` : "";
    const kind = answer.outcome === "ok" ? "badge" : "badge fault";
    return span(kind, ...(several ? [runName(k)] : []), ` ${answer.outcome}${value}`);
  });
  const won = INDEX.runs.length > 1 && METRIC ? winner(sample, state.pair) : "";
  if (won) made.push(span("badge won", won === "tie" ? "tie" : `${nameOf("AB".indexOf(won))} wins`));
  const tags = Object.entries(sample.tags).map(([tag, value]) => span("badge tag", `${tag}: ${value}`));
  return [...made, ...tags, element("code", { class: "id" }, sample.id)];
}

function nameOf(k) {
  return INDEX.runs[state.pair[k]].name;
}

function runName(k) {
  return element("b", { class: `run run-${state.pair[k] % 4}` }, nameOf(k));
}

async function showDetail(sample, detail, pictures, number) {
  const sources = await Promise.all(detail.pictures.map(async (found) => {
    const picture = typeof found === "number" ? pictures[found] : { ...found, uri: "", note: "" };
    return { picture, image: picture.uri ? await loadImage(picture.uri) : null };
  }));
  if (current !== number) return;
  panels = buildPanels(detail, sources);
  wirePanels();
  byId("panels").style.setProperty("--columns", String(columnsOf(panels)));
  byId("panels").replaceChildren(...panels.map((panel) => panel.figure));
  byId("texts").replaceChildren(...texts(sample, detail));
  if (enlarged !== null) enlarge(enlarged);
  draw();
}

// Controls, keys and links of the charts

function syncControls() {
  const values = { search: state.search, outcome: state.outcome, score: state.score, wins: state.wins,
    from: state.from ?? "", to: state.to ?? "", order: state.order };
  for (const [id, value] of Object.entries(values)) {
    const box = byId(id);
    if (box && box !== document.activeElement && box.value !== String(value)) box.value = String(value);
  }
  for (const box of document.querySelectorAll("#controls [data-tag]")) {
    box.value = state.tags[box.dataset.tag] || "";
  }
}

function step(by) {
  const place = order.indexOf(current) + by;
  if (place >= 0 && place < order.length) show(order[place]);
}

function reset() {
  document.activeElement.blur();
  change({ ...freshState(), pair: state.pair, run: state.pair[0] });
}

function isTyping(target) {
  return target.matches("input:not([type=checkbox]), select, textarea, [contenteditable]");
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && isTyping(event.target)) event.target.blur();
  else if (isTyping(event.target)) return;
  else if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else if (enlarged !== null) {
    if (!keyEnlarged(event.key)) return;
  } else if (event.key === "ArrowUp" && isGrid()) step(-gridColumns());
  else if (event.key === "ArrowDown" && isGrid()) step(gridColumns());
  else if (event.key === "z" && !isGrid()) enlarge(last ?? (INDEX.masks ? 1 : 0));
  else if (event.key === "g") setGrid(!isGrid());
  else if (event.key === "/") byId("search").focus();
  else return;
  event.preventDefault();
}

function wireCharts() {
  for (const bar of document.querySelectorAll("[data-low]")) {
    bar.addEventListener("click", () => {
      const run = Number(bar.dataset.run);
      const [from, to] = [SCALE * bar.dataset.low, SCALE * bar.dataset.high];
      const pair = state.pair.includes(run) ? state.pair : [run, state.pair[1]];
      filterAndShow({ score: "", from, to, below: !bar.matches(":last-child"), run, pair });
    });
  }
  for (const bar of document.querySelectorAll("button[data-tag]")) {
    bar.addEventListener("click", () => filterAndShow({ tags: { [bar.dataset.tag]: bar.dataset.value } }));
  }
}

function filterAndShow(what) {
  change({ ...freshState(), pair: state.pair, run: state.pair[0], ...what });
  byId("samples").scrollIntoView();
  byId("samples").focus({ preventScroll: true });
}

function start() {
  for (const sample of INDEX.samples) sample.searchable = `${sample.id}\n${sample.text}`.toLowerCase();
  const whole = byId("part-0");
  if (whole) receivePart(0, JSON.parse(whole.textContent));
  buildControls(state, change);
  buildLayers();
  buildLegend();
  buildEnlarged();
  wireCharts();
  byId("search").addEventListener("input", () => change({ search: byId("search").value }));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("grid").addEventListener("click", () => setGrid(!isGrid()));
  byId("reset").addEventListener("click", reset);
  byId("reset-none").addEventListener("click", reset);
  byId("more").addEventListener("click", () => {
    listLength += LIST_STEP;
    drawList();
  });
  byId("texts").addEventListener("toggle", ({ target }) => {
    const summary = target.firstChild.textContent;
    if (target.open) openFolds.add(summary);
    else openFolds.delete(summary);
  }, true);
  document.addEventListener("keydown", onKey);
  new ResizeObserver(draw).observe(byId("panels"));
  const linked = INDEX.samples.findIndex((sample) => sample.id === location.hash.slice(1));
  current = linked;
  refresh();
}

start();

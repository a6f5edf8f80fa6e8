// Filters and sorting: which samples are listed, in which order.

const TIE = 1e-9;

function byId(id) {
  return document.getElementById(id);
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children); // strings become text, never markup
  return made;
}

function span(kind, ...children) {
  return element("span", { class: kind }, ...children);
}

const INDEX = JSON.parse(byId("index").textContent);
const METRIC = INDEX.metric;
const SCALE = METRIC && !METRIC.unit ? 100 : 1;

function freshState() {
  return {
    search: "", outcome: "", tags: {}, score: METRIC ? "" : INDEX.keys[0] || "", run: 0,
    from: null, to: null, below: false, // whether `to` itself is left out, as in a bar of the histogram
    order: "data", wins: "", pair: INDEX.runs.length > 1 ? [0, 1] : [0],
  };
}

// The chosen score of an answer, as it is shown; null where it has none.
function shownScore(answer, key) {
  if (key !== "") return answer.scores[INDEX.keys.indexOf(key)] ?? null;
  return answer.value === null ? null : SCALE * answer.value;
}

function formatScore(value, key) {
  if (value === null) return "n/a";
  if (key === "") return value.toFixed(METRIC.unit || Math.abs(value) < 1000 ? 2 : 0);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

// How much better B is than A on a sample by the ranking metric; null where either has no value.
function gain(sample, pair) {
  const [a, b] = pair.map((run) => sample.answers[run].value);
  return a === null || b === null || b === undefined ? null : METRIC.sign * (b - a);
}

function winner(sample, pair) {
  const won = gain(sample, pair);
  if (won === null) return "";
  return Math.abs(won) <= TIE ? "tie" : won > 0 ? "B" : "A";
}

function matches(sample, state) {
  const shown = state.pair.map((run) => sample.answers[run]);
  if (state.search && !sample.searchable.includes(state.search.toLowerCase())) return false;
  if (state.outcome && !shown.some((answer) => answer.outcome === state.outcome)) return false;
  for (const [tag, value] of Object.entries(state.tags)) {
    if (value && sample.tags[tag] !== value) return false;
  }
  if (state.wins && winner(sample, state.pair) !== state.wins) return false;
  return inRange(sample, state);
}

function inRange(sample, state) {
  if (state.from === null && state.to === null) return true;
  const value = shownScore(sample.answers[state.run], state.score);
  if (value === null) return false;
  if (state.from !== null && value < state.from) return false;
  return state.to === null || value < state.to || (value === state.to && !state.below);
}

// The numbers of the samples that match, in order; those without a value come last.
function listed(state) {
  const found = INDEX.samples.map((_, k) => k).filter((k) => matches(INDEX.samples[k], state));
  if (state.order === "data") return found;
  const key = (k) => {
    const sample = INDEX.samples[k];
    if (state.order === "most" || state.order === "least") return gain(sample, state.pair);
    return shownScore(sample.answers[state.run], state.score);
  };
  if (state.order === "failures") return found.sort(failuresFirst(state));
  const descending = state.order === "high" || state.order === "most" ? -1 : 1;
  const keys = new Map(found.map((k) => [k, key(k)]));
  return found.sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    return descending * (x - y) || a - b;
  });
}

// By outcome, then the worst value of the ranking metric; samples without a value come after those with one.
function failuresFirst(state) {
  const about = (k) => INDEX.samples[k].answers[state.run];
  const badness = ({ value }) => (METRIC && value !== null ? METRIC.sign * value : Infinity);
  const compared = (x, y) => (x < y ? -1 : x > y ? 1 : 0);
  return (a, b) => {
    const [x, y] = [about(a), about(b)];
    return (x.outcome === "ok") - (y.outcome === "ok") || compared(badness(x), badness(y)) || a - b;
  };
}

function select(id, label, options, onChange) {
  const box = element("select", id ? { id } : {});
  for (const [value, text] of options) box.append(element("option", { value }, text));
  box.addEventListener("change", () => onChange(box.value));
  return element("label", {}, label, box);
}

function numberInput(id, label, onChange) {
  const box = element("input", { id, type: "number", step: "any" });
  box.addEventListener("input", () => onChange(box.value === "" ? null : Number(box.value)));
  return element("label", { class: "short" }, label, box);
}

// The controls below the search; `change` takes what differs.
function buildControls(state, change) {
  const root = byId("controls");
  root.replaceChildren();
  if (INDEX.runs.length > 2) addPairs(root, state, change);
  if (INDEX.runs.length > 1 && METRIC) {
    const [a, b] = state.pair.map((run) => INDEX.runs[run].name);
    const wins = [["", "any"], ["A", `${a} wins`], ["B", `${b} wins`], ["tie", "tie"]];
    root.append(select("wins", METRIC.display, wins, (wins) => change({ wins })));
  }
  if (INDEX.outcomes.length > 1) {
    const outcomes = [["", "any"], ...INDEX.outcomes.map((outcome) => [outcome, outcome])];
    root.append(select("outcome", "Outcome", outcomes, (outcome) => change({ outcome })));
  }
  for (const [tag, values] of Object.entries(INDEX.tags)) {
    const options = [["", "any"], ...values.map((value) => [value, value])];
    const choose = (value) => change({ tags: { ...currentState().tags, [tag]: value } });
    const box = select(null, tag, options, choose);
    box.lastChild.dataset.tag = tag;
    root.append(box);
  }
  if (METRIC || INDEX.keys.length) addScore(root, state, change);
}

function addPairs(root, state, change) {
  const runs = INDEX.runs.map((run, k) => [String(k), `${run.name} ${run.label}`]);
  for (const place of [0, 1]) {
    const box = select(`pair-${place}`, place ? "Right" : "Left", runs, (value) => {
      const pair = [...currentState().pair];
      pair[place] = Number(value);
      change({ pair, run: pair[0] });
    });
    box.lastChild.value = String(state.pair[place]);
    root.append(box);
  }
}

function addScore(root, state, change) {
  const scores = INDEX.keys.map((key) => [key, key]);
  if (METRIC) scores.unshift(["", METRIC.display]);
  const several = INDEX.runs.length > 1;
  const of = several ? ` of ${INDEX.runs[state.run].name}` : "";
  const choose = (score) => change({ score, from: null, to: null, below: false });
  root.append(select("score", `Score${of}`, scores, choose));
  root.append(numberInput("from", "from", (from) => change({ from })));
  root.append(numberInput("to", "to", (to) => change({ to, below: false })));
  const orders = [
    ["data", "as in the data"], ["failures", `failures${of} first`], ["low", `lowest score${of} first`], ["high", `highest score${of} first`],
  ];
  if (several && METRIC) {
    const second = INDEX.runs[state.pair[1]].name;
    orders.push(["most", `${second} gains most first`], ["least", `${second} loses most first`]);
  }
  root.append(select("order", "Order", orders, (order) => change({ order })));
}

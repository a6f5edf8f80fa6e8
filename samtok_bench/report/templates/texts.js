// Texts beside the pictures: prompt, target, answers, scores.

let scoresOpen = false;

function texts(sample, detail) {
  const blocks = promptBlocks(detail.prompts);
  const { target } = detail;
  if (target) blocks.push(block(["Target"], piecesBody(target.pieces, target, "nothing to segment")));
  const several = INDEX.runs.length > 1;
  const answers = state.pair.map((run, k) => {
    const title = several ? [runName(k), ` ${INDEX.runs[run].label}`] : ["Answer"];
    return block(title, answerBody(sample, detail.answers[run], run));
  });
  blocks.push(element("div", { class: several ? "side" : "" }, ...answers));
  blocks.push(...detail.notes.map((note) => element("p", { class: "warning" }, note)));
  blocks.push(scoresTable(sample));
  return blocks;
}

// One prompt, or one for each run where runs were told their own earlier answers.
function promptBlocks(prompts) {
  if (prompts.length <= 1) return prompts.map((turns) => block(["Prompt"], promptBody(turns)));
  return state.pair.map((run, k) => block([runName(k), " Prompt"], promptBody(prompts[run])));
}

function block(title, body) {
  return element("section", { class: "text" }, element("h4", {}, ...title), body);
}

function promptBody(turns) {
  const speaker = (role) => (turns.length > 1 ? [element("b", { class: "role" }, `${role} `)] : []);
  const made = turns.map(([role, pieces]) =>
    element("p", { class: `turn ${role}` }, ...speaker(role), ...pieces.map((piece) => pieceShown(piece, {}))));
  return element("div", { class: "said" }, ...made);
}

function piecesBody(pieces, owner, empty) {
  const made = pieces.length ? pieces.map((piece) => pieceShown(piece, owner)) : [span("dim", empty)];
  return element("p", { class: "said" }, ...made);
}

function pieceShown(piece, owner) {
  if (typeof piece === "string") return piece;
  const [kind, number, words] = piece;
  if (kind === "image") return span("chip image", number ? `image ${number + 1}` : "image");
  if (kind === "region") return span("chip region", `region ${number + 1}`);
  const colour = maskColour(number);
  const phrase = (owner.phrases || [])[number];
  const chip = span("chip mask", element("b", {}, String(number + 1)), words || "mask");
  chip.title = phrase ? `mask ${number + 1}: ${phrase}` : `mask ${number + 1}`;
  chip.style.setProperty("--mask", colour);
  chip.style.setProperty("--ink", inkOn(colour));
  return chip;
}

function answerBody(sample, answer, run) {
  const { outcome } = sample.answers[run];
  const said = piecesBody(answer.pieces, answer, "no text");
  const facts = [
    outcome === "ok" ? null : [`outcome: ${outcome}${answer.detail ? `, ${answer.detail}` : ""}`, "fault"],
    answer.faults.length ? [`faults: ${answer.faults.join(", ")}`, "fault"] : null,
    answer.stop === "length" ? ["stopped at the token limit", "fault"] : null,
    answer.seconds === null ? null : [`${Number(answer.seconds.toPrecision(3))} s`, ""],
    answer.prompt_tokens ? [`${answer.prompt_tokens} prompt tokens`, ""] : null,
    answer.new_tokens ? [`${answer.new_tokens} new tokens`, ""] : null,
  ].filter(Boolean);
  const shown = facts.map(([text, kind]) => span(kind, text));
  return element("div", {}, said, element("p", { class: "facts-line" }, ...shown));
}

function scoresTable(sample) {
  const names = state.pair.map((_, k) => (INDEX.runs.length > 1 ? nameOf(k) : "value"));
  const head = element("tr", {}, element("th", { scope: "col" }, "score"),
    ...names.map((name) => element("th", { scope: "col", class: "number" }, name)));
  const rows = INDEX.keys
    .map((key, place) => [key, state.pair.map((run) => sample.answers[run].scores[place])])
    .filter(([, values]) => values.some((value) => value !== null))
    .map(([key, values]) => element("tr", {}, element("th", { scope: "row" }, key),
      ...values.map((value) => element("td", { class: "number" }, formatScore(value, key)))));
  const table = element("table", { class: "scores-table" }, element("thead", {}, head),
    element("tbody", {}, ...rows));
  const summary = element("summary", {}, "Scores as in samples.jsonl");
  return element("details", { class: "scores-of", open: scoresOpen }, summary, table);
}

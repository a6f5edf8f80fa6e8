// Texts beside the pictures: prompt, target, answers, scores.

const LONG_PROMPT = 280;

const openFolds = new Set(); // summaries of what the reader opened, on any sample

function texts(sample, detail) {
  const shown = viewBlocks(sample, detail);
  const blocks = promptBlocks(detail.prompts, detail.answers[state.pair[0]].view);
  if (shown) {
    blocks.push(...shown);
    if (state.pair.some((run) => detail.answers[run].pieces.length)) blocks.push(asWritten(detail));
  } else {
    const { target } = detail;
    if (target) blocks.push(block(["Target"], piecesBody(target.pieces, target, "nothing to segment")));
    const answers = state.pair.map((run, k) => block(answerTitle(run, k), answerBody(sample, detail.answers[run], run)));
    blocks.push(element("div", { class: answers.length > 1 ? "side" : "" }, ...answers));
  }
  blocks.push(...detail.notes.map((note) => element("p", { class: "warning" }, note)));
  blocks.push(scoresTable(sample));
  return blocks;
}

function answerTitle(run, k) {
  return INDEX.runs.length > 1 ? [runName(k), ` ${INDEX.runs[run].label}`] : ["Answer"];
}

// The texts that a view was read from.
function asWritten(detail) {
  const { target } = detail;
  const blocks = target && target.pieces.length ? [block(["Target"], piecesBody(target.pieces, target, ""))] : [];
  blocks.push(...state.pair.map((run, k) =>
    block(answerTitle(run, k), piecesBody(detail.answers[run].pieces, detail.answers[run], "no text"))));
  return folded("Texts as written", element("div", { class: "texts" }, ...blocks));
}

function folded(summary, ...inner) {
  return element("details", { class: "folded", open: openFolds.has(summary) }, element("summary", {}, summary), ...inner);
}

// One prompt, or one for each run where runs were told their own earlier answers.
function promptBlocks(prompts, view) {
  const one = prompts.length === 1;
  return (one ? [0] : prompts.length ? state.pair : []).map((place, k) => {
    const turns = prompts[place];
    const length = turns.flatMap(([, pieces]) => pieces).reduce((sum, piece) => sum + piece.length, 0);
    const title = one ? ["Prompt"] : [runName(k), " Prompt"];
    const asks = view && view.question;
    if (!asks && (turns.length > 1 || length < LONG_PROMPT)) return block(title, promptBody(turns));
    const question = asks ? [block(["Question"], piecesBody(view.question, {}, ""))] : [];
    return element("div", {}, ...question, folded(one ? "Prompt" : `Prompt ${nameOf(k)}`, promptBody(turns)));
  });
}

function block(title, body) {
  return element("section", { class: "text" }, element("h4", {}, ...title), body);
}

// A dialogue as bubbles, a single question as a text.
function promptBody(turns) {
  const dialogue = turns.length > 1;
  const made = turns.map(([role, pieces]) => {
    const speaker = dialogue ? [element("b", { class: "role" }, `${role} `)] : [];
    return element("p", { class: `turn ${role}` }, ...speaker, ...pieces.map((piece) => pieceShown(piece, {})));
  });
  return element("div", { class: dialogue ? "bubbles" : "said" }, ...made);
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
  const place = shownNumber(owner, number);
  const phrase = (owner.phrases || [])[number];
  const chip = span("chip mask", element("b", {}, String(place + 1)), words || "mask");
  chip.title = phrase ? `mask ${place + 1}: ${phrase}` : `mask ${place + 1}`;
  return inked(chip, place);
}

// With the colour of a mask as its ground.
function inked(chip, place) {
  chip.style.setProperty("--mask", maskColour(place));
  chip.style.setProperty("--ink", inkOn(maskColour(place)));
  return chip;
}

function answerBody(sample, answer, run) {
  const said = piecesBody(answer.pieces, answer, "no text");
  return element("div", {}, said, ...judgements(answer), factsLine(sample.answers[run], answer));
}

function factsLine({ outcome }, answer) {
  const facts = [
    outcome === "ok" ? null : [`outcome: ${outcome}${answer.detail ? `, ${answer.detail}` : ""}`, "fault"],
    answer.faults.length ? [`faults: ${answer.faults.join(", ")}`, "fault"] : null,
    answer.stop === "length" ? ["stopped at the token limit", "fault"] : null,
    answer.seconds === null ? null : [`${Number(answer.seconds.toPrecision(3))} s`, ""],
    answer.prompt_tokens ? [`${answer.prompt_tokens} prompt tokens`, ""] : null,
    answer.new_tokens ? [`${answer.new_tokens} new tokens`, ""] : null,
  ].filter(Boolean);
  return element("p", { class: "facts-line" }, ...facts.map(([text, kind]) => span(kind, text)));
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
  return folded("Scores as in samples.jsonl", table);
}

// How a task shows its answers: a sentence, choices, relations, a statement, a refusal.

const VERDICTS = { right: "\u2713", half: "\u00bd", wrong: "\u2717" };
const VERDICT_NAMES = { right: "right", half: "half right", wrong: "wrong" };

// The blocks of the target and the answers; null where the task shows nothing of its own.
function viewBlocks(sample, detail) {
  const views = state.pair.map((run) => detail.answers[run].view);
  const first = views.find(Boolean);
  if (!first || !VIEWS[first.kind]) return null;
  const { target, answer } = VIEWS[first.kind];
  const answers = state.pair.map((run, k) => block(answerTitle(run, k), element("div", {},
    views[k] ? answer(views[k], detail.answers[run], detail) : piecesBody(detail.answers[run].pieces, detail.answers[run], "no text"),
    ...judgements(detail.answers[run]), factsLine(sample.answers[run], detail.answers[run]))));
  const wanted = target ? [block([target.title], target.body(first, detail))] : [];
  const side = target && target.beside && answers.length === 1;
  const rows = side ? [element("div", { class: "side" }, ...wanted, ...answers)]
    : [...wanted, element("div", { class: answers.length > 1 ? "side" : "" }, ...answers)];
  return rows;
}

const VIEWS = {
  sentence: {
    target: { title: "Target", body: (view, detail) => sentenceBody(view.target, detail.target) },
    answer: (view, answer) => sentenceBody(view.answer, answer),
  },
  relations: {
    target: { title: "Target", body: (view, detail) => relationsBody(view.target, detail.target, true) },
    answer: (view, answer) => relationsBody(view.answer, answer, false, view.besides),
  },
  choices: { answer: (view) => choicesBody(view) },
  statement: {
    target: { title: "Reference", beside: true, body: (view) => element("p", { class: "said" }, view.reference) },
    answer: (view) => element("p", { class: "said" }, view.answer || span("dim", "no words")),
  },
  refusal: {
    target: {
      title: "Target",
      body: (view, detail) => piecesBody(detail.target ? detail.target.pieces : [], detail.target, "nothing to segment"),
    },
    answer: (view, answer) => refusalBody(view, answer),
  },
};

function sentenceBody(pieces, owner) {
  const made = pieces.map((piece) => (typeof piece === "string" ? piece : linkedWords(piece, owner)));
  return element("p", { class: "said sentence" }, ...(made.length ? made : [span("dim", "no words")]));
}

// Words in the colours of their masks, with the masks' numbers.
function linkedWords([, numbers, text], owner) {
  const marks = numbers.map((number) => {
    const mark = element("b", {}, String(shownNumber(owner, number) + 1));
    return inked(mark, shownNumber(owner, number));
  });
  const words = span(numbers.length ? "linked" : "linked without", text, ...marks);
  words.title = numbers.length ? "" : "a phrase without a mask";
  if (numbers.length) words.style.setProperty("--mask", maskColour(shownNumber(owner, numbers[0])));
  return words;
}

function relationsBody(rows, owner, isTarget, besides = "") {
  const said = isTarget ? { right: "found", wrong: "missed" } : VERDICT_NAMES;
  const made = rows.map((row) => {
    const mark = span(`mark ${row.verdict}`, isTarget && row.verdict === "wrong" ? "\u2013" : VERDICTS[row.verdict]);
    mark.setAttribute("aria-label", said[row.verdict]);
    mark.title = said[row.verdict];
    const why = row.why && !isTarget ? [span("why", row.why)] : [];
    return element("li", { class: "relation" }, mark, linkedWords(row.subject, owner), span("predicate", row.predicate),
      linkedWords(row.object, owner), ...why);
  });
  const list = element("ol", { class: "said relations" }, ...(made.length ? made : [element("li", { class: "dim" }, "no triplet")]));
  return element("div", {}, list, ...(besides ? [element("p", { class: "facts-line" }, span("fault", besides))] : []));
}

function choicesBody(view) {
  const rows = view.choices.map(({ letter, pieces }) => {
    const [right, given] = [letter === view.right, letter === view.given];
    const kind = given ? (right ? "right" : "wrong") : right ? "missed" : "";
    const said = [given ? "given" : "", right ? "right" : ""].filter(Boolean).join(", ");
    return element("li", { class: `choice ${kind}` }, element("b", {}, letter),
      element("span", {}, ...pieces.map((piece) => pieceShown(piece, {}))), span("choice-said", said));
  });
  const unread = view.given === null ? [element("p", { class: "fault" }, "means no choice")] : [];
  return element("div", {}, element("ul", { class: "choices" }, ...rows), ...unread);
}

function refusalBody(view, answer) {
  const said = view.right ? "rightly: there is nothing to segment" : "wrongly: there is something to segment";
  const mark = span(`mark ${view.right ? "right" : "wrong"}`, view.right ? VERDICTS.right : VERDICTS.wrong);
  const text = answer.pieces.length ? [span("quote", ...answer.pieces.map((piece) => pieceShown(piece, answer)))] : [];
  return element("p", { class: "said refusal" }, mark, element("b", {}, "Refused"), ` ${said}`, ...text);
}

function judgements(answer) {
  return answer.judged.map(({ by, scores, replies }) => {
    const values = Object.entries(scores).map(([name, value]) =>
      span("", `${name} ${Number(value.toPrecision(4))}`));
    return element("div", { class: "judged" }, element("b", {}, `Judged by ${by}`),
      element("p", { class: "facts-line" }, ...values), ...replies.map((reply) => element("p", { class: "reply" }, reply)));
  });
}

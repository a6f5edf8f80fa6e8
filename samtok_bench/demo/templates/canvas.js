// Marking regions on the picture: gestures become events with pixels of the picture.
// `element`, `props`, `trigger` and `watch` are gradio's.
const HINTS = {
  box: "Drag from one corner of a thing to the opposite one.",
  point: "Click into a thing.",
  stroke: "Paint over a thing.",
};
const frame = element.querySelector(".frame");
const image = frame.querySelector("img");
const preview = frame.querySelector("svg");
const badges = frame.querySelector(".badges");
const width = element.querySelector(".width");
let tool = "box";
let mode = "new";
let path = null; // of the gesture that is going on

function press(kind, value) {
  for (const button of element.querySelectorAll(`[data-${kind}]`))
    button.setAttribute("aria-pressed", String(button.dataset[kind] === value));
}

function take(name) {
  tool = name;
  press("tool", name);
  element.querySelector(".modes").hidden = name === "box";
  width.hidden = name !== "stroke";
  element.querySelector(".hint").textContent = HINTS[name];
}

function show() {
  const value = props.value;
  if (!value) return;
  image.src = value.picture;
  preview.setAttribute("viewBox", `0 0 ${value.width} ${value.height}`);
  badges.replaceChildren(...value.badges.map(badge));
  frame.classList.remove("busy");
  clear();
}

function badge({ number, colour, x, y, lit }) {
  const mark = document.createElement("b");
  mark.textContent = number;
  mark.className = lit ? "number" : "number dim";
  mark.style.cssText = `--colour: ${colour}; left: ${100 * x}%; top: ${100 * y}%`;
  return mark;
}

function clear() {
  path = null;
  preview.replaceChildren();
}

function place(event) {
  const { left, top, width, height } = image.getBoundingClientRect();
  const inside = (share) => Math.min(Math.max(share, 0), 1);
  return [
    inside((event.clientX - left) / width) * props.value.width,
    inside((event.clientY - top) / height) * props.value.height,
  ];
}

const brush = () => (width.querySelector("input").value / 100) * Math.max(props.value.width, props.value.height);

function draw() {
  const [[x0, y0], [x1, y1]] = [path[0], path.at(-1)];
  const shape = document.createElementNS("http://www.w3.org/2000/svg", tool === "box" ? "rect" : "polyline");
  const attributes =
    tool === "box"
      ? { x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0) }
      : { points: path.map((point) => point.join()).join(" "), "stroke-width": brush() };
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  preview.replaceChildren(shape);
}

function send(event) {
  const [[x0, y0], [x1, y1]] = [path[0], path.at(-1)];
  const how = event.altKey ? "take" : event.shiftKey ? "add" : mode;
  const change = how === "new" ? null : props.value.chosen;
  const inside = how !== "take";
  frame.classList.add("busy");
  if (tool === "box") trigger("box", { x0, y0, x1, y1 });
  else if (tool === "point") trigger("point", { x: x1, y: y1, change, inside });
  else trigger("stroke", { points: path, width: brush(), change, inside });
  path = null;
}

frame.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !props.value || frame.classList.contains("busy")) return;
  event.preventDefault();
  frame.setPointerCapture(event.pointerId);
  path = [place(event)];
  draw();
});
frame.addEventListener("pointermove", (event) => {
  if (path === null) return;
  path.push(place(event));
  draw();
});
frame.addEventListener("pointerup", (event) => {
  if (path === null) return;
  path.push(place(event));
  send(event);
});
frame.addEventListener("pointercancel", clear);
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.tool) take(button.dataset.tool);
  if (button?.dataset.mode) press("mode", (mode = button.dataset.mode));
});

// a picture that is dropped here goes the way of the button that opens one
frame.addEventListener("dragover", (event) => event.preventDefault());
frame.addEventListener("drop", (event) => {
  event.preventDefault();
  const input = document.querySelector("#pictures input[type=file]");
  if (!input || !event.dataTransfer.files.length) return;
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

take("box");
watch("value", show);
show();

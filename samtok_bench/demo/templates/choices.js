// Buttons in a list that is written anew with each change: data-NAME="VALUE" becomes the event NAME.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { choose, refer, remove, scene, ask } = button.dataset;
  if (choose) trigger("choose", { number: Number(choose) });
  if (refer) trigger("refer", { number: Number(refer) });
  if (remove) trigger("remove", { number: Number(remove) });
  if (scene) trigger("scene", { number: Number(scene) });
  if (ask) trigger("ask", { text: ask });
});

// a dialogue shows its end when it has grown
let turns = 0;
watch("value", () => {
  const dialogue = element.querySelector(".dialogue");
  const now = dialogue ? dialogue.children.length : 0;
  if (now > turns) dialogue.scrollTo({ top: dialogue.scrollHeight, behavior: "smooth" });
  turns = now;
});

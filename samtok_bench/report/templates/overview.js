// Filters of the page over many runs.

const rows = [...document.querySelectorAll("tbody tr")];
const form = document.getElementById("filters");

function filter() {
  const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = [...form.querySelectorAll("select")].filter(box => box.value);
  let shown = 0;
  for (const row of rows) {
    const about = row.textContent.toLowerCase();
    row.hidden = !(words.every(word => about.includes(word))
      && chosen.every(box => row.dataset[box.name] === box.value));
    shown += !row.hidden;
  }
  document.getElementById("count").textContent = `${shown} of ${rows.length} runs`;
}

for (const kind of ["input", "change"]) form.addEventListener(kind, filter);
form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("reset", () => setTimeout(filter));
form.hidden = false;
filter();

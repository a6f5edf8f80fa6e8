const field = name => document.getElementById(name);
const rows = [...document.querySelectorAll("section.benchmark tr[data-method]")];

function filter() {
  const words = field("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const section = row.closest("section");
    const about = `${section.querySelector("h2").textContent} ${row.textContent}`.toLowerCase();
    const fits = (name, own) => !field(name).value || field(name).value === own;
    const kept = fits("benchmark", section.dataset.benchmark) && fits("split", row.dataset.split)
      && fits("method", row.dataset.method) && fits("params", row.dataset.params)
      && words.every(word => about.includes(word));
    row.hidden = !kept;
    shown += kept;
  }
  for (const part of document.querySelectorAll("section.benchmark, section.benchmark tbody"))
    part.hidden = ![...part.querySelectorAll("tr[data-method]")].some(row => !row.hidden);
  field("count").textContent = `${shown} of ${rows.length} rows`;
}

for (const kind of ["input", "change"]) field("filters").addEventListener(kind, filter);
field("filters").addEventListener("submit", event => event.preventDefault());
field("everything").addEventListener("click", () => { field("filters").reset(); filter(); });
field("filters").hidden = false;
filter();

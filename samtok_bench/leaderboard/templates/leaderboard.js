"use strict";
const field = name => document.getElementById(name);
const rows = [...document.querySelectorAll("section.benchmark tbody tr")];

function sortBy(header) {
  const place = [...header.parentElement.children].indexOf(header);
  const numeric = "number" in header.dataset;
  const first = numeric ? "descending" : "ascending";
  const other = numeric ? "ascending" : "descending";
  const order = header.getAttribute("aria-sort") === first ? other : first;
  for (const each of header.parentElement.children) each.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const key = row => numeric ? row.children[place].dataset.sort : row.children[place].textContent.trim();
  const body = header.closest("table").tBodies[0];
  const sorted = [...body.rows].sort((a, b) => {
    const left = key(a), right = key(b);
    if (left === "" || right === "") return (left === "") - (right === "");  // what is missing stays last
    return sign * (numeric ? left - right : left.localeCompare(right));
  });
  body.append(...sorted);
}

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
  for (const section of document.querySelectorAll("section.benchmark"))
    section.hidden = ![...section.querySelectorAll("tbody tr")].some(row => !row.hidden);
  field("count").textContent = `${shown} of ${rows.length} rows`;
}

for (const button of document.querySelectorAll("th button"))
  button.addEventListener("click", () => sortBy(button.closest("th")));
for (const kind of ["input", "change"]) field("filters").addEventListener(kind, filter);
field("filters").addEventListener("submit", event => event.preventDefault());
field("everything").addEventListener("click", () => { field("filters").reset(); filter(); });
field("filters").hidden = false;
filter();

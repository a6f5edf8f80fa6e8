"use strict";
// Tables that sort by the button in a header: data-number has numbers, in data-sort of the cells.

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
  for (const body of header.closest("table").tBodies) {  // each group by itself, its heading first
    const sorted = [...body.rows].filter(row => !row.matches(".group")).sort((a, b) => {
      const left = key(a), right = key(b);
      if (left === "" || right === "") return (left === "") - (right === "");  // what is missing stays last
      return sign * (numeric ? left - right : left.localeCompare(right));
    });
    body.append(...sorted);
  }
}

for (const button of document.querySelectorAll("th button"))
  button.addEventListener("click", () => sortBy(button.closest("th")));

"use strict";
// Paper shows what is closed on screen, but for what is marked as for the screen.
addEventListener("beforeprint", () => document.querySelectorAll("details:not(.screen)").forEach(d => d.open = true));

// The contents list marks the section that is read.
const links = new Map([...document.querySelectorAll("nav a")].map(a => [a.hash.slice(1), a]));
function follow() {
  let current = null;
  for (const section of document.querySelectorAll("main > section")) {
    if (section.getBoundingClientRect().top < innerHeight / 3) current = section.id;
  }
  for (const [id, a] of links) {
    if (id === current) a.setAttribute("aria-current", "true"); else a.removeAttribute("aria-current");
  }
}
addEventListener("scroll", () => requestAnimationFrame(follow), {passive: true});
follow();

// Tables sort by the column that is chosen, numbers as numbers, what is missing last;
// again, the other way round.
function key(row, column) {
  const text = row.cells[column].textContent.trim(), x = parseFloat(text.replaceAll(",", "").replace("\u2212", "-"));
  return {text, x, missing: text === "" || text === "n/a"};
}
for (const table of document.querySelectorAll(".table table")) {
  table.querySelectorAll("th").forEach((th, column) => th.querySelector("button").addEventListener("click", () => {
    const down = th.getAttribute("aria-sort") === "ascending", number = th.classList.contains("number");
    table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const keyed = [...body.rows].map(row => ({row, ...key(row, column)}));
    keyed.sort((a, b) => a.missing - b.missing || (down ? -1 : 1) * (number ? a.x - b.x : a.text.localeCompare(b.text, "en", {numeric: true})));
    body.append(...keyed.map(k => k.row));
  }));
  const search = table.parentElement.querySelector(".search input");
  if (search) search.addEventListener("input", () => {
    const wanted = search.value.toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

// Drawings are saved as they are on paper.
for (const button of document.querySelectorAll("button.download")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const svg = button.closest("figure").querySelector("svg"), copy = svg.cloneNode(true);
    copy.setAttribute("width", svg.viewBox.baseVal.width);
    copy.setAttribute("height", svg.viewBox.baseVal.height);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], {type: "image/svg+xml"}));
    link.download = svg.getAttribute("aria-label").slice(0, 60).replaceAll(/[^A-Za-z0-9]+/g, "-") + ".svg";
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

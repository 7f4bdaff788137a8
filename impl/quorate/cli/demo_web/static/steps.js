// The latest steps of the nodes, each with the actions of the specification that explain it.

import { byId, element } from "../base/elements.js";
import { setClass, setText } from "./changes.js";

const MOST_ROWS = 150;
const region = byId("steps");
const body = region.querySelector("tbody");
const rows = new Map(); // by node, start and number of the step
const early = new Map(); // verdicts on steps that aren't listed yet

const keyOf = (node, step) => `${node}/${step.boot}/${step.number}`;

byId("routine").addEventListener("change", (event) => region.classList.toggle("all", event.target.checked));

export function rowCount() {
  return rows.size;
}

export function addSteps(node, steps) {
  for (const step of steps) {
    const from = step.from ? ` from ${step.from}` : "";
    const row = element("tr", {}, element("td"), element("td"), element("td"));
    const key = keyOf(node, step);
    setClass(row, step.routine ? "routine" : "");
    row.children[0].textContent = `${node}: ${step.number}`;
    row.children[1].textContent = `${step.event}${from}`;
    row.children[2].textContent = "…";
    body.prepend(row);
    rows.set(key, row);
    if (early.has(key)) fill(row, early.get(key));
  }
  cap(rows, (row) => row.remove());
}

export function addJudged(steps) {
  for (const step of steps) {
    const key = keyOf(step.node, step);
    if (rows.has(key)) fill(rows.get(key), step);
    else early.set(key, step);
  }
  cap(early, () => {});
}

function fill(row, step) {
  const cell = row.children[2];
  const text = step.actions.map((action) => action.name + (action.section ? ` ${action.section}` : "")).join(", ");
  cell.textContent = `${text || "nothing: the state stays"} ✓`;
  cell.className = "good";
}

/** Keep the latest of a map's entries. */
function cap(map, drop) {
  for (const [key, value] of map) {
    if (map.size <= MOST_ROWS) return;
    map.delete(key);
    drop(value);
  }
}

export function showVerdict(event) {
  const target = byId("verdict");
  setText(target, event.text);
  setClass(target, event.verdict === "violated" ? "bad" : event.steps ? "good" : "quiet");
}

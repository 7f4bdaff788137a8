// A search in the background, from the place that is shown.

import { byId, element } from "../base/elements.js";
import { ask, refuse } from "./requests.js";

let turn = 0; // of the searches begun here; news of earlier ones is dropped
let own = 0; // the number by which the server knows the latest

function running(isOn) {
  byId("search-stop").disabled = !isOn;
}

function conclude(report, found) {
  running(false);
  byId("search-line").textContent = report.line;
  if (!report.found) return;
  byId("search-line").append(" ", element("a", { id: "found", href: `#${report.found.link}` }, "Go there"));
  found(report.found, report.line);
}

async function follow(number, found) {
  while (number === turn) {
    const report = await ask("search", { number: own });
    if (number !== turn) return;
    if (!report.running) { conclude(report, found); return; }
    byId("search-line").textContent = report.line;
  }
}

// `found` gets the link of a place that a search found, that of the beginning of a loop that ends there, and what it is.
export function offerSearch(subject, link, found) {
  const options = (names) => names.map((name) => element("option", {}, name));
  const groups = Object.entries(subject.targets).filter(([, names]) => names.length);
  byId("target").replaceChildren(...groups.map(([label, names]) => element("optgroup", { label }, ...options(names))));
  byId("search").addEventListener("submit", async (event) => {
    event.preventDefault();
    const number = ++turn;
    try {
      byId("search-line").textContent = "The search begins.";
      const asked = { link: link(), target: byId("target").value, depth: byId("depth").value };
      own = (await ask("search/start", asked, "POST")).number;
      running(true);
      await follow(number, found);
    } catch (error) {
      if (number !== turn) return; // a later one of this page ended it
      running(false);
      byId("search-line").textContent = "";
      refuse(error);
    }
  });
  byId("search-stop").addEventListener("click", () => ask("search/stop", { number: own }, "POST").catch(refuse));
}

// A search in the background, from the place that is shown.

import { ask, at, element, refuse } from "./dom.js";

let turn = 0; // of the searches begun here; news of earlier ones is dropped

function running(isOn) {
  at("search-stop").disabled = !isOn;
}

function conclude(report, found) {
  running(false);
  at("search-line").textContent = report.line;
  if (!report.found) return;
  at("search-line").append(" ", element("a", { id: "found", href: `#${report.found.link}` }, "Go there"));
  found(report.found.link, report.line);
}

async function follow(number, found) {
  while (number === turn) {
    const report = await ask("search");
    if (number !== turn) return;
    if (!report.running) { conclude(report, found); return; }
    at("search-line").textContent = report.line;
  }
}

// `found` gets the link of a place that a search found, and what it is.
export function offerSearch(subject, link, found) {
  at("target").replaceChildren(...subject.targets.map((name) => element("option", {}, name)));
  at("search").addEventListener("submit", async (event) => {
    event.preventDefault();
    const number = ++turn;
    try {
      at("search-line").textContent = "The search begins.";
      await ask("search/start", { link: link(), target: at("target").value, depth: at("depth").value }, "POST");
      running(true);
      await follow(number, found);
    } catch (error) {
      running(false);
      at("search-line").textContent = "";
      refuse(error);
    }
  });
  at("search-stop").addEventListener("click", () => ask("search/stop", {}, "POST").catch(refuse));
}

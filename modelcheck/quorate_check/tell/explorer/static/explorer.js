// The page of the explorer: the fragment of its address is the path; each step is a link to a longer one.

import { addMark, showMarks } from "./bookmarks.js";
import { ask, at, counted, element, refuse } from "./dom.js";
import { followGraph, offerGraph } from "./graph.js";
import { showScene } from "./scene.js";
import { offerSearch } from "./search.js";
import { isCut, listen, offerSteps, stepKey, visited } from "./steps.js";

let place = null;
let turn = 0;

const fragment = () => location.hash.slice(1);

function headline() {
  const last = place.path.at(-1);
  if (!last) return "The initial state.";
  const rules = last.rules.map((rule) => rule.name).join(", ");
  return `Step ${last.number}: ${last.text}${last.change ? `: ${last.change}` : ""}${rules ? ` (${rules})` : ""}.`;
}

function showConclusion() {
  const lines = [];
  if (place.conclusion) {
    lines.push(element("p", { className: "bad", id: "broken" }, place.conclusion));
    lines.push(...place.reasons.map((text) => element("p", { className: "reason" }, text)));
  }
  lines.push(...place.witnesses.map((name) => element("p", { className: "good" }, `Witness: ${name}.`)));
  at("conclusion").replaceChildren(...lines);
}

function showPath() {
  // The drawing is made by this page's server, which escapes all texts in it.
  at("diagram").innerHTML = `<div class="names">${place.diagram.names}</div>${place.diagram.drawing}`;
  for (const scene of at("diagram").querySelectorAll(".scene"))
    scene.addEventListener("click", () => { location.hash = place.path[Number(scene.dataset.step) - 1].link; });
  at("diagram").scrollTop = at("diagram").scrollHeight;
  at("meanings").textContent = place.meanings.length ? `${place.meanings.join("; ")}.` : "";
  at("words").replaceChildren(...place.path.map((step) => element("li", {},
    element("a", { href: `#${step.link}` }, step.text),
    step.change ? `: ${step.change}` : "", step.breaks ? ` – breaks ${step.breaks}` : "")));
}

function showPromises() {
  at("promises").replaceChildren(...place.promises.map((promise) => {
    const kind = { broken: "bad", holds: "good" }[promise.truth] ?? "quiet";
    return element("li", {}, element("b", {}, promise.name), " ", element("span", { className: kind }, promise.truth),
      element("p", { className: "quiet" }, `${promise.sentence}; ${promise.detail}`));
  }));
}

function showPlace() {
  at("headline").textContent = headline();
  showConclusion();
  showScene(place, isCut);
  at("budgets").textContent = place.budgets.map((each) => `${each.name}: ${each.used} of ${each.limit}`).join(" · ");
  at("notes").replaceChildren(...place.notes.map((text) => element("p", {}, text)));
  offerSteps(place);
  showPath();
  showPromises();
  at("undo").disabled = place.parent === null;
  at("save").href = `api/path.json?link=${place.link}`;
  at("test").href = place.testable ? `api/test.py?link=${place.link}` : "";
  if (!place.testable) at("test").removeAttribute("href");
  at("test").title = place.testable ? "" : "a test needs a broken promise or a new witness at the end of the path";
  document.body.dataset.link = place.link;
}

async function go() {
  const number = ++turn;
  const isInSteps = document.activeElement === document.body || at("steps").contains(document.activeElement);
  try {
    const answer = await ask("place", { link: fragment() });
    if (number !== turn) return;
    at("error").hidden = true;
    place = answer;
    visited.add(place.link);
    showPlace();
    if (isInSteps && place.length) at("steps-title").focus({ preventScroll: true });
    followGraph(place.link);
  } catch (error) {
    refuse(error);
  }
}

function mark() {
  if (!place) return;
  const last = place.path.at(-1);
  addMark(place.link, last ? `after ${counted(last.number, "step")}: ${last.text}` : "the initial state");
}

function undo() {
  if (place && place.parent !== null) location.hash = place.parent;
}

async function copy() {
  const button = at("copy");
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy the address of this page";
  }
}

const keys = { u: undo, b: mark };

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.matches("input, select, textarea")) return;
  if (event.target.matches(".wide") && event.key.startsWith("Arrow")) return;
  if (keys[event.key]) keys[event.key]();
  else if (!stepKey(event.key)) return;
  event.preventDefault();
});

async function begin() {
  const subject = await ask("subject");
  document.title = `Explorer: ${subject.name}`;
  at("subject").textContent = `Explorer: ${subject.name}`;
  at("bounds").textContent = subject.bounds;
  offerSearch(subject, fragment, (link, line) => addMark(link, `found: ${line}`));
  offerGraph(subject, fragment);
  listen(showPlace);
  showMarks();
  at("undo").addEventListener("click", undo);
  at("mark").addEventListener("click", mark);
  at("copy").addEventListener("click", copy);
  addEventListener("hashchange", go);
  addEventListener("resize", () => place && showScene(place, isCut));
  if (!fragment() && subject.link) history.replaceState(null, "", `#${subject.link}`);
  await go();
}

begin().catch(refuse);

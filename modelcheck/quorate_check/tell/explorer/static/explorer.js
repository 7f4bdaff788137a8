// The page of the explorer: the fragment of its address is the path; each step is a link to a longer one.

import { addMark, showMarks } from "./bookmarks.js";
import { byId, element } from "../base/elements.js";
import { ask, counted, refuse } from "./requests.js";
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
    if (place.loop) lines.push(element("p", {}, element("a", { href: `#${place.loop.link}` }, "Where the loop begins")));
  }
  lines.push(...place.witnesses.map((name) => element("p", { className: "good" }, `Witness: ${name}.`)));
  byId("conclusion").replaceChildren(...lines);
}

function showPath() {
  // The drawing is made by this page's server, which escapes all texts in it.
  byId("diagram").innerHTML = `<div class="names">${place.diagram.names}</div>${place.diagram.drawing}`;
  for (const scene of byId("diagram").querySelectorAll(".scene"))
    scene.addEventListener("click", () => { location.hash = place.path[Number(scene.dataset.step) - 1].link; });
  byId("diagram").scrollTop = byId("diagram").scrollHeight;
  byId("meanings").textContent = place.meanings.length ? `${place.meanings.join("; ")}.` : "";
  byId("words").replaceChildren(...place.path.map((step) => element("li", {},
    step.number === place.loop?.number ? "from here on for ever: " : "",
    element("a", { href: `#${step.link}` }, step.text),
    step.change ? `: ${step.change}` : "", step.breaks ? ` – breaks ${step.breaks}` : "")));
}

function showPromises() {
  byId("promises").replaceChildren(...place.promises.map((promise) => {
    const kind = { broken: "bad", holds: "good" }[promise.truth] ?? "quiet";
    return element("li", {}, element("b", {}, promise.name), " ", element("span", { className: kind }, promise.truth),
      element("p", { className: "quiet" }, `${promise.sentence}; ${promise.detail}`));
  }));
}

function showPlace() {
  byId("headline").textContent = headline();
  showConclusion();
  showScene(place, isCut);
  byId("budgets").textContent = place.budgets.map((each) => `${each.name}: ${each.used} of ${each.limit}`).join(" · ");
  byId("notes").replaceChildren(...place.notes.map((text) => element("p", {}, text)));
  offerSteps(place);
  showPath();
  showPromises();
  byId("undo").disabled = place.parent === null;
  byId("save").href = `api/path.json?link=${place.link}`;
  byId("test").href = place.testable ? `api/test.py?link=${place.link}` : "";
  if (!place.testable) byId("test").removeAttribute("href");
  byId("test").title = place.testable ? "" : "a test needs a broken promise or a new witness at the end of the path";
  document.body.dataset.link = place.link;
}

async function go() {
  const number = ++turn;
  const isInSteps = document.activeElement === document.body || byId("steps").contains(document.activeElement);
  try {
    const answer = await ask("place", { link: fragment() });
    if (number !== turn) return;
    byId("error").hidden = true;
    place = answer;
    visited.add(place.link);
    showPlace();
    if (isInSteps && place.length) byId("steps-title").focus({ preventScroll: true });
    followGraph(place.link);
  } catch (error) {
    refuse(error);
    if (!place) byId("headline").textContent = "This link leads nowhere: Start shows the initial state.";
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
  const button = byId("copy");
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
  document.title = `Explorer: ${subject.title}`;
  byId("subject").textContent = document.title;
  byId("bounds").textContent = subject.bounds;
  offerSearch(subject, fragment, (found, line) => {
    addMark(found.link, `found: ${line}`);
    if (found.loop !== null) addMark(found.loop, `the loop begins here: ${line}`);
  });
  offerGraph(subject, fragment);
  listen(showPlace);
  showMarks();
  byId("undo").addEventListener("click", undo);
  byId("mark").addEventListener("click", mark);
  byId("copy").addEventListener("click", copy);
  addEventListener("hashchange", go);
  addEventListener("resize", () => place && showScene(place, isCut));
  if (!fragment() && subject.link) history.replaceState(null, "", `#${subject.link}`);
  await go();
}

begin().catch(refuse);

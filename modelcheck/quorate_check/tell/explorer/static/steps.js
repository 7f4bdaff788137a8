// The enabled steps by node: filters, the cut, and the keys that choose and take one.

import { byId, element } from "../base/elements.js";
import { counted } from "./requests.js";

const seenActions = new Map(); // by name: whether it is offered
const cutOff = new Set(); // the numbers of the nodes on one side of the cut
export const visited = new Set();
let current = null;
let redraw = () => {};

export const isCut = (message) => cutOff.has(message.source) !== cutOff.has(message.target);

const FATES = { deliver: "arrives", duplicate: "arrives, a copy stays", drop: "is lost" };
const FAULTS = { duplicate: "a copy stays", drop: "lost" };

function stepText(step) {
  if (step.message === null) return step.label;
  return `${step.label} from ${current.nodes[step.source].name} ${FATES[step.kind]}`;
}

function link(step, classes, ...parts) {
  const kinds = [...classes, step.idle ? "idle" : "", step.leads ? "" : "end"].filter(Boolean).join(" ");
  return element("a", {
    className: kinds, href: `#${step.link}`, "data-kind": step.kind, "data-node": step.node ?? step.target ?? "",
    title: step.rules.map((rule) => rule.sentence).filter(Boolean).join(" "),
  }, ...parts);
}

// A fault of a message, beside its arrival.
function fault(step) {
  const result = link(step, ["step", "aside"], FAULTS[step.kind]);
  result.setAttribute("aria-label", stepText(step));
  return result;
}

function entry(step, faults, number) {
  const rules = step.rules.map((rule) => `${rule.name}${rule.source ? ` (${rule.source})` : ""}`).join(", ");
  const parts = [
    element("span", { className: "key", "aria-hidden": "true" }, number <= 9 ? String(number) : ""),
    element("span", { className: step.fault ? "label fault" : "label" }, stepText(step)),
    element("span", { className: "rule" }, rules),
    element("span", { className: "change" }, step.change),
    ...step.sent.map((text) => element("span", { className: "sent" }, `sends ${text}`)),
  ];
  if (step.breaks) parts.push(element("span", { className: "breaks" }, `breaks ${step.breaks}`));
  if (visited.has(step.link)) parts.push(element("span", { className: "taken" }, "taken before"));
  return element("li", {}, link(step, ["step"], ...parts), ...faults.map(fault));
}

// Each step with the faults of its message, which stand beside the first arrival of it.
function* withFaults(steps) {
  const isAside = (step) => step.kind in FAULTS &&
    steps.some((other) => other.kind === "deliver" && other.message === step.message);
  const done = new Set();
  for (const step of steps.filter((each) => !isAside(each))) {
    const isFirst = step.kind === "deliver" && !done.has(step.message);
    done.add(step.message);
    yield [step, isFirst ? steps.filter((other) => isAside(other) && other.message === step.message) : []];
  }
}

function offered(step, words) {
  if (seenActions.get(step.action) === false) return false;
  if (byId("hide-idle").checked && step.idle) return false;
  const text = `${step.text} ${step.action} ${step.change}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function showSteps() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const passing = current.steps.filter((step) => offered(step, words));
  const visible = passing.filter((step) => step.kind === "drop" || step.message === null || !isCut(step));
  const groups = new Map();
  for (const step of visible) {
    const owner = step.node ?? step.target;
    if (!groups.has(owner)) groups.set(owner, []);
    groups.get(owner).push(step);
  }
  let number = 0;
  const owners = [...groups.keys()].sort((a, b) => (a ?? Infinity) - (b ?? Infinity));
  byId("steps").replaceChildren(...owners.map((owner) => element("section", {},
    element("h3", {}, owner === null ? "the network" : current.nodes[owner].name),
    element("ul", {}, ...[...withFaults(groups.get(owner))].map(([step, faults]) => entry(step, faults, ++number))))));
  const behind = passing.length - visible.length, hidden = current.steps.length - passing.length;
  byId("withheld").textContent = [
    visible.length ? "" : "No step is offered.",
    behind ? `${counted(behind, "step")} behind the cut.` : "",
    hidden ? `${counted(hidden, "step")} hidden by filters.` : "",
  ].filter(Boolean).join(" ");
}

function box(text, isChecked, change) {
  const input = element("input", { type: "checkbox", checked: isChecked });
  input.addEventListener("change", () => change(input.checked));
  return element("label", {}, input, ` ${text}`);
}

function showChoices() {
  byId("actions").replaceChildren(...[...seenActions.keys()].sort().map((name) =>
    box(name, seenActions.get(name), (isOn) => { seenActions.set(name, isOn); showSteps(); })));
  byId("cut").replaceChildren(...current.nodes.map((node, number) =>
    box(`${node.name} is cut off`, cutOff.has(number), (isOn) => {
      if (isOn) cutOff.add(number);
      else cutOff.delete(number);
      redraw();
    })));
}

export function offerSteps(place) {
  current = place;
  const count = seenActions.size;
  for (const step of place.steps) if (!seenActions.has(step.action)) seenActions.set(step.action, true);
  if (seenActions.size !== count || !byId("cut").childElementCount) showChoices();
  showSteps();
}

const links = () => [...document.querySelectorAll("#steps a.step")];

function move(by) {
  const all = links();
  if (!all.length) return;
  const index = all.indexOf(document.activeElement);
  const next = index < 0 ? (by > 0 ? 0 : all.length - 1) : (index + by + all.length) % all.length;
  all[next].focus();
}

// Returns whether the key was one of the steps'.
export function stepKey(key) {
  if (key === "ArrowDown") move(1);
  else if (key === "ArrowUp") move(-1);
  else if (/^[1-9]$/.test(key)) links().filter((each) => !each.matches(".aside"))[Number(key) - 1]?.click();
  else return false;
  return true;
}

export function listen(draw) {
  redraw = draw;
  byId("filter").addEventListener("input", showSteps);
  byId("hide-idle").addEventListener("change", showSteps);
}

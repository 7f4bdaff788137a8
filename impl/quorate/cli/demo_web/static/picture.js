// The nodes on a circle, the wires between them, and the messages as they are sent.

import { byId, svgElement } from "../base/elements.js";
import { setClass, setText } from "./changes.js";

const CENTRE = { x: 210, y: 118 };
const RADIUS = { x: 150, y: 82 };
const MOST_MESSAGES = 60; // that move at one time
const FLIGHT_MS = 700; // slower than real messages, so that they can be seen

const picture = byId("picture");
const wires = picture.appendChild(svgElement("g"));
const messages = picture.appendChild(svgElement("g"));
const circles = picture.appendChild(svgElement("g"));
const places = new Map();
const cutPairs = new Set();
const stillness = matchMedia("(prefers-reduced-motion: reduce)");
let inFlight = 0;

const pairKey = (one, other) => [one, other].sort((a, b) => a - b).join("-");

export function stateOf(node) {
  if (node.status !== "running") return node.status === "paused" ? "paused" : "dead";
  return node.role;
}

export function showNodes(nodes) {
  const layout = nodes.map((node) => node.number).join();
  if (circles.dataset.layout !== layout) arrange(nodes, layout);
  for (const node of nodes) {
    const group = places.get(node.number).group;
    setClass(group, `node ${stateOf(node)}`);
    setText(group.querySelector(".role"), `${stateOf(node)}, ${node.period} ${node.term}`);
  }
  const leader = nodes.find((node) => stateOf(node) === "leader");
  picture.setAttribute("aria-label", leader ? `Node ${leader.number} leads ${nodes.length} nodes` : "No node leads");
}

function arrange(nodes, layout) {
  circles.dataset.layout = layout;
  circles.replaceChildren();
  places.clear();
  nodes.forEach((node, position) => {
    const angle = (2 * Math.PI * position) / nodes.length - Math.PI / 2;
    const x = CENTRE.x + RADIUS.x * Math.cos(angle);
    const y = CENTRE.y + RADIUS.y * Math.sin(angle);
    const group = circles.appendChild(svgElement("g"));
    group.append(
      svgElement("circle", { cx: x, cy: y, r: 24 }),
      svgElement("text", { class: "number", x, y: y + 6 }),
      svgElement("text", { class: "role", x, y: y + 42 }),
    );
    group.querySelector(".number").textContent = node.number;
    places.set(node.number, { x, y, group });
  });
  drawWires();
}

function drawWires() {
  wires.replaceChildren();
  const numbers = [...places.keys()];
  for (const one of numbers) {
    for (const other of numbers.filter((number) => number > one)) {
      const [a, b] = [places.get(one), places.get(other)];
      const line = svgElement("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: "wire" });
      if (cutPairs.has(pairKey(one, other))) line.classList.add("cut");
      wires.append(line);
    }
  }
}

export function showWires(pairs) {
  cutPairs.clear();
  for (const [one, other, isCut] of pairs) if (isCut) cutPairs.add(pairKey(one, other));
  drawWires();
}

const OF_BFT = { Propose: "entries", Payload: "entries", Prepared: "reply", Decide: "reply", History: "reply" };

function kindOf(name, isRoutine) {
  if (name in OF_BFT) return OF_BFT[name];
  if (["Timeout", "Want", "Ask"].includes(name)) return "routine";
  if (name.includes("Vote")) return "vote";
  if (isRoutine) return "routine";
  return name.endsWith("Reply") || name === "LeadershipConfirmed" ? "reply" : "entries";
}

/** Let the messages of a step fly from their sender; one that meets a cut wire ends half-way. */
export function sendMessages(source, step) {
  if (stillness.matches || document.hidden) return;
  for (const [name, dest] of step.sent) {
    const [from, to] = [places.get(source), places.get(dest)];
    if (from === undefined || to === undefined || source === dest || inFlight >= MOST_MESSAGES) continue;
    const share = cutPairs.has(pairKey(source, dest)) ? 0.5 : 1;
    const dot = svgElement("circle", { r: step.routine ? 2.5 : 5, class: `message ${kindOf(name, step.routine)}` });
    messages.append(dot);
    inFlight += 1;
    const at = (part) => `translate(${from.x + (to.x - from.x) * part}px, ${from.y + (to.y - from.y) * part}px)`;
    const flight = dot.animate([{ transform: at(0) }, { transform: at(share) }], { duration: FLIGHT_MS * share });
    flight.finished.finally(() => {
      inFlight -= 1;
      dot.remove();
    });
  }
}

// The global state: a column for each node, and below them an arrow for each message in flight.

import { byId, element, svgElement } from "../base/elements.js";

const ROW = 44; // pixels of a message
const NARROWEST = 104; // of a column
const opened = new Set(); // nodes whose facts are shown
let isFirst = true;

function card(node) {
  const facts = element("table", {}, element("tbody", {}, ...node.facts.map((fact) =>
    element("tr", { className: fact.old === fact.value ? "" : "changed" },
      element("th", { scope: "row" }, fact.name), element("td", {}, fact.value)))));
  const details = element("details", { open: opened.has(node.name) }, element("summary", {}, "facts"), facts);
  details.addEventListener("toggle", () => (details.open ? opened.add(node.name) : opened.delete(node.name)));
  return element("div", { className: node.acts ? "node acts" : "node" },
    element("h3", {}, node.name), element("p", { className: "badge" }, node.badge),
    element("p", { className: "boxes" }, ...node.boxes.map((box) =>
      element("span", { className: box.settled ? "box settled" : "box" }, box.text))),
    details);
}

function arrow(message, number, x, steps, isCut) {
  const y = number * ROW + 30;
  const arrival = steps.find((step) => step.message === number && step.kind === "deliver");
  const kind = isCut(message) ? "message withheld" : arrival ? "message" : "message waits";
  const group = svgElement("g", { class: kind }, svgElement("title", {}, message.text));
  const [from, to] = [x(message.source), x(message.target)];
  const middle = from === to ? from : (from + to) / 2;
  const label = svgElement("text", { x: middle, y: y - 7, "text-anchor": "middle" }, message.label);
  const way = Math.sign(to - from);
  const line = from === to
    ? svgElement("circle", { cx: from, cy: y + 2, r: 5 })
    : svgElement("path", { d: `M${from} ${y}H${to - 8 * way}` });
  const head = svgElement("path", { class: "head", d: from === to ? "" : `M${to} ${y}l${-10 * way} -5v10z` });
  group.append(svgElement("rect", { class: "hit", x: 0, y: y - 22, width: "100%", height: ROW - 4 }), line, head, label);
  if (arrival) group.addEventListener("click", () => { location.hash = arrival.link; });
  return group;
}

export function showScene(place, isCut) {
  if (isFirst && matchMedia("(min-width: 700px)").matches) for (const node of place.nodes) opened.add(node.name);
  isFirst = false;
  const count = place.nodes.length;
  const width = Math.max(byId("scene").clientWidth, count * NARROWEST);
  byId("nodes").style.gridTemplateColumns = `repeat(${count}, minmax(0, 1fr))`;
  byId("nodes").style.width = byId("flight").style.width = `${width}px`;
  byId("nodes").replaceChildren(...place.nodes.map(card));
  const x = (node) => (width * (node + 0.5)) / count;
  const height = place.flight.length * ROW + 12;
  const picture = svgElement("svg", { width, height, viewBox: `0 0 ${width} ${height}` },
    ...place.nodes.map((_, node) => svgElement("line", { class: "life", x1: x(node), x2: x(node), y1: 0, y2: height })),
    ...place.flight.map((message, number) => arrow(message, number, x, place.steps, isCut)));
  byId("flight").replaceChildren(...(place.flight.length ? [picture] : []));
  byId("messages").replaceChildren(...place.flight.map((message) =>
    element("li", {}, `${message.text}, to ${place.nodes[message.target].name}`)));
}

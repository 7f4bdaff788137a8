// The states around a place, merged by a view, as the server has laid them out.

import { byId, element, svgElement } from "../base/elements.js";
import { ask, counted, refuse } from "./requests.js";

const LETTER = 7.3, LINE = 17, PAD = 8, GAP_X = 26, GAP_Y = 46;

function box(node, x, y, width, height, distance) {
  const text = svgElement("text", {}, ...node.label.map((line, n) =>
    svgElement("tspan", { x: x + PAD, y: y + PAD + 12 + n * LINE }, line)));
  const classes = ["state", distance === 0 ? "now" : "", node.breaks ? "broken" : ""].filter(Boolean).join(" ");
  const name = `${node.label.join(", ")}; ${counted(node.distance, "step")} from here; ${counted(node.states, "state")}`;
  return svgElement("a", { class: classes, href: `#${node.link}`, "aria-label": node.breaks ? `${name}; breaks ${node.breaks}` : name },
    svgElement("title", {}, name), svgElement("rect", { x, y, width, height, rx: 6 }), text);
}

function edge(from, to, width, height, text) {
  const x1 = from.x + width / 2, x2 = to.x + width / 2;
  const isDown = to.y > from.y, isFlat = to.y === from.y;
  const y1 = isDown ? from.y + height : from.y, y2 = isDown ? to.y : isFlat ? to.y : to.y + height;
  const bend = isFlat ? -GAP_Y * 0.8 : 0;
  const d = isFlat
    ? `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 + bend} ${x2} ${y2}`
    : `M${x1} ${y1}C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`;
  return svgElement("path", { class: "edge", d, "marker-end": "url(#tip)" }, svgElement("title", {}, text));
}

function draw(graph) {
  const letters = Math.max(1, ...graph.nodes.flatMap((node) => node.label.map((line) => line.length)));
  const lines = Math.max(1, ...graph.nodes.map((node) => node.label.length));
  const width = letters * LETTER + 2 * PAD, height = lines * LINE + 2 * PAD;
  const left = Math.min(...graph.nodes.map((node) => node.x)), top = Math.min(...graph.nodes.map((node) => node.y));
  const places = graph.nodes.map((node) => ({
    x: (node.x - left) * (width + GAP_X) + 4, y: (node.y - top) * (height + GAP_Y) + GAP_Y,
  }));
  const right = Math.max(...places.map((place) => place.x)) + width + 4;
  const bottom = Math.max(...places.map((place) => place.y)) + height + 4;
  const tip = svgElement("marker", { id: "tip", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto" },
    svgElement("path", { d: "M0 0L10 5L0 10z" }));
  return svgElement("svg", { width: right, height: bottom, viewBox: `0 0 ${right} ${bottom}` }, svgElement("defs", {}, tip),
    ...graph.edges.map((each) => edge(places[each.source], places[each.target], width, height, each.text)),
    ...graph.nodes.map((node, n) => box(node, places[n].x, places[n].y, width, height, node.distance)));
}

async function show(link) {
  try {
    const graph = await ask("graph", { link, view: byId("view").value, radius: byId("radius").value });
    byId("graph").replaceChildren(draw(graph));
    const states = graph.nodes.reduce((sum, node) => sum + node.states, 0);
    byId("graph-line").textContent = `${counted(states, "state")} in ${counted(graph.nodes.length, "group")}` +
      (graph.left_out ? "; more are left out." : ".") + " A click on one goes there; the first row is where you are.";
    const now = byId("graph").querySelector(".now rect");
    byId("graph").scrollLeft = Number(now.getAttribute("x")) - byId("graph").clientWidth / 2;
  } catch (error) {
    refuse(error);
  }
}

export function offerGraph(subject, link) {
  byId("view").replaceChildren(...subject.views.map((name) => element("option", {}, name)));
  byId("radius").max = subject.radius;
  byId("draw").addEventListener("click", () => show(link()));
}

// A graph that is shown follows the reader to the next place.
export function followGraph(link) {
  if (byId("graph").childElementCount) show(link);
}

// The page: events from the server go to its parts, and what the reader does goes back.

import { byId, element } from "../base/elements.js";
import { act, keepChildren, setClass, setText } from "./changes.js";
import { showHistory } from "./history.js";
import { showNodes as listNodes } from "./nodes.js";
import { addMessages } from "./passing.js";
import { sendMessages, showNodes as drawNodes, showWires as drawWires, stateOf } from "./picture.js";
import { addJudged, addSteps, rowCount, showVerdict } from "./steps.js";

let protocol = "raft";
let nodes = [];
let pairs = [];

const handlers = {
  cluster: (event) => {
    protocol = event.protocol;
    byId("add").hidden = byId("legend").hidden = protocol !== "raft";
    byId("passing").hidden = byId("bft-legend").hidden = protocol === "raft";
    setText(byId("routine-text"), protocol === "raft" ? "also heartbeats and their replies" : "also steps that change nothing");
  },
  nodes: (event) => {
    nodes = event.nodes;
    drawNodes(nodes);
    listNodes(nodes, pairs, protocol);
    summarize();
  },
  wires: (event) => {
    pairs = event.pairs;
    drawWires(pairs);
    keepChildren(byId("wires"), pairs.map(([one, other]) => `${one} – ${other}`), makeWire, updateWire);
    listNodes(nodes, pairs, protocol);
  },
  steps: (event) => {
    for (const step of event.steps) sendMessages(event.node, step);
    addSteps(event.node, event.steps);
  },
  messages: (event) => {
    for (const { from, to, name } of event.messages) sendMessages(from, { sent: [[name, to]], routine: false });
    addMessages(event.messages);
  },
  judged: (event) => addJudged(event.steps),
  verdict: showVerdict,
  history: showHistory,
  note: (event) => note(event),
  missed: (event) => note({ done: false, text: `this page was too slow for ${event.count} events` }),
};

function summarize() {
  const leaders = nodes.filter((node) => stateOf(node) === "leader");
  const latest = leaders.reduce((best, node) => (best && best.term >= node.term ? best : node), null);
  const text = latest ? `Node ${latest.number} leads in ${latest.period} ${latest.term}.` : "No node leads: an election follows.";
  setText(byId("summary"), text);
}

function note({ done, text }) {
  setClass(byId("note"), done ? "good" : "bad");
  setText(byId("note"), text);
}

function makeWire(key) {
  const button = element("button");
  const [one, other] = key.split(" – ").map(Number);
  button.addEventListener("click", () => act(button.dataset.action, { node: one, others: other }));
  return button;
}

function updateWire(button, key) {
  const [, , isCut] = pairs.find(([one, other]) => `${one} – ${other}` === key);
  button.dataset.action = isCut ? "mend" : "cut";
  setText(button, `${isCut ? "Mend" : "Cut"} ${key}`);
}

byId("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = new FormData(event.target);
  act("write", { key: words.get("key"), value: words.get("value") });
});
byId("add").addEventListener("click", () => {
  note({ done: true, text: "a node starts and catches up…" });
  act("add");
});

const source = new EventSource("events");
source.onmessage = (message) => {
  const event = JSON.parse(message.data);
  handlers[event.kind]?.(event);
  document.body.dataset.rows = rowCount();
};
source.onerror = () => note({ done: false, text: "The demo doesn't answer: has it ended?" });

// The nodes as a list: each with its role, its indexes, the end of its log, and what can be done to it.

import { byId, element } from "../base/elements.js";
import { act, keepChildren, setClass, setText } from "./changes.js";
import { stateOf } from "./picture.js";

const LONGEST_LOG = 8; // entries that are shown of a log
const list = byId("nodes");

export function showNodes(nodes, pairs, protocol) {
  const byNumber = new Map(nodes.map((node) => [node.number, node]));
  const last = Math.max(0, ...nodes.map((node) => node.last ?? 0));
  keepChildren(list, [...byNumber.keys()], (number) => makeCard(number, protocol), (card, number) =>
    update(card, byNumber.get(number), last, pairs),
  );
}

function makeCard(number, protocol) {
  const button = (name) => element("button", { className: name });
  const log = element("ol", { className: "log" });
  log.setAttribute("aria-label", `The end of the log of node ${number}`);
  const buttons = element("div", { className: "row" }, button("life"), button("clock"), button("disk"), button("links"));
  if (protocol === "raft") buttons.append(button("remove"));
  for (const each of buttons.children) {
    each.addEventListener("click", () => act(each.dataset.action, { node: number }));
  }
  const card = element("li", { className: "node-card panel" }, element("h3"), buttons);
  card.append(element("p", { className: "indexes quiet" }), log);
  card.querySelector("p").style.margin = "0";
  return card;
}

function update(card, node, last, pairs) {
  const isDead = stateOf(node) === "dead";
  const leader = node.leader && stateOf(node) !== "leader" ? `, follows ${node.leader}` : "";
  setText(card.querySelector("h3"), `Node ${node.number}: ${isDead ? node.status : stateOf(node)}${isDead ? "" : leader}`);
  const vote = node.vote ? `, voted for ${node.vote}` : "";
  const evidence = node.evidence && node.evidence !== "0" ? `, has evidence against ${node.evidence}` : "";
  setText(
    card.querySelector(".indexes"),
    `${node.period} ${node.term}${vote} · commit index ${node.commit ?? "?"} · applied ${node.applied ?? "?"}` +
      `${node.last === undefined ? "" : ` · log to ${node.last}`} · process ${node.pid}${node.has_slow_disk ? " · slow disk" : ""}${evidence}`,
  );
  setAction(card.querySelector(".life"), isDead ? "start" : "kill", isDead ? "Start again" : "Kill -9", node);
  const isPaused = node.status === "paused";
  const clock = card.querySelector(".clock");
  setAction(clock, isPaused ? "resume" : "pause", isPaused ? "Resume" : "Pause", node);
  clock.disabled = isDead;
  const isSlow = node.has_slow_disk;
  setAction(card.querySelector(".disk"), isSlow ? "restore" : "slow", isSlow ? "Restore disk" : "Slow disk", node);
  const own = pairs.filter(([one, other]) => one === node.number || other === node.number);
  const isCut = own.length > 0 && own.every(([, , cut]) => cut);
  const links = card.querySelector(".links");
  setAction(links, isCut ? "mend" : "cut", isCut ? "Mend wires" : "Cut off", node);
  links.disabled = own.length === 0;
  const remove = card.querySelector(".remove");
  if (remove) setAction(remove, "remove", "Remove", node);
  showLog(card.querySelector(".log"), node, last);
}

function setAction(button, action, text, node) {
  button.dataset.action = action;
  setText(button, text);
  button.setAttribute("aria-label", `${text} node ${node.number}`);
}

function showLog(target, node, last) {
  target.hidden = node.log.length === 0;
  const entries = new Map(node.log.map(([index, term, text]) => [index, { term, text }]));
  const first = Math.max(1, last - LONGEST_LOG + 1);
  const indexes = Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  keepChildren(target, indexes, () => element("li", {}, element("span"), element("br"), element("span")), (cell, index) => {
    const entry = entries.get(index);
    const [head, , body] = cell.children;
    setClass(cell, entry === undefined ? "absent" : index <= node.commit ? "committed" : "");
    setText(head, entry === undefined ? "" : `${index} ${node.period[0]}${entry.term}`);
    setText(body, entry === undefined ? "" : entry.text);
    cell.title = entry === undefined ? "" : `index ${index}, ${node.period} ${entry.term}: ${entry.text}`;
  });
}

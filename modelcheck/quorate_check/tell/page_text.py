"""The style and the script of a story's page; `DIAGRAM` is the style of its diagram, in colours that `STYLE` names."""

STYLE = """
:root {
  --page: #ffffff; --text: #1f2328; --faint: #6b7280; --line: #c4c9d0; --card: #f5f7f9;
  --now: #e4effc; --ink: #2f65a7; --box: #d6e6fb; --settled: #bfe3c8; --settled-ink: #2c7a43;
  --bad: #b3261e; --changed: #fff3c4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181c; --text: #e6e8eb; --faint: #9aa3ad; --line: #454c55; --card: #1e2328;
    --now: #1d2f45; --ink: #7fb0ea; --box: #1f3a5c; --settled: #1d4a2c; --settled-ink: #7fd49a;
    --bad: #ff8f88; --changed: #4a3f12;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.45 system-ui, sans-serif }
header { padding: 12px 20px 8px; border-bottom: 1px solid var(--line) }
h1 { margin: 0; font-size: 18px }
#broken p { margin: 4px 0 0; white-space: pre-wrap; overflow-wrap: anywhere }
#broken p:first-child { color: var(--bad); font-weight: 600 }
main { display: flex; align-items: flex-start; flex-wrap: wrap }
#diagram {
  flex: 0 1 auto; min-width: 0; max-width: 100%; overflow: auto; padding: 12px 20px; max-height: calc(100vh - 110px);
}
#names {
  position: sticky; top: -12px; z-index: 1; width: max-content; min-width: 100%; background: var(--page);
  border-bottom: 1px solid var(--line);
}
#states {
  flex: 1 1 340px; min-width: min(320px, 100%); padding: 12px 20px; position: sticky; top: 0;
  max-height: calc(100vh - 110px); overflow: auto;
}
#controls { display: flex; gap: 8px; align-items: center }
#slider { flex: 1; accent-color: var(--ink) }
button {
  background: var(--card); color: var(--text); border: 1px solid var(--line); border-radius: 6px; padding: 4px 12px;
}
#number { min-width: 5.5em; text-align: right; font-variant-numeric: tabular-nums }
#caption { font-weight: 600; margin: 12px 0 0; overflow-wrap: anywhere }
#change { margin: 2px 0 0; overflow-wrap: anywhere }
#flight { color: var(--faint); list-style: none }
#flight::before { content: attr(data-head); margin-left: -18px }
#sent, #rules, #flight { margin: 6px 0 0; padding-left: 18px; font-size: 13px; overflow-wrap: anywhere }
#rules b { font-family: ui-monospace, monospace; font-weight: 600 }
#rules i { color: var(--faint); font-style: normal }
#nodes { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 14px }
.node { flex: 1 1 190px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 8px 10px }
.node.acts { border-color: var(--ink); box-shadow: 0 0 0 1px var(--ink) }
.node h2 { margin: 0 0 4px; font-size: 14px }
.node h2 span { color: var(--faint); font-weight: 400 }
.node table { border-collapse: collapse; width: 100%; font: 12px/1.5 ui-monospace, monospace }
.node td { padding: 0 4px; vertical-align: top; overflow-wrap: anywhere }
.node td:first-child { color: var(--faint); white-space: nowrap; width: 1% }
.changed { background: var(--changed) }
.changed s { color: var(--faint) }
#keys, #labels { color: var(--faint); font-size: 13px }
"""

DIAGRAM = """
svg { display: block }
svg text {
  fill: var(--text); font: 13px ui-monospace, monospace; white-space: pre;
  paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round;
}
svg .now text { stroke: var(--now) }
svg text.held { stroke: none }
svg .faint, svg .number { fill: var(--faint) }
svg .name { font-weight: 600 }
svg .life { stroke: var(--line); stroke-width: 1.5 }
svg .hit { fill: transparent; cursor: pointer }
svg .now > .hit { fill: var(--now) }
svg .later { opacity: 0.32 }
svg .arrow path { stroke: var(--ink); stroke-width: 1.5; fill: none }
svg .arrow .head { fill: var(--ink) }
svg .lost path { stroke: var(--bad) }
svg .flying path { stroke-dasharray: 5 4; stroke: var(--faint) }
svg .flying .head { fill: var(--page); stroke-dasharray: none }
svg .event { fill: var(--ink) }
svg .fault { fill: var(--bad) }
svg .box { fill: var(--box); stroke: var(--ink) }
svg .box.settled { fill: var(--settled); stroke: var(--settled-ink) }
"""

SCRIPT = """
"use strict";
const story = JSON.parse(document.getElementById("story").textContent);
const at = (id) => document.getElementById(id);
const least = story.first - 1, most = least + story.steps.length;
const most_letters = 60;  // of an old and a new value together that are shown beside each other
const is_network = story.flight.length > 0 || story.steps.some((scene) => scene.flight.length > 0);
let step = most;

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function columns(number) {
  return number === least ? story.begin : story.steps[number - least - 1].nodes;
}

function card(name, now, before, acts) {
  const made = element("div", undefined, acts ? "node acts" : "node");
  const head = element("h2", name + " ");
  head.append(element("span", now.badge));
  const table = element("table");
  now.facts.forEach(([fact, value], i) => {
    const row = element("tr"), cell = element("td"), old = before.facts[i] ? before.facts[i][1] : value;
    row.append(element("td", fact), cell);
    if (old !== value) {
      row.className = "changed";
      if (old.length + value.length <= most_letters) cell.append(element("s", old), " \\u2192 ");
    }
    cell.append(value);
    table.append(row);
  });
  made.append(head, table);
  return made;
}

function rule(entry) {
  const made = element("li");
  made.append(element("b", entry.name), " ", element("i", entry.source), entry.sentence ? ": " + entry.sentence : "");
  return made;
}

function show(number) {
  step = Math.min(most, Math.max(least, number));
  const scene = step === least ? null : story.steps[step - least - 1];
  at("slider").value = step;
  at("number").textContent = scene ? "step " + step + " of " + most : "the beginning";
  at("caption").textContent = scene ? scene.text : "How it begins.";
  at("change").textContent = scene ? scene.change : "";
  at("sent").replaceChildren(...(scene ? scene.sent : []).map((text) => element("li", "sends " + text)));
  at("rules").replaceChildren(...(scene ? scene.rules : []).map(rule));
  const flight = scene ? scene.flight : story.flight;
  at("flight").hidden = !is_network;
  at("flight").dataset.head = flight.length ? "In flight " + (scene ? "after it:" : "then:") : "Nothing is in flight.";
  at("flight").replaceChildren(...flight.map((text) => element("li", text)));
  const before = columns(Math.max(least, step - 1)), now = columns(step);
  at("nodes").replaceChildren(
    ...story.names.map((name, i) => card(name, now[i], before[i], scene !== null && scene.node === i)));
  document.body.dataset.step = step;
  for (const group of document.querySelectorAll(".scene")) {
    const its = Number(group.dataset.step);
    group.classList.toggle("now", its === step);
    group.classList.toggle("later", its > step);
    if (its === step) uncover(group);
  }
}

function uncover(group) {
  const box = at("diagram"), its = group.getBoundingClientRect(), seen = box.getBoundingClientRect();
  const head = at("names").offsetHeight;
  if (its.top < seen.top + head) box.scrollTop -= seen.top + head - its.top;
  else if (its.bottom > seen.bottom) box.scrollTop += its.bottom - seen.bottom;
}

function fromAddress() {
  const found = /^#step=(\\d+)$/.exec(location.hash);
  return found ? Number(found[1]) : most;
}

const keys = {
  ArrowRight: () => step + 1, ArrowDown: () => step + 1, ArrowLeft: () => step - 1, ArrowUp: () => step - 1,
  Home: () => least, End: () => most,
};
document.addEventListener("keydown", (event) => {
  if (!keys[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  show(keys[event.key]());
});
at("slider").addEventListener("input", () => show(Number(at("slider").value)));
at("back").addEventListener("click", () => show(step - 1));
at("on").addEventListener("click", () => show(step + 1));
for (const group of document.querySelectorAll(".scene"))
  group.addEventListener("click", () => show(Number(group.dataset.step)));
window.addEventListener("hashchange", () => show(fromAddress()));
show(fromAddress());
"""

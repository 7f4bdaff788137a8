// The generals: the server runs the real protocols; this draws who tells whom what, and changes what the traitor says.

import { byId, element, svgElement } from "../base/elements.js";

const BATTLES = [
  {
    name: "Nine vote",
    query: { protocol: "vote", n: 9, traitor: 8 },
    story:
      "Everybody tells everybody what he wants, and does what the majority said. Generals 0 to 3 want to attack, 4 to 7 " +
      "to retreat. The ninth agrees with both sides, so his vote breaks the tie differently for each of them. Of the 256 " +
      "ways in which he can answer the eight, 254 split the army: all but those that tell everybody the same.",
  },
  {
    name: "Three, oral messages",
    query: { protocol: "om", n: 3, traitor: 2 },
    story:
      "A commander, general 0, orders; lieutenants tell each other what he ordered. With three generals, lieutenant 1 " +
      "hears one word from the commander and the opposite from 2, and can't know who lies: no protocol with oral messages " +
      "helps three generals against one traitor.",
  },
  {
    name: "Four, oral messages",
    query: { protocol: "om", n: 4, traitor: 3 },
    story:
      "OM(1) with four generals: each lieutenant takes the majority of what the commander told him and what the others " +
      "say that they were told. Whatever one traitor says, the loyal ones do the same, and obey a loyal commander.",
  },
  {
    name: "Four, the commander lies",
    query: { protocol: "om", n: 4, traitor: 0 },
    story: "Now the commander is the traitor. The lieutenants may do either, but all three do the same.",
  },
  {
    name: "Three, signed messages",
    query: { protocol: "sm", n: 3, traitor: 0 },
    story:
      "Nobody can deny or change what he signed. The lieutenants show each other the commander's signed orders: if there " +
      "are two, both know that he is a traitor, and both retreat. So three generals suffice.",
  },
];

const CENTRE = { x: 210, y: 145 };
const RADIUS = { x: 165, y: 105 };
const state = { battle: BATTLES[0], lies: {}, round: 0, listener: "all", result: null };

function place(id, count) {
  const angle = (2 * Math.PI * id) / count - Math.PI / 2;
  return { x: CENTRE.x + RADIUS.x * Math.cos(angle), y: CENTRE.y + RADIUS.y * Math.sin(angle) };
}

async function fight() {
  const query = new URLSearchParams({ ...state.battle.query, lies: JSON.stringify(state.lies) });
  state.result = await (await fetch(`battle?${query}`)).json();
  show();
}

function show() {
  const { result, battle } = state;
  byId("battle-heading").textContent = battle.name;
  byId("story").textContent = battle.story;
  const verdict = byId("verdict");
  verdict.textContent = result.violations.join(" ") || "All loyal generals do the same.";
  verdict.className = result.violations.length ? "bad" : "good";
  showChoices();
  drawArmy();
  showMessages();
}

function showChoices() {
  press(byId("battles"), BATTLES.indexOf(state.battle));
  const rounds = byId("rounds");
  if (rounds.children.length !== state.result.rounds.length) {
    rounds.replaceChildren(...state.result.rounds.map((_, number) => makeRound(number)));
  }
  press(rounds, state.round);
  const listener = byId("listener");
  if (listener.dataset.count !== String(state.result.generals.length)) {
    listener.dataset.count = state.result.generals.length;
    const loyal = state.result.generals.filter((general) => !general.traitor);
    const options = loyal.map(({ id }) => element("option", { value: id, textContent: id }));
    listener.replaceChildren(element("option", { value: "all", textContent: "all" }), ...options);
  }
  listener.value = state.listener;
}

function press(group, chosen) {
  [...group.children].forEach((button, number) => button.setAttribute("aria-pressed", number === chosen));
}

function makeRound(number) {
  const button = element("button", { textContent: `Round ${number + 1}` });
  button.addEventListener("click", () => {
    state.round = number;
    show();
  });
  return button;
}

function messagesShown() {
  const { result, round, listener } = state;
  return result.rounds[round].filter((message) => listener === "all" || message.dest === Number(listener));
}

function drawArmy() {
  const { generals } = state.result;
  const lines = messagesShown().filter((message) => message.order !== null).map((message) => {
    const [from, to] = [place(message.source, generals.length), place(message.dest, generals.length)];
    const lie = message.key === undefined ? "" : " lie";
    return svgElement("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: message.order.toLowerCase() + lie });
  });
  const circles = generals.flatMap((general) => {
    const { x, y } = place(general.id, generals.length);
    const kind = general.traitor ? "traitor" : (general.decision ?? "").toLowerCase();
    const name = general.decision === null ? "name" : "name decided";
    return [
      svgElement("circle", { cx: x, cy: y, r: 19, class: kind }),
      svgElement("text", { x, y: y + 5, class: name }, general.id),
      svgElement("text", { x, y: y + 34 }, general.traitor ? "traitor" : `does ${general.decision}`),
    ];
  });
  byId("picture").replaceChildren(...lines, ...circles);
  const words = generals.map(({ id, traitor, decision }) => (traitor ? `${id} is the traitor` : `${id} does ${decision}`));
  byId("picture").setAttribute("aria-label", `The generals: ${words.join(", ")}`);
}

function showMessages() {
  const focused = document.activeElement?.dataset.lie;
  const isFixed = (message) => message.key === undefined; // what the reader can change comes first
  const rows = messagesShown().sort((one, other) => isFixed(one) - isFixed(other)).map((message) => {
    const source = message.source ?? state.result.traitor;
    const cells = [source, message.dest].map((text) => element("td", { textContent: text }));
    return element("tr", {}, ...cells, element("td", {}, isFixed(message) ? message.text : makeLie(message)));
  });
  const body = byId("messages").querySelector("tbody");
  body.replaceChildren(...rows);
  if (focused !== undefined) body.querySelector(`[data-lie="${focused}"]`)?.focus();
}

function makeLie(message) {
  const button = element("button", { textContent: message.text });
  button.dataset.lie = message.key;
  button.setAttribute("aria-label", `To ${message.dest} the traitor says ${message.text}. Change it`);
  button.addEventListener("click", () => {
    state.lies[message.key] = (message.choice + 1) % message.choices;
    fight();
  });
  return button;
}

byId("listener").addEventListener("change", (event) => {
  state.listener = event.target.value;
  show();
});
byId("battles").append(
  ...BATTLES.map((battle) => {
    const button = element("button", { textContent: battle.name });
    button.addEventListener("click", () => {
      Object.assign(state, { battle, lies: {}, round: 0, listener: "all" });
      fight();
    });
    return button;
  }),
);
fight();

// The operations of the demo's clients, and whether their replies are linearizable.

import { byId, element } from "../base/elements.js";
import { act, setClass, setText } from "./changes.js";

const button = byId("clients");
const body = byId("operations").querySelector("tbody");

button.addEventListener("click", () => act("clients", { on: button.getAttribute("aria-pressed") !== "true" }));

export function showHistory(history) {
  const verdict = byId("history-verdict");
  setText(verdict, history.verdict);
  const kind = history.verdict.split(":")[0];
  setClass(verdict, { holds: "good", violated: "bad" }[kind] ?? "quiet");
  const { done, unknown } = history.counts;
  const before = history.holding ? ` Earlier histories that hold: ${history.holding}.` : "";
  setText(
    byId("history-counts"),
    `${done} operations done, ${history.counts["not done"]} not done, ${unknown} unknown; ` +
      `${history.operations} on the keys of now.${before}`,
  );
  button.setAttribute("aria-pressed", history.on);
  const lines = [...history.recent].reverse();
  body.replaceChildren(
    ...lines.map((line) => element("tr", {}, ...[line.client, line.text, line.reply, line.ms].map(cell))),
  );
}

const cell = (text) => element("td", { textContent: text });

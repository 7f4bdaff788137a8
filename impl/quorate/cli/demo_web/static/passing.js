// The latest messages of a BFT cluster, as they passed between its nodes.

import { byId, element } from "../base/elements.js";

const MOST_ROWS = 100;
const body = byId("messages").querySelector("tbody");

export function addMessages(messages) {
  for (const message of messages) {
    const phase = message.phase === undefined ? "" : ` (${message.phase})`;
    const place = message.index === undefined ? "" : `index ${message.index}, view ${message.view}`;
    const cells = [`${message.from} → ${message.to}`, message.name + phase, place];
    body.prepend(element("tr", {}, ...cells.map((text) => element("td", {}, text))));
  }
  while (body.children.length > MOST_ROWS) body.lastElementChild.remove();
}

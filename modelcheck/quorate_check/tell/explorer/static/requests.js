// Requests to the server of this page.

import { byId } from "../base/elements.js";

export class Refusal extends Error {}

// Asks the server; a refusal is one line for the reader.
export async function ask(name, parameters = {}, method = "GET") {
  const query = new URLSearchParams(parameters).toString();
  let response;
  try {
    response = await fetch(`api/${name}${query ? `?${query}` : ""}`, { method });
  } catch {
    throw new Refusal("The server of this page has ended: start model-check explore again.");
  }
  const answer = await response.json();
  if (!response.ok) throw new Refusal(answer.error);
  return answer;
}

export function refuse(error) {
  if (!(error instanceof Refusal)) throw error;
  byId("error").textContent = error.message;
  byId("error").hidden = false;
}

export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

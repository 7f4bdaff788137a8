// Elements, and requests to the server of this page.

export const at = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

export function element(name, properties = {}, ...children) {
  const result = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("data-") || key.startsWith("aria-") || key === "role") result.setAttribute(key, value);
    else result[key] = value;
  }
  result.append(...children);
  return result;
}

export function shape(name, attributes = {}, ...children) {
  const result = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) result.setAttribute(key, value);
  result.append(...children);
  return result;
}

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
  at("error").textContent = error.message;
  at("error").hidden = false;
}

export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

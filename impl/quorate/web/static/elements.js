// Elements of a page.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An element with these properties; `aria-…`, `data-…` and `role` are attributes. */
export function element(name, properties = {}, ...children) {
  const result = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("data-") || key.startsWith("aria-") || key === "role") result.setAttribute(key, value);
    else result[key] = value;
  }
  result.append(...children);
  return result;
}

/** An element of an SVG picture, with these attributes. */
export function svgElement(name, attributes = {}, ...children) {
  const result = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) result.setAttribute(key, value);
  result.append(...children);
  return result;
}

// Changes of elements only where something differs, so that focus and selection stay where they are; and requests.

export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function setClass(target, text) {
  if (target.getAttribute("class") !== text) target.setAttribute("class", text);
}

/** Keep the children of `parent` equal to `keys`, in order: `make` makes one, `update` brings it up to date. */
export function keepChildren(parent, keys, make, update) {
  const present = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  keys.forEach((key, position) => {
    let child = present.get(String(key));
    present.delete(String(key));
    if (child === undefined) {
      child = make(key);
      child.dataset.key = key;
    }
    if (parent.children[position] !== child) parent.insertBefore(child, parent.children[position] ?? null);
    update(child, key);
  });
  present.forEach((child) => child.remove());
}

export async function act(action, details = {}) {
  const body = JSON.stringify({ action, ...details });
  const response = await fetch("actions", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  return response.json();
}

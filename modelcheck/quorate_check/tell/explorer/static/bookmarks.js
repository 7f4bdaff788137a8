// Places to come back to; they last as long as the tab.

import { byId, element } from "../base/elements.js";

const KEY = "bookmarks";
const load = () => JSON.parse(sessionStorage.getItem(KEY) ?? "[]");

function store(marks) {
  sessionStorage.setItem(KEY, JSON.stringify(marks));
  showMarks();
}

export function showMarks() {
  const marks = load();
  byId("marks").replaceChildren(...marks.map((mark, number) => {
    const removal = element("button", { type: "button", "aria-label": `remove the bookmark ${mark.text}` }, "remove");
    removal.addEventListener("click", () => store(marks.filter((_, n) => n !== number)));
    return element("li", {}, element("a", { href: `#${mark.link}` }, mark.text), " ", removal);
  }));
  if (!marks.length) byId("marks").append(element("li", { className: "quiet" }, "none yet"));
}

export function addMark(link, text) {
  const marks = load();
  if (!marks.some((mark) => mark.link === link)) store([...marks, { link, text }]);
}

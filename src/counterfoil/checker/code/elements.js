// Elements of the page. Text from a file only ever becomes text: nothing here reads HTML.

import { isPrintable } from "./words.js";

const MOST_SHOWN = 4000;

/** Makes an element: `make("p", {class: "lead"}, "text", child, …)`; empty children are left out. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== "").map(fit));
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Puts new children in place of an element's old ones. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== "").map(fit));
}

/** Text that cannot hide or reorder anything: what is neither visible nor a line break gets a mark. */
function clean(text) {
  const shown = Array.from(text.slice(0, MOST_SHOWN), (char) => (isPrintable(char) || char === "\n" ? char : "\ufffd"));
  const more = text.length - MOST_SHOWN;
  return shown.join("") + (more > 0 ? ` … (${more} more characters)` : "");
}

/** A list of terms and what they are: rows of [term, text or element]; empty ones are left out. */
export function described(rows) {
  const kept = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", {}, ...kept.map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", { dir: "auto" }, value))));
}

/** Long names of hashes and keys, which may break anywhere. */
export function code(text) {
  return make("code", {}, text);
}

function fit(child) {
  return typeof child === "string" ? clean(child) : child;
}

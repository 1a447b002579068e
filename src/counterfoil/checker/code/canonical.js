// Canonical JSON: one value, one sequence of bytes (RFC 8785).
// ECMAScript's own numbers and strings are the ones that RFC 8785 asks for.

import { Malformed, require, start, quoted } from "./words.js";
import { textOf, utf8 } from "./bytes.js";

export const MAX_DEPTH = 64;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a value is a number that every reader keeps as a whole one. */
export function isWhole(value) {
  return typeof value === "number" && Number.isSafeInteger(value);
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether an object has exactly these members. */
export function hasExactly(value, names) {
  const found = Object.keys(value);
  return found.length === names.length && names.every((name) => Object.hasOwn(value, name));
}

/** The canonical text of a value that JSON can hold. */
export function canonicalText(value, levels = MAX_DEPTH) {
  if (typeof value === "string") return stringText(value);
  if (typeof value === "number") {
    require(Number.isFinite(value), () => `${value} is not a JSON number`);
    return JSON.stringify(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  require(levels > 0, `nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalText(item, levels - 1)).join(",")}]`;
  // The default order is that of UTF-16 units, which RFC 8785 3.2.3 asks for.
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${stringText(name)}:${canonicalText(value[name], levels - 1)}`).join(",")}}`;
}

function stringText(text) {
  require(!LONE_SURROGATE.test(text), "a string holds half of a surrogate pair, which is not a character");
  return JSON.stringify(text);
}

/** The canonical bytes of a value. */
export function canonicalBytes(value) {
  return utf8(canonicalText(value));
}

/** Reads JSON text in any form. Doubled keys go unseen here: use `readCanonical` for evidence. */
export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Malformed(`not valid JSON: ${start(quoted(error.message), 200)}`);
  }
}

/** Reads JSON that must be in canonical form, character for character, from bytes or text. */
export function readCanonical(data) {
  const text = typeof data === "string" ? data : textOf(data, "not valid JSON: the file");
  const value = parseJson(text);
  require(canonicalText(value) === text, "the JSON is not in canonical form");
  return value;
}

// A receipt inside a saved page: one element of data, which is read and never run.

import { Malformed } from "./words.js";
import { textOrMarks } from "./bytes.js";
import { isObject, parseJson } from "./canonical.js";
import { bytesOfFile } from "./check_file.js";
import { MAX_RECEIPT_BYTES } from "./receipt.js";

const MOST_BYTES = 2 * MAX_RECEIPT_BYTES;
// Spelt so that this script, which stands in a page itself, holds neither.
const OPENS = '\u003cscript type="application/json" id="held">';
const ENDS = "\u003c/script>";

/** What the element says: {name, receipt, words, units, by}: the issuer's words for reasons by code, units by pointer, its name. */
export function heldOf(text) {
  const { name, receipt, words, units = {}, by = "" } = parseJson(text);
  const isRight = typeof name === "string" && typeof receipt === "string" && typeof by === "string" && isObject(words) && isObject(units);
  if (!isRight) throw new Malformed("the page holds no receipt");
  return { name, receipt, words: textsOf(words), units: textsOf(units), by };
}

function textsOf(found) {
  return Object.fromEntries(Object.entries(found).filter(([, told]) => typeof told === "string"));
}

/** What a saved page holds; null when the file is not one. */
export async function heldIn(file) {
  const start = textOrMarks(await bytesOfFile(file, 0, 64)).trimStart().toLowerCase();
  if (!start.startsWith("<!doctype html") || file.size > MOST_BYTES) return null;
  const text = textOrMarks(await bytesOfFile(file));
  const from = text.indexOf(OPENS);
  const to = text.indexOf(ENDS, from);
  if (from < 0 || to < 0) return null;
  try {
    return heldOf(text.slice(from + OPENS.length, to));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return null;
  }
}

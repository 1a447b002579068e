// Reads receipts and promises: the file, and nothing trusted yet.

import { quoted, require, start } from "./words.js";
import { toBase64, utf8 } from "./bytes.js";
import { Anchor } from "./anchor.js";
import { hasExactly, isObject, isWhole, readCanonical } from "./canonical.js";
import { leafHash } from "./merkle.js";
import { requireOrigin } from "./note.js";
import { decodeHashes } from "./proofs.js";
import { Schema } from "./schema.js";
import { isTime } from "./statement.js";

const RECEIPT = "counterfoil-receipt/1";
const PROMISE = "counterfoil-promise/1";
const PROMISE_HEADER = "counterfoil.dev/promise/v1";
const SHARED = ["disclosures", "entry", "fieldProof", "format", "handovers", "origin", "schema"];
export const MAX_RECEIPT_BYTES = 16 * 1048576;

/** Reads a receipt or promise file. */
export function parseReceipt(data) {
  require(
    data.length <= MAX_RECEIPT_BYTES,
    `a receipt of ${data.length} bytes is too large; ${MAX_RECEIPT_BYTES} is the limit`,
  );
  const value = readCanonical(withoutEnd(data));
  require(isObject(value), "not a receipt: the file holds no JSON object");
  if (value.format === PROMISE) {
    requireMembers(value, [...SHARED, "promise"]);
    return { isPromise: true, note: text(value, "promise"), ...shownOf(value) };
  }
  require(
    value.format === RECEIPT,
    () => `not a receipt this version can read: its format is ${quoted(start(String(value.format ?? "None"), 40))}`,
  );
  requireMembers(value, [...SHARED, "anchor", "anchorBy", "checkpoint", "inclusion", "index"]);
  require(isWhole(value.index) && value.index >= 0, "a receipt's index is not a number from 0");
  require(value.anchorBy === null || isTime(value.anchorBy), "a receipt's anchor time is not a time");
  return {
    isPromise: false,
    ...shownOf(value),
    index: value.index,
    path: decodeHashes(value.inclusion, "a receipt"),
    checkpoint: text(value, "checkpoint"),
    anchorBy: value.anchorBy,
    anchor: value.anchor === null ? null : Anchor.fromJson(value.anchor),
  };
}

/** The text that a promise signs. */
export function promiseText(origin, leaf, appendBy) {
  return `${PROMISE_HEADER}\n${origin}\n${toBase64(leaf)}\n${appendBy}\n`;
}

/** White space at the end of the file is ignored. */
function withoutEnd(data) {
  let end = data.length;
  while (end > 0 && (data[end - 1] === 0x20 || (data[end - 1] >= 9 && data[end - 1] <= 13))) end -= 1;
  return data.subarray(0, end);
}

function shownOf(value) {
  const origin = requireOrigin(text(value, "origin"));
  const entry = utf8(text(value, "entry"));
  return {
    origin,
    entry,
    leaf: leafHash(entry),
    schema: value.schema === null ? null : Schema.fromJson(value.schema),
    disclosure: { shown: texts(value, "disclosures"), proof: decodeHashes(value.fieldProof, "a receipt") },
    handovers: texts(value, "handovers"),
  };
}

function requireMembers(value, expected) {
  if (hasExactly(value, expected)) return;
  const names = new Set([...Object.keys(value), ...expected]);
  const wrong = [...names].filter((name) => !Object.hasOwn(value, name) || !expected.includes(name)).sort();
  require(false, `a receipt has a missing or unknown part: ${quoted(start(wrong[0], 60))}`);
}

function text(value, name) {
  require(typeof value[name] === "string", `the part ${quoted(name)} of a receipt is not text`);
  return value[name];
}

function texts(value, name) {
  const isRight = Array.isArray(value[name]) && value[name].every((item) => typeof item === "string");
  require(isRight, `the part ${quoted(name)} of a receipt is not a list of texts`);
  return value[name];
}

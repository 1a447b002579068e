// Salted field trees: any one private value can be shown without the others.
//
//     D_i    = JCS([b64url(salt_i), pointer_i, value_i])    absent: without the value
//     leaf_i = SHA-256(0x00 || D_i)

import { Malformed, quoted, require, start } from "./words.js";
import { utf8 } from "./bytes.js";
import { readCanonical } from "./canonical.js";
import { leafHash, nodeHash } from "./merkle.js";

const SALT = /^[A-Za-z0-9_-]{21}[AQgw]$/; // 16 bytes: the last character holds two bits

/**
 * The root that a disclosure leads to, and the values it shows: {root, values}, values by pointer, absent ones undefined.
 *
 * 1. every string is a canonical list of salt, pointer and at most one value;
 * 2. the pointer is in the schema, none twice, in the order of the schema;
 * 3. the value is of the field's type;
 * 4. shown leaves and proof hashes fill the tree exactly.
 */
export function openDisclosure(schema, { shown, proof }) {
  const rows = shown.map(readRow);
  const leaves = new Map();
  const values = new Map();
  let last = -1;
  rows.forEach((row, at) => {
    const position = requireRow(schema, row);
    require(position > last, () => `the field ${quoted(row[1])} is shown twice or out of order`);
    last = position;
    leaves.set(position, leafHash(utf8(shown[at])));
    values.set(row[1], row.length === 3 ? row[2] : undefined);
  });
  const rest = [...proof].reverse();
  const root = fold(leaves, [...leaves.keys()], 0, schema.width, rest);
  require(!rest.length, "a disclosure carries more hashes than the schema has room for");
  return { root, values };
}

function readRow(text) {
  try {
    return readCanonical(text);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed(`a disclosure cannot be read: ${error.message}`);
  }
}

function requireRow(schema, row) {
  require(
    Array.isArray(row) &&
      (row.length === 2 || row.length === 3) &&
      typeof row[0] === "string" &&
      typeof row[1] === "string",
    "a disclosure is not a list of salt, field and value",
  );
  const [salt, pointer, value] = row;
  const position = schema.positions.get(pointer);
  require(
    position !== undefined,
    () => `a disclosure shows ${quoted(start(pointer, 80))}, which the schema does not have`,
  );
  require(SALT.test(salt), () => `the salt of ${quoted(pointer)} is not 16 bytes in base64url`);
  require(
    row.length < 3 || schema.accepts(position, value),
    () => `the value of ${quoted(pointer)} is not of the type that the schema gives it`,
  );
  return position;
}

/** The hash over leaves from..to-1; `shown` are the positions among them, `proof` is taken from its end. */
function fold(leaves, shown, from, to, proof) {
  if (!shown.length) {
    require(proof.length > 0, "a disclosure carries too few hashes, or one of another size than 32 bytes");
    return proof.pop();
  }
  if (to - from === 1) return leaves.get(from);
  const middle = (from + to) / 2;
  const left = fold(leaves, shown.filter((at) => at < middle), from, middle, proof);
  return nodeHash(left, fold(leaves, shown.filter((at) => at >= middle), middle, to, proof));
}

// RLP, the bytes of Ethereum's headers, receipts and tree nodes: every value has exactly one encoding.

import { require } from "./words.js";
import { bigOf, isSame, joined, toBytes } from "./bytes.js";

const MAX_DEPTH = 16;
const SHORT = 55;

/** Reads one item (bytes or a list of items) that fills all of `data`. */
export function decodeRlp(data) {
  const [item, end] = itemAt(data, 0, data.length, MAX_DEPTH);
  require(end === data.length, "bytes follow where a ledger's data end");
  return item;
}

/** The bytes of an item. */
export function encodeRlp(item) {
  if (item instanceof Uint8Array) {
    return item.length === 1 && item[0] < 0x80 ? item : joined(prefix(0x80, item.length), item);
  }
  const content = joined(...item.map(encodeRlp));
  return joined(prefix(0xc0, content.length), content);
}

/** A number from 0 as RLP holds it: big-endian, no leading zeros, 0 as nothing. */
export function numberBytes(number) {
  const digits = number === 0 ? "" : BigInt(number).toString(16);
  return toBytes(number, Math.ceil(digits.length / 2));
}

/** Reads a number from 0 of at most `size` bytes, as a BigInt. */
export function parseNumber(item, size = 32) {
  require(
    item instanceof Uint8Array && item.length <= size && item[0] !== 0,
    "a number in a ledger's data is none, or is written too long",
  );
  return bigOf(item);
}

/** Whether two items are the same. */
export function isSameItem(a, b) {
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && isSame(a, b);
  }
  return a.length === b.length && a.every((item, at) => isSameItem(item, b[at]));
}

function itemAt(data, at, end, levels) {
  require(at < end, "a ledger's data are cut off");
  const first = data[at];
  if (first < 0x80) return [data.subarray(at, at + 1), at + 1];
  let [from, to] = contentAt(data, at, end);
  if (first < 0xc0) {
    require(
      to - from !== 1 || data[from] >= 0x80,
      "a byte in a ledger's data is written longer than need be",
    );
    return [data.subarray(from, to), to];
  }
  require(levels > 0, `a ledger's data are nested deeper than ${MAX_DEPTH} lists`);
  const items = [];
  while (from < to) {
    let item;
    [item, from] = itemAt(data, from, to, levels - 1);
    items.push(item);
  }
  return [items, to];
}

/** Where the content of the item at `at` starts and stops. */
function contentAt(data, at, end) {
  const first = data[at];
  let size = first - (first >= 0xc0 ? 0xc0 : 0x80);
  let from = at + 1;
  if (size > SHORT) {
    const digits = data.subarray(from, from + size - SHORT);
    from += size - SHORT;
    size = Number(bigOf(digits));
    require(
      from <= end && digits[0] !== 0 && size > SHORT,
      "a length in a ledger's data is cut off, or written longer than need be",
    );
  }
  require(from + size <= end, "a ledger's data are cut off");
  return [from, from + size];
}

function prefix(kind, size) {
  if (size <= SHORT) return Uint8Array.of(kind + size);
  const digits = numberBytes(size);
  return joined(Uint8Array.of(kind + SHORT + digits.length), digits);
}

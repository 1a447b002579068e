// A block's header: what its hash vouches for (Yellow Paper 4.4).

import { require } from "./words.js";
import { keccak256 } from "./keccak.js";
import { decodeRlp, parseNumber } from "./rlp.js";

const MAX_BYTES = 16384;
const [STATE_ROOT, RECEIPTS_ROOT, NUMBER, TIME] = [3, 5, 8, 11];
const LAST_SECOND = 253402300799n; // 9999-12-31T23:59:59Z

/** Reads a header from its RLP: {hash, number (BigInt), time, stateRoot, receiptsRoot}. */
export function parseHeader(data) {
  require(data.length <= MAX_BYTES, `a block's header has ${data.length} bytes; ${MAX_BYTES} is the limit`);
  const fields = decodeRlp(data);
  require(
    Array.isArray(fields) && fields.length >= 15 && fields.length <= 64,
    "a block's header is a list of 15 to 64 fields",
  );
  const seconds = parseNumber(fields[TIME], 8);
  require(seconds <= LAST_SECOND, "a block's header names a time that no calendar has");
  const number = parseNumber(fields[NUMBER], 8);
  return {
    hash: keccak256(data),
    number,
    time: `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`,
    stateRoot: rootField(fields[STATE_ROOT]),
    receiptsRoot: rootField(fields[RECEIPTS_ROOT]),
  };
}

function rootField(field) {
  require(field instanceof Uint8Array && field.length === 32, "a root in a block's header is not 32 bytes");
  return field;
}

// Lists of hashes, and proof files for single records (C2SP tlog-proof).

import { require } from "./words.js";
import { fromBase64, isUsual } from "./bytes.js";

const HEADER = "c2sp.org/tlog-proof@v1";
const MAX_HASHES = 1024 + 63;

/** Reads a list of base64 hashes of 32 bytes each. */
export function decodeHashes(value, what) {
  require(Array.isArray(value) && value.length <= MAX_HASHES, `${what} carries no usable list of hashes`);
  const hashes = value.map(fromBase64);
  require(!hashes.includes(null), `a hash in ${what} is not base64`);
  const isRight = hashes.every((hash, at) => hash.length === 32 && isUsual(value[at], hash));
  require(isRight, `a hash in ${what} is not 32 bytes`);
  return hashes;
}

/** Reads a proof file: {index, path, checkpoint}. */
export function parseLogProof(text) {
  const end = text.indexOf("\n\n");
  const head = end < 0 ? text : text.slice(0, end);
  const [first, ...rest] = head.split("\n");
  require(first === HEADER, "not a proof file: the first line is another one");
  if (rest[0]?.startsWith("extra ")) rest.shift();
  const digits = /^index (0|[1-9][0-9]{0,15})$/.exec(rest[0] ?? "");
  require(digits !== null, "a proof file names no index");
  const checkpoint = end < 0 ? "" : text.slice(end + 2);
  return { index: Number(digits[1]), path: decodeHashes(rest.slice(1), "a proof file"), checkpoint };
}

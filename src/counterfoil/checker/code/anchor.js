// That a log's head is on a shared ledger: the proof, as files carry it. Nothing in it is trusted.

import { quoted, require, start } from "./words.js";
import { fromBase64, fromHex, isUsual } from "./bytes.js";
import { canonicalBytes, hasExactly, isObject, isWhole, readCanonical } from "./canonical.js";
import { decodeHashes } from "./proofs.js";
import { isTime } from "./statement.js";

const FORMAT = "counterfoil-anchor/1";
const MAX_SIZE = 2 ** 48 - 1;
const MAX_NODES = 65;
const MEMBERS = ["account", "block", "chainId", "consistency", "contract", "format", "header", "logId", "root", "size"];
export const MAX_ANCHOR_BYTES = 262144;

/** The proof that a log's head was on a ledger in a block. */
export class Anchor {
  /** Reads a bundle's member `anchor.json`. */
  static parse(data) {
    return Anchor.fromJson(readCanonical(data));
  }

  /** Reads an anchor as a file holds it. */
  static fromJson(value) {
    require(isObject(value) && value.format === FORMAT, "not an anchor this version can read");
    require(canonicalBytes(value).length <= MAX_ANCHOR_BYTES, `an anchor has more than ${MAX_ANCHOR_BYTES} bytes`);
    require(
      hasExactly(value, [...MEMBERS, "event"]) || hasExactly(value, [...MEMBERS, "storage"]),
      "an anchor has a missing or unknown part, or not exactly one of event and storage",
    );
    const block = members(value.block, ["hash", "number", "time"]);
    require(isTime(block.time), "the time of an anchor's block is not a time");
    return Object.assign(new Anchor(), {
      chainId: number(value.chainId, 1),
      contract: parseHex(value.contract, 20),
      logId: parseHex(value.logId, 32),
      size: number(value.size, 1, MAX_SIZE),
      root: decodeHashes([value.root], "an anchor")[0],
      blockHash: parseHex(block.hash, 32),
      blockNumber: number(block.number),
      blockTime: block.time,
      header: bytes(value.header),
      account: nodes(value.account),
      event: Object.hasOwn(value, "event") ? eventOf(value.event) : null,
      storage: Object.hasOwn(value, "storage") ? storageOf(value.storage) : null,
      consistency: decodeHashes(value.consistency, "an anchor"),
      facts: { block, chainId: value.chainId, contract: value.contract, logId: value.logId, size: value.size },
    });
  }
}

/** Reads an address or hash as anchors write it: `0x` and lower-case digits. */
export function parseHex(value, size) {
  require(
    typeof value === "string" && /^0x[0-9a-f]*$/.test(value) && value.length === 2 + 2 * size,
    () => `${quoted(start(String(value), 80))} is not 0x and ${2 * size} digits 0-9, a-f`,
  );
  return fromHex(value.slice(2));
}

function eventOf(value) {
  const found = members(value, ["log", "proof", "transaction"]);
  return { transaction: number(found.transaction), log: number(found.log), nodes: nodes(found.proof) };
}

function storageOf(value) {
  const found = members(value, ["head", "root"]);
  return { head: nodes(found.head), root: nodes(found.root) };
}

function members(value, expected) {
  require(
    isObject(value) && hasExactly(value, expected),
    `a part of an anchor has exactly the members ${expected.join(", ")}`,
  );
  return value;
}

function number(value, least = 0, most = Number.MAX_SAFE_INTEGER) {
  require(
    isWhole(value) && value >= least && value <= most,
    () => `${quoted(start(String(value), 40))} in an anchor is not a whole number from ${least} to ${most}`,
  );
  return value;
}

function nodes(value) {
  require(
    Array.isArray(value) && value.length <= MAX_NODES,
    `a proof in an anchor is not a list of at most ${MAX_NODES} nodes`,
  );
  return value.map(bytes);
}

function bytes(value) {
  const raw = fromBase64(value);
  require(raw !== null, "a part of an anchor is not base64");
  require(isUsual(value, raw), "a part of an anchor is base64 in another form than the usual one");
  return raw;
}

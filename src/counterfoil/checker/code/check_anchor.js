// Checks an anchor, offline, part by part.
//
// 1. header       hashes to the block's hash, and says the number and time claimed
// 2. account      under the header's state root: the contract's code is that of Evidence
// 3. event        under the receipts root: Evidence told of the anchored head; or
//    storage      under the account's storage root: Evidence holds it
// 4. consistency  the file's head begins with every record of the anchored one
// 5. trust        the block is one that the checker named, and so are log and contract

import { Malformed, grouped, require } from "./words.js";
import { bigOf, fromHex, isSame, joined, toBytes, toHex } from "./bytes.js";
import { parseHeader } from "./block_header.js";
import { keccak256 } from "./keccak.js";
import { isConsistent } from "./merkle.js";
import { decodeRlp, encodeRlp, isSameItem, numberBytes, parseNumber } from "./rlp.js";
import { failed, notChecked, passed } from "./steps.js";
import { provenValue } from "./trie.js";
import { ANCHORED, KNOWN_CODE } from "./known.js";

const STEP = "anchor";
const TITLE = "Is the log's head on a shared ledger?";
const NO_ANCHOR_LIMIT = "that everybody is shown the same log";
const LIMIT =
  "that the issuer keeps no second log under another log id or in another contract; " +
  "nor that the ledger bears this number, which no block says";
const hex = (bytes) => `0x${toHex(bytes)}`;

/** The step of a file without an anchor. */
export function noAnchor(detail = "the file carries no anchor") {
  return notChecked(STEP, TITLE, detail, NO_ANCHOR_LIMIT);
}

/**
 * The step `anchor`. `ledger` is what the checker knows: {block, logId, contract}, each bytes or null; `last` is the place
 * of the file's last record that is more than a count of streams, -1 without any.
 */
export function checkAnchor(anchor, head, ledger, last) {
  if (anchor === null) return noAnchor();
  try {
    requireFitting(anchor, head);
    requireExpected(anchor, ledger); // step 5
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return failed(STEP, TITLE, error.message);
  }
  const told = said(anchor, head);
  if (!ledger.block) {
    return notChecked(
      STEP,
      TITLE,
      `its parts fit together and say: ${told}; but you named no block of the ledger to hold them against; ` +
        `theirs is ${hex(anchor.blockHash)}`,
      NO_ANCHOR_LIMIT,
    );
  }
  if (last >= anchor.size) {
    return notChecked(
      STEP,
      TITLE,
      `the file holds records up to place ${last}, and those from place ${anchor.size} on came after the anchor: ${told}`,
    );
  }
  return passed(STEP, TITLE, told, LIMIT);
}

function requireFitting(anchor, head) {
  const header = requireHeader(anchor); // step 1
  const { storageRoot, headsSlot } = requireAccount(anchor, header); // step 2
  if (anchor.event) requireEvent(anchor, anchor.event, header); // step 3
  else requireStored(anchor, anchor.storage, storageRoot, headsSlot);
  require( // step 4
    isConsistent(anchor.size, anchor.root, head.size, head.root, anchor.consistency),
    () =>
      `the file's head over ${grouped(head.size)} records does not begin with the ${grouped(anchor.size)} anchored ones`,
  );
}

function requireHeader(anchor) {
  const header = parseHeader(anchor.header);
  require(isSame(header.hash, anchor.blockHash), "the block's header in the anchor is not the one its hash names");
  require(
    header.number === BigInt(anchor.blockNumber) && header.time === anchor.blockTime,
    `the anchor says block ${anchor.blockNumber} at ${anchor.blockTime}, and the block's header says ` +
      `${header.number} at ${header.time}`,
  );
  return header;
}

function requireAccount(anchor, header) {
  const value = proven("the contract's account", header.stateRoot, keccak256(anchor.contract), anchor.account);
  require(value !== null, () => `there is no contract at ${hex(anchor.contract)} in that block`);
  const account = decodeRlp(value);
  require(Array.isArray(account) && account.length === 4, "the contract's account on the ledger has another form");
  const [, , storageRoot, codeHash] = account;
  const isKnown = codeHash instanceof Uint8Array && Object.hasOwn(KNOWN_CODE, toHex(codeHash));
  require(isKnown, () => `the contract at ${hex(anchor.contract)} is none that this version knows`);
  require(storageRoot instanceof Uint8Array, "the contract's account on the ledger has another form");
  return { storageRoot, headsSlot: KNOWN_CODE[toHex(codeHash)] };
}

function requireEvent(anchor, proof, header) {
  const key = encodeRlp(numberBytes(proof.transaction));
  const value = proven("the transaction", header.receiptsRoot, key, proof.nodes);
  require(value !== null, `the block has no transaction ${proof.transaction}`);
  const isTyped = value[0] < 0x80; // EIP-2718: the type's number stands before the receipt
  const receipt = decodeRlp(isTyped ? value.subarray(1) : value);
  require(
    Array.isArray(receipt) && receipt.length === 4 && Array.isArray(receipt[3]),
    "what the transaction did is written in another form",
  );
  const [status, , , events] = receipt;
  require(isSameItem(status, Uint8Array.of(1)), "the transaction that should have anchored the head was refused");
  const expected = [
    anchor.contract,
    [fromHex(ANCHORED), anchor.logId, toBytes(anchor.size, 32)],
    anchor.root,
  ];
  require(
    proof.log < events.length && isSameItem(events[proof.log], expected),
    () => `event ${proof.log} of the transaction is not the anchoring of ${grouped(anchor.size)} records with this root`,
  );
}

/** The contract keeps size and root in two slots (Vyper: keccak256(slot || key), and one further). */
function requireStored(anchor, proof, storageRoot, headsSlot) {
  const first = keccak256(joined(toBytes(headsSlot, 32), anchor.logId));
  const second = toBytes((bigOf(first) + 1n) % 2n ** 256n, 32);
  const size = (stored(storageRoot, first, proof.head) >> 160n) & (2n ** 48n - 1n);
  require(
    size === BigInt(anchor.size),
    () => `in that block the contract holds a head over ${grouped(size)} records, not ${grouped(anchor.size)}`,
  );
  require(stored(storageRoot, second, proof.root) === bigOf(anchor.root), "in that block the contract holds another root");
}

function stored(storageRoot, slot, nodes) {
  const value = proven("what the contract holds", storageRoot, keccak256(slot), nodes);
  return value === null ? 0n : parseNumber(decodeRlp(value));
}

function proven(what, root, key, nodes) {
  try {
    return provenValue(root, key, nodes);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed(`the proof of ${what} does not hold: ${error.message}`);
  }
}

function requireExpected(anchor, ledger) {
  const number = grouped(anchor.blockNumber);
  require(
    !ledger.block || isSame(ledger.block, anchor.blockHash),
    () =>
      `its block is number ${number} with the hash ${hex(anchor.blockHash)}, and you named ` +
      `${hex(ledger.block)}: ask your node for the hash of block ${number}`,
  );
  for (const [what, expected, found] of [
    ["contract", ledger.contract, anchor.contract],
    ["log id", ledger.logId, anchor.logId],
  ]) {
    require(!expected || isSame(expected, found), () => `its ${what} is ${hex(found)}, and you named ${hex(expected)}`);
  }
}

function said(anchor, head) {
  return (
    `the first ${grouped(anchor.size)} of ${grouped(head.size)} records were on ledger ${anchor.chainId} in block ` +
    `${anchor.blockNumber} at ${anchor.blockTime}; contract ${hex(anchor.contract)}, log id ${hex(anchor.logId)}`
  );
}

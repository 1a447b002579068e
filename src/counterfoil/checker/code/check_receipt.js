// Checks a receipt or a promise, offline, step by step.
//
// 1. format     the file is a receipt or promise that can be read
// 2. record     it holds one well-formed record of the log it names
// 3. fields     the values shown belong to that record
// 4. log        the record stands in the log under the head in the file (receipts)
// 5. issuer     that head, or the promise, is signed by the issuer the checker named
// 6. kept       held against the log as it is today: kept, overdue, unanswered, convicted
// 7. anchor     the head is on a shared ledger
// 8. witnesses  enough witnesses of the checker's policy saw the head

import { Malformed, require } from "./words.js";
import { isSame, toHex } from "./bytes.js";
import { checkAnchor, noAnchor } from "./check_anchor.js";
import { checkWitnesses, noWitnesses } from "./check_witnesses.js";
import { parseCheckpoint } from "./checkpoint.js";
import { openDisclosure } from "./fields.js";
import { isIncluded } from "./merkle.js";
import { parseNote } from "./note.js";
import { parseReceipt, promiseText } from "./receipt.js";
import { isTime, parseRecord } from "./statement.js";
import { FAILED, Report, failed, notChecked, passed } from "./steps.js";
import { Trust } from "./trust.js";

const TITLES = {
  format: "Can the file be read?",
  record: "Does it hold one well-formed record?",
  fields: "Do the values shown belong to that record?",
  log: "Does the record stand in the issuer's log?",
  kept: "Is it still so in the log of today?",
};

/**
 * Checks the bytes of a file. `given` is what the checker brings: {issuer, ledger, witnesses, log, now}; `log` is what somebody shows
 * of the log today: {head, rootAt, leafAt, find, isWhole, lastTime, handovers}.
 */
export async function checkReceipt(data, given) {
  let stub;
  let trust;
  try { // step 1
    stub = parseReceipt(data);
    trust = await Trust.following(given.issuer, stub.handovers);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return new Report("receipt", [failed("format", TITLES.format, error.message)]);
  }
  const what = stub.isPromise ? "promise of a receipt" : "receipt";
  const steps = [passed("format", TITLES.format, `it is a ${what} from ${stub.origin}`)];
  let record;
  try { // step 2
    record = parseRecord(stub.entry);
    steps.push(recordStep(record, stub));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    steps.push(failed("record", TITLES.record, error.message));
    return new Report(what, steps);
  }
  const [step, values] = fieldsStep(record, stub); // step 3
  steps.push(step);
  steps.push(...(stub.isPromise ? await promiseSteps(stub, trust) : await receiptSteps(stub, trust)));
  const [kept, answer] = await keptStep(stub, trust, given, steps); // step 6
  steps.push(kept);
  steps.push(anchorStep(stub, given.ledger)); // step 7
  steps.push(await witnessesStep(stub, given.witnesses)); // step 8
  return new Report(what, steps, factsOf(stub, record, values), answer);
}

function recordStep(record, stub) {
  if (record.issuer.split("+")[0] !== stub.origin) {
    return failed("record", TITLES.record, `the record was issued for ${record.issuer}, not for ${stub.origin}`);
  }
  return passed(
    "record",
    TITLES.record,
    `${record.kind} number ${record.seq} of ${record.stream}, ${record.time}`,
    "that the time is right; it is the issuer's own clock",
  );
}

function fieldsStep(record, { schema, disclosure }) {
  const fail = (detail) => [failed("fields", TITLES.fields, detail), new Map()];
  if (record.schema === null) {
    const isShowing = disclosure.shown.length || disclosure.proof.length || schema;
    if (isShowing) return fail("values are shown for a record that has no private fields");
    return [passed("fields", TITLES.fields, "the record has no private fields"), new Map()];
  }
  if (schema?.digest !== record.schema) return fail("the schema in the file is not the one the record names");
  let opened;
  try {
    opened = openDisclosure(schema, disclosure);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return fail(error.message);
  }
  if (!isSame(opened.root, record.digest)) return fail("a value, or its salt, is not the one that was recorded");
  const detail = `${opened.values.size} of ${schema.fields.length} fields are shown, each exactly as recorded`;
  return [passed("fields", TITLES.fields, detail, "that a value was true when it was recorded"), opened.values];
}

/** Steps 4 and 5 for a receipt. */
async function receiptSteps(stub, trust) {
  let head;
  try {
    head = parseCheckpoint(stub.checkpoint);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return [failed("log", TITLES.log, error.message)];
  }
  let step;
  if (head.origin !== stub.origin) {
    step = failed("log", TITLES.log, `the head is of another log, ${head.origin}`);
  } else if (!isIncluded(stub.leaf, stub.index, head.size, stub.path, head.root)) {
    step = failed("log", TITLES.log, "the record is not in the log under the head in this file");
  } else {
    step = passed("log", TITLES.log, `it is record ${stub.index} of the ${head.size} under this head`);
  }
  return [step, await trust.step(head.note, "the log's head", head.origin)];
}

/** Steps 4 and 5 for a promise. */
async function promiseSteps(stub, trust) {
  const pending = notChecked("log", TITLES.log, "this is a promise; the record was not yet in the log");
  try {
    const note = parseNote(stub.note);
    appendBy(stub, note.text);
    return [pending, await trust.step(note, "the promise", stub.origin)];
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return [pending, failed("issuer", "Is it signed by the issuer?", error.message)];
  }
}

/** The time the promise names. */
function appendBy(stub, text) {
  const lines = text.split("\n");
  require(
    lines.length === 5 && promiseText(stub.origin, stub.leaf, lines[3]) === text,
    "the promise was signed for another record or another log",
  );
  require(isTime(lines[3]), "the promise names no time");
  return lines[3];
}

/** Only a file that holds by itself and that the issuer signed can speak against the issuer. */
async function keptStep(stub, trust, { log, now }, before) {
  const unanswered = (why) => [notChecked("kept", TITLES.kept, `unanswered: ${why}`), "unanswered"];
  if (!log) return [notChecked("kept", TITLES.kept, "no newer state of the log was given"), ""];
  if (before.some((step) => step.status === FAILED)) return unanswered("the file does not hold by itself");
  if (!trust.keys.length) return unanswered("you did not say whose key to expect, so nobody's log can answer");
  if (trust.lacking) return unanswered(trust.lacking);
  const widened = await widenedTrust(trust, stub, log);
  if (log.head.origin !== stub.origin || !(await widened.signed(log.head.note))) {
    return unanswered("what was given is not a log signed by the issuer you named");
  }
  const [answer, detail] = stub.isPromise ? promiseAnswer(stub, log, now ?? "") : receiptAnswer(stub, log);
  const make = { kept: passed, unanswered: notChecked }[answer] ?? failed;
  return [make("kept", TITLES.kept, `${answer}: ${detail}`), answer];
}

/** The keys that count for `log`: those of the receipt, and those handed over to since. */
async function widenedTrust(trust, stub, log) {
  try {
    return await Trust.following(trust.keys[0], [...new Set([...stub.handovers, ...log.handovers])]);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return trust;
  }
}

function receiptAnswer(stub, log) {
  const head = parseCheckpoint(stub.checkpoint);
  const theirs = log.head;
  if (theirs.size < head.size) {
    return ["unanswered", `the log shown has ${theirs.size} records, the receipt knows of ${head.size}`];
  }
  const root = theirs.size === head.size ? theirs.root : log.rootAt(head.size);
  if (root && !isSame(root, head.root)) {
    return ["convicted", `the issuer signed two different histories of ${head.size} records`];
  }
  const leaf = log.leafAt(stub.index);
  if (leaf && !isSame(leaf, stub.leaf)) {
    return ["convicted", `the issuer signed another record at place ${stub.index}`];
  }
  if (!root && !leaf) return ["unanswered", "what was given does not show this part of the log"];
  return ["kept", `the record is at place ${stub.index} of the log with ${theirs.size} records`];
}

function promiseAnswer(stub, log, now) {
  const by = appendBy(stub, parseNote(stub.note).text);
  const index = log.find(stub.leaf);
  if (index !== undefined) return ["kept", `the promised record is at place ${index}`];
  if (!log.isWhole) return ["unanswered", "not every record of the log was given"];
  if (log.lastTime <= by && now <= by) {
    return ["unanswered", `the record is not there yet; it was promised by ${by}`];
  }
  const newest = log.lastTime ? `whose newest record is of ${log.lastTime}` : "which has no records";
  return ["overdue", `the record was promised by ${by} and is not in the log that was given, ${newest}`];
}

function anchorStep(stub, ledger) {
  if (stub.isPromise) return noAnchor("this is a promise; the record was not yet in the log");
  if (stub.anchor === null) {
    const due = stub.anchorBy ? `; it says, unsigned, that one is due by ${stub.anchorBy}` : "";
    return noAnchor(`the file carries no anchor${due}`);
  }
  let head;
  try {
    head = parseCheckpoint(stub.checkpoint);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return noAnchor("the head that the anchor leads to cannot be read");
  }
  return checkAnchor(stub.anchor, head, ledger, stub.index);
}

async function witnessesStep(stub, policy) {
  if (stub.isPromise) return noWitnesses("this is a promise; the record was not yet in the log");
  let head;
  try {
    head = parseCheckpoint(stub.checkpoint);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return noWitnesses("the head cannot be read");
  }
  return checkWitnesses(head, policy, stub.handovers);
}

function factsOf(stub, record, values) {
  const titles = new Map((stub.schema?.fields ?? []).map((field) => [field.pointer, field.title]));
  return {
    origin: stub.origin,
    kind: record.kind,
    stream: record.stream,
    seq: record.seq,
    time: record.time,
    index: stub.index ?? null,
    leaf: toHex(stub.leaf),
    anchor: stub.anchor?.facts ?? null,
    fields: Array.from(values, ([pointer, value]) => ({ pointer, title: titles.get(pointer), value: value ?? null })),
    about: record.about,
    // The page's own, beyond the command line's:
    issuer: record.issuer,
    buildsOn: record.buildsOn,
    name: record.name,
    hidden: titles.size - values.size,
  };
}

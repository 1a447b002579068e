// Checks a bundle, offline, step by step.
//
// 1. format     the file is a bundle that can be read
// 2. records    every record in it is well formed and of this log
// 3. log        the records lead to the head in the bundle
// 4. issuer     the head is signed by the issuer the checker named
// 5. complete   nothing is missing or doubled (ranges only)
// 6. fields     the values shown belong to their records
// 7. earlier    an earlier head the checker kept is a prefix of this log
// 8. anchor     the head is on a shared ledger
// 9. witnesses  enough witnesses of the checker's policy saw the head

import { Malformed, grouped, require } from "./words.js";
import { isSame, textOf, textOrMarks, toHex, utf8 } from "./bytes.js";
import { Contents, ENTRY_TILE_BYTES, Rebuilt, SHOWN_MEMBER, entryTiles, parseShownLine } from "./bundle.js";
import { checkAnchor } from "./check_anchor.js";
import { checkWitnesses } from "./check_witnesses.js";
import { parseCheckpoint } from "./checkpoint.js";
import { openDisclosure } from "./fields.js";
import { EMPTY_ROOT, isIncluded, leafHash, rootOf } from "./merkle.js";
import { MAX_NOTE_BYTES } from "./note.js";
import { parseLogProof } from "./proofs.js";
import { Sequence } from "./sequence.js";
import { sha256 } from "./sha256.js";
import { parseRecord } from "./statement.js";
import { Report, failed, notChecked, passed } from "./steps.js";
import { TILE_WIDTH, cover, decodeEntries } from "./tiles.js";
import { Trust } from "./trust.js";

const TITLES = {
  format: "Can the file be read?",
  records: "Is every record in it well formed?",
  log: "Do the records lead to the log's head?",
  complete: "Is nothing missing or doubled?",
  fields: "Do the values shown belong to their records?",
  earlier: "Does the log extend the head you kept from before?",
};
const PROOF_BYTES = 128 * 1024;

/** Things to note while a range goes by: roots at sizes, leaf hashes at places, places of leaf hashes (hex). */
export class Watch {
  roots = new Map();
  seen = new Map();
  places = new Map();

  constructor({ sizes = [], indices = [], leaves = [] } = {}) {
    this.sizes = new Set(sizes);
    this.indices = indices;
    this.leaves = leaves;
  }

  note(place, leaves) {
    for (const index of this.indices) {
      if (index >= place && index < place + leaves.length) this.seen.set(index, leaves[index - place]);
    }
    for (const wanted of this.leaves) {
      const at = leaves.findIndex((leaf) => isSame(leaf, wanted));
      if (at >= 0 && !this.places.has(toHex(wanted))) this.places.set(toHex(wanted), place + at);
    }
  }
}

/**
 * Checks an opened bundle. `given` is what the checker brings: {issuer, ledger, witnesses, earlier}; `progress(done, all)` is awaited
 * now and then, so that a page can breathe.
 */
export async function checkBundle(members, given, progress, watch = new Watch()) {
  let contents;
  let head;
  let checkpoint;
  let trust;
  try { // step 1
    contents = await Contents.open(members);
    checkpoint = textOf(await members.read("checkpoint", MAX_NOTE_BYTES), "the checkpoint");
    head = parseCheckpoint(checkpoint);
    trust = await Trust.following(given.issuer, contents.manifest.handovers);
    requireFitting(contents.manifest, head);
    contents.requireNoStrays(head.size);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return new Report("bundle", [failed("format", TITLES.format, error.message)]);
  }
  const { manifest } = contents;
  const count = manifest.indices ? manifest.indices.length : manifest.end - manifest.start;
  const steps = [passed("format", TITLES.format, `a bundle of ${grouped(count)} records from ${manifest.origin}`)];
  if (given.earlier) watch.sizes.add(given.earlier.size);
  const tally = new Tally(contents);
  let stage = "records";
  try { // steps 2 and 3
    await tally.start();
    const root = manifest.indices
      ? await readScattered(contents, head, checkpoint, tally, progress)
      : await readRange(contents, head, tally, watch, progress);
    steps.push(passed("records", TITLES.records, countedKinds(tally.sequence.kinds)));
    stage = "log";
    require(
      isSame(root, head.root),
      "the records do not lead to the signed head; one was changed, added, removed or moved",
    );
    steps.push(passed("log", TITLES.log, `they lead to the head over ${grouped(head.size)} records`));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    steps.push(failed(stage, TITLES[stage], error.message));
    return new Report("bundle", steps);
  }
  steps.push(await trust.step(head.note, "the log's head", head.origin)); // step 4
  steps.push(completeStep(manifest, tally.sequence, head.size)); // step 5
  steps.push(fieldsStep(tally)); // step 6
  steps.push(await earlierStep(given.earlier, head, trust, watch)); // step 7
  steps.push(checkAnchor(contents.anchor, head, given.ledger, tally.last)); // step 8
  steps.push(await checkWitnesses(head, given.witnesses, manifest.handovers)); // step 9
  return new Report("bundle", steps, factsOf(contents, head, tally));
}

/** What a checked bundle shows of the log, for holding a receipt against it. */
export async function viewOfBundle(members, watch, report) {
  require(report.isIntact, () => `the log to compare with does not hold by itself: ${report.verdict}`);
  const head = parseCheckpoint(textOf(await members.read("checkpoint", MAX_NOTE_BYTES)));
  const { start: from, end } = report.facts;
  return {
    head,
    rootAt: (size) => watch.roots.get(size),
    leafAt: (index) => watch.seen.get(index),
    find: (leaf) => watch.places.get(toHex(leaf)),
    isWhole: from === 0 && end === head.size,
    lastTime: report.facts.last_time,
    handovers: (await Contents.open(members)).manifest.handovers,
  };
}

/** What went by, for the later steps and for the facts; the disclosures are one line ahead of their records. */
class Tally {
  last = -1; // place of the last record that is more than a count of streams
  shownRecords = 0;
  shownFields = 0;
  fieldFault = "";
  ahead = null;
  #contents;
  #lines;

  constructor(contents) {
    const { manifest, members } = contents;
    this.#contents = contents;
    this.sequence = new Sequence(!manifest.indices && manifest.start === 0);
    this.#lines = members.has(SHOWN_MEMBER) ? members.lines(SHOWN_MEMBER, 2 * ENTRY_TILE_BYTES) : null;
  }

  async start() {
    if (this.#lines) await this.#readLine();
  }

  async #readLine() {
    const { done, value } = await this.#lines.next();
    this.ahead = done ? null : parseShownLine(value);
  }

  requireNoneLeft() {
    require(
      this.ahead === null,
      () => `fields of record ${this.ahead.index} are shown twice, out of order, or without the record`,
    );
  }

  /** Takes one record: its form, its place in its stream, and its fields if shown. */
  async take(index, entry) {
    const record = parsedAt(index, entry);
    const { origin } = this.#contents.manifest;
    require(
      record.issuer.startsWith(`${origin}+`),
      () => `record ${index} was issued for ${record.issuer}, not for ${origin}`,
    );
    this.sequence.add(index, record);
    if (record.kind !== "epoch") this.last = index;
    if (this.ahead?.index !== index) return;
    const line = this.ahead;
    await this.#readLine();
    if (!this.fieldFault) this.fieldFault = this.#open(record, line);
  }

  /** What is wrong with the fields shown of one record, empty when nothing is. */
  #open(record, line) {
    const schema = this.#contents.schemas.get(record.schema);
    if (!schema) return `fields of record ${line.index} are shown without the schema it names`;
    let opened;
    try {
      opened = openDisclosure(schema, line.disclosure);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return `record ${line.index}: ${error.message}`;
    }
    if (!isSame(opened.root, record.digest)) {
      return `record ${line.index}: a value, or its salt, is not the one that was recorded`;
    }
    this.shownRecords += 1;
    this.shownFields += opened.values.size;
    return "";
  }
}

function parsedAt(index, entry) {
  try {
    return parseRecord(entry);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed(`record ${index}: ${error.message}`);
  }
}

function requireFitting(manifest, head) {
  require(head.origin === manifest.origin, `the bundle is from ${manifest.origin}, its head from ${head.origin}`);
  const { indices } = manifest;
  const last = indices ? indices[indices.length - 1] + 1 : manifest.end;
  const isCutOff = !indices && manifest.end % TILE_WIDTH !== 0 && manifest.end !== head.size;
  require(
    last <= head.size && !isCutOff,
    `the bundle holds records up to ${last}, which the head over ${head.size} cannot cover`,
  );
}

/** Reads every record of a range and returns the root that it leads to. */
async function readRange(contents, head, tally, watch, progress) {
  const { manifest, members } = contents;
  const tree = await Rebuilt.of(contents, head.size);
  const push = (level, digest) => {
    tree.push(level, digest);
    if (watch.sizes.has(tree.edge.size)) watch.roots.set(tree.edge.size, tree.edge.root());
  };
  const pushOthers = async (from, end) => {
    for (const [level, index] of cover(from, end)) push(level, await contents.subtree(level, index, head.size));
  };
  await pushOthers(0, manifest.start);
  for (const [name, first, width] of entryTiles(manifest.start, manifest.end)) {
    const entries = decodeEntries(await members.read(name, ENTRY_TILE_BYTES));
    require(entries.length === width, `${name} holds ${entries.length} records, not ${width}`);
    const leaves = entries.map(leafHash);
    watch.note(first, leaves);
    for (const [at, entry] of entries.entries()) await tally.take(first + at, entry);
    const isWanted = [...watch.sizes].some((at) => at > first && at < first + width);
    if (width === TILE_WIDTH && !isWanted) push(1, rootOf(leaves));
    else for (const leaf of leaves) push(0, leaf);
    await progress(first + width - manifest.start, manifest.end - manifest.start);
  }
  tally.requireNoneLeft();
  await pushOthers(manifest.end, head.size);
  return tree.edge.root();
}

/** Reads every scattered record, each under the bundle's one head. */
async function readScattered(contents, head, checkpoint, tally, progress) {
  const { indices } = contents.manifest;
  for (const [done, index] of indices.entries()) {
    const entry = await contents.members.read(`records/${index}.json`, ENTRY_TILE_BYTES);
    const text = textOrMarks(await contents.members.read(`proofs/${index}.tlog-proof`, PROOF_BYTES));
    const proof = parseLogProof(text);
    require(
      proof.index === index && proof.checkpoint === checkpoint,
      `the proof of record ${index} is for another place or another head`,
    );
    require(
      isIncluded(leafHash(entry), index, head.size, proof.path, head.root),
      `record ${index} is not in the log under the bundle's head`,
    );
    await tally.take(index, entry);
    await progress(done + 1, indices.length);
  }
  tally.requireNoneLeft();
  return head.root;
}

function completeStep(manifest, sequence, size) {
  if (manifest.indices) {
    return notChecked(
      "complete",
      TITLES.complete,
      "the bundle holds selected records; only every record between two places can show this",
    );
  }
  if (sequence.faults.length) return failed("complete", TITLES.complete, sequence.faults.slice(0, 3).join("; "));
  let limit = "that every decision the issuer took was recorded; receipts and counts held by others can show that";
  if (manifest.end < size) limit = `what came after record ${manifest.end - 1}; ${limit}`;
  if (manifest.start) limit = `what came before record ${manifest.start}; ${limit}`;
  return passed(
    "complete",
    TITLES.complete,
    `places ${manifest.start} to ${manifest.end - 1}, ${sequence.streams} streams, ${sequence.epochs} epochs: ` +
      "every number once, in order",
    limit,
  );
}

function fieldsStep(tally) {
  if (tally.fieldFault) return failed("fields", TITLES.fields, tally.fieldFault);
  if (!tally.shownRecords) return notChecked("fields", TITLES.fields, "the bundle shows no private fields");
  return passed(
    "fields",
    TITLES.fields,
    `${grouped(tally.shownFields)} values of ${grouped(tally.shownRecords)} records are exactly as recorded`,
    "that a value was true when it was recorded",
  );
}

async function earlierStep(earlier, head, trust, watch) {
  const fail = (detail) => failed("earlier", TITLES.earlier, detail);
  if (!earlier) return notChecked("earlier", TITLES.earlier, "no earlier head was given");
  const count = grouped(earlier.size);
  if (earlier.origin !== head.origin) return fail(`the earlier head is of another log, ${earlier.origin}`);
  if (earlier.size > head.size) {
    return fail(
      `the log had ${count} records and has ${grouped(head.size)} here: records were taken away, ` +
        "or this file is older than the head you kept",
    );
  }
  if (trust.lacking) return notChecked("earlier", TITLES.earlier, trust.lacking);
  if (trust.keys.length && !(await trust.signed(earlier.note))) {
    return fail("the earlier head is not signed by the issuer you named");
  }
  let root = earlier.size === head.size ? head.root : watch.roots.get(earlier.size);
  if (earlier.size === 0) root = EMPTY_ROOT;
  if (!root) return notChecked("earlier", TITLES.earlier, `the bundle does not show the log at ${count} records`);
  if (!isSame(root, earlier.root)) return fail(`the first ${count} records are not the ones they were`);
  return passed("earlier", TITLES.earlier, `the first ${count} records are unchanged`);
}

function countedKinds(kinds) {
  return [...kinds].sort().map(([kind, count]) => `${grouped(count)} ${kind}`).join(", ") || "no records";
}

function factsOf({ manifest, anchor }, head, tally) {
  const { kinds, firstTime, lastTime } = tally.sequence;
  return {
    origin: manifest.origin,
    start: manifest.indices ? null : manifest.start,
    end: manifest.indices ? null : manifest.end,
    records: [...kinds.values()].reduce((sum, count) => sum + count, 0),
    kinds: Object.fromEntries([...kinds].sort()),
    shown_fields: tally.shownFields,
    size: head.size,
    root: toHex(head.root),
    first_time: firstTime,
    last_time: lastTime,
    anchor: anchor?.facts ?? null,
    checkpoint_sha256: toHex(sha256(utf8(head.text))),
  };
}

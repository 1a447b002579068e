// Checks a receipt, a promise or a bundle as the browser hands it over.

import { Malformed, require } from "./words.js";
import { isSame, latin1, textOf } from "./bytes.js";
import { Watch, checkBundle, viewOfBundle } from "./check_bundle.js";
import { checkReceipt } from "./check_receipt.js";
import { parseCheckpoint } from "./checkpoint.js";
import { isIncluded } from "./merkle.js";
import { MAX_NOTE_BYTES } from "./note.js";
import { MAX_RECEIPT_BYTES, parseReceipt } from "./receipt.js";
import { Report, failed } from "./steps.js";
import { agreesWithBrowser } from "./sha256.js";
import { ZipReader } from "./zip.js";

const TITLE = "Can the file be read?";
const MOST_COMPARED = 1048576;
const QUIET = async () => {};

/**
 * Checks one file (a File or a Blob with a name). `given` is what the checker brings:
 *
 * - issuer: the key the checker trusts, or null
 * - ledger: {block, logId, contract}, each bytes or null
 * - witnesses: the policy that says whose cosignatures count, or null
 * - other: a second file: a receipt is held against it, a bundle must extend its head; or null
 * - now: the checker's time, for overdue promises
 */
export async function checkFile(file, given, progress = QUIET) {
  const head = latin1(await bytesOfFile(file, 0, 4096));
  const start = head.trimStart();
  if (!start.startsWith("{") && !head.startsWith("PK")) {
    const told = `${file.name} is neither a receipt, a promise nor a bundle: those are JSON and zip files`;
    return unreadable("file", told);
  }
  const sample = await bytesOfFile(file, 0, MOST_COMPARED);
  if (!(await agreesWithBrowser(sample))) {
    return unreadable("file", "this browser and this page compute different hashes; use another browser");
  }
  return head.startsWith("PK") ? checkZip(file, given, progress) : checkStub(file, given, progress);
}

async function checkZip(file, given, progress) {
  const earlier = given.other ? await readHead(given.other) : null;
  try {
    return await checkBundle(await ZipReader.open(file, file.name), { ...given, earlier }, progress);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return unreadable("bundle", error.message);
  }
}

async function checkStub(file, given, progress) {
  if (file.size > MAX_RECEIPT_BYTES) {
    return unreadable("receipt", `${file.name} is larger than ${MAX_RECEIPT_BYTES} bytes`);
  }
  const data = await bytesOfFile(file);
  const log = given.other ? await viewOf(given.other, data, given, progress) : null;
  return checkReceipt(data, { ...given, log });
}

/** Reads a signed head: a checkpoint file, or the one in a receipt or bundle. */
async function readHead(file) {
  const start = latin1(await bytesOfFile(file, 0, 4));
  if (start.startsWith("PK")) {
    const members = await ZipReader.open(file, file.name);
    return parseCheckpoint(textOf(await members.read("checkpoint", MAX_NOTE_BYTES), "the checkpoint"));
  }
  if (start.startsWith("{")) {
    require(file.size <= MAX_RECEIPT_BYTES, `${file.name} is larger than ${MAX_RECEIPT_BYTES} bytes`);
    const stub = parseReceipt(await bytesOfFile(file));
    require(!stub.isPromise, "a promise holds no head of a log");
    return parseCheckpoint(stub.checkpoint);
  }
  require(file.size <= MAX_NOTE_BYTES, `${file.name} is neither a receipt, a bundle nor a signed head`);
  return parseCheckpoint(textOf(await bytesOfFile(file), "a signed head"));
}

/** What the second file shows of the log, for the receipt in `data`. */
async function viewOf(file, data, given, progress) {
  const start = latin1(await bytesOfFile(file, 0, 4));
  if (!start.startsWith("PK")) return viewOfHead(file, start);
  const watch = watchFor(data);
  const members = await ZipReader.open(file, file.name);
  const report = await checkBundle(members, { issuer: given.issuer, ledger: given.ledger }, progress, watch);
  return viewOfBundle(members, watch, report);
}

/** A bare head answers only for its own size; a receipt also for its own place. */
async function viewOfHead(file, start) {
  const head = await readHead(file);
  const view = { head, rootAt: () => undefined, leafAt: () => undefined, find: () => undefined };
  Object.assign(view, { isWhole: false, lastTime: "", handovers: [] });
  if (!start.startsWith("{")) return view;
  const stub = parseReceipt(await bytesOfFile(file));
  view.handovers = stub.handovers;
  if (isIncluded(stub.leaf, stub.index, head.size, stub.path, head.root)) {
    view.leafAt = (index) => (index === stub.index ? stub.leaf : undefined);
    view.find = (leaf) => (isSame(leaf, stub.leaf) ? stub.index : undefined);
  }
  return view;
}

/** What to look for in a bundle, so that the receipt can be answered. */
function watchFor(data) {
  try {
    const stub = parseReceipt(data);
    if (stub.isPromise) return new Watch({ leaves: [stub.leaf] });
    const { size } = parseCheckpoint(stub.checkpoint);
    return new Watch({ sizes: [size], indices: [stub.index], leaves: [stub.leaf] });
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return new Watch(); // the receipt's own check will say why
  }
}

function unreadable(what, detail) {
  return new Report(what, [failed("format", TITLE, detail)]);
}

/** The file's bytes, or some of them. */
export async function bytesOfFile(file, from = 0, to = file.size) {
  return new Uint8Array(await file.slice(from, to).arrayBuffer());
}

// The page: takes files and what the checker brings, and shows the report. It sends nothing anywhere, unless the
// reader asks its own server for the proof behind a link.

import { Malformed, grouped } from "./words.js";
import { textOrMarks, utf8 } from "./bytes.js";
import { parseHex } from "./anchor.js";
import { canonicalText, isObject, parseJson } from "./canonical.js";
import { bytesOfFile, checkFile } from "./check_file.js";
import { heldIn, heldOf } from "./held.js";
import { byId, code, described, fill, make } from "./elements.js";
import { parseLink, proofAddress } from "./link.js";
import { VerifierKey } from "./note.js";
import { decisionView, factsView, recordView, stepsView, verdictView } from "./report_view.js";
import { WitnessPolicy } from "./witness_policy.js";
import { Lacking } from "./zip.js";

const BREATH_MS = 40;
const MOST_KEY_BYTES = 2048;

/** A newer check took this one's place. */
class Outdated extends Error {}

const TITLE = "Check a receipt or a bundle";
const state = { file: null, other: null, held: null, run: 0 };
let link = null;

// --- what the checker brings ---

/** Reads one field with `read`, and says beside it what is wrong; null when it is empty, undefined when it is wrong. */
function fieldValue(id, read) {
  const [field, remark] = [byId(id), byId(`${id}-error`)];
  const text = field.value.trim();
  let value = null;
  let fault = "";
  try {
    value = text ? read(text) : null;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    value = undefined;
    fault = error.message;
  }
  fill(remark, fault);
  if (fault) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  return value;
}

/** What the checker brings; null while one of the fields cannot be read. */
function given() {
  const found = {
    issuer: fieldValue("issuer", VerifierKey.parse),
    ledger: {
      block: fieldValue("block", (text) => parseHex(text.toLowerCase(), 32)),
      contract: fieldValue("contract", (text) => parseHex(text.toLowerCase(), 20)),
      logId: fieldValue("log-id", (text) => parseHex(text.toLowerCase(), 32)),
    },
    witnesses: fieldValue("witnesses", WitnessPolicy.parse),
    other: state.other,
    now: `${new Date().toISOString().slice(0, 19)}Z`,
  };
  return [found.issuer, found.witnesses, ...Object.values(found.ledger)].includes(undefined) ? null : found;
}

// --- checking ---

/** Checks the chosen file and shows the report; `isMoving` puts the reader at its verdict. */
async function check(isMoving) {
  if (!state.file) return;
  const brought = given();
  if (!brought) return;
  const run = (state.run += 1);
  byId("result").setAttribute("aria-busy", "true");
  const started = performance.now();
  try {
    const report = await checkFile(state.file, brought, progressOf(run));
    if (run !== state.run) return;
    show(report);
    // Who moves to the verdict hears it there; who is typing a key is told without being moved.
    fill(byId("said"), isMoving ? "" : report.verdict);
    if (isMoving) byId("verdict").focus();
  } catch (error) {
    if (error instanceof Outdated) return;
    fill(byId("result"), faultView(error));
    if (!(error instanceof Malformed || error instanceof Lacking)) throw error;
  } finally {
    if (run === state.run) {
      byId("progress").hidden = true;
      byId("result").removeAttribute("aria-busy");
      byId("result").dataset.seconds = String((performance.now() - started) / 1000);
    }
  }
}

/** Shows how far a check has come and lets the page breathe; ends a check that is no longer wanted. */
function progressOf(run) {
  let last = performance.now();
  return async (done, all) => {
    if (performance.now() - last < BREATH_MS) return;
    if (run !== state.run) throw new Outdated(); // the newer one may have ended: nobody would hide the bar again
    byId("progress").hidden = false;
    byId("bar").value = done / all;
    fill(byId("told"), `${grouped(done)} of ${grouped(all)} records`);
    await new Promise((resolve) => setTimeout(resolve));
    if (run !== state.run) throw new Outdated();
    last = performance.now();
  };
}

function show(report) {
  const verdict = verdictView(report, state.file.name);
  const remark = linkRemark(report);
  if (!state.held) {
    fill(byId("result"), verdict, remark, factsView(report, {}), stepsView(report));
    return;
  }
  entitle(report.isIntact ? "Your receipt" : "Do not rely on this receipt");
  if (report.isIntact) {
    fill(byId("result"), decisionView(report, state.held), verdict, remark, stepsView(report), recordView(report), heldView(report));
  } else {
    fill(byId("result"), verdict, remark, factsView(report, state.held.words), stepsView(report), heldView(report));
  }
}

function faultView(error) {
  let told = "The check broke off: the file could not be read.";
  if (error instanceof Lacking) told = error.message;
  if (error instanceof Malformed) told = `The second file is of no use here: ${error.message}.`;
  return make("div", { class: "verdict failed" }, make("h2", { id: "verdict", tabindex: "-1" }, told));
}

// --- files ---

/** Takes a file: a receipt, a promise or a bundle; or a saved page that holds one; or a public key. */
async function take(file) {
  if (!file) return;
  if (file.size <= MOST_KEY_BYTES && (await takeKey(file))) return;
  const held = await heldIn(file);
  if (held) await takeHeld(held, true);
  else await takeFile(file, null, true);
}

async function takeFile(file, held, isMoving) {
  Object.assign(state, { file, held });
  if (!held) entitle(TITLE);
  fill(byId("chosen"), isMoving ? `Chosen: ${file.name}` : "");
  await check(isMoving);
}

/** Takes a file with a public key where one is dropped; tells whether it was one. */
async function takeKey(file) {
  const text = textOrMarks(await bytesOfFile(file)).trim();
  if (/^[{[]|^PK/.test(text) || text.split("+").length < 3 || text.includes("\n")) return false;
  byId("issuer").value = text;
  await check(false);
  return true;
}

/** Takes what a page was saved with. */
function takeHeld(held, isMoving) {
  return takeFile(new File([utf8(held.receipt)], held.name), held, isMoving);
}

function entitle(title) {
  document.title = title;
  fill(byId("title"), title);
}

/** Has a page that was saved with a receipt open with that: first what it says, last the place for other files. */
function arrange() {
  const parts = byId("by-script");
  fill(byId("lead"), "What was decided about you, by whom and why. This page checks it by itself; nothing is sent anywhere.");
  parts.prepend(byId("progress"), byId("result"), byId("said"));
  byId("files").prepend(make("h2", {}, "Check another file"));
  parts.append(byId("files"));
}

/** What to do next, with the receipt as a file of its own: another checker can say whether this page tells the truth. */
function heldView(report) {
  const save = make("a", { href: URL.createObjectURL(state.file), download: state.file.name }, `Save ${state.file.name}`);
  const ways = [
    make("li", {}, save, " and have it checked by a page or a program that you got elsewhere: the file stands inside a web page, and whoever made the page wrote what it shows."),
  ];
  if (report.isIntact) {
    ways.unshift(make("li", {}, "Get the organisation's public key from its web site or a letter and put it in below: then you know whose receipt it is."));
    ways.push(make("li", {}, "If you think the decision is wrong, write to the organisation and quote your reference and the number. You can correct a value, add what was not considered, and ask for a person to look at it. Which rights you have depends on the law where you live."));
  } else {
    ways.push(make("li", {}, "Ask the organisation for the receipt again, and tell them that this one does not match."));
  }
  return make("section", { "aria-labelledby": "next" }, make("h2", { id: "next" }, "What to do now"), make("ol", { class: "ways" }, ...ways));
}

function prepareDrop() {
  const [drop, input] = [byId("drop"), byId("file")];
  drop.addEventListener("click", () => input.click());
  input.addEventListener("change", () => take(input.files[0]).finally(() => (input.value = "")));
  // The whole page takes files: one that misses the zone would else replace the page.
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", () => drop.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
}

function prepareGiven() {
  byId("given").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["issuer", "block", "contract", "log-id", "witnesses"]) {
    byId(id).addEventListener("input", () => (state.file ? check(false) : given()));
  }
  const [chooseKey, key] = [byId("choose-key"), byId("key-file")];
  chooseKey.addEventListener("click", () => key.click());
  key.addEventListener("change", async () => {
    byId("issuer").value = textOrMarks(await bytesOfFile(key.files[0], 0, MOST_KEY_BYTES)).trim();
    key.value = "";
    if (state.file) await check(false);
    else given();
  });
  const [chooseOther, other] = [byId("choose-other"), byId("other-file")];
  chooseOther.addEventListener("click", () => other.click());
  other.addEventListener("change", async () => {
    [state.other] = other.files;
    fill(byId("other-chosen"), state.other ? `Chosen: ${state.other.name}` : "");
    await check(false);
  });
}

// --- links ---

/** Says what the link is about, and offers to fetch the proof where this page came from a server. */
function showLink() {
  link = parseLink(location.hash);
  byId("link").hidden = !link;
  if (!link) return;
  const rows = [
    ["Log", link.origin],
    ["Place in the log", link.index === null ? "" : String(link.index)],
    ["Leaf hash", code(link.leaf)],
    ["Key it was signed with", code(`${link.origin}+${link.key}`)],
  ];
  const address = proofAddress(link);
  const button = make("button", { type: "button", id: "fetch" }, `Ask ${location.host} for the proof`);
  button.addEventListener("click", () => fetchProof(address, button));
  fill(
    byId("link"),
    make("h2", {}, "Your link is about this record"),
    described(rows),
    make("p", {}, "The link is no proof. Choose the file that you were given with it, and this page compares the two."),
    address ? make("p", {}, button, make("span", { class: "quiet" }, "The proof shows no private value. Asking tells the server which record you are interested in.")) : null,
    make("p", { id: "fetch-error", class: "error", role: "alert" }),
  );
}

async function fetchProof(address, button) {
  button.disabled = true;
  try {
    const response = await fetch(address, { credentials: "omit", headers: { accept: "application/json" } });
    const body = response.ok ? parseJson(await response.text()) : null;
    if (!isObject(body) || !isObject(body.receipt)) throw new Malformed(`no such proof (${response.status})`);
    await take(new File([utf8(canonicalText(body.receipt))], "proof.json"));
  } catch (error) {
    const told = error instanceof Malformed ? error.message : "no answer";
    fill(byId("fetch-error"), `${location.host}: ${told}. The file you were given can be checked without it.`);
  } finally {
    button.disabled = false;
  }
}

/** Whether the file is the one the link is about. */
function linkRemark({ facts }) {
  if (!link || !facts.leaf) return null;
  const isSame = facts.leaf === link.leaf && facts.origin === link.origin;
  const told = isSame ? "This file holds the record that your link is about." : "This file holds another record than the one your link is about.";
  return make("p", { class: isSame ? "note" : "note wrong" }, told);
}

/** Starts the page, where there is one. */
export function startPage() {
  if (!globalThis.document || !byId("drop")) return;
  byId("by-script").hidden = false;
  prepareDrop();
  prepareGiven();
  addEventListener("hashchange", showLink);
  showLink();
  if (!byId("held")) return;
  arrange();
  takeHeld(heldOf(byId("held").textContent), false);
}

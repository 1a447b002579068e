// A report as people read it: verdict, what the file shows, and every step.

import { grouped } from "./words.js";
import { canonicalText, isObject } from "./canonical.js";
import { code, described, make } from "./elements.js";
import { advice, explained, plainly } from "./explained.js";
import { FAILED, NOT_CHECKED, PASSED } from "./steps.js";

const MARKS = { [PASSED]: "✓", [FAILED]: "✗", [NOT_CHECKED]: "–" };
const TONES = { [PASSED]: "passed", [FAILED]: "failed", [NOT_CHECKED]: "open" };
const REASONS = "/reasons";

/** The verdict, as a block with a heading. */
export function verdictView(report, name) {
  const tone = !report.isIntact ? "failed" : report.step("issuer").status === PASSED ? "passed" : "open";
  const answer = report.answer ? make("p", {}, "Answer of the log: ", make("strong", {}, report.answer)) : null;
  return make(
    "div",
    { class: `verdict ${tone}` },
    make("p", { class: "what" }, `${name}: a ${report.what}`),
    report.isIntact ? null : make("p", { class: "plainly" }, plainly(report)),
    make("h2", { id: "verdict", tabindex: "-1" }, report.verdict),
    answer,
    make("p", {}, advice(report)),
  );
}

/** What the file shows: the person's values, the reasons, and where the record stands. `words` are the issuer's, by code. */
export function factsView(report, words) {
  const { facts } = report;
  if (!facts.origin) return null;
  const title = report.isIntact ? "What it shows" : "What it says (not proven: a step failed)";
  const body = report.what === "bundle" ? [bundleFacts(facts)] : stubFacts(facts, words, report.step("fields")?.status === PASSED);
  return make("section", { "aria-labelledby": "facts" }, make("h2", { id: "facts" }, title), ...body);
}

/** Every step, in the order in which it was taken. */
export function stepsView(report) {
  const steps = report.steps.map((step) => stepView(report, step));
  return make(
    "section",
    { "aria-labelledby": "steps" },
    make("h2", { id: "steps" }, "The steps"),
    make("ol", { class: "steps" }, ...steps),
  );
}

function stepView(report, step) {
  const certain = step.status === PASSED ? explained(report.what, step.id) : "";
  return make(
    "li",
    { class: TONES[step.status], "data-step": step.id },
    make("span", { class: "mark", "aria-hidden": "true" }, MARKS[step.status]),
    make("h3", {}, make("span", { class: "title" }, step.title), " ", make("span", { class: "status" }, step.status)),
    make("p", { class: "detail" }, step.detail),
    certain ? make("p", { class: "certain" }, make("b", {}, "This shows: "), certain) : null,
    step.limit ? make("p", { class: "limit" }, make("b", {}, "It cannot show: "), make("span", {}, step.limit)) : null,
  );
}

function stubFacts(facts, words, areProven) {
  const reasons = facts.fields.find((field) => field.pointer === REASONS && areReasons(field.value));
  const rest = facts.fields.filter((field) => field !== reasons);
  const blocks = rest.length ? [fieldsTable(rest)] : [];
  if (!areProven) blocks.push(make("p", {}, "The values in the file are left out here, because they are not the ones on record."));
  if (areProven && facts.hidden) blocks.push(make("p", { class: "quiet" }, `${grouped(facts.hidden)} more values are on record and not shown here.`));
  if (reasons) blocks.push(reasonsView(reasons.value, facts.fields, words));
  return [...blocks, ...standing(facts)];
}

function standing(facts) {
  const blocks = [make("h3", {}, "Where it stands"), described(recordRows(facts))];
  if (Object.keys(facts.about).length) blocks.push(make("h3", {}, "Its public part"), aboutView(facts.about));
  return blocks;
}

/** Fields and values; with `units`, by pointer, these stand beside the values and no pointer is shown. */
function fieldsTable(fields, units = null) {
  const small = (text) => make("span", { class: "pointer" }, text);
  const rows = fields.map(({ pointer, title, value }) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, title, ...(units ? [] : [" ", small(pointer)])),
      make("td", { dir: "auto" }, valueText(value), ...(Object.hasOwn(units ?? {}, pointer) && value !== null ? [" ", small(units[pointer])] : [])),
    ),
  );
  return make(
    "table",
    {},
    make("caption", {}, units ? "What it rests on" : "Values on record"),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Field"), make("th", { scope: "col" }, "Value"))),
    make("tbody", {}, ...rows),
  );
}

/** What was decided, by whom, when and why, for the person: `held` is what the page was saved with. */
export function decisionView(report, held) {
  const { facts } = report;
  const at = new Map(facts.fields.map((field) => [field.pointer, field]));
  const said = (pointer) => (at.has(pointer) ? valueText(at.get(pointer).value) : "");
  const label = said("/output/label");
  const reasons = at.get(REASONS);
  const rest = facts.fields.filter(({ pointer }) => pointer.startsWith("/input/"));
  const others = facts.fields.filter((field) => field !== reasons && !/^\/(input\/|output\/|subject$)/.test(field.pointer));
  return make(
    "section",
    { "aria-labelledby": "decided" },
    make("h2", { id: "decided", class: "decided" }, label ? `The decision: ${label}` : `The record: ${facts.kind}`),
    described([
      ["Decided by", held.by ? `${held.by} (log: ${facts.origin})` : facts.origin],
      ["When", shownTime(facts.time)],
      ["Your reference", said("/subject")],
      ["Score", said("/output/score")],
      ["Number", `${facts.seq} (in the stream ${facts.stream})`],
    ]),
    reasons && areReasons(reasons.value) ? reasonsView(reasons.value, facts.fields, held.words) : null,
    rest.length + others.length ? fieldsTable([...rest, ...others], held.units) : null,
    facts.hidden ? make("p", { class: "quiet" }, `${grouped(facts.hidden)} more values are on record and not shown here.`) : null,
    held.by || Object.keys(held.units).length
      ? make("p", { class: "quiet" }, "The organisation's name and the units came with this page, too, not with the proof.")
      : null,
  );
}

/** The record as it lies in the log, for whoever wants to look closer. */
export function recordView({ facts }) {
  const table = facts.fields.length ? fieldsTable(facts.fields) : null;
  return make("details", { class: "record" }, make("summary", {}, "The record as it lies in the log"), table, ...standing(facts));
}

function areReasons(value) {
  return Array.isArray(value) && value.every((each) => isObject(each) && typeof each.code === "string" && Array.isArray(each.features));
}

/** Reasons in the issuer's words where the page was given them; else by the fields behind them. */
function reasonsView(reasons, fields, words) {
  const titles = new Map(fields.map((field) => [field.pointer, field.title]));
  const named = (reason) => reason.features.map((name) => titles.get(`/input/${name}`) ?? String(name)).join(", ");
  const told = (reason) => (Object.hasOwn(words, reason.code) ? words[reason.code] : named(reason));
  const items = reasons.map((reason) =>
    make("li", {}, make("span", { dir: "auto" }, told(reason)), " ", make("span", { class: "pointer" }, `code ${reason.code}`)),
  );
  const isTold = reasons.some((reason) => Object.hasOwn(words, reason.code));
  return make(
    "div",
    {},
    make("h3", {}, "The reasons"),
    items.length
      ? make("p", {}, "These counted most against the person, the weightiest first:")
      : make("p", {}, "No reasons were recorded; they are given for decisions against a person."),
    items.length ? make("ol", { class: "reasons" }, ...items) : null,
    isTold
      ? make("p", { class: "quiet" }, "The record holds the codes. The words are the issuer's and came with this page, not with the proof.")
      : null,
  );
}

function recordRows(facts) {
  return [
    ["Log", facts.origin],
    ["Kind of record", facts.kind],
    ["Number", `${facts.seq} of the stream ${facts.stream}`],
    ["Time, by the issuer's clock", shownTime(facts.time)],
    ["Place in the log", facts.index === null ? "" : String(facts.index)],
    ["The file claims to be from", code(facts.issuer)],
    ["About", facts.name],
    ["Leaf hash", code(facts.leaf)],
    ["Builds on", facts.buildsOn.length ? make("span", {}, ...facts.buildsOn.flatMap((leaf) => [code(leaf), " "])) : ""],
    ...anchorRows(facts.anchor),
  ];
}

function bundleFacts(facts) {
  const kinds = Object.entries(facts.kinds).map(([kind, count]) => `${grouped(count)} ${kind}`);
  return described([
    ["Log", facts.origin],
    ["Records", grouped(facts.records)],
    ["Kinds", kinds.join(", ")],
    ["Places", facts.start === null ? "selected ones" : `${grouped(facts.start)} to ${grouped(facts.end - 1)}`],
    ["First and last time", facts.records ? `${shownTime(facts.first_time)} to ${shownTime(facts.last_time)}` : ""],
    ["Values shown", grouped(facts.shown_fields)],
    ["Size of the log", grouped(facts.size)],
    ["Root of the log", code(facts.root)],
    ["SHA-256 of the head's text", code(facts.checkpoint_sha256)],
    ...anchorRows(facts.anchor),
  ]);
}

function anchorRows(anchor) {
  if (!anchor) return [];
  return [
    ["Ledger it names", `number ${anchor.chainId}, block ${anchor.block.number} at ${shownTime(anchor.block.time)}`],
    ["Hash of that block", code(anchor.block.hash)],
    ["Contract", code(anchor.contract)],
    ["Log id", code(anchor.logId)],
  ];
}

function aboutView(about) {
  return described(Object.entries(about).map(([name, value]) => [name, code(valueText(value))]));
}

function valueText(value) {
  if (value === null) return "(left empty)";
  return typeof value === "string" ? value : canonicalText(value);
}

function shownTime(time) {
  return time.replace("T", " ").replace("Z", " UTC");
}

// What each step makes certain, in plain words (docs/explain/what-is-proven.md).

const ON_LEDGER =
  "The log's first so many records were on the shared ledger at the latest when that block was made. " +
  "Nobody rewrites them under that log id any more.";
const SIGNED = "Whoever holds the issuer's key signed that head, and cannot take it back.";
const WITNESSED =
  "Enough witnesses of your policy saw this head, and that it extends what they had seen before: the log shows them no other history.";
const VALUES = "Each value shown is exactly what was recorded, to the last character.";

const OF_RECEIPT = {
  format: "It is a receipt or a promise, in the one form these have. That says nothing about its content.",
  record: "The file holds one record, made for the log it names.",
  fields: VALUES,
  log: "The log, as summed up in the file's head, contains this record at this place.",
  issuer: SIGNED,
  kept: "The log shown today still has the record, unchanged.",
  anchor: ON_LEDGER,
  witnesses: WITNESSED,
};

const OF_BUNDLE = {
  format: "It is a bundle, in the one form these have, with nothing in it that no step looks at.",
  records: "Every record is whole and was made for this log.",
  log: "These are the records the head stands for, in this order: not a byte was changed, added or taken away.",
  issuer: SIGNED,
  complete: "Every stream counts without a gap, time never goes back, and the issuer's own counts agree.",
  fields: VALUES,
  earlier: "All that was in the log when you kept that head is still there, unchanged.",
  anchor: ON_LEDGER,
  witnesses: WITNESSED,
};

/** What a passed step makes certain. */
export function explained(what, id) {
  return (what === "bundle" ? OF_BUNDLE : OF_RECEIPT)[id] ?? "";
}

const PLAINLY = {
  format: "It cannot be read: it was altered or damaged, or it never was such a file.",
  record: "It was altered: the record in it is not whole.",
  records: "It was altered: a record in it is not whole.",
  fields: "It was altered: at least one value is not the one on record.",
  log: "It was altered, or it never was in this log.",
  issuer: "It is not signed with the key that you gave.",
  kept: "The log that you hold it against does not keep to it.",
  complete: "Records are missing, or stand there twice.",
  earlier: "The log does not keep to what you kept from before.",
  anchor: "The ledger does not confirm it.",
  witnesses: "The witnesses you count on do not confirm it.",
};

/** In one sentence what is wrong with a file; empty when nothing is. */
export function plainly(report) {
  const broken = report.steps.find((step) => step.status === "failed");
  return broken ? (PLAINLY[broken.id] ?? "It is not what it claims to be.") : "";
}

/** What the verdict means, and what to do next. */
export function advice(report) {
  if (!report.isIntact) {
    return "Do not rely on this file. It was changed, or it is not what it claims to be. Ask whoever gave it to you for another copy.";
  }
  if (report.step("issuer").status === "passed") {
    return "Everything that could be checked holds. What each step shows, and what it cannot, is below.";
  }
  return (
    "The parts of the file fit together. Anybody can bring that about with a key of their own: " +
    "put in the issuer's public key to see whose file it is."
  );
}

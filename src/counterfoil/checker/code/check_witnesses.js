// The step `witnesses`: whether enough independent witnesses saw the head in a file.
//
// 1. the policy names the log, if it names any, and the log signed the head
// 2. each witness of the policy signed it, or did not
// 3. those who did are a quorum

import { Malformed, counted } from "./words.js";
import { whyNoSignatures } from "./ed25519.js";
import { failed, notChecked, passed } from "./steps.js";
import { Trust } from "./trust.js";

const STEP = "witnesses";
const TITLE = "Did independent witnesses see this head?";
const LIMIT = "what a quorum of witnesses would hide together with the issuer, or that there is no newer head";
const LAST_SECOND = 253402300799n;

/** The step where there is no head that a witness could have seen. */
export function noWitnesses(why) {
  return notChecked(STEP, TITLE, why);
}

/** Holds a signed head against the checker's policy, null without one. */
export async function checkWitnesses(head, policy, handovers) {
  if (!policy) {
    return noWitnesses("you did not say whose cosignatures count; those in the file prove nothing by themselves");
  }
  if (policy.asksForNone) return noWitnesses("the policy you gave asks for no witness");
  const lacking = await whyNoSignatures();
  if (lacking) return noWitnesses(lacking);
  const fault = await logFault(head, policy, handovers); // step 1
  if (fault) return failed(STEP, TITLE, fault);
  if (!policy.witnesses.some(({ key }) => head.note.isCosigned(key))) {
    const todo = "get a newer copy of the file once its witnesses were asked";
    return noWitnesses(`no witness has signed this head yet; the policy wants ${policy.wanted()}: ${todo}`);
  }
  const seen = new Map();
  for (const { name, key } of policy.witnesses) { // step 2
    const time = await head.note.cosignedAt(key);
    if (time !== null) seen.set(name, time);
  }
  const told = Array.from(seen, ([name, time]) => `${name} at ${timeText(time)}`).join(", ");
  const what = `this head over ${counted(head.size, "record")}`;
  if (!policy.isMet(seen)) { // step 3
    const who = told ? `only ${told} signed ${what}` : `no witness that the policy names signed ${what}`;
    return failed(STEP, TITLE, `${who}, and the policy wants ${policy.wanted()}`);
  }
  return passed(STEP, TITLE, `${told} signed ${what}; the policy wants ${policy.wanted()}`, LIMIT);
}

/** Why this is not a head of a log that the policy names; empty when it is. */
async function logFault(head, policy, handovers) {
  if (!policy.logs.length) return "";
  const own = policy.logs.filter((key) => key.name === head.origin);
  if (!own.length) {
    const named = [...new Set(policy.logs.map((key) => key.name))].sort();
    return `the policy you gave is for ${named.slice(0, 3).join(", ")}, and this head is of ${head.origin}`;
  }
  try {
    for (const key of own) {
      const trust = await Trust.following(key, handovers);
      if (await trust.signed(head.note)) return "";
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return error.message;
  }
  return `no key that the policy names for ${head.origin} signed this head`;
}

/** A witness's time in UTC; it is the witness's own word, and may be any. */
function timeText(seconds) {
  if (seconds > LAST_SECOND) return `second ${seconds}`;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`;
}

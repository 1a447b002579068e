// Whose signature counts: the issuer's key the checker named, and its successors.

import { require } from "./words.js";
import { toHex } from "./bytes.js";
import { whyNoSignatures } from "./ed25519.js";
import { VerifierKey, parseNote } from "./note.js";
import { failed, notChecked, passed } from "./steps.js";

const TITLE = "Is it signed by the issuer?";
const HEADER = "counterfoil.dev/handover/v1";
const MAX_HANDOVERS = 64;

/** The keys a checker accepts for one log. Empty: the issuer is not known. */
export class Trust {
  constructor(keys = [], lacking = "") {
    this.keys = keys;
    this.lacking = lacking;
  }

  /** The issuer's key and all keys it handed over to; a hand-over that no trusted key signed is ignored. */
  static async following(issuer, handovers) {
    if (!issuer) return new Trust();
    require(
      handovers.length <= MAX_HANDOVERS,
      `the file carries ${handovers.length} key hand-overs; ${MAX_HANDOVERS} is the limit`,
    );
    const trust = new Trust([issuer], await whyNoSignatures());
    for (const data of handovers) {
      const note = parseNote(data);
      const next = successor(note);
      const isNew = next.name === issuer.name && !trust.keys.some((key) => key.isSame(next));
      if (isNew && (await trust.signed(note))) trust.keys.push(next);
    }
    return trust;
  }

  /** The trusted key that signed `note`, null when none did. */
  async signed(note) {
    if (this.lacking) return null;
    for (const key of this.keys) if (await note.signedBy(key)) return key;
    return null;
  }

  /** The step "who signed this". `what` is what to call the note, `origin` the log it speaks for. */
  async step(note, what, origin) {
    if (!this.keys.length) {
      return notChecked("issuer", TITLE, "you did not say whose key to expect; a key inside the file proves nothing");
    }
    const [first] = this.keys;
    if (first.name !== origin) {
      return failed("issuer", TITLE, `${what} speaks for ${origin}, and the key you named is of ${first.name}`);
    }
    if (this.lacking) return notChecked("issuer", TITLE, this.lacking);
    const key = await this.signed(note);
    if (!key) {
      return failed(
        "issuer",
        TITLE,
        `${what} is not signed by ${first.fingerprint}, the issuer you named${otherKey(note, origin)}`,
      );
    }
    const rotated = key.isSame(first) ? "" : `, which ${first.fingerprint} handed over to`;
    return passed(
      "issuer",
      TITLE,
      `${what} is signed by ${key.fingerprint}${rotated}`,
      "that the issuer showed everybody the same log; other witnesses can",
    );
  }
}

/** A remark where another key of the same log signed: the issuer may have changed its key. */
function otherKey(note, origin) {
  const line = note.signatures.find((each) => each.name === origin);
  if (!line) return "";
  return `; it names key ${toHex(line.id)} of this log: if the issuer changed its key, name the oldest one you were given`;
}

function successor(note) {
  const lines = note.text.split("\n");
  require(
    lines.length === 5 && lines[0] === HEADER && lines[4] === "" && /^(?:0|[1-9][0-9]{0,15})$/.test(lines[3]),
    "a key hand-over has four lines: what it is, the origin, the new key, the size",
  );
  const key = VerifierKey.parse(lines[2]);
  require(key.name === lines[1] && key.isOfLog, "a key hand-over names a key of another origin or type");
  return key;
}

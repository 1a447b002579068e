// Signed notes (C2SP signed-note): a text, an empty line, and the lines of those who signed it.

import { Malformed, isPrintable, quoted, require, start } from "./words.js";
import { fromBase64, isSame, isUsual, joined, toBase64, toBytes, bigOf, toHex, utf8 } from "./bytes.js";
import { isSigned } from "./ed25519.js";
import { sha256 } from "./sha256.js";

const ED25519 = 0x01;
const COSIGNATURE = 0x04;
const MAX_SIGNATURES = 100;
const MAX_NAME = 256;
const DASH = "\u2014 ";
const SHAPE = "it looks like bank.example+1a2b3c4d+AVt5…";
export const MAX_NOTE_BYTES = 65536;

/** A public key with the name it signs under. */
export class VerifierKey {
  constructor(name, kind, bytes) {
    require(isKeyName(name) && (kind === ED25519 || kind === COSIGNATURE) && bytes.length === 32, "not an issuer's public key");
    this.name = name;
    this.kind = kind;
    this.bytes = bytes;
    this.id = sha256(joined(utf8(`${name}\n`), Uint8Array.of(kind), bytes)).slice(0, 4);
  }

  get fingerprint() {
    return `${this.name}+${toHex(this.id)}`;
  }

  get isOfLog() {
    return this.kind === ED25519;
  }

  toString() {
    return `${this.fingerprint}+${toBase64(joined(Uint8Array.of(this.kind), this.bytes))}`;
  }

  isSame(other) {
    return String(this) === String(other);
  }

  /** Reads `name+hex id+base64 key`. */
  static parse(text) {
    const [name, id, ...material] = text.trim().split("+");
    const raw = fromBase64(material.join("+"));
    require(id !== undefined && raw?.length === 33, `not an issuer's public key; ${SHAPE}`);
    const key = new VerifierKey(name, raw[0], raw.slice(1));
    require(toHex(key.id) === id, "the key id contradicts the key; one of them was altered");
    return key;
  }

  /** Whether `signature` is this key's over `text`. */
  async isSigned(text, signature) {
    if (this.kind === ED25519) return isSigned(this.bytes, utf8(text), signature);
    if (signature.length !== 72) return false;
    // A witness signs its time, too (C2SP tlog-cosignature).
    const time = bigOf(signature.slice(0, 8));
    return isSigned(this.bytes, utf8(`cosignature/v1\ntime ${time}\n${text}`), signature.slice(8));
  }
}

/** A note as read. Nothing is trusted until `signedBy` says so. */
class Note {
  constructor(text, signatures) {
    this.text = text;
    this.signatures = signatures;
  }

  async signedBy(key) {
    for (const line of this.signatures) {
      if (line.name === key.name && isSame(line.id, key.id) && (await key.isSigned(this.text, line.value))) return true;
    }
    return false;
  }

  /** Whether any line is long enough to be a witness's, or says that it is of `key`; it need not be valid. */
  isCosigned(key) {
    return this.signatures.some(({ name, id, value }) => value.length === 72 || (name === key.name && isSame(id, key.id)));
  }

  /** When the witness `key` signed this (BigInt of Unix seconds, the newest of its lines); null if it did not. */
  async cosignedAt(key) {
    let newest = null;
    for (const { name, id, value } of this.signatures) {
      if (key.isOfLog || name !== key.name || !isSame(id, key.id) || value.length !== 72 || value[0] >= 0x80) continue;
      const time = bigOf(value.slice(0, 8));
      if ((newest === null || time > newest) && (await key.isSigned(this.text, value))) newest = time;
    }
    return newest;
  }
}

/** Reads a signed note. */
export function parseNote(data) {
  if (data.length > MAX_NOTE_BYTES) {
    const size = Array.from(data).length;
    require(size <= MAX_NOTE_BYTES, `a signed head is ${size} characters long; ${MAX_NOTE_BYTES} is the limit`);
  }
  require(!/[\0-\t\v-\x1f]|\p{Surrogate}/u.test(data), "a signed head holds control characters, or halves of characters");
  const blank = data.lastIndexOf("\n\n");
  require(
    blank >= 0 && data.endsWith("\n") && blank + 2 < data.length,
    "a signed head needs a text, an empty line and at least one signature line",
  );
  const rows = data.slice(blank + 2, -1).split("\n");
  require(rows.length <= MAX_SIGNATURES, `a signed head carries ${rows.length} signatures; ${MAX_SIGNATURES} is the limit`);
  return new Note(`${data.slice(0, blank)}\n`, rows.map(parseLine));
}

function parseLine(row) {
  const bare = row.startsWith(DASH) ? row.slice(DASH.length) : row;
  const space = bare.indexOf(" ");
  const [name, value] = space < 0 ? [bare, ""] : [bare.slice(0, space), bare.slice(space + 1)];
  const raw = fromBase64(value);
  require(raw !== null, "a signature line is not base64");
  require(
    row.startsWith(DASH) && isKeyName(name) && raw.length >= 5 && isUsual(value, raw),
    "a signature line has another shape than '— name base64'",
  );
  return { name, id: raw.slice(0, 4), value: raw.slice(4) };
}

/** Whether `name` may name a key: not empty, no spaces, no plus, no controls. */
export function isKeyName(name) {
  return name !== "" && !/[+\s]/.test(name) && isPrintable(name);
}

/** A log's name as a file gives it, fit to be shown to people. */
export function requireOrigin(name) {
  if (!isKeyName(name) || Array.from(name).length > MAX_NAME) throw new Malformed(`${quoted(start(name, 80))} cannot name a log`);
  return name;
}

// Whose cosignatures make a log's head believable: the witness policy (C2SP tlog-policy).
//
//     log <vkey> [<url>]
//     witness <name> <vkey> [<url>]
//     group <name> <any|all|k> <name>...
//     quorum <name>

import { Malformed, grouped, quoted, require, start } from "./words.js";
import { isSame, utf8 } from "./bytes.js";
import { VerifierKey } from "./note.js";

const MAX_BYTES = 65536;
const MAX_OF_EACH = 64;
const NO_QUORUM = "none";
const shown = (text) => quoted(start(text, 80));

/** A witness policy that was read and found to hold together. */
export class WitnessPolicy {
  logs = [];
  witnesses = [];
  groups = [];
  quorum = null;
  #free = new Map(); // every name so far, and whether no group has taken it yet

  /** Reads a policy, given as text. */
  static parse(text) {
    const policy = new WitnessPolicy();
    require(utf8(text).length <= MAX_BYTES, `the witness policy is larger than ${grouped(MAX_BYTES)} bytes`);
    require(!/[\0-\x08\v-\x1f\x7f]/.test(text), "the witness policy holds control characters");
    for (const [at, line] of text.split("\n").entries()) {
      const words = line.split(/[ \t]+/).filter((word) => word);
      if (!words.length || words[0].startsWith("#")) continue;
      try {
        policy.#take(words);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        throw new Malformed(`the witness policy, line ${at + 1}: ${error.message}`);
      }
    }
    require(policy.quorum !== null, "the witness policy has no quorum line");
    return policy;
  }

  /** Whether a head needs no cosignature. */
  get asksForNone() {
    return this.quorum === NO_QUORUM;
  }

  /** Whether the witnesses named in `seen` (a Map or Set) are enough. */
  isMet(seen) {
    const reached = new Set(this.witnesses.map((each) => each.name).filter((name) => seen.has(name)));
    for (const { name, least, members } of this.groups) { // a group names only what stands above it
      if (members.filter((member) => reached.has(member)).length >= least) reached.add(name);
    }
    return this.asksForNone || reached.has(this.quorum);
  }

  /** The quorum in words: "2 of A, B, C". */
  wanted() {
    const words = new Map(this.witnesses.map(({ name }) => [name, name]));
    for (const { name, least, members } of this.groups) {
      const inner = members.map((member) => words.get(member));
      const parts = inner.map((part) => (part.includes(" ") ? `(${part})` : part));
      words.set(name, members.length === 1 ? inner[0] : `${least} of ${parts.join(", ")}`);
    }
    return words.get(this.quorum) ?? "nobody";
  }

  #take([kind, ...rest]) {
    const count = rest.length;
    if (kind === "log" && count >= 1 && count <= 2) this.#takeLog(rest[0]);
    else if (kind === "witness" && count >= 2 && count <= 3) this.#takeWitness(rest[0], rest[1]);
    else if (kind === "group" && count >= 3) this.#takeGroup(rest[0], rest[1], rest.slice(2));
    else if (kind === "quorum" && count === 1) this.#takeQuorum(rest[0]);
    else if (["log", "witness", "group", "quorum"].includes(kind)) throw new Malformed(`a ${kind} line has another form`);
    else throw new Malformed(`no line starts with ${shown(kind)}`);
  }

  #takeLog(vkey) {
    this.logs.push(keyOf(vkey, true, this.logs, "a log's"));
    requireFew(this.logs, "logs");
  }

  #takeWitness(name, vkey) {
    this.#define(name);
    this.witnesses.push({ name, key: keyOf(vkey, false, this.witnesses.map((each) => each.key), "a witness's") });
    requireFew(this.witnesses, "witnesses");
  }

  #takeGroup(name, rule, members) {
    for (const member of members) {
      const why = this.#free.has(member) ? "is in a group already" : "is not defined above this line";
      require(this.#free.get(member), () => `${shown(member)} ${why}`);
      this.#free.set(member, false);
    }
    const least = { any: 1, all: members.length }[rule] ?? (/^[1-9][0-9]{0,3}$/.test(rule) ? Number(rule) : Infinity);
    require(least <= members.length, () => `a group of ${members.length} cannot ask for ${shown(rule)}`);
    this.#define(name);
    this.groups.push({ name, least, members });
    requireFew(this.groups, "groups");
  }

  #takeQuorum(name) {
    require(this.quorum === null, "there is a quorum line already");
    require(name === NO_QUORUM || this.#free.has(name), () => `${shown(name)} is not defined above this line`);
    this.quorum = name;
  }

  #define(name) {
    require(name !== NO_QUORUM && !this.#free.has(name), () => `the name ${shown(name)} is taken`);
    this.#free.set(name, true);
  }
}

function keyOf(vkey, isOfLog, others, whose) {
  const key = VerifierKey.parse(vkey);
  require(key.isOfLog === isOfLog, `this is not ${whose} key: it is of another type`);
  require(!others.some((other) => isSame(other.bytes, key.bytes)), "the same key stands here twice");
  return key;
}

function requireFew(rows, what) {
  require(rows.length <= MAX_OF_EACH, `the witness policy names more than ${MAX_OF_EACH} ${what}`);
}

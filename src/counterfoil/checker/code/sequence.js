// Whether a run of records is gapless: streams, epochs and time.

import { quoted, start } from "./words.js";
import { isWhole } from "./canonical.js";

const MAX_FAULTS = 20;

/** Watches records go by in log order and collects what contradicts the count. */
export class Sequence {
  #next = new Map();
  #epochNext = new Map();
  #fromStart;
  kinds = new Map();
  epochs = 0;
  firstTime = "";
  lastTime = "";
  faults = [];

  /** `fromStart`: the run begins with the first record of the log; then every stream must begin with 0. */
  constructor(fromStart) {
    this.#fromStart = fromStart;
  }

  get streams() {
    return this.#next.size;
  }

  add(index, record) {
    const { stream, seq } = record;
    const expected = this.#next.get(stream) ?? (this.#fromStart ? 0 : seq);
    if (seq > expected) this.#fault(`number ${expected} of ${stream} is missing (at place ${index})`);
    if (seq < expected) this.#fault(`number ${seq} of ${stream} appears again (at place ${index})`);
    this.#next.set(stream, Math.max(expected, seq + 1));
    if (record.time < this.lastTime) {
      this.#fault(`time goes back from ${this.lastTime} to ${record.time} (at place ${index})`);
    }
    this.lastTime = record.time;
    this.firstTime ||= record.time;
    this.kinds.set(record.kind, (this.kinds.get(record.kind) ?? 0) + 1);
    if (record.kind === "epoch") this.#addEpoch(index, record.about);
  }

  /** Holds an epoch's count against what went by. */
  #addEpoch(index, about) {
    const { stream, first, next } = about;
    if (typeof stream !== "string" || !isWhole(first) || !isWhole(next) || first > next) {
      this.#fault(`an epoch record does not say what it counts (at place ${index})`);
      return;
    }
    this.epochs += 1;
    const name = quoted(start(stream, 128));
    if (first !== (this.#epochNext.get(stream) ?? (this.#fromStart ? 0 : first))) {
      this.#fault(`the epochs of ${name} do not join up (at place ${index})`);
    }
    this.#epochNext.set(stream, next);
    if (!this.#next.has(stream)) this.#next.set(stream, this.#fromStart ? 0 : next);
    if (next !== this.#next.get(stream)) {
      this.#fault(`an epoch counts ${next} records of ${name} where another number stands (at ${index})`);
    }
  }

  #fault(text) {
    if (this.faults.length < MAX_FAULTS) this.faults.push(text);
  }
}

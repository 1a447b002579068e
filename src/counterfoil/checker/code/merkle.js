// The hash tree of RFC 6962 and RFC 9162, over SHA-256. Every hash here is 32 bytes.
// Sizes reach 2^53: they are halved by division, because bitwise operators see 32 bits only.

import { isSame } from "./bytes.js";
import { sha256 } from "./sha256.js";

export const EMPTY_ROOT = sha256(new Uint8Array(0));

export function leafHash(data) {
  return sha256(data, null, 0x00);
}

export function nodeHash(left, right) {
  return sha256(left, right, 0x01);
}

const half = (number) => Math.floor(number / 2);
const isOdd = (number) => number % 2 === 1;

/** The root over leaf hashes. */
export function rootOf(leaves) {
  if (!leaves.length) return EMPTY_ROOT;
  let level = leaves;
  while (level.length > 1) {
    const above = [];
    for (let at = 0; at + 1 < level.length; at += 2) above.push(nodeHash(level[at], level[at + 1]));
    // An odd last node moves up unhashed, which yields the tree that splits at powers of two.
    if (level.length % 2) above.push(level[level.length - 1]);
    level = above;
  }
  return level[0];
}

/** The right edge of a growing tree: one hash for each set bit of its size, the largest first. */
export class Frontier {
  size = 0;
  #hashes = [];

  /** Appends the hash of a complete subtree of `leaves` (a power of two) leaves. */
  push(digest, leaves = 1) {
    for (let merged = this.size / leaves; isOdd(merged); merged = half(merged)) {
      digest = nodeHash(this.#hashes.pop(), digest);
    }
    this.#hashes.push(digest);
    this.size += leaves;
  }

  root() {
    return this.#hashes.length ? this.#hashes.reduceRight((right, left) => nodeHash(left, right)) : EMPTY_ROOT;
  }
}

/** Whether `path` proves `leaf` at `index` under `root` of a tree of `size` (RFC 9162 2.1.3.2). */
export function isIncluded(leaf, index, size, path, root) {
  if (index < 0 || index >= size) return false;
  let [fn, sn, digest] = [index, size - 1, leaf]; // steps 2 and 3
  for (const step of path) { // step 4
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      digest = nodeHash(step, digest);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      digest = nodeHash(digest, step);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && isSame(digest, root); // step 5
}

/** Whether `path` proves that the new tree extends the old (RFC 9162 2.1.4.2). */
export function isConsistent(oldSize, oldRoot, newSize, newRoot, path) {
  if (oldSize < 0 || oldSize > newSize) return false;
  if (oldSize === newSize) return !path.length && isSame(oldRoot, newRoot);
  if (oldSize === 0) return !path.length && isSame(oldRoot, EMPTY_ROOT);
  const isPower = Number.isInteger(Math.log2(oldSize)) && 2 ** Math.round(Math.log2(oldSize)) === oldSize;
  const steps = isPower ? [oldRoot, ...path] : path; // step 2: the old root starts the path by itself
  if (!steps.length) return false;
  let [fn, sn] = [oldSize - 1, newSize - 1]; // step 3
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)]; // step 4
  let [first, second] = [steps[0], steps[0]]; // step 5
  for (const step of steps.slice(1)) { // step 6
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      first = nodeHash(step, first);
      second = nodeHash(step, second);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      second = nodeHash(second, step);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && isSame(first, oldRoot) && isSame(second, newRoot); // step 7
}

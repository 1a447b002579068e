// SHA-256 (FIPS 180-4), written out: a bundle needs a hundred thousand short hashes, and the browser's own
// function answers each only after a wait. `agreesWithBrowser` holds this one against the browser's.

import { isSame } from "./bytes.js";

/** The first 32 bits of the fractional parts of the roots of primes (FIPS 180-4 4.2.2, 5.3.3), by whole numbers. */
function fractions(count, power) {
  const found = [];
  for (let number = 2; found.length < count; number += 1) {
    if (isPrime(number)) found.push(rootBits(BigInt(number), power));
  }
  return found;
}

function isPrime(number) {
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) return false;
  return true;
}

/** floor(number^(1/power) * 2^32) mod 2^32, by halving an interval. */
function rootBits(number, power) {
  const target = number << (32n * BigInt(power));
  let low = 0n;
  let high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(power) <= target) low = middle;
    else high = middle;
  }
  return Number(low & 0xffffffffn);
}

const ROUND = Int32Array.from(fractions(64, 3), (word) => word | 0);
const INITIAL = Int32Array.from(fractions(8, 2), (word) => word | 0);
// One hash is computed at a time, so that all share these.
const words = new Int32Array(64);
const state = new Int32Array(8);
let scratch = new Uint8Array(65536);
let view = new DataView(scratch.buffer);

/** The 32-byte hash of one prefix byte (none when it is negative) and up to two byte strings after it. */
export function sha256(first, second = null, prefix = -1) {
  const head = prefix < 0 ? 0 : 1;
  const size = head + first.length + (second === null ? 0 : second.length);
  const end = ((size + 8) >> 6) * 64 + 64;
  if (end > scratch.length) {
    scratch = new Uint8Array(2 * end);
    view = new DataView(scratch.buffer);
  }
  if (head) scratch[0] = prefix;
  scratch.set(first, head);
  if (second !== null) scratch.set(second, head + first.length);
  scratch[size] = 0x80;
  scratch.fill(0, size + 1, end - 8);
  view.setUint32(end - 8, Math.floor(size / 0x20000000));
  view.setUint32(end - 4, (size << 3) >>> 0);
  state.set(INITIAL);
  for (let at = 0; at < end; at += 64) compress(at);
  const digest = new Uint8Array(32);
  for (let at = 0; at < 32; at += 1) digest[at] = state[at >> 2] >>> (24 - 8 * (at & 3));
  return digest;
}

/** One block of `scratch` (FIPS 180-4 6.2.2). */
function compress(at) {
  for (let t = 0; t < 16; t += 1) words[t] = view.getInt32(at + 4 * t);
  for (let t = 16; t < 64; t += 1) {
    const x = words[t - 15];
    const y = words[t - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[t] = (words[t - 16] + s0 + words[t - 7] + s1) | 0;
  }
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let t = 0; t < 64; t += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[t] + words[t]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

/** Whether the browser's SHA-256 gives the same hash of `bytes`; true where it offers none. */
export async function agreesWithBrowser(bytes) {
  if (!globalThis.crypto?.subtle) return true;
  return isSame(sha256(bytes), new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

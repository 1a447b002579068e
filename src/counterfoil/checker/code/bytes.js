// Bytes and their spellings: UTF-8, base64, hexadecimal.

import { Malformed } from "./words.js";

const ENCODER = new TextEncoder();
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });

export function utf8(text) {
  return ENCODER.encode(text);
}

/** Text of UTF-8 bytes; Malformed when they are something else. */
export function textOf(bytes, what = "a text in the file") {
  try {
    return STRICT.decode(bytes);
  } catch {
    throw new Malformed(`${what} is not UTF-8 text`);
  }
}

/** Text of bytes, with a mark in place of what is not UTF-8. */
export function textOrMarks(bytes) {
  return LENIENT.decode(bytes);
}

/** One character a byte, for patterns over bytes. */
export function latin1(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + 32768));
  }
  return text;
}

/** The bytes of a text made by `latin1`. */
export function bytesOf(binary) {
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Bytes of base64 text, null when it is none. Spare bits at the end are not judged: see `isUsual`. */
export function fromBase64(text) {
  return typeof text === "string" && BASE64.test(text) ? bytesOf(atob(text)) : null;
}

export function toBase64(bytes) {
  return btoa(latin1(bytes));
}

/** Whether `text` is the one usual base64 of `bytes`: spare bits at its end would give one value two texts. */
export function isUsual(text, bytes) {
  return toBase64(bytes) === text;
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

export function isSame(a, b) {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A number from big-endian bytes, as a BigInt. */
export function bigOf(bytes) {
  return bytes.length ? BigInt(`0x${toHex(bytes)}`) : 0n;
}

/** A number (Number or BigInt) as `size` big-endian bytes. */
export function toBytes(number, size) {
  return fromHex(BigInt(number).toString(16).padStart(2 * size, "0"));
}

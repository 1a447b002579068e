// Words: how findings are written, exactly as the command line writes them.

/** What a file says cannot be read, or does not hold; the message tells what was found. */
export class Malformed extends Error {}

/** Fails with `message`, a text or a function that makes one, unless `condition` holds. */
export function require(condition, message) {
  if (!condition) throw new Malformed(typeof message === "function" ? message() : message);
}

const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/u;

/** Whether `text` is one line of visible characters and spaces. */
export function isPrintable(text) {
  return !UNPRINTABLE.test(text);
}

/** The first `count` characters (not UTF-16 units) of a text. */
export function start(text, count) {
  return text.length <= count ? text : Array.from(text.slice(0, 2 * count)).slice(0, count).join("");
}

/** A text in quotes, with everything escaped that could move a cursor or forge a line. */
export function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", [quote]: `\\${quote}` };
  const escaped = Array.from(text, (char) => named[char] ?? (isPrintable(char) ? char : escapedPoint(char)));
  return quote + escaped.join("") + quote;
}

function escapedPoint(char) {
  const point = char.codePointAt(0);
  if (point < 0x100) return `\\x${point.toString(16).padStart(2, "0")}`;
  return point < 0x10000 ? `\\u${point.toString(16).padStart(4, "0")}` : `\\U${point.toString(16).padStart(8, "0")}`;
}

/** 1200 reads "1,200". */
export function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 record", "1,200 records". */
export function counted(number, noun) {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}

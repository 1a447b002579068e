// A log's head: how many records, and the root over all of them (C2SP tlog-checkpoint).

import { isPrintable, quoted, require, start } from "./words.js";
import { fromBase64, isUsual, toBase64 } from "./bytes.js";
import { parseNote } from "./note.js";

/** Reads a signed head: {origin, size, root, text, note}. Nothing is trusted yet. */
export function parseCheckpoint(data) {
  const note = parseNote(data);
  const lines = note.text.split("\n");
  require(
    lines.length === 4 && lines[3] === "" && lines[0] !== "" && isPrintable(lines[0]),
    "a log's head has three lines: origin, size, root",
  );
  const [origin, digits, encoded] = lines;
  const size = Number(digits);
  // Sizes beyond 2^53 - 1 are refused: no log has them, and this page could not count that far.
  require(
    /^(?:0|[1-9][0-9]{0,15})$/.test(digits) && Number.isSafeInteger(size),
    `the size ${quoted(start(digits, 20))} in a log's head is not a number`,
  );
  const root = fromBase64(encoded);
  require(root !== null, "the root in a log's head is not base64");
  require(root.length === 32 && isUsual(encoded, root), "the root in a log's head is not 32 bytes");
  return { origin, size, root, note, text: `${origin}\n${size}\n${toBase64(root)}\n` };
}

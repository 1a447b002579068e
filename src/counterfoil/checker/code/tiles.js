// Tiles: a log cut into files that never change (C2SP tlog-tiles).

import { require } from "./words.js";

export const TILE_WIDTH = 256;

export function tilePath(level, number, width = TILE_WIDTH) {
  return `tile/${level}/${groupedDigits(number)}${partial(width)}`;
}

export function entriesPath(number, width = TILE_WIDTH) {
  return `tile/entries/${groupedDigits(number)}${partial(width)}`;
}

/** How many hashes tile (level, number) holds in a log of `size` records. */
export function tileWidth(size, level, number) {
  return Math.max(0, Math.min(TILE_WIDTH, Math.floor(size / 256 ** level) - TILE_WIDTH * number));
}

/** Yields [level, index]: the coarsest tile hashes that cover records from..to-1. */
export function* cover(from, to) {
  while (from < to) {
    let level = 0;
    while (from % 256 ** (level + 1) === 0 && from + 256 ** (level + 1) <= to) level += 1;
    yield [level, Math.floor(from / 256 ** level)];
    from += 256 ** level;
  }
}

/** The records of an entry tile: each a 2-byte length and its bytes. */
export function decodeEntries(data) {
  const entries = [];
  let at = 0;
  while (at < data.length) {
    const end = at + 2 + ((data[at] << 8) | (data[at + 1] ?? 0));
    require(at + 2 <= data.length && end <= data.length, "an entry bundle is cut off in the middle of a record");
    entries.push(data.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

function groupedDigits(number) {
  const digits = String(number);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g);
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}

function partial(width) {
  return width === TILE_WIDTH ? "" : `.p/${width}`;
}

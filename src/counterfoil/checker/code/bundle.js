// The auditor's file: records, their proofs, and the fields the issuer chose to show.

import { quoted, require, start } from "./words.js";
import { isSame } from "./bytes.js";
import { Anchor, MAX_ANCHOR_BYTES } from "./anchor.js";
import { hasExactly, isObject, isWhole, readCanonical } from "./canonical.js";
import { Frontier, rootOf } from "./merkle.js";
import { requireOrigin } from "./note.js";
import { decodeHashes } from "./proofs.js";
import { MAX_SCHEMA_BYTES, Schema } from "./schema.js";
import { TILE_WIDTH, cover, entriesPath, tilePath, tileWidth } from "./tiles.js";

const FORMAT = "counterfoil-bundle/1";
const MAX_MANIFEST_BYTES = 4 * 1048576;
const MAX_SCHEMAS = 1000;
const MAX_SCHEMAS_BYTES = 16 * 1048576;
const MAX_SCATTERED = 100_000;
const HASH_TILE_BYTES = 32 * TILE_WIDTH;
export const ENTRY_TILE_BYTES = 65537 * TILE_WIDTH;
const ANCHOR_MEMBER = "anchor.json";
export const SHOWN_MEMBER = "disclosures.ndjson";

/** Reads `bundle.json`: {origin, handovers, indices, start, end}; indices are null for a range. */
function parseManifest(data) {
  const value = readCanonical(data);
  require(isObject(value) && value.format === FORMAT, "not a bundle this version can read");
  const { origin, handovers } = value;
  require(typeof origin === "string" && Array.isArray(handovers), "a bundle names its log and its key hand-overs");
  require(handovers.every((item) => typeof item === "string"), "a bundle's key hand-overs are texts");
  requireOrigin(origin);
  if (hasExactly(value, ["format", "handovers", "origin", "end", "start"])) {
    const [from, end] = [place(value.start), place(value.end)];
    require(from % TILE_WIDTH === 0 && end >= from, `a bundle cannot hold the records from ${from} to ${end}`);
    return { origin, handovers, indices: null, start: from, end };
  }
  require(
    hasExactly(value, ["format", "handovers", "origin", "indices"]) &&
      Array.isArray(value.indices) &&
      value.indices.length <= MAX_SCATTERED,
    "a bundle holds either a range or a list of records",
  );
  const indices = value.indices.map(place);
  const isRising = indices.every((index, at) => at === 0 || indices[at - 1] < index);
  require(indices.length > 0 && isRising, "a bundle lists no record, or one twice or out of order");
  return { origin, handovers, indices, start: 0, end: 0 };
}

/** Reads one line of `disclosures.ndjson`: {index, disclosure}. */
export function parseShownLine(data) {
  const value = readCanonical(data);
  require(
    isObject(value) && hasExactly(value, ["index", "proof", "shown"]),
    "a line of disclosures has exactly an index, the strings shown and a proof",
  );
  const { shown } = value;
  require(
    Array.isArray(shown) && shown.every((item) => typeof item === "string"),
    "a line of disclosures shows something that is not text",
  );
  const index = place(value.index);
  return { index, disclosure: { shown, proof: decodeHashes(value.proof, "a line of disclosures") } };
}

/** Yields [member name, first record, number of records] of the entry tiles of a range. */
export function* entryTiles(from, end) {
  for (let first = from; first < end; first += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, end - first);
    yield [entriesPath(first / TILE_WIDTH, width), first, width];
  }
}

/** The [level, number] of the hash tiles that cover all but the range. */
function hashTiles(from, end, size) {
  const found = new Map();
  for (const span of [[0, from], [end, size]]) {
    for (const [level, index] of cover(...span)) {
      const number = Math.floor(index / TILE_WIDTH);
      found.set(`${level}/${number}`, [level, number]);
    }
  }
  return [...found.values()];
}

/** A bundle's manifest, schemas and anchor, and its hash tiles as they are asked for. */
export class Contents {
  #tiles = new Map();

  constructor(members, manifest, schemas, anchor) {
    this.members = members;
    this.manifest = manifest;
    this.schemas = schemas;
    this.anchor = anchor;
  }

  /** Reads what every check needs. */
  static async open(members) {
    const manifest = parseManifest(await members.read("bundle.json", MAX_MANIFEST_BYTES));
    const hasAnchor = members.has(ANCHOR_MEMBER);
    const anchor = hasAnchor ? Anchor.parse(await members.read(ANCHOR_MEMBER, MAX_ANCHOR_BYTES)) : null;
    return new Contents(members, manifest, await readSchemas(members), anchor);
  }

  /** Refuses members that no step looks at: people who unpack the file would believe them. */
  requireNoStrays(size) {
    const { manifest, members } = this;
    const found = members.names.size;
    let expected = 2 + this.schemas.size + [ANCHOR_MEMBER, SHOWN_MEMBER].filter((name) => members.has(name)).length;
    if (manifest.indices) expected += 2 * manifest.indices.length;
    else {
      expected += Math.ceil((manifest.end - manifest.start) / TILE_WIDTH);
      expected += hashTiles(manifest.start, manifest.end, size).length;
    }
    require(found <= expected, `the bundle has ${found} members where ${expected} belong; some are strangers`);
  }

  /** The tile hash over 256^level records from index * 256^level. */
  async subtree(level, index, size) {
    const number = Math.floor(index / TILE_WIDTH);
    if (!this.#tiles.has(`${level}/${number}`)) {
      const width = tileWidth(size, level, number);
      const tile = await this.members.read(tilePath(level, number, width), HASH_TILE_BYTES);
      require(
        tile.length === 32 * width,
        `hash tile ${level}/${number} holds ${Math.floor(tile.length / 32)} hashes, not ${width}`,
      );
      this.#tiles.set(`${level}/${number}`, tile);
    }
    return this.kept(level, index);
  }

  /** A tile hash that was read before, null otherwise. */
  kept(level, index) {
    const tile = this.#tiles.get(`${level}/${Math.floor(index / TILE_WIDTH)}`);
    const offset = 32 * (index % TILE_WIDTH);
    return tile ? tile.slice(offset, offset + 32) : null;
  }
}

/** A log's tree as a range rebuilds it; hashes of tiles beside the range are held against the records, too. */
export class Rebuilt {
  edge = new Frontier();
  #contents;
  #rows = new Map();

  static async of(contents, size) {
    const tree = new Rebuilt();
    tree.#contents = contents;
    const { start: from, end } = contents.manifest;
    for (const [level, number] of hashTiles(from, end, size)) await contents.subtree(level, number * TILE_WIDTH, size);
    return tree;
  }

  /** Appends the hash over the next 256^level records. */
  push(level, digest) {
    const index = Math.floor(this.edge.size / 256 ** level);
    this.edge.push(digest, 256 ** level);
    this.#hold(level, index, digest);
  }

  #hold(level, index, digest) {
    const kept = this.#contents.kept(level, index);
    require(
      kept === null || isSame(kept, digest),
      `hash ${index} of level ${level} is not the one of the records in the bundle`,
    );
    const row = this.#rows.get(level) ?? [];
    this.#rows.set(level, row);
    row.push(digest);
    if (row.length === TILE_WIDTH) {
      this.#rows.set(level, []);
      this.#hold(level + 1, Math.floor(index / TILE_WIDTH), rootOf(row));
    }
  }
}

async function readSchemas(members) {
  const names = [...members.names.keys()].filter((name) => name.startsWith("schemas/")).sort();
  require(names.length <= MAX_SCHEMAS, `the bundle carries ${names.length} schemas; ${MAX_SCHEMAS} is the limit`);
  const schemas = new Map();
  let left = MAX_SCHEMAS_BYTES;
  for (const name of names) {
    const data = await members.read(name, Math.min(left, MAX_SCHEMA_BYTES));
    left -= data.length;
    const schema = Schema.fromJson(readCanonical(data));
    require(name === `schemas/${schema.digest}.json`, `the schema ${quoted(start(name, 80))} is not the one its name says`);
    schemas.set(schema.digest, schema);
  }
  return schemas;
}

function place(value) {
  require(isWhole(value) && value >= 0, () => `${quoted(start(String(value), 40))} is not a place in a log`);
  return value;
}

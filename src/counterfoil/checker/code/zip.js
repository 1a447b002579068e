// Zip files, read with suspicion and piece by piece: memory does not grow with the file.

import { Malformed, quoted, require, start } from "./words.js";
import { joined, latin1, textOrMarks } from "./bytes.js";

const MAX_MEMBERS = 2_000_000;
const MAX_RATIO = 1_000;
const END_BYTES = 22;
const [STORED, DEFLATED] = [0, 8];
const [ENCRYPTED, PATCHED, STRONG, UTF8_NAME] = [0x1, 0x20, 0x40, 0x800];
const END_MARK = 0x06054b50;
const END64_MARK = 0x06064b50;
const LOCATOR64_MARK = 0x07064b50;
const CENTRAL_MARK = 0x02014b50;
const LOCAL_MARK = 0x04034b50;
const [NONE16, NONE32] = [0xffff, 0xffffffff];

const CRC = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

function crcOf(bytes, crc) {
  for (let at = 0; at < bytes.length; at += 1) crc = CRC[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
  return crc;
}

/** The members of a zip file, given as a Blob. */
export class ZipReader {
  #file;
  #members = new Map();

  /** Opens a file; Malformed when it is no zip, or one made to trick or to flood a reader. */
  static async open(file, name) {
    requireUnpacking();
    const reader = new ZipReader();
    reader.#file = file;
    try {
      await reader.#readDirectory();
    } catch (error) {
      if (error instanceof RangeError) throw new Malformed(`${name} is not a bundle: its directory is cut off`);
      throw error instanceof NoZip ? new Malformed(`${name} is not a bundle: ${error.message}`) : error;
    }
    return reader;
  }

  get names() {
    return this.#members;
  }

  has(name) {
    return this.#members.has(name);
  }

  /** The bytes of one member; Malformed when absent, larger than the limit or damaged. */
  async read(name, limit) {
    const member = this.#member(name);
    require(member.size <= limit, `${name} has ${member.size} bytes; ${limit} is the limit`);
    const parts = [];
    for await (const part of this.#unpacked(member)) parts.push(part);
    return parts.length === 1 ? parts[0] : joined(...parts);
  }

  /** Yields the lines of a member, without their newlines. */
  async *lines(name, limit) {
    let held = new Uint8Array(0);
    for await (const part of this.#unpacked(this.#member(name))) {
      const data = held.length ? joined(held, part) : part;
      let from = 0;
      for (let end; (end = data.indexOf(0x0a, from)) >= 0; from = end + 1) {
        require(end - from < limit, `a line of ${name} is longer than ${limit} bytes`);
        yield data.subarray(from, end);
      }
      held = data.slice(from);
      require(held.length <= limit, `a line of ${name} is longer than ${limit} bytes`);
    }
    require(!held.length, `the last line of ${name} does not end`);
  }

  #member(name) {
    const member = this.#members.get(name);
    require(member !== undefined, `the bundle has no ${name}`);
    return member;
  }

  async #bytes(from, size) {
    if (from < 0 || from + size > this.#file.size) throw new RangeError();
    return new Uint8Array(await this.#file.slice(from, from + size).arrayBuffer());
  }

  async #view(from, size) {
    return new DataView((await this.#bytes(from, size)).buffer);
  }

  async #readDirectory() {
    const size = this.#file.size;
    if (size < END_BYTES) throw new NoZip("it is too short");
    const end = await this.#view(size - END_BYTES, END_BYTES);
    const isEnd = end.getUint32(0, true) === END_MARK && end.getUint16(20, true) === 0;
    if (!isEnd) throw new NoZip("it does not end as bundles do");
    const told = end.getUint16(10, true);
    const place = (await this.#place64(size)) ?? {
      at: size - END_BYTES,
      size: end.getUint32(12, true),
      offset: end.getUint32(16, true),
    };
    // What stands before the zip moves all offsets.
    const shift = place.at - place.size - place.offset;
    if (shift < 0) throw new NoZip("its directory is cut off");
    const directory = await this.#bytes(place.offset + shift, place.size);
    const found = this.#addMembers(directory, shift);
    require(told === NONE16 || told === found, `the file ends as bundles do not, or lists ${told} members and holds ${found}`);
  }

  /** Where the directory of a large file is; null when the file is not one. */
  async #place64(size) {
    const at = size - END_BYTES - 20;
    if (at < 0) return null;
    const locator = await this.#view(at, 20);
    if (locator.getUint32(0, true) !== LOCATOR64_MARK) return null;
    const end = await this.#view(at - 56, 56);
    if (end.getUint32(0, true) !== END64_MARK) return null;
    return { at: at - 56, size: whole64(end, 40), offset: whole64(end, 48) };
  }

  #addMembers(directory, shift) {
    const view = new DataView(directory.buffer);
    let [at, count] = [0, 0];
    while (at < directory.length) {
      if (view.getUint32(at, true) !== CENTRAL_MARK) throw new NoZip("its directory is damaged");
      const [nameSize, extraSize, commentSize] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
      const [nameAt, extraAt] = [at + 46, at + 46 + nameSize];
      count += 1;
      require(count <= MAX_MEMBERS, `the file has more than ${MAX_MEMBERS} members`);
      this.#add(view, at, directory.subarray(nameAt, extraAt), extraAt, extraSize, shift);
      at = extraAt + extraSize + commentSize;
    }
    if (at !== directory.length) throw new NoZip("its directory is cut off");
    return count;
  }

  #add(view, at, rawName, extraAt, extraSize, shift) {
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const sizes = { size: view.getUint32(at + 24, true), packed: view.getUint32(at + 20, true), at: view.getUint32(at + 42, true) };
    widen(sizes, view, extraAt, extraAt + extraSize);
    const name = flags & UTF8_NAME ? textOrMarks(rawName) : latin1(rawName);
    const shown = quoted(start(name, 80));
    require(!this.#members.has(name), `the file has two members named ${shown}`);
    const isOutside = name.startsWith("/") || /[\\:\0]/.test(name) || name.split("/").includes("..");
    require(!isOutside, `a member is named ${shown}, which points outside the bundle`);
    require(method === STORED || method === DEFLATED, `${shown} is packed in a way that bundles do not use`);
    require(
      sizes.size <= 4096 || sizes.size <= MAX_RATIO * Math.max(1, sizes.packed),
      `${shown} unpacks to ${sizes.size} bytes from ${sizes.packed}`,
    );
    const place = { ...sizes, at: sizes.at + shift };
    this.#members.set(name, { name, rawName, flags, method, crc: view.getInt32(at + 16, true), ...place });
  }

  /** Yields a member's bytes, never more than its size, and fails when they are not the ones it was made from. */
  async *#unpacked(member) {
    const damaged = (why) => new Malformed(`${start(member.name, 80)} is damaged: ${why}`);
    let crc = -1;
    let left = member.size;
    try {
      const packed = this.#file.slice(...(await this.#span(member)));
      const stream = member.method === DEFLATED ? packed.stream().pipeThrough(new DecompressionStream("deflate-raw")) : packed.stream();
      const reader = stream.getReader();
      try {
        for (let next; !(next = await reader.read()).done; ) {
          left -= next.value.length;
          if (left < 0) throw damaged("it unpacks to more than it says");
          crc = crcOf(next.value, crc);
          yield next.value;
        }
      } finally {
        reader.cancel().catch(() => {});
      }
    } catch (error) {
      if (error instanceof Malformed) throw error;
      throw damaged("it cannot be unpacked");
    }
    if (left !== 0) throw damaged("it unpacks to less than it says");
    if (crc !== ~member.crc) throw damaged("its checksum is another");
  }

  /** Where a member's packed bytes start and end. */
  async #span(member) {
    const head = await this.#view(member.at, 30);
    const [nameSize, extraSize] = [head.getUint16(26, true), head.getUint16(28, true)];
    const name = await this.#bytes(member.at + 30, nameSize);
    const flags = head.getUint16(6, true) | member.flags;
    const isRight = head.getUint32(0, true) === LOCAL_MARK && latin1(name) === latin1(member.rawName);
    if (!isRight || flags & (ENCRYPTED | PATCHED | STRONG)) throw new RangeError();
    const from = member.at + 30 + nameSize + extraSize;
    if (from + member.packed > this.#file.size) throw new RangeError();
    return [from, from + member.packed];
  }
}

class NoZip extends Error {}

/** What the browser lacks, in plain words: no fault of the file. */
export class Lacking extends Error {}

function requireUnpacking() {
  try {
    new DecompressionStream("deflate-raw");
  } catch {
    throw new Lacking("This browser cannot unpack bundles; a newer one can, or the command line.");
  }
}

/** Takes sizes that need 64 bits from the member's extra field (APPNOTE 4.5.3). */
function widen(sizes, view, at, end) {
  for (let next; at + 4 <= end; at = next) {
    next = at + 4 + view.getUint16(at + 2, true);
    if (next > end) throw new NoZip("its directory is damaged");
    if (view.getUint16(at, true) !== 1) continue;
    let place = at + 4;
    for (const name of ["size", "packed", "at"]) {
      if (sizes[name] !== NONE32) continue;
      if (place + 8 > next) throw new NoZip("its directory is damaged");
      sizes[name] = whole64(view, place);
      place += 8;
    }
  }
}

function whole64(view, at) {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw new NoZip("it names a place that no file has");
  return value;
}

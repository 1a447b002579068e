// Which private fields a kind of record has, in which order.

import { isPrintable, quoted, require, start } from "./words.js";
import { toHex } from "./bytes.js";
import { canonicalBytes, hasExactly, isObject, isWhole } from "./canonical.js";
import { sha256 } from "./sha256.js";

const MAX_FIELDS = 1024;
export const MAX_SCHEMA_BYTES = 1048576;
const POINTER = /^(?:\/[^"\\/\x00-\x1f\x7f]+)+$/u;
const TYPES = {
  any: () => true,
  array: Array.isArray,
  boolean: () => false, // true and false are judged before
  integer: isWhole,
  number: (value) => typeof value === "number",
  object: isObject,
  string: (value) => typeof value === "string",
};

/** An ordered list of private fields, each {pointer, title, type}. */
export class Schema {
  constructor(name, fields) {
    this.name = name;
    this.fields = fields;
    require(fields.length > 0 && fields.length <= MAX_FIELDS, `a schema has 1 to ${MAX_FIELDS} fields, not ${fields.length}`);
    fields.forEach(requireField);
    this.positions = new Map(fields.map((field, position) => [field.pointer, position]));
    require(this.positions.size === fields.length, `the schema ${quoted(start(name, 80))} names a field twice`);
    const encoded = canonicalBytes({ fields, format: "counterfoil-schema/1", name });
    require(
      isPrintable(name) && encoded.length <= MAX_SCHEMA_BYTES,
      `the schema ${quoted(start(name, 80))} is too large, or its name is not one line of text`,
    );
    this.digest = toHex(sha256(encoded));
    this.width = 1; // leaves of the field tree: the next power of two
    while (this.width < fields.length) this.width *= 2;
  }

  /** Whether `value` is of the type of the field at `position` (null always is). */
  accepts(position, value) {
    const { type } = this.fields[position];
    if (value === null || type === "any") return true;
    return typeof value === "boolean" ? type === "boolean" : TYPES[type](value);
  }

  /** Reads a schema, refusing anything it does not know. */
  static fromJson(value) {
    require(
      isObject(value) && hasExactly(value, ["fields", "format", "name"]),
      "a schema has exactly a format, a name and fields",
    );
    require(
      value.format === "counterfoil-schema/1" && typeof value.name === "string",
      () => `unknown schema format ${quoted(start(String(value.format), 40))}`,
    );
    require(Array.isArray(value.fields), "a schema's fields are a list");
    for (const field of value.fields) {
      require(
        isObject(field) &&
          hasExactly(field, ["pointer", "title", "type"]) &&
          Object.values(field).every((part) => typeof part === "string"),
        "a schema's field has exactly a pointer, a title and a type, all text",
      );
    }
    return new Schema(value.name, value.fields);
  }
}

function requireField({ pointer, title, type }) {
  require(POINTER.test(pointer) && isPrintable(pointer), () => `${quoted(start(pointer, 80))} cannot name a field`);
  require(isPrintable(title), () => `the title ${quoted(start(title, 80))} of ${quoted(pointer)} is not one line of text`);
  require(Object.hasOwn(TYPES, type), () => `${quoted(start(type, 80))} is not a field type`);
}

// One record: an in-toto Statement v1 in canonical JSON, read by one pattern over its bytes.

import { Malformed, isPrintable, require } from "./words.js";
import { bytesOf, fromHex, latin1, textOf } from "./bytes.js";
import { isObject, readCanonical } from "./canonical.js";

const MAX_ENTRY_BYTES = 65535;
const TIME = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z";
const TIME_TEXT = new RegExp(`^${TIME}$`);
const RECORD = new RegExp(
  [
    '^\\{"_type":"https://in-toto\\.io/Statement/v1","predicate":\\{',
    '(?:"about":(?<about>\\{.+\\}),)?',
    '"buildsOn":\\[(?<builds>(?:"[0-9a-f]{64}"(?:,"[0-9a-f]{64}")*)?)\\],',
    '"issuer":"(?<issuer>[^"+\\\\\\x00-\\x20]{1,1024}\\+[0-9a-f]{8})",',
    '(?:"schema":"(?<schema>[0-9a-f]{64})",)?',
    '"seq":(?<seq>0|[1-9][0-9]{0,14}),',
    '"stream":"(?<stream>[a-z0-9][a-z0-9._/-]{0,127})",',
    `"time":"(?<time>${TIME})"\\},`,
    '"predicateType":"https://counterfoil\\.dev/(?<kind>[a-z][a-z-]{0,31})/v1",',
    '"subject":\\[\\{"digest":\\{"(?<algorithm>counterfoilFields1|sha256)":"(?<digest>[0-9a-f]{64})"\\},',
    '"name":"(?<name>[^"\\\\\\x00-\\x1f]{0,1024})"\\}\\]\\}$',
  ].join(""),
  "s",
);

/** Whether `text` is a time as records write it: UTC, whole seconds. */
export function isTime(text) {
  return typeof text === "string" && TIME_TEXT.test(text);
}

/** Reads one entry of a log, accepting canonical bytes only. */
export function parseRecord(entry) {
  const match = entry.length <= MAX_ENTRY_BYTES ? RECORD.exec(latin1(entry)) : null;
  require(match !== null, "an entry is not a record in canonical form");
  const parts = match.groups;
  require(
    (parts.schema !== undefined) === (parts.algorithm === "counterfoilFields1"),
    "a record names private fields without their schema, or the other way round",
  );
  const issuer = textOf(bytesOf(parts.issuer), "an entry");
  require(isPrintable(issuer), "a record's issuer is not a name");
  return {
    kind: parts.kind,
    stream: parts.stream,
    seq: Number(parts.seq),
    time: parts.time,
    issuer,
    buildsOn: parts.builds ? parts.builds.slice(1, -1).split('","') : [],
    schema: parts.schema ?? null,
    digest: fromHex(parts.digest),
    name: textOf(bytesOf(parts.name), "an entry"),
    about: parts.about === undefined ? {} : parseAbout(bytesOf(parts.about)),
  };
}

function parseAbout(bytes) {
  let value;
  try {
    value = readCanonical(bytes);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed(`the public body of a record cannot be read: ${error.message}`);
  }
  require(isObject(value), "the public body of a record is not an object");
  return value;
}

// What the link in a QR code carries: coordinates of one record, behind the "#", which no browser sends to a server.

import { fromBase64, toHex } from "./bytes.js";
import { isKeyName } from "./note.js";

/** Reads `#o=<origin>&i=<place>&l=<leaf hash>&k=<key id>`: {origin, index, leaf, key}; null when it is none. */
export function parseLink(fragment) {
  const parts = new URLSearchParams(fragment.replace(/^#/, ""));
  const leaf = fromBase64(`${(parts.get("l") ?? "").replace(/-/g, "+").replace(/_/g, "/")}=`);
  if (leaf?.length !== 32) return null;
  const [origin, index, key] = ["o", "i", "k"].map((name) => parts.get(name) ?? "");
  if (!isKeyName(origin) || origin.length > 256 || !/^(?:0|[1-9][0-9]{0,15})?$/.test(index) || !/^[0-9a-f]{8}$/.test(key)) return null;
  return { origin, index: index === "" ? null : Number(index), leaf: toHex(leaf), key };
}

/** Where this page's own server tells of a record, beside the page; null for a page that was opened from a disk. */
export function proofAddress(link) {
  return /^https?:$/.test(location.protocol) ? new URL(`api/v1/proofs/${link.leaf}`, location.href).href : null;
}

// Ed25519 signatures, checked by the browser (RFC 8032, Web Cryptography).

import { fromHex } from "./bytes.js";

const IN_PLAIN_WORDS = "this browser cannot check such signatures (Ed25519); a newer one can, or the command line";
const NO_CRYPTO =
  "the browser gives no access to its cryptography on a page that came over an unsafe connection; save the page and open the file";

// RFC 8032 7.1, test 2.
const SAMPLE = {
  key: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  message: "72",
  signature:
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
};

/** Whether `signature` is the key's over `message`. Rejects where the browser has no Ed25519. */
export async function isSigned(key, message, signature) {
  if (signature.length !== 64) return false;
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    if (error.name === "DataError") return false; // 32 bytes that are no key
    throw error;
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

/** Why signatures cannot be checked here, in plain words; empty when they can: a known one passes, an altered one not. */
export async function whyNoSignatures() {
  if (!globalThis.crypto?.subtle) return NO_CRYPTO;
  const [key, message, signature] = [SAMPLE.key, SAMPLE.message, SAMPLE.signature].map(fromHex);
  try {
    const isGoodAccepted = await isSigned(key, message, signature);
    const isBadAccepted = await isSigned(key, Uint8Array.of(0x73), signature);
    return isGoodAccepted && !isBadAccepted ? "" : IN_PLAIN_WORDS;
  } catch {
    return IN_PLAIN_WORDS;
  }
}

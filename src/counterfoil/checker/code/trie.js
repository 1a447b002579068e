// Proofs in a ledger's hash trees (Merkle-Patricia tries, Yellow Paper, appendix D).

import { require } from "./words.js";
import { fromHex, isSame } from "./bytes.js";
import { keccak256 } from "./keccak.js";
import { decodeRlp } from "./rlp.js";

const EMPTY_TRIE = fromHex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
const NOTHING = new Uint8Array(0);

const halvesOf = (bytes) => Array.from(bytes).flatMap((byte) => [byte >> 4, byte & 15]);

/** What stands at `key` under `root`, null where the nodes prove that nothing does; Malformed when they prove neither. */
export function provenValue(root, key, nodes) {
  if (isSame(root, EMPTY_TRIE) && !nodes.length) return null;
  let rest = halvesOf(key);
  let wanted = root;
  for (const [place, raw] of nodes.entries()) {
    require(isSame(keccak256(raw), wanted), "a node is not the one named above it");
    let child = decodeRlp(raw);
    while (Array.isArray(child)) { // a small node stands inside the one above it
      let isEnd;
      [child, rest, isEnd] = stepDown(child, rest);
      if (isEnd) return ended(child, place === nodes.length - 1);
    }
    if (child.length !== 32) break;
    wanted = child;
  }
  require(false, "it breaks off before it shows anything");
}

function ended(value, isLast) {
  require(isLast, "it goes on after it has shown everything");
  require(value instanceof Uint8Array, "there is no value where one belongs");
  return value.length ? value : null;
}

/** Goes down one node: the child or what was found, what is left of the key, and whether this is the end. */
function stepDown(node, rest) {
  if (node.length === 17) {
    if (!rest.length) return [node[16], rest, true];
    const child = node[rest[0]];
    return [child, rest.slice(1), child instanceof Uint8Array && child.length === 0];
  }
  require(node.length === 2, `a node has ${node.length} items, not 17 or 2`);
  const [shared, isLeaf] = unpacked(node[0]);
  if (!shared.every((half, at) => rest[at] === half)) return [NOTHING, rest, true];
  rest = rest.slice(shared.length);
  if (isLeaf) return [rest.length ? NOTHING : node[1], rest, true];
  return [node[1], rest, false];
}

/** The half-bytes of an extension or leaf, and whether it is a leaf (hex-prefix encoding). */
function unpacked(packed) {
  require(packed instanceof Uint8Array && packed.length > 0, "a node names no part of a key");
  const halves = halvesOf(packed);
  const [isLeaf, isOdd] = [(halves[0] & 2) !== 0, (halves[0] & 1) !== 0];
  require(halves[0] <= 3 && (isOdd || halves[1] === 0), "a node writes its part of a key in another way");
  const shared = halves.slice(isOdd ? 1 : 2);
  require(shared.length > 0 || isLeaf, "a node leads nowhere");
  return [shared, isLeaf];
}

"""Checks a receipt or bundle up to its anchor on a ledger: python independent_anchor.py FILE ISSUER BLOCK

Written from docs/reference/*.md; BLOCK is the 0x… hash of the anchor's block, from a node you trust. Needs
independent_check.py beside it and nothing of Counterfoil's. Exit code 4: wrong.
"""

import sys
import zipfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from independent_check import check_bundle, check_receipt, judge_issuer, read, read_head, require, unbase64

KNOWN_CODE = "9b6953ab065712ea88763d20998fe985b66962fc300f47d326e1e905b5648682"
ANCHORED, HEADS_SLOT, MASK = b"Anchored(bytes32,uint256,bytes32)", 0, 2**64 - 1
number = int.from_bytes  # big-endian


def turn(lane, count):
    return (lane << count | lane >> (64 - count)) & MASK


def keccak256(data):  # FIPS 202 section 3, with the padding that Keccak had before it
    padded, a = bytearray(data + b"\1" + bytes(-(len(data) + 1) % 136)), [0] * 25
    padded[-1] |= 0x80
    for at in range(0, len(padded), 136):
        register = 1
        for i in range(17):
            a[i] ^= int.from_bytes(padded[at + 8 * i : at + 8 * i + 8], "little")
        for _ in range(24):
            parity = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
            a = [a[i] ^ parity[(i + 4) % 5] ^ turn(parity[(i + 1) % 5], 1) for i in range(25)]
            x, y, moving = 1, 0, a[1]
            for step in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                a[x + 5 * y], moving = turn(moving, (step + 1) * (step + 2) // 2 % 64), a[x + 5 * y]
            rows = [a[i - i % 5 : i - i % 5 + 5] * 2 for i in range(25)]
            a = [a[i] ^ (~rows[i][i % 5 + 1] & rows[i][i % 5 + 2]) for i in range(25)]
            for power in range(7):
                a[0] ^= (register & 1) << (1 << power) - 1
                register = register << 1 ^ (0x171 if register & 0x80 else 0)
    return b"".join(lane.to_bytes(8, "little") for lane in a[:4])


def rlp(data, is_part=False):  # an item; of a part, the item and what follows it
    first, start, items = data[0], 1, []
    size = first - (0xC0 if first >= 0xC0 else 0x80)
    if first < 0x80:
        start, size = 0, 1
    if size > 55:
        start, size = size - 54, number(data[1 : size - 54])
    content, rest = data[start : start + size], data[start + size :]
    require(len(content) == size and (is_part or not rest), "a ledger's data are cut off, or go on")
    while content and first >= 0xC0:
        item, content = rlp(content, is_part=True)
        items.append(item)
    found = items if first >= 0xC0 else content
    return (found, rest) if is_part else found


def find(item, key, nodes):  # the value at a key of a Merkle-Patricia tree, by the nodes that lead there and no others
    halves, nodes = key.hex(), list(nodes)
    while True:
        if isinstance(item, bytes):
            raw = nodes.pop(0)
            require(keccak256(raw) == item, "a node that is not the one named above it")
            item = rlp(raw)
        if len(item) == 17:
            item, halves = item[int(halves[0], 16)], halves[1:]
            continue
        packed, item = item
        kind, path = int(packed.hex()[0], 16), packed.hex()
        path = path[1:] if kind % 2 else path[2:]
        if kind > 1:
            require(halves == path and not nodes and isinstance(item, bytes), "another key, or nodes left over")
            return item
        require(path and halves.startswith(path), "another key")
        halves = halves[len(path) :]


def extends(old, new, path):  # RFC 9162 2.1.4, from the root down
    def both(old_size, size, is_left_edge):  # the hashes over both trees' records
        if old_size == size:
            found = old[1] if is_left_edge else path.pop(0)
            return found, found
        left = 1 << (size - 1).bit_length() - 1
        if old_size <= left:
            (first, second), right = both(old_size, left, is_left_edge), path.pop(0)
            return first, sha256(b"\1" + second + right).digest()
        hashes, above = both(old_size - left, size - left, False), path.pop(0)
        return tuple(sha256(b"\1" + above + digest).digest() for digest in hashes)

    return 0 < old[0] <= new[0] and both(old[0], new[0], True) == (old[1], new[1]) and not path


def check_anchor(anchor, head, block):
    kind = "event" if "event" in anchor else "storage"
    members = f"account block chainId consistency contract format header logId root size {kind}"
    require(set(anchor) == set(members.split()) and anchor["format"] == "counterfoil-anchor/1", "not an anchor")
    contract, log_id = (bytes.fromhex(anchor[name][2:]) for name in ("contract", "logId"))
    require((anchor["contract"], anchor["logId"]) == (f"0x{contract.hex()}", f"0x{log_id.hex()}"), "no hex digits")
    (root, raw), size = unbase64([anchor["root"], anchor["header"]]), anchor["size"]
    about, proof, ledger = anchor["block"], anchor[kind], anchor["chainId"]
    require(type(ledger) is type(size) is int and ledger > 0, "not a number")
    header = rlp(raw)
    time = datetime.fromtimestamp(number(header[11]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    require("0x" + keccak256(raw).hex() == block.strip().lower(), "not the block you named")
    require(about == {"hash": block.strip().lower(), "number": number(header[8]), "time": time}, "another block")
    _, _, storage_root, code = rlp(find(header[3], keccak256(contract), unbase64(anchor["account"])))
    require(code.hex() == KNOWN_CODE, "not a known contract")
    if kind == "event":
        at, place, nodes = (proof.pop(name) for name in ("transaction", "log", "proof"))
        raw = at.to_bytes((at.bit_length() + 7) // 8, "big")
        found = find(header[5], raw if 0 < at < 0x80 else bytes([0x80 + len(raw)]) + raw, unbase64(nodes))
        status, _, _, events = rlp(found[1:] if found[0] < 0x80 else found)
        topics = [keccak256(ANCHORED), log_id, size.to_bytes(32, "big")]
        require(type(place) is int and place >= 0, "not a place")
        require(status == b"\1" and events[place] == [contract, topics, root], "another event")
    else:
        slot = keccak256(HEADS_SLOT.to_bytes(32, "big") + log_id)
        for name, wanted in (("head", size), ("root", number(root))):
            held = number(rlp(find(storage_root, keccak256(slot), unbase64(proof.pop(name)))))
            require(wanted == (held >> 160 & 2**48 - 1 if name == "head" else held), f"another {name}")
            slot = (number(slot) + 1).to_bytes(32, "big")
    require(not proof and extends((size, root), head, unbase64(anchor["consistency"])), "another history")
    return f"the first {size} of {head[0]} records, ledger {ledger}, block {number(header[8])}, {time}"


def main(path, issuer, block):
    is_bundle = zipfile.is_zipfile(path)
    note, last = (check_bundle if is_bundle else check_receipt)(path)
    print("issuer:", judge_issuer(note, Path(issuer).read_text() if Path(issuer).is_file() else issuer))
    file = read(zipfile.ZipFile(path).read("bundle.json") if is_bundle else path.read_bytes())
    anchor = read(zipfile.ZipFile(path).read("anchor.json")) if is_bundle else file["anchor"]
    require(anchor, "the file carries no anchor")
    said = check_anchor(anchor, read_head(note, file["origin"]), block)
    require(last < anchor["size"], f"record {last} came after the anchor")
    print("anchor: passed:", said)


if __name__ == "__main__":
    if len(sys.argv) != 4 or not Path(sys.argv[1]).is_file():
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except Exception as error:  # noqa: BLE001 - whatever a hostile file holds, the answer is no
        print(f"failed: {error or type(error).__name__}")
        sys.exit(4)

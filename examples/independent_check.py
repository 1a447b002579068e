"""Checks a receipt or a bundle without Counterfoil: python independent_check.py FILE ISSUER (a public key or its file)

Written from docs/reference/*.md for whole logs and single records of an issuer that kept its key. Exit code 4: wrong.
"""

import json
import sys
import zipfile
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def require(condition, message):
    if not condition:
        raise ValueError(message)


def unique(pairs):
    require(len(dict(pairs)) == len(pairs), "a key stands twice in one object")
    return dict(pairs)


def read(text, members=None):
    value = json.loads(text, object_pairs_hook=unique)
    require(members is None or set(value) == set(members.split()), "a member is missing or unknown")
    return value


def unbase64(texts):
    found = [b64decode(text, validate=True) for text in texts]
    require([b64encode(raw).decode() for raw in found] == texts, "base64 of another form")
    return found


def tree(low, high, known, depth=0):  # RFC 6962 2.1; known() gives the hash of a part, or None to split it
    found = known(low, high, depth)
    if found is None:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        found = sha256(b"\1" + tree(low, middle, known, depth + 1) + tree(middle, high, known, depth + 1)).digest()
    return found


def is_included(entry, index, head, path):
    def known(low, high, depth):  # the path runs from the leaf up, the tree from the root down
        if not low <= index < high:
            return path[-depth]
        require(high - low > 1 or depth == len(path), "a path of another length")
        return sha256(b"\0" + entry).digest() if high - low == 1 else None

    return 0 <= index < head[0] and tree(0, head[0], known) == head[1]


def require_fields(record, shown, proof, schema):
    places, leaves = {field["pointer"]: place for place, field in enumerate(schema["fields"])}, {}
    for text in shown:
        _, pointer, *value = read(text)
        require(places[pointer] > max(leaves, default=-1) and len(value) < 2, "a field shown twice or out of order")
        leaves[places[pointer]] = sha256(b"\0" + text.encode()).digest()

    def known(low, high, _):
        if not any(low <= place < high for place in leaves):
            return proof.pop(0)
        return leaves[low] if high - low == 1 else None

    root = tree(0, 1 << (len(places) - 1).bit_length(), known).hex()
    require(record["digest"] == {"counterfoilFields1": root} and not proof, "a value or salt that was not recorded")


def read_record(entry, origin):
    value = read(entry, "_type predicate predicateType subject")
    require(value["predicate"]["issuer"].startswith(origin + "+"), "a record of another log")
    return value["predicate"] | {"digest": value["subject"][0]["digest"], "kind": value["predicateType"].split("/")[3]}


def read_head(note, origin):
    name, size, root = note.partition("\n\n")[0].split("\n")
    require(name == origin and str(int(size)) == size, "not a head of this log")
    return int(size), unbase64([root])[0]


def judge_issuer(note, issuer):
    text, _, lines = note.rpartition("\n\n")
    rows = [row.removeprefix("\u2014 ").split(" ") for row in lines.removesuffix("\n").split("\n")]
    signatures = {(name, raw[:4].hex()): raw[4:] for name, value in rows for raw in unbase64([value])}
    name, key_id, key = issuer.strip().split("+", 2)
    Ed25519PublicKey.from_public_bytes(b64decode(key)[1:]).verify(signatures[name, key_id], text.encode() + b"\n")
    return "passed: signed by the issuer you named"


def check_receipt(file):
    members = "anchor anchorBy checkpoint disclosures entry fieldProof format handovers inclusion index origin schema"
    value = read(file.read_bytes().rstrip(), members)
    require(value["format"] == "counterfoil-receipt/1" and not value["handovers"], "no receipt of a lasting key")
    entry, schema = value["entry"].encode(), value["schema"]
    record = read_record(entry, value["origin"])
    canonical = json.dumps(schema, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    require(sha256(canonical).hexdigest() == record["schema"], "another schema than the record names")
    require_fields(record, value["disclosures"], unbase64(value["fieldProof"]), schema)
    head, path = read_head(value["checkpoint"], value["origin"]), unbase64(value["inclusion"])
    require(is_included(entry, value["index"], head, path), "not in the log under this head")
    print(f"log: passed: record {value['index']} of {head[0]}, {[read(text)[1:] for text in value['disclosures']]}")
    return value["checkpoint"], value["index"]


def check_bundle(file):
    bundle = zipfile.ZipFile(file)
    about, note, names = read(bundle.read("bundle.json")), bundle.read("checkpoint").decode(), sorted(bundle.namelist())
    (size, root), indices = read_head(note, about["origin"]), about.get("indices")
    require(about["format"] == "counterfoil-bundle/1" and not about["handovers"], "no bundle of a lasting key")
    require(indices or [about["start"], about["end"]] == [0, size], "neither a whole log nor single records")
    lines = [read(line, "index proof shown") for line in bundle.read("disclosures.ndjson").splitlines()]
    shown, leaves, streams, last = {line["index"]: line for line in lines}, [], {}, -1
    schemas = {name[8:72]: bundle.read(name) for name in names if name.startswith("schemas/")}
    require(all(sha256(schemas[name]).hexdigest() == name for name in schemas), "a schema of another digest")
    data, at = b"".join(bundle.read(name) for name in names if name.startswith("tile/entries/")), 0
    for place in indices or range(size):
        entry = data[at + 2 : at + 2 + int.from_bytes(data[at : at + 2], "big")]
        at += 2 + len(entry)
        if indices:
            entry, proof = bundle.read(f"records/{place}.json"), bundle.read(f"proofs/{place}.tlog-proof").decode()
            title, number, *path = proof.partition("\n\n")[0].split("\n")
            require((title, number) == ("c2sp.org/tlog-proof@v1", f"index {place}") and proof.endswith(note), "a proof")
            require(is_included(entry, place, (size, root), unbase64(path)), f"record {place} is not in the log")
        leaves.append(sha256(b"\0" + entry).digest())
        record = read_record(entry, about["origin"])
        require(indices or record["seq"] == streams.get(record["stream"], 0), f"a gap before record {place}")
        streams[record["stream"]], last = record["seq"] + 1, last if record["kind"] == "epoch" else place
        if place in shown:
            line = shown.pop(place)
            require_fields(record, line["shown"], unbase64(line["proof"]), read(schemas[record["schema"]]))
    require(not shown and (indices or at == len(data)), "fields or bytes that belong to no record")
    require(indices or tree(0, size, lambda low, high, _: leaves[low] if high - low == 1 else None) == root, "altered")
    print(f"log: passed: {len(leaves)} of {size} records, {'some' if indices else 'gapless'}; {len(lines)} show fields")
    return note, last


if __name__ == "__main__":
    if len(sys.argv) != 3 or not Path(sys.argv[1]).is_file():
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        path, key = map(Path, sys.argv[1:])
        note, _ = (check_bundle if zipfile.is_zipfile(path) else check_receipt)(path)
        print("issuer:", judge_issuer(note, key.read_text() if key.is_file() else sys.argv[2]))
    except Exception as error:  # noqa: BLE001 - whatever a hostile file holds, the answer is no
        print(f"failed: {error or type(error).__name__}")
        sys.exit(4)

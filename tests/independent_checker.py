"""A second checker of every kind of file, from the documents: independent_checker.py FILE [--issuer KEY] [--block HASH]

Written from docs/reference/{records,receipt,bundle,anchor}.md; the hashes and trees of a ledger are those of
examples/independent_anchor.py. Prints every step; exit code 0 when none failed, else 4.
"""

import argparse
import json
import re
import sys
import zipfile
from base64 import b64decode, b64encode
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

sys.path.append(str(Path(__file__).parents[1] / "examples"))

from independent_anchor import check_anchor

STEPS = ["format record fields log issuer kept anchor", "format records log issuer complete fields earlier anchor"]
TYPES = {
    "array": [list],
    "boolean": [bool],
    "integer": [int],
    "number": [int, float],
    "object": [dict],
    "string": [str],
}
HEX, TIME = "[0-9a-f]{64}", r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
RECORD = re.compile(
    rf'{{"_type":"https://in-toto[.]io/Statement/v1","predicate":{{"buildsOn":\[(?:"{HEX}"(?:,(?="))?)*\],'
    rf'"issuer":"(?P<origin>[^"+\\\s]+)[+][0-9a-f]{{8}}",(?:"schema":"(?P<schema>{HEX})",)?"seq":\d{{1,15}},'
    rf'"stream":"[a-z0-9][a-z0-9._/-]{{0,127}}","time":"{TIME}"}},"predicateType":"https://counterfoil[.]dev/'
    rf'(?P<kind>[a-z][a-z-]{{0,31}})/v1","subject":\[{{"digest":{{"(?P<algorithm>counterfoilFields1|sha256)":'
    rf'"(?P<digest>{HEX})"}},"name":"(?P<name>[^"\\]*)"}}\]}}',
    re.ASCII,
)
NOTE = re.compile("([^\x00-\x09\x0b-\x1f]*\n)\n((?:\u2014 [^ \n]+ [A-Za-z0-9+/]{7,}=?=?\n){1,100})")
POINTER = re.compile(r'(/[^"\\/\x00-\x1f\x7f]+)+')


def require(condition, message):
    if not condition:
        raise ValueError(message)


def is_name(text, without="\n"):
    return text.isprintable() and text and not set(text) & set(without)


def canonical(value, levels=64):  # RFC 8785
    require(levels or not isinstance(value, list | dict), "nested too deeply")
    if isinstance(value, list):
        return "[" + ",".join(canonical(item, levels - 1) for item in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(canonical(key) + ":" + canonical(value[key], levels - 1) for key in keys) + "}"
    if type(value) not in (int, float):
        return json.dumps(value, ensure_ascii=False)
    require(value - value == 0, "infinity is not a number")
    exact = Decimal(repr(float(value))).normalize()
    return "0" if value == 0 else f"{exact:f}" if 1e-6 <= abs(exact) < 1e21 else f"{exact:e}"


def read_json(text, members=None, levels=64):
    value = json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 17 else float(digits))
    require(canonical(value, levels).encode() == text.encode(), "JSON that is not in canonical form")
    require(members is None or set(value) == set(members.split()), "a member is missing or unknown")
    return value


def unbase64(texts, size=32):
    found = [b64decode(text) for text in texts]
    require(len(found) <= 1088 and all(len(raw) == size for raw in found), "not hashes, or one of another length")
    require([b64encode(raw).decode() for raw in found] == texts, "base64 that is not canonical")
    return found


def tree(low, high, known, depth=0):  # RFC 6962 2.1; known() gives the hash of a part, or None
    found = known(low, high, depth)
    if found is None:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        found = b"\x01" + tree(low, middle, known, depth + 1) + tree(middle, high, known, depth + 1)
        found = sha256(found).digest()
    return found


def require_included(entry, index, head, path):
    def known(low, high, depth):
        if not low <= index < high:
            return path[-depth]
        require(high - low > 1 or depth == len(path), "a path of another length")
        return sha256(b"\x00" + entry.encode()).digest() if high - low == 1 else None

    require(type(index) is int and 0 <= index < head[0], "a place outside the log")
    require(tree(0, head[0], known) == head[1], "the record is not in the log under this head")


def read_record(text, origin):
    record = read_json(text, levels=66)
    about = record["predicate"].pop("about", {"-": 0})
    match = RECORD.fullmatch(canonical(record))
    require(match and isinstance(about, dict) and about and len(text.encode()) <= 65535, "not a record")
    require(len(match["name"].encode()) <= 1024, "a name that is too long")
    require(bool(match["schema"]) == (match["algorithm"] != "sha256"), "fields without schema, or the other way round")
    require(match["origin"] == origin, "the record was issued for another log")
    return match.groupdict() | record["predicate"] | {"about": about}


def read_schema(value):
    fields = {field["pointer"]: field["type"] for field in value["fields"]}
    require(set(value) == {"fields", "format", "name"} and value["format"] == "counterfoil-schema/1", "not a schema")
    require(
        0 < len(fields) == len(value["fields"]) <= 1024, "a field stands twice in the schema, or there are too many"
    )
    require(all(set(field) == {"pointer", "title", "type"} for field in value["fields"]), "another form of field")
    names = [value["name"], *fields, *(field["title"] for field in value["fields"])]
    require(all(name.isprintable() for name in names) and all(map(POINTER.fullmatch, fields)), "not a field's name")
    require(all(kind in TYPES or kind == "any" for kind in fields.values()), "not a type")
    return sha256(canonical(value).encode()).hexdigest(), fields


def require_fields(schemas, record, shown, proof):
    types, leaves = schemas[record["schema"]], {}
    for text in shown:
        salt, pointer, *values = read_json(text, levels=62)
        place, kind = list(types).index(pointer), types[pointer]
        require(re.fullmatch("[A-Za-z0-9_-]{21}[AQgw]", salt) and len(values) < 2, "a disclosure of another form")
        require(place > max(leaves, default=-1), "a field is shown twice or out of order")
        require(all(v is None or kind == "any" or type(v) in TYPES[kind] for v in values), "a value of another type")
        leaves[place] = sha256(b"\x00" + text.encode()).digest()

    def known(low, high, _):
        hidden = not any(low <= place < high for place in leaves)
        return proof.pop(0) if hidden else leaves[low] if high - low == 1 else None

    root = tree(0, 1 << (len(types) - 1).bit_length(), known).hex()
    require(record["digest"] == root and not proof, "a value, or its salt, is not the one that was recorded")


def read_key(text):
    name, key_id, material = text.strip().split("+", 2)
    (raw,) = unbase64([material], 33)
    require(raw[0] == 1 and is_name(name, " "), "not a log's public key")
    require(sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == key_id, "the key id contradicts the key")
    return name, bytes.fromhex(key_id), Ed25519PublicKey.from_public_bytes(raw[1:])


def read_note(note, keys=()):  # the lines of the text, and whether one of the keys signed it
    match = NOTE.fullmatch(note)
    require(match and len(note) <= 65536, "a signed note of another form")
    rows = [(name, b64decode(text), text) for _, name, text in (row.split(" ") for row in match[2].splitlines())]
    require(
        all(b64encode(raw).decode() == text and is_name(name, " +") for name, raw, text in rows), "a signature line"
    )
    for public, raw in ((key[2], raw) for key in keys for name, raw, _ in rows if (name, raw[:4]) == key[:2]):
        try:
            public.verify(raw[4:], match[1].encode())
        except InvalidSignature:
            continue
        return match[1].split("\n"), True
    return match[1].split("\n"), False


def read_trust(issuer, handovers):
    require(len(handovers) <= 64 and all(isinstance(note, str) for note in handovers), "not a list of hand-overs")
    keys = [issuer] if issuer else []
    for note in handovers if issuer else []:
        (title, origin, text, size, end), is_signed = read_note(note, keys)
        key = read_key(text)
        require((title, origin, end) == ("counterfoil.dev/handover/v1", key[0], ""), "a hand-over of another form")
        require(re.fullmatch("0|[1-9][0-9]{0,15}", size), "a hand-over without a size")
        keys += [key] if is_signed and origin == issuer[0] else []
    return keys


def read_head(note, origin):
    (name, size, root, end), _ = read_note(note)
    require((name, end) == (origin, "") and re.fullmatch("0|[1-9][0-9]{0,15}", size), "not a head of this log")
    return int(size), unbase64([root])[0]


def judge_issuer(note, keys, origin):
    if not keys:
        return "not checked: say whose key to expect (--issuer)"
    require(keys[0][0] == origin and read_note(note, keys)[1], "not signed by the issuer you named")
    return "passed: signed by the issuer you named"


def is_count(value, least=0, most=2**53 - 1):
    return type(value) is int and least <= value <= most


def require_anchor_form(anchor):  # what docs/reference/anchor.md says of the form; nothing is compared yet
    kind = "event" if "event" in anchor else "storage"
    members = f"account block chainId consistency contract format header logId root size {kind}"
    require(set(anchor) == set(members.split()) and anchor["format"] == "counterfoil-anchor/1", "not an anchor")
    require(len(canonical(anchor).encode()) <= 262_144, "an anchor that is too large")
    proof, block = anchor[kind], anchor["block"]
    require(set(proof) == set(("log proof transaction" if kind == "event" else "head root").split()), "not a proof")
    require(set(block) == {"hash", "number", "time"}, "not a block")
    lists = [anchor["account"], *([proof["proof"]] if kind == "event" else proof.values())]
    require(all(type(nodes) is list and len(nodes) <= 65 for nodes in lists), "not a list of nodes")
    for text in [anchor["header"], *(node for nodes in lists for node in nodes)]:
        require(b64encode(b64decode(text, validate=True)).decode() == text, "base64 that is not canonical")
    unbase64([anchor["root"]])
    require(type(anchor["consistency"]) is list, "not a path")
    unbase64(anchor["consistency"])
    for text, digits in ((anchor["contract"], 40), (anchor["logId"], 64), (block["hash"], 64)):
        require(re.fullmatch(f"0x[0-9a-f]{{{digits}}}", text), "not a hash or address")
    require(re.fullmatch(TIME, block["time"], re.ASCII) and is_count(block["number"]), "not a time or height")
    require(is_count(anchor["chainId"], 1) and is_count(anchor["size"], 1, 2**48 - 1), "not a number")
    require(kind == "storage" or (is_count(proof["transaction"]) and is_count(proof["log"])), "not a place")


def judge_anchor(anchor, head, block, last):
    if anchor is None:
        return "not checked: the file carries no anchor"
    size = anchor["size"]
    said = check_anchor(anchor, head, block or anchor["block"]["hash"])
    if block is None:
        return "not checked: say in which block it is (--block)"
    return f"not checked: place {last} came after {said}" if last >= size else f"passed: {said}"


def check_receipt(file, issuer, block):
    text = file.read(2**24 + 1).rstrip().decode()
    require(file.tell() <= 2**24, "too large for a receipt")
    is_promise = json.loads(text)["format"] == "counterfoil-promise/1"
    members = "promise" if is_promise else "anchor anchorBy checkpoint inclusion index"
    value = read_json(text, "disclosures entry fieldProof format handovers origin schema " + members)
    require(is_promise or value["format"] == "counterfoil-receipt/1", "an unknown format")
    require(len(value["origin"]) <= 256 and is_name(value["origin"], " +"), "not the name of a log")
    schemas = dict([] if value["schema"] is None else [read_schema(value["schema"])])
    require(re.fullmatch(TIME, value.get("anchorBy") or "2026-01-01T00:00:00Z", re.ASCII), "not a time")
    if value.get("anchor") is not None:
        require_anchor_form(value["anchor"])
    entry, origin, note = value["entry"], value["origin"], value["promise" if is_promise else "checkpoint"]
    proof, path = unbase64(value["fieldProof"]), unbase64(value.get("inclusion", []))
    shown, keys = value["disclosures"], read_trust(issuer, value["handovers"])
    yield "passed: a promise of a receipt" if is_promise else "passed: a receipt"
    record = read_record(entry, origin)
    yield f"passed: {record['kind']} number {record['seq']} of {record['stream']}, {record['time']}"
    if record["schema"]:
        require(set(schemas) == {record["schema"]}, "another schema than the record names")
        require_fields(schemas, record, shown, proof)
    require(record["schema"] or not (schemas or shown or proof), "fields of a record that has none")
    yield f"passed: {canonical([json.loads(text)[1:] for text in shown])}"
    if is_promise:
        yield "not checked: it was not yet in the log"
        (*stated, time, end), _ = read_note(note)
        leaf = b64encode(sha256(b"\x00" + entry.encode()).digest()).decode()
        require(stated == ["counterfoil.dev/promise/v1", origin, leaf], "a promise for another record or log")
        require(re.fullmatch(TIME, time, re.ASCII) and not end, "a promise without a time")
    else:
        head = read_head(note, origin)
        require_included(entry, value["index"], head, path)
        yield f"passed: record {value['index']} of {head[0]}"
    yield judge_issuer(note, keys, origin)
    yield "not checked: no newer state of the log was given"
    yield judge_anchor(value.get("anchor"), None if is_promise else head, block, value.get("index"))


class Bundle:
    """The zip, what its manifest says, and what goes by while the records are read."""

    def __init__(self, file):
        self.zip, self.tiles, self.leaves = zipfile.ZipFile(file), {}, []
        infos = self.zip.infolist()
        self.infos = {info.filename: info for info in infos}
        self.unread = set(self.infos)
        require(len(self.infos) == len(infos) <= 2_000_000, "two members have the same name, or there are too many")
        require(all(i.file_size <= max(4096, 1000 * i.compress_size) for i in infos), "a member unpacks to too much")
        text = self.read("bundle.json", 2**22).decode()
        is_range = "indices" not in json.loads(text)
        about = read_json(text, "format handovers origin " + ("start end" if is_range else "indices"))
        self.origin, self.handovers, self.indices = about["origin"], about["handovers"], about.get("indices", [])
        self.is_range, self.start, self.end = is_range, about.get("start", 0), about.get("end", 0)
        places = [self.start, self.end, *self.indices]
        require(about["format"] == "counterfoil-bundle/1" and is_name(self.origin, " +"), "not a bundle of a log")
        require(all(type(place) is int and place >= 0 for place in places), "a place that is not a number")
        require(self.start % 256 == 0 and self.start <= self.end, "not a range of records")
        require(self.indices == sorted(set(self.indices)) and is_range != bool(self.indices), "not a list of records")
        self.note = self.read("checkpoint", 65536).decode()
        self.size, self.root = read_head(self.note, self.origin)
        require(max(self.end, max(places) + (not is_range)) <= self.size, "records beyond the head")
        require(self.end % 256 == 0 or self.end == self.size, "a range that ends within a tile")
        names = [name for name in self.infos if name.startswith("schemas/")]
        self.schemas = dict(read_schema(read_json(self.read(name, 2**20).decode())) for name in names)
        require({f"schemas/{digest}.json" for digest in self.schemas} == set(names), "a schema of another digest")
        has_anchor = "anchor.json" in self.infos
        self.anchor = read_json(self.read("anchor.json", 262_144).decode()) if has_anchor else None
        if has_anchor:
            require_anchor_form(self.anchor)

    def read(self, name, limit):
        require(self.infos[name].file_size <= limit, f"{name} is too large")
        self.unread.discard(name)
        return self.zip.read(name)

    def tile(self, level, number, width, limit=8192):
        groups = re.findall("...", "0" * (-len(str(number)) % 3) + str(number))
        path = "/".join(["tile", str(level), *("x" + group for group in groups[:-1]), groups[-1]])
        return self.read(path + (f".p/{width}" if width < 256 else ""), limit)

    def records(self):
        """Yields (place, text): scattered records, each proved, or a range, whose leaf hashes are kept."""
        for place in self.indices:
            text = self.read(f"records/{place}.json", 65535).decode()
            top, _, note = self.read(f"proofs/{place}.tlog-proof", 2**17).decode().partition("\n\n")
            title, *lines = top.split("\n")
            del lines[: lines[0].startswith("extra ")]
            require((title, lines[0]) == ("c2sp.org/tlog-proof@v1", f"index {place}"), "a proof for another place")
            require(note == self.note, "a proof under another head")
            require_included(text, place, (self.size, self.root), unbase64(lines[1:]))
            yield place, text
        for first in range(self.start, self.end, 256):
            width, offset = min(256, self.end - first), 0
            data = self.tile("entries", first // 256, width, 65537 * 256)
            for place in range(first, first + width):
                end = offset + 2 + int.from_bytes(data[offset : offset + 2], "big")
                require(end <= len(data), "a tile of records is cut off")
                self.leaves.append(sha256(b"\x00" + data[offset + 2 : end]).digest())
                yield place, data[offset + 2 : end].decode()
                offset = end
            require(offset == len(data), "a tile holds too many records")

    def lines(self):
        if "disclosures.ndjson" in self.infos:
            self.unread.discard("disclosures.ndjson")
            with self.zip.open("disclosures.ndjson") as file:
                while line := file.readline(2 * 65537 * 256):
                    shown = read_json(line.removesuffix(b"\n").decode(), "index proof shown")
                    yield shown | {"proof": unbase64(shown["proof"])}
        yield {"index": None}

    def known(self, low, high, _):
        count = high - low
        level = (count.bit_length() - 1) // 8
        if count == 256**level and (high <= self.start or low >= self.end):
            number, offset = divmod(low // count, 256)
            width = min(256, (self.size >> 8 * level) - 256 * number)
            if (level, number) not in self.tiles:
                self.tiles[level, number] = self.tile(level, number, width)
            require(len(self.tiles[level, number]) == 32 * width, "a hash tile of another length")
            return self.tiles[level, number][32 * offset : 32 * offset + 32]
        return self.leaves[low - self.start] if count == 1 else None

    def require_own_hashes(self):  # a hash that covers records of the range is theirs
        for (level, number), tile in self.tiles.items():
            for offset in range(len(tile) // 32):
                low = (256 * number + offset) * 256**level
                own = tree(low, low + 256**level, self.known)
                require(own == tile[32 * offset : 32 * offset + 32], "a hash tile contradicts the records")


class Sequence:
    """Whether every stream counts without a gap, epochs agree, and time never goes back."""

    def __init__(self, start):
        self.next, self.joined, self.faults, self.time, self.start = {}, {}, [], "", start

    def expect(self, table, stream, found, then):
        if found != table.setdefault(stream, found if self.start else 0):
            self.faults.append(f"{stream}: {found} where {table[stream]} should stand")
        table[stream] = then

    def add(self, record):
        self.expect(self.next, record["stream"], record["seq"], record["seq"] + 1)
        if record["time"] < self.time:
            self.faults.append(f"time goes back from {self.time} to {record['time']}")
        self.time = record["time"]
        if record["kind"] == "epoch":
            stream, first, end = (record["about"].get(name) for name in ("stream", "first", "next"))
            if (type(stream), type(first), type(end)) != (str, int, int) or first > end:
                self.faults.append("an epoch does not say what it counts")
            else:
                self.expect(self.joined, stream, first, end)
                self.expect(self.next, stream, end, end)


def check_bundle(file, issuer, block):
    bundle, faults, shown, last = Bundle(file), [], 0, -1
    keys, sequence = read_trust(issuer, bundle.handovers), Sequence(bundle.start)
    yield "passed: a range of records" if bundle.is_range else "passed: selected records"
    lines = bundle.lines()
    line, root = next(lines), bundle.root
    for place, text in bundle.records():
        record = read_record(text, bundle.origin)
        sequence.add(record)
        last = last if record["kind"] == "epoch" else place
        if line["index"] == place:
            try:
                require_fields(bundle.schemas, record, line["shown"], line["proof"])
            except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
                faults.append(f"record {place}: {error}")
            line, shown = next(lines), shown + 1
    require(line["index"] is None, "fields are shown twice, out of order, or without their record")
    if bundle.is_range:
        root = tree(0, bundle.size, bundle.known) if bundle.size else sha256(b"").digest()
        bundle.require_own_hashes()
    require(not bundle.unread - {f"schemas/{digest}.json" for digest in bundle.schemas}, "a member that is a stranger")
    yield f"passed: {len(bundle.leaves) or len(bundle.indices)} records"
    require(root == bundle.root, "the records do not lead to the log's head")
    yield f"passed: they lead to the head over {bundle.size} records"
    yield judge_issuer(bundle.note, keys, bundle.origin)
    require(not (bundle.is_range and sequence.faults), "; ".join(sequence.faults[:3]))
    yield "passed: every number once, in order" if bundle.is_range else "not checked: only a range can show this"
    require(not faults, "; ".join(faults[:3]))
    yield f"passed: the fields of {shown} records are as recorded" if shown else "not checked: no fields are shown"
    yield "not checked: no earlier head was given"
    yield judge_anchor(bundle.anchor, (bundle.size, bundle.root), block, last)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--issuer", type=read_key, help="the issuer's public key, from somewhere you trust")
    parser.add_argument("--block", help="the 0x… hash of the anchor's block, from a node you trust")
    options, failed = parser.parse_args(arguments), False
    if not options.file.is_file():
        parser.error(f"there is no file {options.file}")
    with options.file.open("rb") as file:
        is_bundle = file.read(2) == b"PK"
        file.seek(0)
        findings = (check_bundle if is_bundle else check_receipt)(file, options.issuer, options.block)
        for number, step in enumerate(STEPS[is_bundle].split(), 1):
            try:
                finding = "not checked: an earlier step failed" if failed else next(findings)
            except Exception as error:  # noqa: BLE001 - whatever a hostile file holds, a step fails
                failed, finding = True, f"failed: {error or type(error).__name__}"
            print(f"{number}. {step}: {ascii(finding)[1:-1]}")  # noqa: T201
    raise SystemExit(4 if failed else 0)


if __name__ == "__main__":
    main()

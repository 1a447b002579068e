"""The trees, against what docs/reference/rows.md says, worked out here once more from hashlib alone."""

from __future__ import annotations

import hashlib
import hmac
import json

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from counterfoil.core.ecvrf import prove
from counterfoil.errors import InvalidInput, LogUnavailable
from counterfoil.provenance.fingerprints.table_source import TableSource, table_source
from counterfoil.provenance.rows.building import build_trees
from counterfoil.provenance.rows.secret import RowsSecret

SECRET = bytes(range(32))
COUNT = 700
TABLE = pa.table(
    {
        "id": [number % 650 for number in range(COUNT)],
        "name": [f"name {number}" if number % 9 else None for number in range(COUNT)],
    }
)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def expand(info: bytes, size: int) -> bytes:
    """HKDF-Expand (RFC 5869 2.3)."""
    block, found = b"", b""
    for number in range(1, 3):
        block = hmac.digest(SECRET, block + info + bytes((number,)), "sha256")
        found += block
    return found[:size]


def leaves() -> list[bytes]:
    salts = Cipher(algorithms.AES(expand(b"counterfoil rows salts 1", 32)), modes.ECB()).encryptor()
    columns = sha(b"counterfoil rows columns 1\n", json.dumps(["id", "name"], separators=(",", ":")).encode())
    found = []
    for number, row in enumerate(TABLE.to_pylist()):
        cells = [f"i{row['id']}", "n" if row["name"] is None else f"s{row['name']}"]
        text = "".join(f"{len(cell)}:{cell}" for cell in cells)
        found.append(sha(b"\x00", salts.update(number.to_bytes(16)), columns, text.encode()))
    return found


def rfc6962(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha(b"\x01", rfc6962(hashes[:split]), rfc6962(hashes[split:]))


def critbit(places: dict[bytes, bytes]) -> bytes:
    """Divides by the first bit in which the tags differ, as the page says it."""
    if len(places) == 1:
        return next(iter(places.values()))
    for bit in range(256):
        sides: list[dict[bytes, bytes]] = [{}, {}]
        for tag, place in places.items():
            sides[tag[bit // 8] >> (7 - bit % 8) & 1][tag] = place
        if sides[0] and sides[1]:
            return sha(b"\x03", bytes((bit,)), critbit(sides[0]), critbit(sides[1]))
    raise AssertionError("two tags are the same")


def test_the_roots_are_those_of_the_page(tmp_path):
    secret = RowsSecret(SECRET)
    trees = build_trees(table_source(TABLE), secret, tmp_path, id_column="id")
    rows = leaves()
    assert trees.rows.root == rfc6962(rows)
    assert (trees.rows.count, trees.ids.count) == (COUNT, 650)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    wide = int.from_bytes(expand(b"counterfoil rows vrf 1", 48))
    assert secret.id_key.private_numbers().private_value == wide % (order - 1) + 1
    places = {}
    for number in range(650):
        pi = prove(secret.id_key, b"counterfoil rows id 1\n%d" % number)
        tag = sha(b"counterfoil rows tag 1\n", pi[1:33])
        own = [rows[place] for place in range(number, COUNT, 650)]
        places[tag] = sha(b"\x02", tag, len(own).to_bytes(8), rfc6962(own))
    assert trees.ids.root == critbit(places)


def test_ids_in_other_batches_of_other_types_lead_to_the_same_tree(tmp_path):
    """A frame in pieces, its integers narrow or wide; only the rows' salts depend on their numbers."""
    narrow = TABLE.set_column(0, "id", TABLE["id"].cast(pa.int16()))
    found = []
    for number, each in enumerate((TABLE, pa.Table.from_batches(narrow.to_batches(max_chunksize=7)))):
        (tmp_path / str(number)).mkdir()
        found.append(build_trees(table_source(each), RowsSecret(SECRET), tmp_path / str(number), id_column="id"))
    assert found[0] == found[1]


def test_a_folder_that_is_not_empty_is_said(tmp_path):
    (tmp_path / "tree").mkdir()
    with pytest.raises(LogUnavailable, match="cannot be written"):
        build_trees(table_source(TABLE), RowsSecret(SECRET), tmp_path)


def test_two_columns_of_one_name_are_refused(tmp_path):
    schema = pa.schema([("id", pa.string()), ("id", pa.string())])
    with pytest.raises(InvalidInput, match="one name"):
        build_trees(TableSource(schema, lambda: iter(())), RowsSecret(SECRET), tmp_path, id_column="id")

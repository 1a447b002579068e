"""How the demonstration tampers with copies of a bundle: each forger goes one step further.

1. `forge_value`   changes one value that is shown
2. `forge_record`  also changes the record, so that it commits to the new value
3. `forge_log`     also builds a new log over the changed record, and signs its head
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from counterfoil.core import canonical
from counterfoil.core.bundle import Manifest, entry_tiles, parse_line
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.fields import Disclosure, open_disclosure
from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.core.note import Signer
from counterfoil.core.schema import Schema
from counterfoil.core.statement import parse_record
from counterfoil.core.tiles import decode_bundle, encode_bundle
from counterfoil.errors import InvalidInput
from counterfoil.store.bundle_file import BundleReader, BundleWriter

__all__ = ["forge_log", "forge_record", "forge_value"]

_LIMIT_BYTES: Final = 1 << 28
_LINES: Final = "disclosures.ndjson"

Members = dict[str, bytes]


def forge_value(source: Path, target: Path, index: int, old: str, new: str) -> None:
    """Copies a bundle and changes one value that it shows of record `index`.

    Args:
        source: A bundle of a whole log.
        target: The copy.
        index: Place of the record.
        old: What its shown field ends with, as JSON: `"/output/label","decline"`.
        new: What stands there afterwards.
    """
    members = _members(source)
    _change_value(members, index, old, new)
    _write(target, members)


def forge_record(source: Path, target: Path, index: int, old: str, new: str) -> None:
    """Copies a bundle, changes a value, and changes the record to commit to it."""
    members = _members(source)
    entries = _entries(members)
    entries[index] = _committing(entries[index], members, _change_value(members, index, old, new))
    _put_entries(members, entries)
    _write(target, members)


def forge_log(source: Path, target: Path, index: int, old: str, new: str, signer: Signer) -> None:
    """Copies a bundle, changes value and record, and signs the head of a log that holds them.

    Later records that build on the changed one are changed as well, so that the new
    log is without fault by itself.
    """
    members = _members(source)
    entries = _entries(members)
    changed = _committing(entries[index], members, _change_value(members, index, old, new))
    renamed = {leaf_hash(entries[index]).hex().encode(): leaf_hash(changed).hex().encode()}
    entries[index] = changed
    for place in range(index + 1, len(entries)):
        rewritten = entries[place]
        for before, after in renamed.items():
            rewritten = rewritten.replace(before, after)
        if rewritten != entries[place]:
            renamed[leaf_hash(entries[place]).hex().encode()] = leaf_hash(rewritten).hex().encode()
            entries[place] = rewritten
    _put_entries(members, entries)
    root = root_of([leaf_hash(entry) for entry in entries])
    members.pop("anchor.json", None)  # what the ledger holds does not lead to the new head, so it is left out
    members["checkpoint"] = Checkpoint(signer.key.name, len(entries), root).signed(signer).encode()
    _write(target, members)


def _change_value(members: Members, index: int, old: str, new: str) -> Disclosure:
    """Changes one shown value in place; returns all that the bundle now shows of the record."""
    lines = [parse_line(line) for line in members[_LINES].splitlines()]
    for number, line in enumerate(lines):
        shown = tuple(text.replace(old, new) for text in line.disclosure.shown)
        if line.index == index and shown != line.disclosure.shown:
            changed = replace(line, disclosure=replace(line.disclosure, shown=shown))
            lines[number] = changed
            members[_LINES] = b"".join(each.encode() for each in lines)
            return changed.disclosure
    raise InvalidInput(f"the bundle shows no such value of record {index}")


def _committing(entry: bytes, members: Members, disclosure: Disclosure) -> bytes:
    """Returns the record changed so that what is shown belongs to it."""
    record = parse_record(entry)
    schema = Schema.from_json(canonical.loads(members[f"schemas/{record.schema}.json"]))
    root, _ = open_disclosure(schema, disclosure)
    return entry.replace(record.digest.hex().encode(), root.hex().encode())


def _entries(members: Members) -> list[bytes]:
    return [entry for name, _ in _tiles(members) for entry in decode_bundle(members[name])]


def _put_entries(members: Members, entries: list[bytes]) -> None:
    place = 0
    for name, width in _tiles(members):
        members[name] = encode_bundle(entries[place : place + width])
        place += width


def _tiles(members: Members) -> list[tuple[str, int]]:
    manifest = Manifest.parse(members["bundle.json"])
    return list(entry_tiles(manifest.start, manifest.end))


def _members(source: Path) -> Members:
    with BundleReader(source) as bundle:
        return {name: bundle.read(name, _LIMIT_BYTES) for name in sorted(bundle.names())}


def _write(target: Path, members: Mapping[str, bytes]) -> None:
    with BundleWriter(target) as bundle:
        for name, data in members.items():
            bundle.write(name, data)

"""Checks a receipt, a promise, a passport, a proof about rows, evidence or a bundle from disk. Needs no home."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from counterfoil.checker.saved_page import MAX_SAVED_BYTES, is_page, receipt_in_page
from counterfoil.core.anchor import MAX_ANCHOR_BYTES, Anchor, parse_hex
from counterfoil.core.bundle import ANCHOR_MEMBER
from counterfoil.core.check_anchor import LedgerView
from counterfoil.core.check_bundle import Watch, check_bundle, view_of_bundle
from counterfoil.core.check_document import check_document, is_document
from counterfoil.core.check_mismatch import check_mismatch
from counterfoil.core.check_passport import check_passport
from counterfoil.core.check_receipt import LogView, check_receipt
from counterfoil.core.check_rows import check_rows_proof
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.mismatch_file import MAX_MISMATCH_BYTES, is_mismatch_file
from counterfoil.core.note import MAX_NOTE_BYTES, VerifierKey
from counterfoil.core.passport_file import MAX_PASSPORT_BYTES, is_passport_file, parse_passport_file
from counterfoil.core.receipt import MAX_RECEIPT_BYTES, Promise, Receipt, parse_receipt
from counterfoil.core.rows_proof import is_rows_proof, receipt_in_proof
from counterfoil.core.signed_document import MAX_DOCUMENT_BYTES
from counterfoil.core.steps import TITLES, Report, failed
from counterfoil.core.witness_policy import MAX_POLICY_BYTES, WitnessPolicy
from counterfoil.errors import CounterfoilError, InvalidInput, MalformedEvidence, NotFound
from counterfoil.store.bundle_file import BundleReader

__all__ = [
    "check_file",
    "named_issuer",
    "other_file",
    "outputs_beside",
    "read_anchor",
    "read_hash",
    "read_head",
    "read_issuer",
    "read_witnesses",
    "require_fitting",
]

_ZIP_START: Final = b"PK"
_FORMAT_BYTES: Final = 65_536
_FOREIGN: Final = {
    "a Croissant file": re.compile(rb'^\{\s*"@[a-z]+"\s*:(?s:.*)mlcommons\.org/croissant'),
    "a CycloneDX document": re.compile(rb'^\{(?:[^{}]*,)?\s*"bomFormat"\s*:\s*"CycloneDX"'),
}
"""How they begin; what this project signs has none of these members before its own."""

_FIRST_BYTES: Final = 16
"""So many tell a passport or evidence from a receipt."""

Progress = Callable[[int, int], None]


def check_file(
    path: Path,
    *,
    issuer: VerifierKey | None = None,
    against: Path | None = None,
    since: SignedCheckpoint | None = None,
    now: str = "",
    block: bytes | None = None,
    log_id: bytes | None = None,
    contract: bytes | None = None,
    witnesses: WitnessPolicy | None = None,
    progress: Progress | None = None,
) -> Report:
    """Checks one file and returns the report.

    Args:
        path: A receipt, promise, passport, proof about rows, evidence of a delivery that does not match, signed
            document of the market, or bundle;
            or a saved page with a receipt in it, of which nothing else is looked at.
        issuer: The key the checker trusts.
        against: For a receipt or passport: a bundle, another receipt or a signed head of
            the same log as it is today.
        since: For a bundle: a head the checker kept from before.
        now: The checker's time, for overdue promises.
        block: 32-byte hash of the ledger's block, from a source the checker trusts.
        log_id: 32-byte id that the log must have on the ledger; None accepts any.
        contract: 20-byte address of the contract it must be in; None accepts any.
        witnesses: Whose cosignatures the head must carry.
        progress: Called with (records done, records in all).

    Raises:
        NotFound: When there is no such file.
        InvalidInput: For a web page that holds no receipt.
    """
    head, ledger = _first_bytes(path), LedgerView(block, log_id, contract)
    if is_mismatch_file(head):
        return check_mismatch(_read(path, MAX_MISMATCH_BYTES), issuer=issuer)
    if is_document(head):
        return check_document(_read(path, MAX_DOCUMENT_BYTES), issuer=issuer, outputs=outputs_beside(path))
    if is_passport_file(head):
        data = _read(path, MAX_PASSPORT_BYTES)
        log = _view_for_passport(against, data, issuer, progress)
        return check_passport(data, issuer=issuer, log=log, now=now, ledger=ledger, witnesses=witnesses)
    if not head.startswith(_ZIP_START):
        data = _stub(path)
        log = _view(against, _receipt_in(data), issuer, progress)
        check = check_rows_proof if is_rows_proof(data) else check_receipt
        return check(data, issuer=issuer, log=log, now=now, ledger=ledger, witnesses=witnesses)
    try:
        with BundleReader(path) as members:
            return check_bundle(
                members, issuer=issuer, earlier=since, ledger=ledger, witnesses=witnesses, progress=progress
            )
    except MalformedEvidence as error:
        return _unreadable("bundle", error)


def outputs_beside(path: Path) -> dict[str, str] | None:
    """Returns the SHA-256 (hex) of each file below the folder `out` beside a receipt, by path; None without one."""
    folder = path.parent / "out"
    if not folder.is_dir():
        return None
    found = {}
    for each in sorted(each for each in folder.rglob("*") if each.is_file()):
        with each.open("rb") as file:
            found[each.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def other_file(file: Path) -> Report | None:
    """Returns the report on a file that proves nothing by its form; None for all else.

    That is what is neither a zip file, a JSON object nor a web page; and a passport in the words of other tools.
    """
    try:
        with file.open("rb") as opened:
            start = opened.read(_FORMAT_BYTES).lstrip()
    except OSError:
        return None  # why it cannot be opened is told later
    foreign = next((name for name, sign in _FOREIGN.items() if sign.search(start)), None)
    if foreign is None and (start.startswith((b"{", b"PK")) or is_page(start[:4096])):
        return None
    told = f"{file.name} is neither a receipt, a promise nor a bundle: those are JSON and zip files"
    if foreign is not None:
        told = f"{file.name} is {foreign}, which proves nothing: check the passport itself (passport export)"
    return Report("file", (failed("format", TITLES["format"], told),))


def require_fitting(report: Report, *, against: bool, since: bool) -> None:
    """Refuses a check in which one of the two heads that were brought along could mean nothing.

    Args:
        report: What was found.
        against: Whether the file was held against another one.
        since: Whether a head from before was brought along.
    """
    is_bundle = report.what == "bundle"
    if is_bundle and against:
        raise InvalidInput("a newer state (against) is for receipts", hint="give a bundle the head you kept (since)")
    if not is_bundle and since:
        raise InvalidInput("a head from before (since) is for bundles", hint="give a receipt a newer state (against)")


def read_head(path: Path) -> SignedCheckpoint:
    """Reads a signed head: a checkpoint file, or the one in a receipt or bundle.

    Raises:
        NotFound: When there is no such file.
        MalformedEvidence: When it holds no head.
    """
    data = _first_bytes(path)
    if data.startswith(_ZIP_START):
        with BundleReader(path) as members:
            return SignedCheckpoint.parse(_text(members.read("checkpoint", MAX_NOTE_BYTES)))
    if data.startswith(b"{") or _is_page(path):
        stub = parse_receipt(_receipt_in(_stub(path)))
        if isinstance(stub, Promise):
            raise MalformedEvidence("a promise holds no head of a log")
        return SignedCheckpoint.parse(stub.checkpoint)
    return SignedCheckpoint.parse(_text(_read(path, MAX_NOTE_BYTES)))


def read_anchor(path: Path) -> Anchor | None:
    """Reads the anchor in a receipt or bundle; None where there is none, or none that can be read.

    Raises:
        NotFound: When there is no such file.
    """
    try:
        if not _first_bytes(path).startswith(_ZIP_START):
            stub = parse_receipt(_receipt_in(_stub(path)))
            return stub.anchor if isinstance(stub, Receipt) else None
        with BundleReader(path) as members:
            has_anchor = ANCHOR_MEMBER in members.names()
            return Anchor.parse(members.read(ANCHOR_MEMBER, MAX_ANCHOR_BYTES)) if has_anchor else None
    except (MalformedEvidence, InvalidInput):
        return None  # the file's own check says why


def read_hash(text: str, size_bytes: int = 32) -> bytes:
    """Returns a hash or address of a ledger, given as `0x…`.

    Raises:
        InvalidInput: When it is something else.
    """
    try:
        return parse_hex(text.strip().lower(), size_bytes)
    except MalformedEvidence as error:
        raise InvalidInput(error.message, hint="the ledger's explorers and nodes show it like that") from error


def read_issuer(text: str) -> VerifierKey:
    """Returns the issuer's public key, given as text or as the name of a file that holds it.

    Raises:
        MalformedEvidence: When it is neither.
    """
    path = Path(text)
    is_file = _is_file(path)
    if "+" not in text or is_file:
        if not is_file:
            raise NotFound(f"there is no key file {text[:200]!r}", hint="a key looks like bank.example+1a2b3c4d+AVt5…")
        text = _text(_read(path, MAX_NOTE_BYTES))
    return VerifierKey.parse(text)


def named_issuer(text: str, option: str = "--issuer") -> VerifierKey:
    """Reads the key that a checker named; a misspelt one is the checker's slip, not the file's fault.

    Args:
        text: As for `read_issuer`.
        option: By which it was named.

    Raises:
        InvalidInput: It is no key.
        NotFound: There is no such key file.
    """
    try:
        return read_issuer(text)
    except MalformedEvidence as error:
        raise InvalidInput(f"{option}: {error.message}", hint=error.hint) from error


def read_witnesses(path: Path) -> WitnessPolicy:
    """Reads a witness policy.

    Raises:
        NotFound: When there is no such file.
        InvalidInput: When it is not a whole policy.
    """
    _first_bytes(path)
    with path.open("rb") as file:
        return WitnessPolicy.parse(file.read(MAX_POLICY_BYTES + 1))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # e.g. a key too long for a file's name
        return False


def _view(
    against: Path | None, receipt: bytes, issuer: VerifierKey | None, progress: Progress | None
) -> LogView | None:
    """Returns what the file given with `against` shows of the log, None without one."""
    if against is None:
        return None
    if not _first_bytes(against).startswith(_ZIP_START):
        return _view_of_head(against)
    watch = _watch_for(receipt)
    with BundleReader(against) as members:
        report = check_bundle(members, issuer=issuer, watch=watch, progress=progress)
        return view_of_bundle(members, watch, report)


def _view_for_passport(
    against: Path | None, passport: bytes, issuer: VerifierKey | None, progress: Progress | None
) -> LogView | None:
    if against is None:
        return None
    try:
        receipt = parse_passport_file(passport).receipt.encode()
    except CounterfoilError:
        return None  # the passport's own check will say why
    return _view(against, receipt, issuer, progress)


def _view_of_head(path: Path) -> LogView:
    """A bare head answers only for its own size; a receipt also for its own place."""
    signed = read_head(path)
    places: dict[int, bytes] = {}
    handovers: tuple[str, ...] = ()
    data = _first_bytes(path)
    if data.startswith(b"{") or _is_page(path):
        receipt = _receipt_in(_stub(path))
        other = parse_receipt(receipt)
        handovers = other.shown.handovers
        proven = check_receipt(receipt).step("log")
        if isinstance(other, Receipt) and proven is not None and proven.status == "passed":
            places[other.index] = other.leaf
    leaves = {leaf: index for index, leaf in places.items()}
    return LogView(signed, lambda _size: None, places.get, leaves.get, handovers=handovers)


def _watch_for(receipt: bytes) -> Watch:
    """Returns what to look for in a bundle, so that the receipt can be answered."""
    try:
        stub = parse_receipt(receipt)
    except CounterfoilError:
        return Watch()  # the receipt's own check will say why
    if isinstance(stub, Promise):
        return Watch(leaves=frozenset({stub.leaf}))
    try:
        size = SignedCheckpoint.parse(stub.checkpoint).head.size
    except MalformedEvidence:
        return Watch()
    return Watch(frozenset({size}), frozenset({stub.index}), frozenset({stub.leaf}))


def _unreadable(what: str, error: CounterfoilError) -> Report:
    return Report(what, (failed("format", TITLES["format"], error.message),))


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_FIRST_BYTES)
    except IsADirectoryError:
        raise NotFound(f"{path} is a folder, not a file") from None
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return is_page(file.read(4096))


def _stub(path: Path) -> bytes:
    """Returns the bytes of a receipt or promise, also of one inside a saved page or a passport."""
    if is_passport_file(_first_bytes(path)):
        return parse_passport_file(_read(path, MAX_PASSPORT_BYTES)).receipt.encode()
    if _is_page(path):
        return receipt_in_page(_read(path, MAX_SAVED_BYTES))
    return _read(path, MAX_RECEIPT_BYTES)


def _receipt_in(data: bytes) -> bytes:
    """Returns the receipt that a proof about rows carries; all else as it is."""
    return receipt_in_proof(data) if is_rows_proof(data) else data


def _read(path: Path, limit_bytes: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise MalformedEvidence(f"{path.name} is larger than {limit_bytes} bytes")
    return data


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedEvidence("a signed head is not UTF-8 text") from error

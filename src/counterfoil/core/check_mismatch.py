"""Checks evidence that a seller delivered something else than it published, offline, step by step.

1.  format     the file can be read, and both signatures in it are valid
2.  issuer     the offer sheet is signed by the key that the checker names
3.  statement  the same key signed the delivery statement, which names this sheet
4.  secret     the secret in the file is the one of the order's public key, which the statement names
5.  head       the first piece lies under the signed root of what was to be sent
6.  piece      so does the piece of the chunk
7.  leaf       the hash of the true chunk lies under the published root
8.  mismatch   what was signed contradicts what was published

Neither side can invent it. A seller's part is under its signature: the roots. A buyer
chooses nothing: the order's public key has one secret (step 4), which opens the first piece
to one file key, to which the header's MAC commits; so a cipher that does not commit to its
key helps nobody, and a wrong secret fails at step 4. Pieces and statements of other orders
fail at steps 3 to 6. What no step can say is that pieces which were never sent are missing.
"""

from __future__ import annotations

from typing import Any, Final

from counterfoil.core.age_payload import Payload
from counterfoil.core.delivery import chunk_leaf, open_head, open_piece
from counterfoil.core.merkle import is_included, leaf_hash
from counterfoil.core.mismatch_file import ChunkShown, MismatchFile, PieceShown, parse_mismatch_file
from counterfoil.core.note import VerifierKey
from counterfoil.core.steps import TITLES, Report, Status, Step, failed, not_checked, passed
from counterfoil.errors import CounterfoilError, DoesNotMatch, MalformedEvidence

__all__ = ["check_mismatch"]

_TITLES: Final = {
    "format": TITLES["format"],
    "issuer": "Is the offer signed by the seller you named?",
    "statement": "Did the same key sign what was to be delivered under this offer?",
    "secret": "Is the secret the one of the order's key?",
    "head": "Was the first piece part of what the seller signed?",
    "piece": "Was the piece part of what the seller signed?",
    "leaf": "Was the true chunk published?",
    "mismatch": "Does what was signed contradict what was published?",
}
_LEDGER: Final = "that the order is on the ledger: compare the order, the offer and the sheet's digest there"


def check_mismatch(data: bytes, *, issuer: VerifierKey | None = None) -> Report:
    """Checks such a file.

    Args:
        data: The file.
        issuer: The seller's key, from a source the checker trusts: the ledger names the sheet's digest.

    Returns:
        A report in which every step passed only where the seller is convicted. Hostile input yields failed steps,
        never an exception.
    """
    try:
        file = parse_mismatch_file(data)
    except (CounterfoilError, RecursionError) as error:
        return Report("delivery that does not match", (_failed("format", str(error)),))
    steps = [_passed("format", "it can be read, and its two signatures are valid"), _issuer(file, issuer)]  # 1, 2
    steps.append(_statement(file))  # step 3
    if file.statement.content != file.published:
        steps.append(_passed("mismatch", "the statement promises other content than the sheet it names publishes"))
        return _report(file, steps, "the seller promised other content than it published")
    if file.head is None or file.secret is None:
        steps.append(_failed("mismatch", "the statement promises what was published, and no piece is shown"))
        return _report(file, steps, "")
    steps.append(_secret(file))  # step 4
    steps.append(_included("head", file, file.head, 0))  # step 5
    try:
        payload = open_head(file.head.data, file.secret)
    except (DoesNotMatch, MalformedEvidence) as error:
        steps.append(_passed("mismatch", f"the first piece does not open for the order's key: {error.message}"))
        return _report(file, steps, "the seller signed a delivery that its buyer cannot open")
    if file.chunk is None:
        steps.append(_failed("mismatch", "the first piece opens as it should, and no other is shown"))
        return _report(file, steps, "")
    chunk = file.chunk
    steps += [_included("piece", file, chunk.piece, chunk.number + 1), _leaf(file, chunk)]  # steps 6 and 7
    steps.append(_mismatch(file, chunk, payload))  # step 8
    return _report(file, steps, f"the seller delivered another chunk {chunk.number} than it published")


def _issuer(file: MismatchFile, issuer: VerifierKey | None) -> Step:
    """Step 2."""
    limit = "that the seller's account offered it: the sheet's digest must be the one on the ledger"
    if issuer is None:
        told = f"no key was given; the sheet says it is signed by {file.sheet.key.fingerprint}"
        return not_checked("issuer", _TITLES["issuer"], told, limit)
    if file.sheet.key.public != issuer.public:
        return _failed("issuer", f"it is signed by {file.sheet.key.fingerprint}, not by {issuer.fingerprint}")
    return passed("issuer", _TITLES["issuer"], f"it is signed by {issuer.fingerprint}", limit)


def _statement(file: MismatchFile) -> Step:
    """Step 3."""
    if file.signed_statement.key.public != file.sheet.key.public:
        return _failed("statement", "the statement is signed by another key than the offer sheet")
    if file.statement.sheet != file.sheet.digest_hex:
        return _failed("statement", f"the statement is for the sheet {file.statement.sheet[:16]}…, not for this one")
    named = {"market": file.sheet.document.get("market"), "chainId": file.sheet.document.get("chainId")}
    told = {"market": file.statement.market, "chainId": file.statement.chain_id}
    if any(value is not None and str(value).lower() != str(told[name]) for name, value in named.items()):
        return _failed("statement", "the statement is for another market than the sheet")
    return passed("statement", _TITLES["statement"], f"it is for the order {file.statement.order}", _LEDGER)


def _secret(file: MismatchFile) -> Step:
    """Step 4."""
    if file.secret is None or not file.statement.is_for(file.secret):
        return _failed("secret", "the secret is of another public key than the order's")
    return _passed("secret", f"its public key is {file.statement.recipient}")


def _included(step_id: str, file: MismatchFile, piece: PieceShown, number: int) -> Step:
    """Steps 5 and 6."""
    statement = file.statement
    root, pieces = statement.ciphertext.root, statement.plan.pieces
    if not is_included(leaf_hash(piece.data), number, pieces, piece.proof, root):
        return _failed(step_id, f"it is not piece {number} under the root that the seller signed")
    return _passed(step_id, f"it is piece {number} of {pieces}, under the root {root.hex()[:16]}…")


def _leaf(file: MismatchFile, chunk: ChunkShown) -> Step:
    """Step 7."""
    root, chunks = file.published.root, file.statement.plan.chunks
    if not is_included(chunk.leaf, chunk.number, chunks, chunk.leaf_proof, root):
        return _failed("leaf", f"it is not chunk {chunk.number} under the published root")
    return _passed("leaf", f"it is chunk {chunk.number} of {chunks}, under the root {root.hex()[:16]}…")


def _mismatch(file: MismatchFile, chunk: ChunkShown, payload: Payload) -> Step:
    """Step 8."""
    is_last = file.statement.plan.is_last(chunk.number)
    try:
        parts = open_piece(payload, chunk.number, chunk.piece.data, is_last=is_last)
    except (DoesNotMatch, MalformedEvidence):
        return _passed("mismatch", f"chunk {chunk.number} does not open with the key that the first piece holds")
    found = chunk_leaf(*parts)
    if found == chunk.leaf:
        return _failed("mismatch", f"chunk {chunk.number} was delivered as it was published: nothing is wrong with it")
    told = f"chunk {chunk.number} has the hash {found.hex()[:16]}…, and {chunk.leaf.hex()[:16]}… is published"
    return _passed("mismatch", told)


def _report(file: MismatchFile, steps: list[Step], shows: str) -> Report:
    statement = file.statement
    told = {
        "Order": ("/order", statement.order),
        "Offer": ("/offer", statement.offer),
        "Contract": ("/market", statement.market),
        "Chain": ("/chainId", statement.chain_id),
        "Digest of the offer sheet": ("/sheet", statement.sheet),
        "Digest of the delivery statement": ("", file.signed_statement.digest_hex),
    }
    fields = [{"pointer": pointer, "title": title, "value": value} for title, (pointer, value) in told.items()]
    facts: dict[str, Any] = {"fields": fields}
    if any(step.status is Status.FAILED for step in steps[:-1]):
        steps[-1] = not_checked("mismatch", _TITLES["mismatch"], "a step before this one failed")
    report = Report("delivery that does not match", tuple(steps), facts)
    if report.is_intact and shows:
        facts["shows"] = shows
    return report


def _passed(step_id: str, detail: str) -> Step:
    return passed(step_id, _TITLES[step_id], detail)


def _failed(step_id: str, detail: str) -> Step:
    return failed(step_id, _TITLES[step_id], detail)

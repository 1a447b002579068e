"""Checks a signed document of the market: an execution receipt, an offer sheet, a delivery statement, a review.

1. format     it is a signed document of a known format, and its signature is its key's
2. issuer     it is signed by the key that the checker named
3. outputs    of an execution receipt: the files that came with it are those that it names

What it says is shown; whether the ledger names its digest is for whoever asks the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.delivery import DELIVERY_FORMAT
from counterfoil.core.mismatch_file import OFFER_FORMAT
from counterfoil.core.note import VerifierKey
from counterfoil.core.signed_document import SignedDocument, read_document
from counterfoil.core.steps import TITLES, Report, Step, failed, not_checked, passed
from counterfoil.errors import CounterfoilError, MalformedEvidence

__all__ = ["OUTPUTS", "WHICH_KEY", "check_document", "is_document", "outputs_step"]

_START: Final = b'{"document":'
_EXECUTION: Final = "counterfoil execution 1"
_WORDS: Final = {
    _EXECUTION: "execution receipt",
    OFFER_FORMAT: "offer sheet",
    DELIVERY_FORMAT: "delivery statement",
    "counterfoil review 1": "review",
}
_ISSUER: Final = "Is it signed by the issuer you named?"
OUTPUTS: Final = "Are the outputs the ones that it names?"
WHICH_KEY: Final = "the key to name is the signer's market key (`counterfoil market key` prints it)"
"""What whoever named another key may have missed: a home's log has a key of its own, and those are easily mixed up."""

_LEDGER: Final = "that the ledger names this document: compare its digest with the order or offer there"


def is_document(start: bytes) -> bool:
    """Whether a file that begins so can be a signed document by itself."""
    return start.startswith(_START)


def check_document(
    data: bytes, *, issuer: VerifierKey | None = None, outputs: Mapping[str, str] | None = None
) -> Report:
    """Checks such a file.

    Args:
        data: The file.
        issuer: The signer's market key, from a source the checker trusts.
        outputs: SHA-256 (hex) of the files that came with an execution receipt, by name; None where there are none.

    Returns:
        A report. Hostile input yields failed steps, never an exception.
    """
    try:
        signed = _read(data)
    except (CounterfoilError, RecursionError) as error:
        why = str(getattr(error, "message", "")) or "it is nested too deeply"
        return Report("signed document", (failed("format", TITLES["format"], why),))
    what = _WORDS[str(signed.document["format"])]
    steps = [passed("format", TITLES["format"], f"{what}, rightly signed"), _issuer(signed, issuer)]
    if signed.document["format"] == _EXECUTION:
        steps.append(_outputs(signed, outputs))
    told = {"digest": signed.digest_hex} | {name: item for name, item in signed.document.items() if name != "format"}
    fields = [
        {"pointer": f"/{name}", "title": name, "value": _in_words(item)}
        for name, item in told.items()
        if item not in ("", None)
    ]
    return Report(what, tuple(steps), {"fields": fields})


def _read(data: bytes) -> SignedDocument:
    value = canonical.loads(data)
    document = value.get("document") if isinstance(value, dict) else None
    found = document.get("format") if isinstance(document, dict) else None
    if not isinstance(found, str) or found not in _WORDS:
        raise MalformedEvidence(f"a signed document of the format {str(found)[:40]!r} is not checked by itself")
    return read_document(data, found)


def _issuer(signed: SignedDocument, issuer: VerifierKey | None) -> Step:
    """Step 2."""
    if issuer is None:
        told = f"no key was given; it says it is signed by {signed.key.fingerprint}"
        return not_checked("issuer", _ISSUER, told, _LEDGER)
    if signed.key.public != issuer.public:
        told = f"it is signed by {signed.key.fingerprint}, not by {issuer.fingerprint}; {WHICH_KEY}"
        return failed("issuer", _ISSUER, told)
    return passed("issuer", _ISSUER, f"it is signed by {issuer.fingerprint}", _LEDGER)


def outputs_step(named: Mapping[str, str], found: Mapping[str, str]) -> Step:
    """Holds files that came with an execution receipt against those that it names; both name to SHA-256 in hex."""
    wrong = sorted(name for name in named.keys() | found.keys() if named.get(name) != found.get(name))
    if wrong:
        return failed("outputs", OUTPUTS, f"{wrong[0][:100]} is missing, more than it names, or another")
    return passed("outputs", OUTPUTS, f"{len(named)} of {len(named)}, byte for byte")


def _outputs(signed: SignedDocument, outputs: Mapping[str, str] | None) -> Step:
    """Step 3."""
    try:
        expected = {str(each["name"]): str(each["sha256"]) for each in signed.document["outputs"]}
    except (KeyError, TypeError):
        return failed("outputs", OUTPUTS, "it does not name outputs as an execution receipt does")
    if outputs is None:
        return not_checked("outputs", OUTPUTS, "there is no folder `out` beside it")
    return outputs_step(expected, outputs)


def _in_words(item: Any) -> Any:
    return canonical.dumps(item).decode() if isinstance(item, dict | list) else item

"""The offer sheet: what is offered and where on the ledger, as a signed document.

The ledger names a sheet by its digest, so nobody can show another text than the seller put there. The sheet is
signed by the seller's market key, which delivery statements and receipts are held against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from counterfoil.core import canonical
from counterfoil.core.keccak import keccak256
from counterfoil.core.mismatch_file import OFFER_FORMAT
from counterfoil.core.note import VerifierKey
from counterfoil.core.signed_document import MAX_DOCUMENT_BYTES, SignedDocument, read_document, sign_document
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence
from counterfoil.market.sheets.checks import SheetChecks
from counterfoil.market.sheets.members import Members
from counterfoil.market.sheets.wares import KINDS, Wares

__all__ = ["MOST_SHEET_BYTES", "OfferSheet", "SignedSheet", "read_sheet", "sign_sheet"]

MOST_SHEET_BYTES: Final = MAX_DOCUMENT_BYTES
"""Largest sheet with its signature: 256 KiB."""

_MOST_CHAIN: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class OfferSheet:
    """What is offered, and where on the ledger.

    Attributes:
        asset: The asset's id, `0x` and 64 digits.
        number: Which of the seller's offers of it.
        market: Address of the Market contract, in lower case.
        chain_id: Of the ledger.
        created: When it was written, UTC.
        wares: What is offered.
    """

    asset: str
    number: int
    market: str
    chain_id: int
    created: str
    wares: Wares

    @property
    def offer(self) -> str:
        """The offer's id on the ledger: keccak256 of the asset and the number, 32 bytes each; `0x…`."""
        return "0x" + keccak256(bytes.fromhex(self.asset[2:]) + self.number.to_bytes(32, "big")).hex()

    @classmethod
    def read(cls, document: Mapping[str, Any], checks: SheetChecks | None = None) -> Self:
        """Reads the document that is signed.

        Args:
            document: A JSON object.
            checks: What reads terms, parameters and what may be computed; without, they are any objects.

        Raises:
            InvalidInput: A member is missing, unknown or not usable; the message names it.
        """
        told = Members(document)
        if told.text("format", 60) != OFFER_FORMAT:
            raise told.error("format", f"is another; expected {OFFER_FORMAT!r}")
        made = cls(
            told.asset("asset"),
            told.whole("number"),
            told.address("market"),
            told.whole("chainId", least=1, most=_MOST_CHAIN),
            told.time("created"),
            Wares.read(told, checks or SheetChecks()),
        )
        told.require_known()
        if made.to_json() != document:
            raise InvalidInput("the offer sheet spells out members that are empty", hint="leave out what there is not")
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns the document that is signed."""
        return {
            "asset": self.asset,
            "chainId": self.chain_id,
            "created": self.created,
            "format": OFFER_FORMAT,
            "market": self.market,
            "number": self.number,
        } | self.wares.to_json()


@dataclass(frozen=True, slots=True)
class SignedSheet:
    """A sheet whose signature holds.

    Attributes:
        sheet: What it says.
        key: The seller's market key, which signed it.
        digest_hex: SHA-256 of the document's canonical bytes: what the ledger has.
        data: The file.
    """

    sheet: OfferSheet
    key: VerifierKey
    digest_hex: str
    data: bytes

    def require_offer(self, *, chain_id: int, market: str, offer: str, asset: str, kind: int) -> Self:
        """Returns it where it is about the offer that the ledger has.

        Raises:
            DoesNotMatch: It is about another; the message says in what it differs.
        """
        sheet = self.sheet
        found = {
            "ledger": (sheet.chain_id, chain_id),
            "market": (sheet.market, market),
            "asset": (sheet.asset, asset),
            "offer": (sheet.offer, offer),
            "kind": (KINDS[sheet.wares.kind], kind),
        }
        for name, (says, is_there) in found.items():
            if says != is_there:
                raise DoesNotMatch(f"the offer sheet is for another {name}: {says}, and the ledger has {is_there}")
        return self


def sign_sheet(sheet: OfferSheet, secret: bytes, key_name: str, checks: SheetChecks | None = None) -> SignedSheet:
    """Returns a sheet as the file that is handed out.

    Args:
        sheet: The sheet; it is read back before it is signed, so that nothing is signed that others refuse.
        secret: 32 bytes of the seller's market key.
        key_name: The name it signs under.
        checks: As for `read_sheet`.

    Raises:
        InvalidInput: Something in it is not usable, or it is larger than `MOST_SHEET_BYTES`.
    """
    document = canonical.loads(canonical.dumps(sheet.to_json()))
    OfferSheet.read(document, checks)
    return read_sheet(canonical.dumps(sign_document(document, secret, key_name)), checks)


def read_sheet(given: bytes, checks: SheetChecks | None = None) -> SignedSheet:
    """Reads a signed sheet and checks its signature. That the key is the seller's, the ledger says: by the digest.

    Args:
        given: The file; canonical JSON.
        checks: What reads terms, parameters and what may be computed; without, they are any objects.

    Raises:
        MalformedEvidence: It is no offer sheet, or too large; the message names what is wrong.
        DoesNotMatch: The signature is not the key's.
    """
    signed: SignedDocument = read_document(given, OFFER_FORMAT, max_bytes=MOST_SHEET_BYTES)
    try:
        sheet = OfferSheet.read(signed.document, checks)
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
    return SignedSheet(sheet, signed.key, signed.digest_hex, signed.encode())

"""What a buyer says about itself when it asks for what it bought, signed by its market key.

    {"format": "counterfoil claims 1", "order": "0x…", "account": "0x…", "organisation": "lab.example",
     "purpose": "research", "jurisdiction": "DE", "accepts": ["<SHA-256 of a licence's text>"],
     "credentials": [<signed credential>, …], "created": "2026-11-23T19:00:00Z"}

They are about one order and no other, and are taken for fifteen minutes only, so that whoever sees them later cannot
use them again. `purpose` and `jurisdiction` are null where nothing is stated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from counterfoil.core.note import VerifierKey, is_key_name
from counterfoil.core.signed_document import read_document, sign_document
from counterfoil.core.strict_table import is_real_time
from counterfoil.errors import InvalidInput, MalformedEvidence, Stale
from counterfoil.market.terms.credential import MAX_CREDENTIAL_BYTES, Credential
from counterfoil.provenance import is_jurisdiction

__all__ = ["CLAIMS_FORMAT", "FRESH_FOR_S", "Claims", "read_claims", "sign_claims"]

CLAIMS_FORMAT: Final = "counterfoil claims 1"
FRESH_FOR_S: Final = 900
"""How long claims are taken after they were made, in seconds."""

AHEAD_S: Final = 60
"""How far a buyer's clock may be ahead, in seconds."""

MOST_CREDENTIALS: Final = 10
_MEMBERS: Final = (
    "order", "account", "organisation", "purpose", "jurisdiction", "accepts", "credentials", "created",
)  # fmt: skip
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_ORDER: Final = re.compile(r"0x[0-9a-f]{64}")
_ACCOUNT: Final = re.compile(r"0x[0-9a-f]{40}")
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MOST_NAME: Final = 256


@dataclass(frozen=True, slots=True)
class Claims:
    """What a buyer states for one order; the signature is valid, the statements are its own word.

    Attributes:
        order: The order's id, `0x` and 64 small hex digits.
        account: The buyer's account, `0x` and 40 small hex digits.
        organisation: The origin it says it is.
        purpose: One word, or None.
        jurisdiction: An ISO 3166 code, or None.
        accepts: SHA-256 (hex) of the licence texts it accepts.
        credentials: What others say about it; each signature is valid.
        created: RFC 3339, UTC, whole seconds.
        key: The market key that signed.
    """

    order: str
    account: str
    organisation: str
    purpose: str | None
    jurisdiction: str | None
    accepts: tuple[str, ...]
    credentials: tuple[Credential, ...]
    created: str
    key: VerifierKey

    def require_for(self, order: str, account: str, now: str) -> Claims:
        """Returns these claims when they are about this order of this buyer, and fresh.

        Args:
            order: The order's id, `0x` and 64 small hex digits.
            account: Who placed it, as the ledger says.
            now: RFC 3339, UTC, whole seconds.

        Raises:
            InvalidInput: They are about another order or buyer.
            Stale: They were made too long ago, or lie ahead.
        """
        if (self.order, self.account) != (order, account):
            what = "order" if self.order != order else "account"
            raise InvalidInput(
                f"these claims are about another {what}", hint="make claims for this order and sign them"
            )
        age = datetime.fromisoformat(now) - datetime.fromisoformat(self.created)
        if not timedelta(seconds=-AHEAD_S) <= age <= timedelta(seconds=FRESH_FOR_S):
            raise Stale(
                f"these claims were made at {self.created}, and it is {now}",
                hint=f"they are taken for {FRESH_FOR_S // 60} minutes: make new ones, with a clock that is right",
            )
        return self


def sign_claims(
    secret: bytes,
    key_name: str,
    *,
    order: str,
    account: str,
    organisation: str,
    created: str,
    purpose: str | None = None,
    jurisdiction: str | None = None,
    accepts: Sequence[str] = (),
    credentials: Sequence[Credential] = (),
) -> dict[str, Any]:
    """Returns claims signed by the buyer's market key, as JSON to be sent.

    Raises:
        InvalidInput: A part cannot stand in claims.
    """
    document = {
        "format": CLAIMS_FORMAT,
        "order": order,
        "account": account,
        "organisation": organisation,
        "purpose": purpose,
        "jurisdiction": jurisdiction,
        "accepts": sorted(set(accepts)),
        "credentials": [dict(each.signed) for each in credentials],
        "created": created,
    }
    signed = sign_document(document, secret, key_name)
    try:
        read_claims(signed)
    except MalformedEvidence as error:
        raise InvalidInput(error.message, hint=error.hint) from error
    return signed


def read_claims(given: bytes | str | Mapping[str, Any]) -> Claims:
    """Reads claims, checking their signature and that of each credential; see `Claims.require_for` for the rest.

    Raises:
        MalformedEvidence: They are none.
        DoesNotMatch: A signature is not its key's.
    """
    most = MAX_CREDENTIAL_BYTES * (MOST_CREDENTIALS + 1)
    signed = read_document(given, CLAIMS_FORMAT, max_bytes=most).require_members(_MEMBERS)
    told = signed.document
    credentials, accepts = told["credentials"], told["accepts"]
    if not isinstance(credentials, list) or len(credentials) > MOST_CREDENTIALS:
        raise MalformedEvidence(f"claims hold a list of at most {MOST_CREDENTIALS} credentials")
    _require_text(told, "order", _ORDER, "0x and 64 small hex digits")
    _require_text(told, "account", _ACCOUNT, "0x and 40 small hex digits")
    _require_text(told, "purpose", _WORD, "one word, or null", may_be_null=True)
    organisation = told["organisation"]
    if not isinstance(organisation, str) or len(organisation) > _MOST_NAME or not is_key_name(organisation):
        raise MalformedEvidence("organisation in claims is no origin", hint="it looks like lab.example")
    if told["jurisdiction"] is not None and not is_jurisdiction(str(told["jurisdiction"])):
        raise MalformedEvidence("jurisdiction in claims is no ISO 3166 code", hint="DE, US-CA, EU, or null")
    if not isinstance(told["created"], str) or not is_real_time(told["created"]):
        raise MalformedEvidence("created in claims is no time", hint="it looks like 2026-11-23T19:00:00Z")
    if not isinstance(accepts, list) or len(accepts) > 20 or not all(_is_digest(each) for each in accepts):
        raise MalformedEvidence("accepts in claims is a list of at most 20 digests, 64 hex digits each")
    return Claims(
        told["order"],
        told["account"],
        organisation,
        told["purpose"],
        told["jurisdiction"],
        tuple(accepts),
        tuple(Credential.read(each) for each in credentials),
        told["created"],
        signed.key,
    )


def _require_text(
    told: Mapping[str, Any], name: str, pattern: re.Pattern[str], like: str, *, may_be_null: bool = False
) -> None:
    value = told[name]
    if value is None and may_be_null:
        return
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MalformedEvidence(f"{name} in claims is not as it should be", hint=f"expected {like}")


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None

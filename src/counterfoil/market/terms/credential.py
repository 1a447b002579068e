"""Credentials: what an issuer says about somebody, signed, as the holder shows it.

    {"format": "counterfoil credential 1", "holder": "0x…", "kind": "accredited-researcher",
     "issued": "2026-11-01T00:00:00Z", "expires": "2027-11-01T00:00:00Z", "claims": {…}}

The holder is an account on the ledger, a market key in note form, or an origin. A credential of the kind
`jurisdiction` says in `claims` where its holder is: {"jurisdiction": "DE"}. It cannot be taken back before it
expires: issuers give short ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil.core.note import VerifierKey, is_key_name
from counterfoil.core.signed_document import read_document, sign_document
from counterfoil.core.strict_table import is_real_time
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.provenance import is_jurisdiction

__all__ = ["CREDENTIAL_FORMAT", "JURISDICTION", "MAX_CREDENTIAL_BYTES", "Credential"]

CREDENTIAL_FORMAT: Final = "counterfoil credential 1"
JURISDICTION: Final = "jurisdiction"
"""The kind of credential that says where its holder is."""

MAX_CREDENTIAL_BYTES: Final = 16_384
_ACCOUNT: Final = re.compile(r"0x[0-9a-f]{40}")
_KIND: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MEMBERS: Final = ("holder", "kind", "issued", "expires", "claims")


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential whose signature is valid; whether its issuer counts is for the terms to say.

    Attributes:
        holder: Account (`0x` and 40 small hex digits), market key in note form, or origin.
        kind: What it says about the holder, in one word.
        issued, expires: RFC 3339, UTC, whole seconds; it holds from `issued` to before `expires`.
        claims: More about it, as texts, whole numbers and truth values.
        issuer: The key that signed.
        signed: The signed document, to be shown again.
    """

    holder: str
    kind: str
    issued: str
    expires: str
    claims: Mapping[str, str | int | bool]
    issuer: VerifierKey
    signed: Mapping[str, Any] = field(repr=False)

    @classmethod
    def issue(
        cls,
        secret: bytes,
        key_name: str,
        *,
        holder: str,
        kind: str,
        issued: str,
        expires: str,
        claims: Mapping[str, str | int | bool] | None = None,
    ) -> Credential:
        """Returns a credential signed with the issuer's Ed25519 secret.

        Raises:
            InvalidInput: A part cannot stand in a credential.
        """
        document = {"format": CREDENTIAL_FORMAT, "holder": holder, "kind": kind, "issued": issued, "expires": expires}
        try:
            return cls.read(sign_document({**document, "claims": dict(claims or {})}, secret, key_name))
        except MalformedEvidence as error:
            raise InvalidInput(error.message, hint=error.hint) from error

    @classmethod
    def read(cls, given: bytes | str | Mapping[str, Any]) -> Credential:
        """Reads a credential and checks its signature.

        Raises:
            MalformedEvidence: It is none.
            DoesNotMatch: The signature is not the key's.
        """
        signed = read_document(given, CREDENTIAL_FORMAT, max_bytes=MAX_CREDENTIAL_BYTES).require_members(_MEMBERS)
        document = signed.document
        holder, kind, issued, expires, claims = (document[name] for name in _MEMBERS)
        if not isinstance(holder, str) or not _is_holder(holder):
            raise MalformedEvidence(
                "a credential's holder is an account, a key or an origin", hint="0x and 40 hex digits"
            )
        if not isinstance(kind, str) or not _KIND.fullmatch(kind):
            raise MalformedEvidence("a credential's kind is one word of small letters, digits and dashes")
        if not all(isinstance(each, str) and is_real_time(each) for each in (issued, expires)) or expires <= issued:
            raise MalformedEvidence(
                "a credential is issued and expires at times, in this order", hint="2026-11-23T19:00:00Z"
            )
        _check_claims(kind, claims)
        return cls(holder, kind, issued, expires, claims, signed.key, signed.envelope())

    @property
    def jurisdiction(self) -> str | None:
        """Where its holder is, if it says so."""
        return str(self.claims["jurisdiction"]) if self.kind == JURISDICTION else None

    def holds_at(self, now: str) -> bool:
        """Whether it is in force at a time."""
        return self.issued <= now < self.expires


def _is_holder(holder: str) -> bool:
    if holder.startswith("0x"):
        return _ACCOUNT.fullmatch(holder) is not None
    if "+" not in holder:
        return is_key_name(holder) and len(holder) <= 256
    try:
        return str(VerifierKey.parse(holder)) == holder
    except MalformedEvidence:
        return False


def _check_claims(kind: str, claims: Any) -> None:
    if not isinstance(claims, Mapping) or len(claims) > 50:
        raise MalformedEvidence("a credential's claims are one object of at most 50")
    for name, value in claims.items():
        if not isinstance(value, str | int | bool) or len(str(value)) > 1_000 or len(name) > 100:
            raise MalformedEvidence(f"the claim {name[:60]!r} is no short text, whole number or truth value")
    if kind == JURISDICTION and not is_jurisdiction(str(claims.get("jurisdiction"))):
        raise MalformedEvidence(
            'a credential of the kind "jurisdiction" names none', hint='claims: {"jurisdiction": "DE"}'
        )

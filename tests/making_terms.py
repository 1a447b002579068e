"""Keys, credentials and claims for tests of terms."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from counterfoil.core.note import Signer
from counterfoil.market.terms import Claims, Credential, read_claims, sign_claims

ORDER = "0x" + "ab" * 32
ACCOUNT = "0x" + "11" * 20
NOW = "2026-11-23T19:00:00Z"
LICENCE = sha256(b"you may count, and tell nobody").hexdigest()


def secret_of(name: str) -> bytes:
    return sha256(name.encode()).digest()


def key_of(name: str) -> str:
    return str(Signer(name, secret_of(name)).key)


def public_of(name: str) -> bytes:
    return Signer(name, secret_of(name)).key.public


def credential(
    kind: str = "accredited-researcher",
    *,
    issuer: str = "ministry.example",
    holder: str = ACCOUNT,
    claims: Any = None,
    expires: str = "2027-01-01T00:00:00Z",
) -> Credential:
    return Credential.issue(
        secret_of(issuer),
        issuer,
        holder=holder,
        kind=kind,
        issued="2026-01-01T00:00:00Z",
        expires=expires,
        claims=claims,
    )


def signed_claims(signer: str = "lab.example", **parts: Any) -> dict[str, Any]:
    told = {"order": ORDER, "account": ACCOUNT, "organisation": signer, "created": NOW} | parts
    return sign_claims(secret_of(signer), signer, **told)


def claims(signer: str = "lab.example", **parts: Any) -> Claims:
    return read_claims(signed_claims(signer, **parts))

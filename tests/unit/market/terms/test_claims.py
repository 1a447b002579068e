from __future__ import annotations

from typing import Any

import making_terms as made
import pytest

from counterfoil.core.signed_document import sign_document
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence, Stale
from counterfoil.market.terms import Credential, read_claims


def test_claims_come_back_as_they_were_signed() -> None:
    shown = made.credential(claims={"level": 2})
    claims = made.claims(purpose="research", jurisdiction="DE", accepts=[made.LICENCE], credentials=[shown])
    assert (claims.order, claims.account, claims.organisation) == (made.ORDER, made.ACCOUNT, "lab.example")
    assert (claims.purpose, claims.jurisdiction, claims.accepts) == ("research", "DE", (made.LICENCE,))
    assert claims.credentials == (shown,)
    assert claims.key.public == made.public_of("lab.example")
    assert claims.require_for(made.ORDER, made.ACCOUNT, made.NOW) is claims


def test_claims_are_about_one_order_of_one_buyer() -> None:
    claims = made.claims()
    with pytest.raises(InvalidInput, match="another order"):
        claims.require_for("0x" + "cd" * 32, made.ACCOUNT, made.NOW)
    with pytest.raises(InvalidInput, match="another account"):
        claims.require_for(made.ORDER, "0x" + "22" * 20, made.NOW)


@pytest.mark.parametrize(
    ("now", "fresh"),
    [
        ("2026-11-23T18:59:00Z", True),
        ("2026-11-23T18:58:59Z", False),
        ("2026-11-23T19:15:00Z", True),
        ("2026-11-23T19:15:01Z", False),
        ("2027-11-23T19:00:00Z", False),
    ],
    ids=str,
)
def test_claims_are_fresh_for_fifteen_minutes(now: str, fresh: bool) -> None:
    claims = made.claims()
    if fresh:
        claims.require_for(made.ORDER, made.ACCOUNT, now)
    else:
        with pytest.raises(Stale, match="were made at"):
            claims.require_for(made.ORDER, made.ACCOUNT, now)


@pytest.mark.parametrize(
    "parts",
    [
        {"order": "0x" + "AB" * 32},
        {"order": "ab" * 32},
        {"account": "0x" + "AA" * 20},
        {"organisation": "a b"},
        {"organisation": "a" * 257 + " and\nmore"},
        {"purpose": "Research it"},
        {"jurisdiction": "Germany"},
        {"accepts": ["x"]},
        {"created": "yesterday"},
        {"created": "2026-02-30T00:00:00Z"},
    ],
    ids=lambda parts: "-".join(parts) + str(sorted(parts.values()))[:20],
)
def test_claims_that_cannot_be_meant_are_not_signed(parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        made.signed_claims(**parts)


def test_what_was_altered_or_is_another_document_is_refused() -> None:
    signed = made.signed_claims(purpose="research")
    signed["document"] = {**signed["document"], "purpose": "marketing"}
    with pytest.raises(DoesNotMatch):
        read_claims(signed)
    with pytest.raises(MalformedEvidence):
        read_claims(dict(made.credential().signed))
    document = {**made.signed_claims()["document"], "extra": 1}
    with pytest.raises(MalformedEvidence, match="extra"):
        read_claims(sign_document(document, made.secret_of("lab.example"), "lab.example"))


@pytest.mark.parametrize("part", ["credentials", "accepts"])
def test_lists_in_claims_have_a_largest_length(part: str) -> None:
    many = [made.credential()] * 11 if part == "credentials" else [f"{number:064x}" for number in range(21)]
    with pytest.raises(InvalidInput, match="at most"):
        made.signed_claims(**{part: many})


def test_a_credential_altered_within_claims_is_refused() -> None:
    forged = dict(made.credential().signed)
    forged["document"] = {**forged["document"], "kind": "minister"}
    document = {**made.signed_claims()["document"], "credentials": [forged]}
    with pytest.raises(DoesNotMatch):
        read_claims(sign_document(document, made.secret_of("lab.example"), "lab.example"))


@pytest.mark.parametrize(
    "parts",
    [
        {"holder": "0x11"},
        {"holder": "lab.example+00000000+AAAA"},
        {"holder": ""},
        {"kind": "Accredited Researcher"},
        {"expires": "2026-01-01T00:00:00Z"},
        {"expires": "never"},
        {"claims": {"a": [1]}},
        {"claims": {"a": "x" * 1_001}},
        {"kind": "jurisdiction"},
        {"kind": "jurisdiction", "claims": {"jurisdiction": "Bavaria"}},
    ],
    ids=lambda parts: str(sorted(parts.items()))[:40],
)
def test_credentials_that_cannot_be_meant_are_not_issued(parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        made.credential(**parts)


def test_a_credential_holds_until_it_expires() -> None:
    shown = made.credential("jurisdiction", claims={"jurisdiction": "DE"})
    assert Credential.read(shown.signed) == shown
    assert shown.jurisdiction == "DE"
    assert [shown.holds_at(f"202{year}-01-01T00:00:00Z") for year in (5, 6, 7)] == [False, True, False]

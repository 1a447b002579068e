"""May this buyer have it? A pure decision over terms, claims and what the owner knows.

1. The first rule that denies and is met: denied, by that rule.
2. Else the first rule that allows and is met: allowed, by that rule.
3. Else: denied, since no rule allows it; with what each rule that allows still lacked.

A rule that allows is met by what was shown, one that denies by what was not ruled out. So whoever says
less never gets more, and one more rule that denies never lets anybody in.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from counterfoil.core.note import VerifierKey
from counterfoil.core.wording import counted
from counterfoil.market.terms.claims import Claims
from counterfoil.market.terms.credential import JURISDICTION, Credential
from counterfoil.market.terms.jurisdiction import covers, may_lie_in
from counterfoil.market.terms.rule import CredentialWanted, Places, Rule
from counterfoil.market.terms.terms import Terms

__all__ = ["Access", "Context", "decide"]


@dataclass(frozen=True, slots=True)
class Context:
    """What the owner knows by itself.

    Attributes:
        keys: Public market keys (32 bytes) that the owner knows to be an origin's, by origin.
        uses_of_order: How often access was given for this order.
        uses_of_buyer: How often access was given to this buyer under this offer.
    """

    keys: Mapping[str, AbstractSet[bytes]] = field(default_factory=dict)
    uses_of_order: int = 0
    uses_of_buyer: int = 0

    def is_known(self, key: VerifierKey, origin: str) -> bool:
        """Whether the owner knows `key` to be that of `origin`."""
        return key.public in self.keys.get(origin, frozenset())


@dataclass(frozen=True, slots=True)
class Access:
    """A decision.

    Attributes:
        allowed: Whether the buyer may have it.
        rule: Number of the rule that decided, from 1; None where no rule allowed it.
        name: Name of that rule, as records have it; `default` where there is none.
        why: The decision in words that quote nothing of the claims; records and answers carry it.
    """

    allowed: bool
    rule: int | None
    name: str
    why: str


def decide(terms: Terms, claims: Claims, context: Context, now: str) -> Access:
    """Decides; see the module. Claims must have been held against order, buyer and clock before (`require_for`).

    Args:
        terms: Of the offer, as its sheet has them.
        claims: Of the buyer.
        context: What the owner knows.
        now: RFC 3339, UTC, whole seconds.
    """
    for number, rule in enumerate(terms.rules, 1):
        if rule.effect == "deny" and _keeps_out(rule, claims, context, now):
            return Access(False, number, rule.name, f"denied by rule {number} {rule.name!r}")
    lacking: list[str] = []
    for number, rule in enumerate(terms.rules, 1):
        if rule.effect == "allow":
            lack = _lack(rule, claims, context, now)
            if lack is None:
                return Access(True, number, rule.name, f"allowed by rule {number} {rule.name!r}")
            lacking.append(f"rule {number} {rule.name!r} {lack}")
    return Access(
        False, None, "default", f"no rule allows it: {'; '.join(lacking) or 'there is none that could'}"[:1_000]
    )


def _keeps_out(rule: Rule, claims: Claims, context: Context, now: str) -> bool:
    """Whether a rule that denies is met: nothing in the claims rules it out."""
    if not _holds_at(rule, now):
        return False
    if rule.organisations and not any(_could_be(each, claims, context) for each in rule.organisations):
        return False
    if rule.purposes and claims.purpose is not None and claims.purpose not in rule.purposes:
        return False
    stated = claims.jurisdiction
    return rule.places is None or stated is None or any(may_lie_in(stated, code) for code in rule.places.codes)


def _lack(rule: Rule, claims: Claims, context: Context, now: str) -> str | None:
    """Returns what a rule that allows still lacks, in words; None when it is met."""
    if not _holds_at(rule, now):
        return (
            f"holds {'from ' + rule.starts if rule.starts is not None and now < rule.starts else f'until {rule.until}'}"
        )
    if rule.organisations and not any(_is(each, claims, context) for each in rule.organisations):
        return "is for other organisations"
    if rule.purposes and claims.purpose not in rule.purposes:
        return f"is for {' or '.join(rule.purposes[:5])}"
    missing = next((each for each in rule.credentials if not _is_held(each, claims, context, now)), None)
    if missing is not None:
        return f"asks for the credential {missing.kind!r} of {missing.issuer.name}"
    if rule.places is not None and not any(
        covers(code, place) for code in rule.places.codes for place in _shown(rule.places, claims, context, now)
    ):
        return f"is for {', '.join(rule.places.codes[:10])}{' by credential' if rule.places.issuers else ''}"
    if rule.licence is not None and rule.licence not in claims.accepts:
        return f"asks that the licence {rule.licence[:16]}… is accepted"
    if rule.uses is not None:
        used = context.uses_of_order if rule.uses.per == "order" else context.uses_of_buyer
        if used >= rule.uses.most:
            return f"gives access {counted(rule.uses.most, 'time')} for each {rule.uses.per}, and that is used up"
    return None


def _holds_at(rule: Rule, now: str) -> bool:
    return (rule.starts is None or rule.starts <= now) and (rule.until is None or now < rule.until)


def _is(named: str, claims: Claims, context: Context) -> bool:
    """Whether the buyer is certainly the organisation that a rule names by origin or key."""
    if "+" in named:
        return VerifierKey.parse(named).public == claims.key.public
    return claims.organisation == named and context.is_known(claims.key, named)


def _could_be(named: str, claims: Claims, context: Context) -> bool:
    """Whether the buyer may be the organisation that a rule names: its word, its key's name or its key says so."""
    if "+" in named:
        return VerifierKey.parse(named).public == claims.key.public
    return named in (claims.organisation, claims.key.name) or context.is_known(claims.key, named)


def _is_held(wanted: CredentialWanted, claims: Claims, context: Context, now: str) -> bool:
    return any(
        each.kind == wanted.kind and each.issuer.public == wanted.issuer.public and _counts(each, claims, context, now)
        for each in claims.credentials
    )


def _counts(credential: Credential, claims: Claims, context: Context, now: str) -> bool:
    """Whether a credential is in force and about this buyer."""
    holder = credential.holder
    if not credential.holds_at(now):
        return False
    if holder.startswith("0x"):
        return holder == claims.account
    if "+" in holder:
        return VerifierKey.parse(holder).public == claims.key.public
    return holder == claims.organisation and context.is_known(claims.key, holder)


def _shown(places: Places, claims: Claims, context: Context, now: str) -> list[str]:
    """Returns where the buyer is, as far as the rule takes it: its own word, or credentials of these issuers."""
    if not places.issuers:
        return [] if claims.jurisdiction is None else [claims.jurisdiction]
    issuers = {key.public for key in places.issuers}
    return [
        each.jurisdiction
        for each in claims.credentials
        if each.kind == JURISDICTION
        and each.jurisdiction is not None
        and each.issuer.public in issuers
        and _counts(each, claims, context, now)
    ]

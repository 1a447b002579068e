"""One rule of an offer's terms: whom it is about, and whether it lets them in.

A rule is met when all of its conditions are. A rule that allows needs each of them shown;
a rule that denies is met already by what was left unsaid, so that nobody gains by silence. For
the same reason a rule that denies cannot ask for what a buyer would simply keep back: a
credential, an accepted licence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from counterfoil.core.note import VerifierKey, is_key_name
from counterfoil.core.strict_table import StrictTable
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.provenance import is_jurisdiction

__all__ = ["MOST_LISTED", "CredentialWanted", "Effect", "Places", "Rule", "Uses", "read_rule"]

Effect = Literal["allow", "deny"]

MOST_LISTED: Final = 500
"""Most organisations, purposes or places that one rule lists."""

_MOST_USES: Final = 1_000_000
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,120}")
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ALLOW_ONLY: Final = ("credentials", "licence", "uses")


@dataclass(frozen=True, slots=True)
class CredentialWanted:
    """A credential of this kind, signed by this issuer's key."""

    kind: str
    issuer: VerifierKey


@dataclass(frozen=True, slots=True)
class Places:
    """Where the buyer must be, and who must say so.

    Attributes:
        codes: ISO 3166 codes; `EU` stands for its member states, `US` for its parts as well.
        issuers: Keys whose credential of the kind `jurisdiction` counts; empty where the buyer's own word does.
    """

    codes: tuple[str, ...]
    issuers: tuple[VerifierKey, ...]


@dataclass(frozen=True, slots=True)
class Uses:
    """How often access is given: `most` times for each order, or for each buyer of the offer."""

    most: int
    per: Literal["order", "buyer"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; see the module.

    Attributes:
        effect: Whether it lets in or keeps out.
        name: In words, as decisions name it.
        organisations: Origins, and keys in note form; any one of them. Empty: whoever.
        credentials: All of them are wanted.
        purposes: Any one of them; empty: any purpose.
        places: None: anywhere.
        starts, until: RFC 3339, UTC, whole seconds; from when on it holds, and when it no longer does. None: no limit.
        uses: None: no limit.
        licence: SHA-256 (hex) of the text that the buyer must have accepted; None: none.
    """

    effect: Effect
    name: str
    organisations: tuple[str, ...] = ()
    credentials: tuple[CredentialWanted, ...] = ()
    purposes: tuple[str, ...] = ()
    places: Places | None = None
    starts: str | None = None
    until: str | None = None
    uses: Uses | None = None
    licence: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the rule as an offer sheet holds it; conditions that were not set are left out."""
        places = self.places
        shown = {
            "effect": self.effect,
            "name": self.name,
            "organisations": list(self.organisations),
            "credentials": [{"issuer": str(each.issuer), "kind": each.kind} for each in self.credentials],
            "purposes": list(self.purposes),
            "jurisdictions": None
            if places is None
            else {
                "in": list(places.codes),
                **({"issuers": [str(key) for key in places.issuers]} if places.issuers else {}),
            },
            "from": self.starts,
            "until": self.until,
            "uses": None if self.uses is None else {"most": self.uses.most, "per": self.uses.per},
            "licence": self.licence,
        }
        return {key: value for key, value in shown.items() if value is not None and value != []}


def read_rule(table: StrictTable, purposes: Sequence[str]) -> Rule:
    """Reads a rule.

    Args:
        table: The rule's table.
        purposes: The words for purposes that these terms know.

    Raises:
        InvalidInput: A part is missing, unknown, or not as it should be.
    """
    effect = table.choice("effect", ("allow", "deny"))
    name = table.text("name", pattern=_NAME, like="research in the EU")
    rule = Rule(
        effect,
        name,
        tuple(_few(table, "organisations", _organisation)),
        tuple(_credential(each) for each in table.tables("credentials", f"a credential of rule {name!r}", default=[])),
        tuple(_few(table, "purposes", lambda word: _purpose(word, purposes, name))),
        _places(table),
        table.time("from", default=None),
        table.time("until", default=None),
        _uses(table),
        table.text("licence", default="", pattern=_DIGEST, like="64 hex digits, the SHA-256 of the licence's text")
        or None,
    )
    table.require_empty()
    _require_sense(rule)
    return rule


def _require_sense(rule: Rule) -> None:
    if rule.effect == "deny":
        asked = [key for key in _ALLOW_ONLY if getattr(rule, key)]
        asked += ["a credential about the jurisdiction"] if rule.places is not None and rule.places.issuers else []
        if asked:
            raise InvalidInput(
                f"rule {rule.name!r} denies and asks for {asked[0]}",
                hint="who wants to get in would not show it; put the condition into a rule that allows",
            )
    if rule.starts is not None and rule.until is not None and rule.until <= rule.starts:
        raise InvalidInput(f"rule {rule.name!r} ends at {rule.until}, before it begins", hint="until is after from")


def _few(table: StrictTable, key: str, check: Callable[[str], str]) -> list[str]:
    values = table.texts(key) if table.has(key) else []
    if len(values) > MOST_LISTED:
        raise InvalidInput(f"{key} in {table.place} lists {len(values)} items", hint=f"list at most {MOST_LISTED}")
    return [check(value) for value in values]


def _organisation(text: str) -> str:
    if "+" in text:
        return str(_key(text))
    if not is_key_name(text) or len(text) > 256 or "://" in text:
        raise InvalidInput(
            f"{text[:80]!r} names no organisation", hint="write its origin, bank.example/credit, or its market key"
        )
    return text


def _purpose(word: str, known: Sequence[str], rule: str) -> str:
    if word not in known:
        raise InvalidInput(
            f"rule {rule!r} names the purpose {word[:60]!r}", hint=f"the terms list {', '.join(known) or 'none'}"
        )
    return word


def _credential(table: StrictTable) -> CredentialWanted:
    kind = table.text("kind", pattern=_WORD, like="accredited-researcher")
    issuer = _key(table.text("issuer"))
    table.require_empty()
    return CredentialWanted(kind, issuer)


def _places(table: StrictTable) -> Places | None:
    if not table.has("jurisdictions"):
        return None
    inner = table.table("jurisdictions")
    codes = inner.texts("in")
    issuers = tuple(_key(text) for text in _few(inner, "issuers", str))
    inner.require_empty()
    odd = next((code for code in codes if not is_jurisdiction(code)), None)
    if odd is not None:
        raise InvalidInput(f"{odd[:20]!r} in {inner.place} is no jurisdiction", hint="ISO 3166 codes: DE, US-CA, or EU")
    return Places(tuple(codes), issuers)


def _uses(table: StrictTable) -> Uses | None:
    if not table.has("uses"):
        return None
    inner = table.table("uses")
    uses = Uses(inner.whole("most", 1, _MOST_USES), cast(Any, inner.choice("per", ("order", "buyer"))))
    inner.require_empty()
    return uses


def _key(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except MalformedEvidence as error:
        raise InvalidInput(
            f"{text[:80]!r} is no key in note form", hint="it looks like bank.example+1a2b3c4d+AVt5…"
        ) from error

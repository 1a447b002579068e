"""Terms in sentences, for whoever reads them on a page."""

from __future__ import annotations

from counterfoil.core.wording import counted
from counterfoil.market.terms.rule import Rule

__all__ = ["rule_words"]


def rule_words(rule: Rule) -> str:
    """Returns whom a rule is about: "anybody who accepts the licence, for research, in the EU, as it says"."""
    parts = [f"{_who(rule)}{' who accepts the licence' if rule.licence else ''}"]
    if rule.purposes:
        parts.append(f"for {_any_of(rule.purposes)}")
    if rule.places is not None:
        says = f"as {_any_of([key.name for key in rule.places.issuers])} says" if rule.places.issuers else "as it says"
        parts.append(f"in {_any_of(rule.places.codes)}, {says}")
    for each in rule.credentials:
        parts.append(f"with a credential {each.kind} of {each.issuer.name}")
    if rule.starts:
        parts.append(f"from {_day(rule.starts)} on")
    if rule.until:
        parts.append(f"until {_day(rule.until)}")
    if rule.uses is not None:
        whose = "each order" if rule.uses.per == "order" else "each buyer"
        parts.append(f"{counted(rule.uses.most, 'time')} for {whose}")
    return ", ".join(parts)


def _who(rule: Rule) -> str:
    return _any_of([each.split("+")[0] for each in rule.organisations]) if rule.organisations else "anybody"


def _any_of(words: tuple[str, ...] | list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _day(text: str) -> str:
    return text.replace("T", ", ").replace("Z", " UTC")

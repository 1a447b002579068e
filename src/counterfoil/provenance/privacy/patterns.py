"""What values look like that point to one person: patterns, each for one of Safe Harbor's identifiers.

They are written for Arrow's RE2 and mean the same to Python. A pattern says "looks like", no more: a part number may
look like a phone number, and a name looks like any word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["PATTERNS", "PSEUDONYM", "Pattern"]

PSEUDONYM: Final = r"p_[0-9a-f]{32}"
"""What a pseudonym of this program looks like; see `deidentification.keys`."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to look like an identifier.

    Attributes:
        name: A word for it, as settings use it.
        letter: The identifier, A to R as 45 CFR 164.514(b)(2)(i) counts them.
        what: It in plural, for people.
        within: Finds it in a text.
    """

    name: str
    letter: str
    what: str
    within: str


_MONTHS: Final = (
    "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?)"
)

PATTERNS: Final = (
    Pattern("email", "F", "e-mail addresses", r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"),
    Pattern("url", "N", "web addresses", r"(?:https?://|ftp://|www\.)[^\s\"'<>]{3,}"),
    Pattern(
        "mac",
        "M",
        "device addresses",
        r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
    ),
    Pattern(
        "ip",
        "O",
        "IP addresses",
        r"\b(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\b"
        r"|\b(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4}\b|\b(?:[0-9A-Fa-f]{1,4}:){1,6}:(?:[0-9A-Fa-f]{1,4})?\b",
    ),
    Pattern("ssn", "G", "social security numbers", r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"),
    Pattern(
        "iban",
        "J",
        "account numbers (IBAN)",
        r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    ),
    Pattern("card", "J", "card numbers", r"(?:^|[^0-9.])[3-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,7}\b"),
    Pattern("mrn", "H", "medical record numbers", r"\b(?i:mrn)[ :#-]{0,3}[0-9]{5,12}\b"),
    Pattern(
        "phone",
        "D",
        "telephone or fax numbers",
        r"(?:\+[0-9]{1,3}[ .-]?)(?:\(?[0-9]{1,4}\)?[ .-]?){2,5}[0-9]{2,4}"
        r"|\(?\b[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}\b"
        r"|\b0[0-9]{1,4}[ /-][0-9]{3,4}[ -]?[0-9]{2,4}(?:[ -]?[0-9]{2})?\b",
    ),
    Pattern(
        "date",
        "C",
        "dates finer than a year",
        r"\b[12][0-9]{3}[-/.](?:0?[1-9]|1[0-2])(?:[-/.](?:0?[1-9]|[12][0-9]|3[01]))?"
        r"(?:[T ][0-9]{2}:[0-9]{2}[0-9:.+Z-]*)?"
        r"|\b(?:0?[1-9]|[12][0-9]|3[01])[-/.](?:0?[1-9]|[12][0-9]|3[01])[-/.](?:[12][0-9])?[0-9]{2}\b"
        rf"|\b(?:(?:0?[1-9]|[12][0-9]|3[01])\.? )?{_MONTHS}\.?(?: (?:0?[1-9]|[12][0-9]|3[01]))?,? [12][0-9]{{3}}\b"
        r"|\b[12][0-9]{3}-Q[1-4]\b",
    ),
    Pattern(
        "vehicle",
        "L",
        "vehicle identification numbers",
        r"\b[A-HJ-NPR-Z0-9]{3}[A-HJ-NPR-Z]{2,6}[A-HJ-NPR-Z0-9]{4,8}[0-9]{4}\b",
    ),
    Pattern(
        "uuid",
        "R",
        "unique codes (UUID)",
        r"\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b",
    ),
)
"""In the order in which they are looked for; a value counts for the first that it is."""

"""The 18 identifiers of Safe Harbor (45 CFR 164.514(b)(2)(i)), looked for in names of columns and in values.

Names: the words of a column's name, `patientName` and `patient_name` alike, are compared with a list. Values: each
different value is compared with `patterns`, and counted with its rows. Both say what something looks like; neither
can say that there is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from counterfoil.provenance.privacy.patterns import PATTERNS, PSEUDONYM
from counterfoil.provenance.text_table import TextTable, as_texts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["IDENTIFIERS", "Finding", "Findings", "find_identifiers", "words_of"]

IDENTIFIERS: Final[Mapping[str, str]] = {
    "A": "names",
    "B": "places smaller than a state",
    "C": "dates finer than a year, or ages over 89",
    "D": "telephone numbers",
    "E": "fax numbers",
    "F": "e-mail addresses",
    "G": "social security numbers",
    "H": "medical record numbers",
    "I": "health plan numbers",
    "J": "account numbers",
    "K": "certificate and licence numbers",
    "L": "vehicle identifiers and number plates",
    "M": "device identifiers and serial numbers",
    "N": "web addresses",
    "O": "IP addresses",
    "P": "biometric identifiers",
    "Q": "photographs of faces",
    "R": "any other number or code of one person's own",
}
"""By letter, as the regulation counts them."""

_NAMES: Final[tuple[tuple[str, str], ...]] = (
    (
        "A",
        r"(?:first|last|middle|given|family|maiden|full|sur|fore|nick|patient|person|customer|client|user|employee"
        r"|applicant|mother|father|spouse|doctor|physician|contact) ?names?|surname|forename|firstname|lastname"
        r"|fullname|vorname|nachname|name|initials",
    ),
    (
        "B",
        r"(?:street|city|town|county|parish|precinct|village|district|postal|post ?codes?|zip ?codes?|zip|plz|address"
        r"|addr|geocode|latitude|longitude|lat|lon|lng|gps|municipality|neighbourhood|neighborhood)",
    ),
    ("C", r"(?:birth|dob|born|admission|admitted|discharge|discharged|death|died|dod|date|birthday|birthdate)"),
    ("D", r"(?:tel|telephone|phone|mobile|cell|cellphone)(?: (?:number|no|nr|num))?"),
    ("E", r"(?:fax|telefax)"),
    ("F", r"(?:e mail|email|mail)"),
    ("G", r"(?:ssn|social security|ahv|nino|national insurance|steuer id|tax id|tin)"),
    ("H", r"(?:mrn|medical record|record (?:number|no|nr)|chart (?:number|no))"),
    (
        "I",
        r"(?:health plan|beneficiary|insurance (?:number|no|id)|member id|policy (?:number|no|holder)|medicare"
        r"|medicaid)",
    ),
    ("J", r"(?:iban|bic|account (?:number|no|nr|id)|acct|card (?:number|no)|credit card|routing number)"),
    ("K", r"(?:licen[cs]e|certificate|passport|npi|dea)(?: (?:number|no|nr|id))?"),
    ("L", r"(?:vin|vehicle id|licen[cs]e plate|plate|number plate|registration plate)"),
    ("M", r"(?:serial|imei|imsi|udi|mac|device id|device serial|meid)(?: (?:number|no|nr))?"),
    ("N", r"(?:url|uri|website|homepage|web ?page|link)"),
    ("O", r"(?:ip|ip address|ipv4|ipv6)"),
    ("P", r"(?:fingerprint|finger print|retina|iris scan|voice ?print|biometric|face embedding|faceprint|dna|genome)"),
    ("Q", r"(?:photo|photograph|portrait|face|picture|selfie|mugshot|headshot|image)"),
    (
        "R",
        r"(?:patient|person|customer|client|user|member|subject|employee|national|record|case)"
        r" (?:id|no|nr|number|key|code)|uuid|guid",
    ),
)
_NAME_PATTERNS: Final = tuple((letter, re.compile(rf"(?:^|.* )(?:{words})(?:$| .*)")) for letter, words in _NAMES)
_OTHER_NAMES: Final = re.compile(
    r"(?:file|product|drug|column|test|brand|model|class|event|field|variable|device|feature|course|species|dataset)"
    r" ?name|up ?date|telephone registered|.* (?:count|flag|available|verified|present|type|rate|class)"
)
"""Names that hold one of the words above and mean something else."""

_PERSONS: Final = re.compile(r"(?:patient|person|customer|client|user|member|subject|employee)s?")
"""Names that are nothing else; `patient age` is another thing."""

_AGE: Final = re.compile(r"(?:^|.* )ages?(?:$| .*)")
_ZIP: Final = re.compile(r"(?:^|.* )(?:zip|zip ?codes?|postal|post ?codes?|plz)(?:$| .*)")
_OVER_89: Final = r"^\s*(?:9[0-9]|1[0-4][0-9])(?:\.[0-9]+)?\s*$"
_FINE_ZIP: Final = r"^\s*[0-9]{4,5}(?:-[0-9]{4})?\s*$"
_YEAR: Final = r"^\s*(?:[12][0-9]{3}|[12][0-9]{2}0s|\*)\s*$"
_FEW: Final = 20
"""With fewer rows, that every value differs says nothing."""

_WORTH_ARROW: Final = 200
"""With more different values at once, Arrow's own search is faster than Python's."""

_MOST_DIFFERENT: Final = 2_000_000
"""Different values of a column that are kept to find out whether each row has its own."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A column in which something looks like an identifier.

    Attributes:
        column: Its name.
        letter: Which identifier, A to R.
        what: What it looks like, in plural.
        by: `name` or `values`.
        rows: Rows in which it does; for a name, rows that hold anything.
    """

    column: str
    letter: str
    what: str
    by: str
    rows: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {"by": self.by, "column": self.column, "identifier": self.letter, "rows": self.rows, "what": self.what}


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in a table.

    Attributes:
        rows: Of the table.
        columns: How many were looked at.
        findings: By column, in their order.
        pseudonyms: Columns whose every value looks like a pseudonym of this program, which is none of the above.
    """

    rows: int
    columns: int
    findings: tuple[Finding, ...]
    pseudonyms: tuple[str, ...]


@dataclass(slots=True)
class _Look:
    """What is counted of one column."""

    rows: int = 0
    years: int = 0
    over_89: int = 0
    fine_zips: int = 0
    pseudonyms: int = 0
    like: dict[str, int] = field(default_factory=dict)
    different: set[int] = field(default_factory=set)
    repeated: bool = False
    texts: int = 0
    lowest: int | None = None
    highest: int | None = None


def find_identifiers(table: TextTable, progress: Any = None) -> Findings:
    """Returns which columns look like what Safe Harbor lists; `progress` is told the rows read so far."""
    looks = [_Look() for _ in table.names]
    rows = 0
    for batch in table.batches():
        for look, column in zip(looks, batch.columns, strict=True):
            _count(look, as_texts(column))
        rows += batch.num_rows
        if progress is not None:
            progress(rows)
    findings = [each for name, look in zip(table.names, looks, strict=True) for each in _judged(name, look)]
    hidden = tuple(
        name for name, look in zip(table.names, looks, strict=True) if look.rows and look.pseudonyms == look.rows
    )
    return Findings(rows, len(table.names), tuple(findings), hidden)


def words_of(name: str) -> str:
    """Returns a column's name as small words with spaces between: `patientBirthDate` is `patient birth date`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return re.sub(r"[^0-9a-zà-ÿ]+", " ", split.lower()).strip()


def _count(look: _Look, texts: pa.Array) -> None:
    """Counts a batch of a column; every different value is looked at once, and counts with its rows."""
    import numpy as np

    coded = texts.drop_null().dictionary_encode()
    values = coded.dictionary
    if not len(values):
        return
    times = np.bincount(coded.indices.to_numpy(), minlength=len(values))
    look.rows += int(times.sum())
    left = np.ones(len(values), bool)

    def rows_like(pattern: str) -> int:
        return int(times[_matching(values, pattern)].sum())

    look.years += rows_like(_YEAR)
    look.over_89 += rows_like(_OVER_89)
    look.fine_zips += rows_like(_FINE_ZIP)
    look.pseudonyms += rows_like(rf"^{PSEUDONYM}$")
    for pattern in PATTERNS:
        found = _matching(values, pattern.within) & left
        if found.any():
            look.like[pattern.name] = look.like.get(pattern.name, 0) + int(times[found].sum())
            left &= ~found
    _count_different(look, values.to_pylist(), times)


def _matching(values: pa.Array, pattern: str) -> np.ndarray[Any, Any]:
    """Returns which of the values hold a pattern. Arrow compiles it anew each time, which few values are not worth."""
    import numpy as np
    import pyarrow.compute as pc

    if len(values) > _WORTH_ARROW:
        found: np.ndarray[Any, Any] = pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False)
        return found
    compiled = _compiled(pattern)
    return np.array([compiled.search(value) is not None for value in values.to_pylist()], bool)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)  # as RE2 has it


def _count_different(look: _Look, values: list[str], times: Any) -> None:
    """Notes whether any value came twice, and whether all are whole numbers in a row."""
    if look.repeated:
        return
    hashes = {hash(value) for value in values}
    look.repeated = bool((times > 1).any()) or not look.different.isdisjoint(hashes)
    look.different |= hashes
    if look.repeated or len(look.different) > _MOST_DIFFERENT:
        look.repeated = True
        look.different.clear()
        return
    numbers = [int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 18]
    look.texts += sum(1 for value in values if not re.fullmatch(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?", value))
    if numbers:
        look.lowest = min(numbers if look.lowest is None else [*numbers, look.lowest])
        look.highest = max(numbers if look.highest is None else [*numbers, look.highest])


def _judged(name: str, look: _Look) -> list[Finding]:
    """Returns what a column looks like, by its values and else by its name."""
    if not look.rows or look.pseudonyms == look.rows:
        return []
    found = [
        Finding(name, each.letter, each.what, "values", look.like[each.name])
        for each in PATTERNS
        if each.name in look.like
    ]
    words = words_of(name)
    if _AGE.fullmatch(words) and look.over_89:
        found.append(Finding(name, "C", "ages over 89", "values", look.over_89))
    if _ZIP.fullmatch(words):
        if look.fine_zips:
            found.append(Finding(name, "B", "postal codes of more than 3 digits", "values", look.fine_zips))
        return found
    if not found:
        found = _by_name(name, words, look)
    if not found and _is_own(words, look):
        found.append(Finding(name, "R", "a code of each row's own", "values", look.rows))
    return found


def _by_name(name: str, words: str, look: _Look) -> list[Finding]:
    if _OTHER_NAMES.fullmatch(words):
        return []
    letter = next((letter for letter, pattern in _NAME_PATTERNS if pattern.fullmatch(words)), None)
    if letter is None and _PERSONS.fullmatch(words):
        letter = "R"
    if letter is None or (letter == "C" and look.years == look.rows):
        return []
    return [Finding(name, letter, IDENTIFIERS[letter], "name", look.rows)]


def _is_own(words: str, look: _Look) -> bool:
    """Whether every row has a value of its own that is no measurement: a text, a number called so, or 1, 2, 3."""
    if look.repeated or look.rows < _FEW:
        return False
    if look.texts == look.rows or re.search(r"\b(?:id|no|nr|number|key|code|index)$", words):
        return True
    return look.texts == 0 and look.lowest is not None and (look.highest or 0) - look.lowest + 1 == look.rows

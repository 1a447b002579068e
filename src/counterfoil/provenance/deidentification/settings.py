"""The settings of a de-identification: a rule for every column, read strictly from TOML or JSON.

version = 1
project = "heart study"           # pseudonyms and shifts are alike within a project, and only there

[person]
column = "patient"                # whose dates move together
shift_days = 180                  # by 1 to 180 days, earlier or later

[k]
least = 5                         # generalise until groups have 5 rows
most_suppressed = 0.02            # and leave out the rows of smaller ones, 2 in 100 at most

[columns]
name = { rule = "drop" }
patient = { rule = "pseudonym" }
zip = { rule = "truncate", keep = 3, rare = "us-zip3-2000", rare_as = "000" }
age = { rule = "generalise", levels = [{ width = 5, top = 90 }, { width = 20, top = 90 }] }
visit = { rule = "shift" }
remarks = { rule = "mask" }
result = { rule = "keep" }
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Self

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.deidentification.levels import (
    Level,
    Prefix,
    read_level,
    require_nothing_left,
    without_names,
)

__all__ = ["RULES", "SETTINGS_VERSION", "Generalise", "Goal", "Mask", "Pseudonym", "Rule", "Settings"]

SETTINGS_VERSION: Final = 1
RULES: Final = ("keep", "drop", "pseudonym", "generalise", "truncate", "shift", "mask")
MOST_BYTES: Final = 16 << 20
MOST_LEVELS: Final = 16
MOST_SHIFT_DAYS: Final = 3_650
_MOST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """Each value becomes 128 bits that only the holder of the key can work out from it.

    Attributes:
        of: What the values name; columns with the same word give the same value the same pseudonym.
    """

    of: str


@dataclass(frozen=True, slots=True)
class Generalise:
    """Each value becomes a coarser one.

    Attributes:
        levels: From fine to coarse; behind the last comes one value for everything.
        level: The one to use, from 1; None where the search for k chooses, from the value as it is (0) on.
    """

    levels: tuple[Level, ...]
    level: int | None


@dataclass(frozen=True, slots=True)
class Mask:
    """Each value becomes the same text; with `within`, only the parts that look like an identifier do.

    Attributes:
        shown: The text.
        within: Names of patterns: email, phone and the like; empty for the whole value.
    """

    shown: str
    within: tuple[str, ...]


Rule = str | Pseudonym | Generalise | Mask
"""`keep`, `drop` and `shift` need no more than their name."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Generalise until every group of rows that agree in the generalised columns has `least` rows.

    Attributes:
        least: k.
        most_suppressed: Share of the rows that may be left out for it, exact.
        also: Columns that are kept as they are and count as well.
        may_empty: Whether a column may become one value for everything where nothing less will do.
    """

    least: int
    most_suppressed: Fraction
    also: tuple[str, ...]
    may_empty: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """What becomes of every column.

    Attributes:
        project: What pseudonyms and shifts hang on beside the key; empty where neither is used.
        columns: Rule by column.
        others: Rule of columns that are not named: `keep`, `drop`, or empty where that is refused.
        person: Column that says whose dates move together; empty without shifts.
        shift_days: Most days that dates move.
        goal: k to reach; None where nothing is searched for.
        told: The settings as they were read.
    """

    project: str
    columns: Mapping[str, Rule]
    others: str
    person: str
    shift_days: int
    goal: Goal | None
    told: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a settings file, TOML or (by its name) JSON; see `from_bytes`, and NotFound without one."""
        try:
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise NotFound(f"the settings {path} cannot be read: {error.strerror}") from error
        return cls.from_bytes(data, path.name)

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "settings.json") -> Self:
        """Reads settings; JSON where the name ends so, else TOML.

        Raises:
            InvalidInput: They cannot be read, or say something that is not known.
        """
        if len(data) > MOST_BYTES:
            raise InvalidInput(f"{name} is larger than {MOST_BYTES:,} bytes")
        try:
            told = canonical.loads(data) if name.lower().endswith(".json") else tomllib.loads(data.decode())
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{name} cannot be read: {error}", hint="mend it by hand") from error
        return cls.read(told)

    @classmethod
    def read(cls, told: Any) -> Self:
        """Reads settings from a table; see `from_bytes`."""
        rest = dict(_table(told, "the settings"))
        if rest.pop("version", None) != SETTINGS_VERSION:
            raise InvalidInput(
                "the settings do not name their version", hint=f"the first line is version = {SETTINGS_VERSION}"
            )
        project = _text(rest.pop("project", ""), "project")
        person = dict(_table(rest.pop("person", {}), "[person]"))
        column, days = _text(person.pop("column", ""), "[person] column"), person.pop("shift_days", 0)
        require_nothing_left(person, "[person]")
        others = rest.pop("others", "")
        if others not in ("", "keep", "drop"):
            raise InvalidInput("others says what becomes of columns without a rule", hint='"keep" or "drop"')
        goal = _goal(rest.pop("k", None))
        columns = {
            _text(name, "a column"): _rule(rule, f"columns.{name}", goal)
            for name, rule in _table(rest.pop("columns", {}), "[columns]").items()
        }
        require_nothing_left(rest, "the settings")
        settings = cls(project, columns, others, column, days, goal, dict(told))
        settings._require_whole()
        return settings

    def to_bytes(self) -> bytes:
        """Returns them as canonical JSON."""
        return canonical.dumps(dict(self.told))

    def to_record(self) -> dict[str, Any]:
        """Returns them as the log may have them: of values named in groups and lists only how many."""
        columns = {}
        for name, rule in self.told.get("columns", {}).items():
            shown = dict(without_names(rule))
            if "levels" in shown:
                shown["levels"] = [without_names(level) for level in shown["levels"]]
            columns[name] = shown
        return {**self.told, "columns": columns}

    def rule_of(self, column: str) -> Rule | None:
        """Returns a column's rule; None where it has none."""
        return self.columns.get(column, self.others or None)

    @property
    def needs_key(self) -> bool:
        """Whether anything depends on a secret."""
        return any(isinstance(rule, Pseudonym) or rule == "shift" for rule in self.columns.values())

    def _require_whole(self) -> None:
        """Refuses settings whose parts do not go together."""
        shifts = "shift" in self.columns.values()
        if type(self.shift_days) is not int or not 0 <= self.shift_days <= MOST_SHIFT_DAYS:
            raise InvalidInput("[person] shift_days is a number of days", hint=f"from 1 to {MOST_SHIFT_DAYS:,}")
        if shifts and not (self.person and self.shift_days):
            raise InvalidInput(
                "dates are to be shifted, and it is not said whose", hint="[person] has column and shift_days"
            )
        if self.needs_key and not self.project:
            raise InvalidInput(
                "pseudonyms and shifts hang on a project, and none is named",
                hint='project = "heart study": what is made under another name cannot be joined with it',
            )
        searched = [rule for rule in self.columns.values() if isinstance(rule, Generalise) and rule.level is None]
        if self.goal is not None:
            clash = [name for name in self.goal.also if self.rule_of(name) != "keep"]
            if clash:
                raise InvalidInput(f"[k] also names {clash[0]!r}, which is not kept", hint='its rule is "keep"')
            if not searched and not self.goal.also:
                raise InvalidInput("[k] has no column to generalise", hint='give some the rule "generalise"')
        if not self.columns and not self.others:
            raise InvalidInput("the settings have a rule for no column", hint="[columns] has one for each")


def _goal(told: Any) -> Goal | None:
    if told is None:
        return None
    rest = dict(_table(told, "[k]"))
    least, share, also = rest.pop("least", None), rest.pop("most_suppressed", 0), rest.pop("also", [])
    may_empty = rest.pop("allow_emptied", False)
    require_nothing_left(rest, "[k]")
    if type(least) is not int or not 2 <= least <= 1_000_000:
        raise InvalidInput("[k] least is the size that every group must have", hint="2 or more")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise InvalidInput("[k] most_suppressed is a share of the rows", hint="from 0 to 1, such as 0.02")
    if not isinstance(also, list) or not all(isinstance(name, str) for name in also):
        raise InvalidInput("[k] also is a list of columns")
    if type(may_empty) is not bool:
        raise InvalidInput("[k] allow_emptied says whether a column may become * throughout", hint="true or false")
    return Goal(least, Fraction(str(share)), tuple(also), may_empty)


def _rule(told: Any, where: str, goal: Goal | None) -> Rule:
    rest = dict(_table(told, where))
    name = rest.pop("rule", None)
    if name not in RULES:
        raise InvalidInput(f"{where}: {str(name)[:40]!r} is no rule", hint=f"known are {', '.join(RULES)}")
    if name == "pseudonym":
        found: Rule = Pseudonym(_text(rest.pop("of", "") or where.removeprefix("columns."), f"{where} of"))
    elif name == "mask":
        found = _mask(rest, where)
    elif name == "generalise":
        found = _generalise(rest, where, goal)
    elif name == "truncate":
        level = read_level(rest, where)
        if not isinstance(level, Prefix):
            raise InvalidInput(f"{where}: truncate keeps the first characters", hint="keep = 3")
        return Generalise((level,), 1)
    else:
        found = str(name)
    require_nothing_left(rest, where)
    return found


def _generalise(rest: dict[str, Any], where: str, goal: Goal | None) -> Generalise:
    levels, level = rest.pop("levels", None), rest.pop("level", None)
    if not isinstance(levels, list) or not 1 <= len(levels) <= MOST_LEVELS:
        raise InvalidInput(f"{where}: levels is a list, from fine to coarse", hint="levels = [{ width = 5 }]")
    read = tuple(read_level(each, f"{where}, level {number}") for number, each in enumerate(levels, 1))
    if level is None and goal is None:
        level = 1
    if level is not None and (type(level) is not int or not 1 <= level <= len(read)):
        raise InvalidInput(f"{where}: level is a number from 1 to {len(read)}")
    return Generalise(read, level)


def _mask(rest: dict[str, Any], where: str) -> Mask:
    from counterfoil.provenance.privacy.patterns import PATTERNS

    shown, within = _text(rest.pop("as", "***"), f"{where} as"), rest.pop("within", [])
    known = [each.name for each in PATTERNS]
    if not isinstance(within, list) or not all(name in known for name in within):
        raise InvalidInput(f"{where}: within lists what is masked", hint=f"known are {', '.join(known)}")
    return Mask(shown or "***", tuple(within))


def _table(told: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(told, Mapping) or not all(isinstance(name, str) for name in told):
        raise InvalidInput(f"{where} is no table", hint="docs/reference/deidentification.md says what settings hold")
    return told


def _text(told: Any, where: str) -> str:
    if not isinstance(told, str) or len(told) > _MOST_TEXT or not told.isprintable():
        raise InvalidInput(f"{where} is a text of at most {_MOST_TEXT} characters")
    return told

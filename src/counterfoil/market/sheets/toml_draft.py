"""What is offered as a TOML file that a person fills in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.market.sheets.checks import SheetChecks
from counterfoil.market.sheets.members import Members
from counterfoil.market.sheets.wares import CATEGORIES, KINDS, Wares

__all__ = ["MOST_DRAFT_BYTES", "draft_toml", "read_draft"]

MOST_DRAFT_BYTES: Final = 2**20
"""Largest file that is read."""

_TITLE: Final = """\
# What is offered. Fill in what is empty and drop what does not apply.
# ALL of it becomes public and cannot be taken back: name organisations and offices, not people."""

_NOTES: Final[Mapping[str, str]] = {
    "licence": "# What the buyer agrees to: its name and the SHA-256 of its text; an address is only for reading.",
    "content": "# What is delivered; leave it as it is.",
    "terms": "# Who may have it. Nobody may who is not named here.",
    "parameters": "# What the buyer fills in.",
    "compute": "# What may be computed, and what may leave.",
    "sample": "# Rows that everybody can see.",
    "profile": "# What the columns hold; every figure rests on leastGroup rows or more.",
    "quality": "# From the quality report; leave it as it is.",
    "passport": "# Of the file that is handed out with it.",
    "seller": "# Who sells.",
}
_WORDS: Final[Mapping[str, str]] = {
    "kind": f"   # what is bought, one of: {', '.join(KINDS)}",
    "category": f"   # one of: {', '.join(CATEGORIES)}",
    "tags": "   # words to find it by",
    "node": "   # the address below which this organisation's node answers",
}
_DROPPED: Final = ("licence", "seller", "content")
"""Tables of which empty members are dropped."""

_FIRST: Final = ("title", "description", "kind", "category", "tags", "node")
_TABLES: Final = (
    "seller",
    "licence",
    "content",
    "terms",
    "parameters",
    "compute",
    "quality",
    "passport",
    "sample",
    "profile",
)


def draft_toml(told: Mapping[str, Any]) -> str:
    """Returns a file to fill in, with a comment wherever one is needed.

    Args:
        told: What is known, as `Wares.to_json` has it; members may be missing or empty.
    """
    return "\n\n".join("\n".join(block) for block in _blocks(told)) + "\n"


def read_draft(
    data: bytes, checks: SheetChecks | None = None, known: Mapping[str, Mapping[str, str] | str] | None = None
) -> Wares:
    """Reads what somebody filled in; blanks at the ends of texts are dropped, and so is what is left empty.

    Args:
        data: The file.
        checks: Of terms, parameters and rules of computing.
        known: What the seller's home says where the file leaves it empty: texts, and tables of texts. With it the
            content may be left out, too, which is read when it is listed.

    Raises:
        InvalidInput: It is no TOML, or a member is missing, unknown or not usable; the message names it.
    """
    if len(data) > MOST_DRAFT_BYTES:
        raise InvalidInput(f"the draft has {len(data):,} bytes; {MOST_DRAFT_BYTES:,} is the limit")
    try:
        value = _tidied(tomllib.loads(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise InvalidInput("the draft is not text in UTF-8") from error
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the draft is no TOML: {str(error)[:200]}", hint="put texts in quotes") from error
    filled = _filled(value, known or {})
    told = Members({"terms": {}, "parameters": {}} | filled, whose="the draft")
    wares = Wares.read(told, checks or SheetChecks(), is_draft=known is not None)
    told.require_known()
    return wares


def _filled(value: dict[str, Any], known: Mapping[str, Mapping[str, str] | str]) -> dict[str, Any]:
    """Returns a draft with what is known in the places of what it lacks."""
    told = dict(value)
    for name, item in known.items():
        if isinstance(item, str):
            told.setdefault(name, item)
        elif isinstance(told.setdefault(name, {}), dict):
            told[name] = dict(item) | told[name]
    return told


def _tidied(value: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a draft without what was left empty, and with null where a row of the sample lacks a value."""
    told = {key: _plain(item) for key, item in value.items()}
    for key in _DROPPED:
        if isinstance(told.get(key), dict):
            told[key] = {name: item for name, item in told[key].items() if item != ""}
    sample = value.get("sample")
    if isinstance(sample, dict) and isinstance(sample.get("rows"), list):
        rows = [[cell or None for cell in row] if isinstance(row, list) else row for row in sample["rows"]]
        told["sample"] = sample | {"rows": rows}
    return {key: item for key, item in told.items() if item not in ("", [])}


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it: texts without blanks at their ends, days and moments as texts."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date | time):
        return value.isoformat()
    return value.strip() if isinstance(value, str) else value


def _blocks(told: Mapping[str, Any]) -> Iterator[list[str]]:
    first = dict.fromkeys(_FIRST, "") | {"tags": []} | {key: told[key] for key in _FIRST if key in told}
    yield [*_TITLE.split("\n"), "", *(_line(key, value) + _WORDS.get(key, "") for key, value in first.items())]
    always = {"licence": {"name": "", "sha256": "", "url": ""}, "seller": {"name": "", "origin": ""}, "terms": {}}
    for key in _TABLES:
        value = always.get(key, {}) | dict(told.get(key) or {})
        if key in always or told.get(key) is not None:
            yield [_NOTES[key], f"[{key}]", *(_line(name, item) for name, item in value.items())]


def _line(key: str, value: Any) -> str:
    return f"{_key(key)} = {_value(value)}"


def _key(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare else json.dumps(key, ensure_ascii=True)


def _value(value: Any) -> str:
    """Returns a value in TOML 1.0. JSON's texts are TOML's, but for DEL; a cell without a value is the empty text."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps("" if value is None else value, ensure_ascii=False).replace("\x7f", "\\u007f")

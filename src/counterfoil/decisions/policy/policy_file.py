"""Reading a policy from TOML or JSON, and writing it as JSON.

Strict on purpose: a misspelt key that is silently ignored is a rule that nobody
applies. Both forms go through one reader; they differ only in that TOML writes a
threshold as 0.62 and JSON as 620000 micro-units (`at_least_micro`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from counterfoil.core.strict_table import StrictTable
from counterfoil.decisions.policy.features import FEATURE_KINDS, LONGEST_TEXT_CHARS, Feature
from counterfoil.decisions.policy.policy import (
    MICRO,
    MOST_REASONS,
    Outcome,
    Policy,
    ReasonCode,
    ReasonMethod,
    ReasonSettings,
    round_to_micro,
)
from counterfoil.errors import InvalidInput, NotFound

__all__ = ["FORMAT", "MAX_FILE_BYTES", "read_document", "read_toml", "write_document"]

FORMAT: Final = "counterfoil-policy/1"
"""Name and version of the JSON form."""

MAX_FILE_BYTES: Final = 1024 * 1024
"""Largest policy file read."""

_MAX_SEED: Final = 2**32 - 1
_MAX_RETAIN_DAYS: Final = 36_525
_KEYS: Final = (
    *("name", "version", "author", "approved_by", "approved_on", "effective_from", "stream", "purpose"),
    *("retain_days", "score_of", "outcome", "features", "reasons", "reason"),
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_STREAM: Final = re.compile(r"decisions(/[a-z0-9][a-z0-9._-]{0,63}){1,4}")
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_-]{0,15}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


def read_toml(source: str | bytes | Path) -> Policy:
    """Reads a policy from a path, a text or its bytes. See `Policy.from_toml`."""
    text = _text_of(source)
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput(f"the policy is not valid TOML: {error}", hint="mend the place named") from error
    return _read(document, from_json=False)


def read_document(document: Mapping[str, Any]) -> Policy:
    """Reads the JSON form. See `Policy.from_json`."""
    if not isinstance(document, Mapping):
        raise InvalidInput(f"a policy is a JSON object, and this is a {type(document).__name__}")
    found = document.get("format")
    if found != FORMAT:
        raise InvalidInput(f"the policy has the format {str(found)[:60]!r}", hint=f"this version reads {FORMAT!r}")
    return _read({key: value for key, value in document.items() if key != "format"}, from_json=True)


def write_document(policy: Policy) -> dict[str, Any]:
    """Returns the JSON form: every setting written out, defaults included."""
    settings = policy.reason_settings
    return {
        "format": FORMAT,
        "name": policy.name,
        "version": policy.version,
        "author": policy.author,
        "approved_by": policy.approved_by,
        "approved_on": policy.approved_on.isoformat(),
        "effective_from": policy.effective_from.isoformat(),
        "stream": policy.stream,
        "purpose": policy.purpose,
        "retain_days": policy.retain_days,
        "score_of": policy.score_of,
        "outcome": [_write_outcome(outcome) for outcome in policy.outcomes],
        "features": {feature.name: _write_feature(feature) for feature in policy.features},
        "reasons": {
            "method": settings.method,
            "most": settings.most,
            "seed": settings.seed,
            "background": settings.background,
            "languages": list(settings.languages),
            "when_favourable": settings.when_favourable,
        },
        "reason": [
            {
                "code": reason.code,
                "features": list(reason.features),
                "text": dict(reason.text),
                "actionable": reason.actionable,
            }
            for reason in policy.reasons
        ],
    }


def _write_outcome(outcome: Outcome) -> dict[str, Any]:
    written: dict[str, Any] = {"label": outcome.label, "adverse": outcome.adverse}
    if outcome.at_least_micro is not None:
        written["at_least_micro"] = outcome.at_least_micro
    return written


def _write_feature(feature: Feature) -> dict[str, Any]:
    written: dict[str, Any] = {
        "kind": feature.kind,
        "title": feature.title,
        "required": feature.required,
        "protected": feature.protected,
    }
    if feature.kind in ("number", "integer"):
        limits = {"unit": feature.unit or None, "min": feature.minimum, "max": feature.maximum}
        written |= {key: value for key, value in limits.items() if value is not None}
    elif feature.kind == "category":
        written["categories"] = list(feature.categories)
    elif feature.kind == "text":
        written["max_chars"] = feature.max_chars
    return written


def _text_of(source: str | bytes | Path) -> str:
    if isinstance(source, str) and "\n" not in source and source.strip().endswith(".toml"):
        source = Path(source.strip())
    if isinstance(source, Path):
        source = _read_file(source)
    if not isinstance(source, str | bytes):
        raise InvalidInput(f"a policy is a path or a text, and this is a {type(source).__name__}")
    if len(source) > MAX_FILE_BYTES:
        raise InvalidInput(f"the policy is larger than {MAX_FILE_BYTES} bytes", hint="is this the right file?")
    if isinstance(source, str):
        return source
    try:
        return source.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the policy is not UTF-8 text (byte {error.start})", hint="save it as UTF-8") from error


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(f"there is no policy file {path}", hint="check the path") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"the policy file {path} cannot be read: {error}") from error


def _read(document: Mapping[str, Any], *, from_json: bool) -> Policy:
    table = StrictTable(document, "the policy")
    table.require_known(_KEYS)
    name = table.text("name", pattern=_NAME, like="credit or credit-cards")
    features = table.table("features")
    policy = dict(
        name=name,
        version=table.text("version"),
        author=table.text("author", may_be_blank=True),
        approved_by=table.text("approved_by", may_be_blank=True, default=""),
        approved_on=table.day("approved_on"),
        effective_from=table.day("effective_from"),
        stream=table.text("stream", default=f"decisions/{name}", pattern=_STREAM, like="decisions/credit"),
        purpose=table.text("purpose"),
        retain_days=table.whole("retain_days", 0, _MAX_RETAIN_DAYS, default=0),
        score_of=table.text("score_of"),
        outcomes=tuple(_read_outcome(each, from_json) for each in table.tables("outcome", "outcome")),
        features=tuple(_read_feature(features.table(each), each) for each in features.take_keys()),
        reason_settings=_read_settings(table.table("reasons", default={})),
        reasons=tuple(_read_reason(each) for each in table.tables("reason", "reason", default=[])),
    )
    table.require_empty()
    return Policy(**policy)


def _read_outcome(table: StrictTable, from_json: bool) -> Outcome:
    label = table.text("label")
    threshold = table.whole("at_least_micro", 1, MICRO, default=None) if from_json else _threshold(table)
    outcome = Outcome(label, threshold, table.flag("adverse", default=False))
    table.require_empty()
    return outcome


def _threshold(table: StrictTable) -> int | None:
    value = table.number("at_least", default=None)
    if value is None:
        return None
    if not 0 < value <= 1:
        raise InvalidInput(f"at_least in {table.place} is {value}, and a number above 0 and up to 1 is expected")
    micro = round_to_micro(value)
    if abs(micro / MICRO - value) > 1e-12:  # rounding would move the line that was approved
        raise InvalidInput(
            f"at_least in {table.place} is {value}, which is finer than a millionth",
            hint="give at most six digits after the point",
        )
    return micro


def _read_feature(table: StrictTable, name: str) -> Feature:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise InvalidInput(f"{name[:60]!r} cannot name a feature", hint="use a short printable name")
    kind = table.choice("kind", FEATURE_KINDS)
    is_number = kind in ("number", "integer")
    feature = Feature(
        name=name,
        kind=kind,
        title=table.text("title", default=name.replace("_", " ")),
        unit=table.text("unit", default="", may_be_blank=True) if is_number else "",
        minimum=_limit(table, "min", kind) if is_number else None,
        maximum=_limit(table, "max", kind) if is_number else None,
        categories=tuple(table.texts("categories")) if kind == "category" else (),
        max_chars=table.whole("max_chars", 1, 100_000, default=LONGEST_TEXT_CHARS)
        if kind == "text"
        else LONGEST_TEXT_CHARS,
        required=table.flag("required", default=True),
        protected=table.flag("protected", default=False),
    )
    table.require_empty(f"a {kind} takes no such setting")
    return feature


def _limit(table: StrictTable, key: str, kind: str) -> int | float | None:
    value: int | float | None = table.number(key, default=None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if kind == "integer" and isinstance(value, float):
        raise InvalidInput(f"{key} in {table.place} is {value}, and a whole number is expected")
    return value


def _read_settings(table: StrictTable) -> ReasonSettings:
    settings = ReasonSettings(
        method=table.choice("method", get_args(ReasonMethod), default="auto"),
        most=table.whole("most", 1, MOST_REASONS, default=MOST_REASONS),
        seed=table.whole("seed", 0, _MAX_SEED, default=0),
        background=table.text("background", default="training-mean"),
        languages=tuple(table.texts("languages", default=["en"], pattern=_LANGUAGE, like="en or de-AT")),
        when_favourable=table.flag("when_favourable", default=False),
    )
    table.require_empty()
    return settings


def _read_reason(table: StrictTable) -> ReasonCode:
    code = table.text("code", pattern=_CODE, like="R01")
    features = tuple(table.texts("features"))
    words = table.table("text")
    text = {language: words.text(language) for language in sorted(words.take_keys())}
    reason = ReasonCode(code, features, text, table.flag("actionable", default=False))
    table.require_empty()
    return reason

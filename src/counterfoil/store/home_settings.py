"""What counterfoil.toml says, read strictly: a misspelt setting is refused, not ignored."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Final, Self

from counterfoil.errors import HomeDamaged, InvalidInput, NotSetUp

__all__ = ["CONFIG_FILE", "DEFAULT_EPOCH_S", "HOME_FORMAT", "HomeSettings", "require_origin"]

CONFIG_FILE: Final = "counterfoil.toml"

HOME_FORMAT: Final = 1
"""Version of a home's layout; `counterfoil migrate` brings an older home here."""

DEFAULT_EPOCH_S: Final = 3_600
"""How often a log says how many records each stream has."""

_MAX_EPOCH_S: Final = 366 * 86_400
_MAX_TEXT: Final = 200
_ORIGIN: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::[1-9][0-9]{0,4})?"
    r"(?:/[a-z0-9][a-z0-9._~-]*)*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSettings:
    """The settings of a home.

    Attributes:
        name: Legal name of the organisation.
        origin: The log's name: a web origin without scheme, `bank.example/credit`.
        key_file: Path of the key file, relative to the home; empty when none is named.
        epoch_s: Seconds between two counts of the streams.
        spool_dir: Folder for decisions that wait for the log, relative to the home.
    """

    name: str
    origin: str
    key_file: str = ""
    epoch_s: int = DEFAULT_EPOCH_S
    spool_dir: str = "spool"

    def __post_init__(self) -> None:
        require_origin(self.origin)
        if not self.name.strip():
            raise InvalidInput("name is empty", hint="give the organisation's legal name")
        for setting, text in (("name", self.name), ("key_file", self.key_file), ("spool_dir", self.spool_dir)):
            if len(text) > _MAX_TEXT or not text.isprintable():
                raise InvalidInput(
                    f"{setting} has control characters, or is longer than {_MAX_TEXT}", hint="use plain text"
                )
        if not self.spool_dir:
            raise InvalidInput("spool_dir is empty", hint='write spool_dir = "spool"')
        if not 1 <= self.epoch_s <= _MAX_EPOCH_S:
            raise InvalidInput(f"epoch_s is {self.epoch_s}", hint=f"between 1 and {_MAX_EPOCH_S} seconds")

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Reads counterfoil.toml.

        Raises:
            NotSetUp: Written by a newer or an older Counterfoil.
            HomeDamaged: Not TOML, an unknown or missing setting, or a value that cannot be used.
        """
        try:
            table = tomllib.loads(data.decode())
        except ValueError as error:
            raise HomeDamaged(f"{CONFIG_FILE} cannot be read: {error}", hint="mend it by hand") from error
        _require_format(table.pop("format", None))
        _require_known(table, cls)
        try:
            return cls(**table)
        except InvalidInput as error:
            raise HomeDamaged(f"{CONFIG_FILE}: {error.message}", hint=error.hint) from error

    def to_toml(self) -> str:
        """Returns the text of counterfoil.toml; settings left at their default are left out."""
        lines = ["# Counterfoil's settings of this home; docs/guides/keys.md says what key_file is.", "format = 1"]
        for setting in fields(self):
            value = getattr(self, setting.name)
            if value != setting.default:
                # JSON's escapes of printable text are TOML's.
                lines.append(f"{setting.name} = {json.dumps(value, ensure_ascii=False)}")
        return "\n".join(lines) + "\n"


def require_origin(origin: str) -> None:
    """Refuses what cannot name a log.

    Raises:
        InvalidInput: With a scheme, upper case, spaces, a plus sign, or another shape than host[:port][/path].
    """
    if not _ORIGIN.fullmatch(origin) or len(origin) > _MAX_TEXT:
        hint = "lower case, without spaces and plus signs, like bank.example/credit"
        if "://" in origin:
            hint = f"leave the scheme out: {origin.partition('://')[2][:_MAX_TEXT]}"
        raise InvalidInput(f"{origin[:_MAX_TEXT]!r} cannot name a log", hint=hint)


def _require_format(version: Any) -> None:
    if type(version) is not int:
        raise HomeDamaged(f"{CONFIG_FILE} does not name its format", hint=f"the first line is format = {HOME_FORMAT}")
    if version > HOME_FORMAT:
        raise NotSetUp(
            f"this home was written by a newer Counterfoil (format {version}, this one reads {HOME_FORMAT})",
            hint="install the newer version",
        )
    if version < HOME_FORMAT:
        raise NotSetUp(
            f"this home was written by an older Counterfoil (format {version}, this one reads {HOME_FORMAT})",
            hint="run `counterfoil migrate`",
        )


def _require_known(table: dict[str, Any], settings: type[HomeSettings]) -> None:
    kinds = {setting.name: int if setting.type == "int" else str for setting in fields(settings)}
    for name, value in table.items():
        if name not in kinds:
            close = get_close_matches(name, kinds, n=1)
            raise HomeDamaged(
                f"{CONFIG_FILE} has an unknown setting: {name}",
                hint=f"did you mean {close[0]}?" if close else f"known are format, {', '.join(kinds)}",
            )
        if type(value) is not kinds[name]:
            what = "a whole number" if kinds[name] is int else "text in quotes"
            raise HomeDamaged(f"{CONFIG_FILE}: {name} must be {what}", hint="mend it by hand")
    for name in ("name", "origin"):
        if name not in table:
            raise HomeDamaged(f"{CONFIG_FILE} lacks the setting {name}", hint="mend it by hand")

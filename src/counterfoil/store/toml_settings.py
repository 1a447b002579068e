"""Settings in a TOML file, read strictly: a misspelt setting is refused, not ignored.

A settings class is a frozen dataclass whose fields are whole numbers, texts, yes or no, or
tuples of texts; fields without a default must be in the file.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from counterfoil.errors import HomeDamaged, InvalidInput, NotSetUp

__all__ = ["parse_settings", "settings_toml"]

S = TypeVar("S")

_KINDS: Final[dict[str, tuple[type, str]]] = {
    "int": (int, "a whole number"),
    "bool": (bool, "true or false"),
    "str": (str, "text in quotes"),
    "tuple[str, ...]": (list, "a list of texts"),
}


def parse_settings(kind: type[S], data: bytes, file: str, version: int) -> S:
    """Reads a settings file.

    Args:
        kind: The settings class.
        data: The file's bytes.
        file: Its name, for errors.
        version: The format this program writes and reads.

    Raises:
        NotSetUp: Written by a newer or an older Counterfoil.
        HomeDamaged: Not TOML, an unknown or missing setting, or a value that cannot be used.
    """
    try:
        table = tomllib.loads(data.decode())
    except ValueError as error:
        hint = 'mend it by hand; a text stands in quotes: name = "text"'
        raise HomeDamaged(f"{file} cannot be read: {error}", hint=hint) from error
    _require_format(table.pop("format", None), file, version)
    _require_known(table, kind, file)
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()})
    except InvalidInput as error:
        raise HomeDamaged(f"{file}: {error.message}", hint=error.hint) from error


def settings_toml(settings: Any, heading: str, version: int) -> str:
    """Returns the text of a settings file; settings left at their default are left out."""
    lines = [f"# {heading}", f"format = {version}"]
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if value != setting.default:
            shown = list(value) if isinstance(value, tuple) else value
            # JSON's escapes of printable text are TOML's, and so are its lists of texts.
            lines.append(f"{setting.name} = {json.dumps(shown, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _require_format(version: Any, file: str, wanted: int) -> None:
    if type(version) is not int:
        raise HomeDamaged(f"{file} does not name its format", hint=f"the first line is format = {wanted}")
    if version > wanted:
        raise NotSetUp(
            f"this home was written by a newer Counterfoil (format {version}, this one reads {wanted})",
            hint="install the newer version",
        )
    if version < wanted:
        raise NotSetUp(
            f"this home was written by an older Counterfoil (format {version}, this one reads {wanted})",
            hint="run `counterfoil migrate`",
        )


def _require_known(table: dict[str, Any], settings: type[Any], file: str) -> None:
    known = {setting.name: setting for setting in fields(settings)}
    for name, value in table.items():
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise HomeDamaged(
                f"{file} has an unknown setting: {name}",
                hint=f"did you mean {close[0]}?" if close else f"known are format, {', '.join(known)}",
            )
        kind, what = _KINDS[str(known[name].type)]
        if type(value) is not kind or (isinstance(value, list) and not all(type(item) is str for item in value)):
            raise HomeDamaged(f"{file}: {name} must be {what}", hint="mend it by hand")
    for name, setting in known.items():
        if name not in table and setting.default is MISSING:
            raise HomeDamaged(f"{file} lacks the setting {name}", hint="mend it by hand")

"""The cosignatures that a home has been given for its own heads, in one small file.

    {"format":1,
     "acknowledged":{"<vkey>":<size>, ..},     what each witness has signed last
     "enough":"<signed head>" or null,         the newest head that a quorum has signed
     "newest":"<signed head>" or null}         the newest head that anybody has signed

The heads are whole notes, with the log's own lines and the witnesses'.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from counterfoil.core import canonical
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.errors import CounterfoilError, HomeDamaged, LogUnavailable
from counterfoil.store.durable import replace_file

__all__ = ["Cosignatures"]

_FORMAT: Final = 1
_AGAIN: Final = "move it away: the witnesses are asked again, and older cosignatures stand in files handed out"


@dataclass(frozen=True, slots=True)
class Cosignatures:
    """What witnesses have signed of this home's log.

    Attributes:
        acknowledged: Size of the newest head each witness is known to have signed, by its vkey.
        enough: The newest head that a quorum has signed, as text; None before the first.
        newest: The newest head that any witness has signed, as text; None before the first.
    """

    acknowledged: dict[str, int] = field(default_factory=dict)
    enough: str | None = None
    newest: str | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads the file; an empty state when there is none.

        Raises:
            HomeDamaged: It holds something else.
        """
        try:
            value = canonical.loads(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, CounterfoilError) as error:
            raise HomeDamaged(f"{path.name} cannot be read: {error}", hint=_AGAIN) from error
        if not isinstance(value, dict) or not _has_shape(value):
            raise HomeDamaged(f"{path.name} does not hold cosignatures", hint=_AGAIN)
        return cls(dict(value["acknowledged"]), value["enough"], value["newest"])

    def save(self, path: Path) -> None:
        """Writes the file, durably.

        Raises:
            LogUnavailable: The disk refuses; the old file is in place.
        """
        value = {
            "acknowledged": self.acknowledged,
            "enough": self.enough,
            "format": _FORMAT,
            "newest": self.newest,
        }
        try:
            replace_file(path, canonical.dumps(value) + b"\n", mode=0o644)
        except OSError as error:
            raise LogUnavailable(f"{path.name} could not be saved: {error.strerror or error}") from error

    def acknowledging(self, vkey: str, size: int) -> Self:
        """Returns this with the newest head that one witness is known to have signed."""
        return replace(self, acknowledged=self.acknowledged | {vkey: size})


def _has_shape(value: dict[str, Any]) -> bool:
    if value.keys() != {"acknowledged", "enough", "format", "newest"} or value["format"] != _FORMAT:
        return False
    known = value["acknowledged"]
    if not isinstance(known, dict) or not all(type(size) is int and 0 <= size < 2**53 for size in known.values()):
        return False
    return all(note is None or _is_head(note) for note in (value["enough"], value["newest"]))


def _is_head(note: Any) -> bool:
    try:
        SignedCheckpoint.parse(note)
    except (CounterfoilError, AttributeError, TypeError):
        return False
    return True

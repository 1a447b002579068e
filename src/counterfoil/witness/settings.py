"""What witness/witness.toml says: whose logs this home watches, and how it has its own watched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from counterfoil.core.note import ED25519, VerifierKey
from counterfoil.errors import InvalidInput, LogUnavailable, MalformedEvidence, NotSetUp
from counterfoil.store.durable import replace_file
from counterfoil.store.toml_settings import parse_settings, settings_toml

__all__ = ["WHERE", "WitnessPaths", "WitnessSettings"]

_FILE: Final = "witness.toml"
_FORMAT: Final = 1
_HEADING: Final = "Whose logs this home watches; docs/guides/witnesses.md explains every setting."
_MAX_LOGS: Final = 10_000

WHERE: Final = "the log's key is in the file issuer.vkey of the other home, which its console shows at Witnesses, too"
"""Where the key of a log is found."""


@dataclass(frozen=True, slots=True)
class WitnessPaths:
    """Where a home keeps what belongs to witnesses.

    Attributes:
        folder: The folder; missing until it is needed.
    """

    folder: Path

    @property
    def settings(self) -> Path:
        """The settings."""
        return self.folder / _FILE

    @property
    def policy(self) -> Path:
        """Whom to ask, and how many are enough; the same file goes to checkers."""
        return self.folder / "witness.policy"

    @property
    def witnessed(self) -> Path:
        """The newest head of each log that this home has signed as a witness."""
        return self.folder / "witnessed.db"

    @property
    def cosignatures(self) -> Path:
        """What witnesses have signed of this home's log."""
        return self.folder / "cosignatures.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSettings:
    """The settings.

    Attributes:
        logs: Public keys of the logs whose heads this home signs as a witness.
        collect_records: So many new records have the witnesses asked at once.
        collect_age_s: A new record is shown to the witnesses within so many seconds.
        timeout_s: Longest that one witness may take to answer.
    """

    logs: tuple[str, ...] = ()
    collect_records: int = 1_000
    collect_age_s: int = 60
    timeout_s: int = 10

    def __post_init__(self) -> None:
        if len(self.logs) > _MAX_LOGS:
            raise InvalidInput(f"logs has more than {_MAX_LOGS:,} keys")
        for vkey in self.logs:
            log_key(vkey)
        for name, most in (("collect_records", 10**9), ("collect_age_s", 31_536_000), ("timeout_s", 600)):
            if not 1 <= getattr(self, name) <= most:
                raise InvalidInput(f"{name} is {getattr(self, name)}", hint=f"between 1 and {most:,}")

    @property
    def keys(self) -> dict[str, tuple[VerifierKey, ...]]:
        """The keys by the log they are of."""
        found: dict[str, tuple[VerifierKey, ...]] = {}
        for key in map(log_key, self.logs):
            found[key.name] = (*found.get(key.name, ()), key)
        return found

    @classmethod
    def load(cls, paths: WitnessPaths) -> Self:
        """Reads the settings; the defaults when there are none.

        Raises:
            HomeDamaged: Not TOML, an unknown setting, or a value that cannot be used.
            NotSetUp: Written by another version, or the disk refuses.
        """
        try:
            return parse_settings(cls, paths.settings.read_bytes(), _FILE, _FORMAT)
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise NotSetUp(f"{paths.settings} cannot be read: {error.strerror}") from error

    def save(self, paths: WitnessPaths) -> None:
        """Writes the settings, durably (LogUnavailable)."""
        save_text(paths.settings, settings_toml(self, _HEADING, _FORMAT))


def log_key(vkey: str) -> VerifierKey:
    """Reads a log's public key.

    Raises:
        InvalidInput: It is not one.
    """
    try:
        key = VerifierKey.parse(vkey)
    except MalformedEvidence as error:
        raise InvalidInput("that is not the public key of a log", hint=f"copy all of it: {WHERE}") from error
    if key.kind != ED25519:
        raise InvalidInput("that is the key of a witness, not of a log", hint=WHERE)
    return key


def save_text(path: Path, text: str) -> None:
    """Writes a file of the folder, making that first (LogUnavailable)."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        replace_file(path, text.encode(), mode=0o644)
    except OSError as error:
        raise LogUnavailable(f"{path.name} could not be saved: {error.strerror or error}") from error

"""The log's own note of what is safely on disk: `state.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from counterfoil.core import canonical
from counterfoil.core.canonical import JsonValue
from counterfoil.core.merkle import EMPTY_ROOT, HASH_SIZE_BYTES
from counterfoil.errors import CounterfoilError, HomeDamaged
from counterfoil.store.durable import replace_file

__all__ = ["STATE_FILE", "STATE_VERSION", "LogState"]

STATE_FILE = "state.json"
STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class LogState:
    """What was durable, hash files included, when the state was last saved.

    Attributes:
        size: Number of entries covered.
        root: Root over those entries, 32 bytes.
        segment_bytes: Bytes of each segment up to `size`, the unfinished last one
            included (0 when it has not been started).
        extra: What the log's caller wants back, as of `size`.
    """

    size: int = 0
    root: bytes = EMPTY_ROOT
    segment_bytes: tuple[int, ...] = (0,)
    extra: JsonValue = None

    @classmethod
    def load(cls, folder: Path) -> LogState:
        """Reads `folder`/state.json.

        Raises:
            HomeDamaged: When it is missing or does not say what it must.
        """
        path = folder / STATE_FILE
        try:
            return cls._from_json(canonical.loads(path.read_bytes()))
        except (OSError, CounterfoilError, KeyError, TypeError, ValueError) as error:
            raise HomeDamaged(
                f"the log's state cannot be read from {path}: {error}",
                hint="run `counterfoil rebuild`, or restore the file from a backup",
            ) from error

    def save(self, folder: Path) -> None:
        """Replaces `folder`/state.json (OSError when the disk refuses)."""
        replace_file(
            folder / STATE_FILE,
            canonical.dumps(
                {
                    "version": STATE_VERSION,
                    "size": self.size,
                    "root": self.root.hex(),
                    "segment_bytes": list(self.segment_bytes),
                    "extra": self.extra,
                }
            ),
        )

    @classmethod
    def _from_json(cls, value: JsonValue) -> LogState:
        if not isinstance(value, dict) or value["version"] != STATE_VERSION:
            raise ValueError(f"expected an object of version {STATE_VERSION}")
        size, lengths = value["size"], value["segment_bytes"]
        if not all(type(number) is int and number >= 0 for number in [size, *lengths]):
            raise ValueError("sizes are whole numbers")
        root = bytes.fromhex(value["root"])
        if len(root) != HASH_SIZE_BYTES:
            raise ValueError(f"the root has {HASH_SIZE_BYTES} bytes")
        return cls(size, root, tuple(lengths), value["extra"])

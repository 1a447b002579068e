"""When a log's head is due on the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.core.wording import counted
from counterfoil.store.archive import Archive
from counterfoil.store.streams import parse_time

__all__ = ["AnchorPolicy", "has_news"]


@dataclass(frozen=True, slots=True)
class AnchorPolicy:
    """When a head is due on the ledger.

    Attributes:
        records: So many new records make it due.
        age_s: So old a new record makes it due.
    """

    records: int = 10_000
    age_s: int = 3_600

    def due(self, archive: Archive, ledger_size: int, now_s: float) -> str:
        """Returns why an anchor is due, in words; empty when none is.

        Args:
            archive: Reads the log.
            ledger_size: Number of records under the head on the ledger.
            now_s: Unix seconds.
        """
        new = archive.size - ledger_size
        if new <= 0 or not has_news(archive, ledger_size):
            return ""
        if new >= self.records:
            return f"{counted(new, 'new record')}, and {self.records:,} make one due"
        age_s = int(now_s) - parse_time(archive.record(ledger_size).time)
        if age_s >= self.age_s:
            return f"a record has waited for {age_s:,} seconds, and {self.age_s:,} make one due"
        return ""


def has_news(archive: Archive, ledger_size: int) -> bool:
    """Whether the log has gained more than counts of its streams, which every anchor and bundle add.

    Without this an idle log would be anchored, and paid for, whenever somebody looked.
    """
    return any(archive.record(index).kind != "epoch" for index in range(ledger_size, archive.size))

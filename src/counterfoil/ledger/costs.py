"""What anchoring costs in a month: on the embedded ledger, a rollup (L2) and Ethereum itself (L1).

The cost depends on how often a head is anchored, not on how many records stand behind
it. Prices are assumptions that the caller may replace; gas is what the contract uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterfoil.errors import InvalidInput

__all__ = ["ANCHOR_GAS", "Assumptions", "MonthlyCost", "anchors_per_month", "monthly_costs"]

ANCHOR_GAS: Final = 57_000
"""Gas of one anchor of a log with a million records, rounded up; docs/reference/gas.json has the exact figure."""

TRANSACTION_BYTES: Final = 980
"""Bytes of such a transaction, with a proof of 21 hashes."""

BLOB_BYTES: Final = 126_976
"""Bytes of a rollup's data that one blob holds (EIP-4844: 4,096 words of 31 bytes)."""

BLOB_GAS: Final = 131_072
EMBEDDED_BYTES: Final = 4_000
SECONDS_PER_MONTH: Final = 30 * 86_400
_GWEI_PER_COIN: Final = 10**9


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Prices: not measured, and different every day. Each pair is a quiet and a busy time.

    Attributes:
        coin_usd: Price of one coin (ETH).
        l1_gwei: Price of a unit of gas on Ethereum.
        l2_gwei: Price of a unit of gas on a rollup.
        blob_gwei: Price of a unit of the gas in which rollups pay for their data.
    """

    coin_usd: float = 3_000.0
    l1_gwei: tuple[float, float] = (1.0, 10.0)
    l2_gwei: tuple[float, float] = (0.001, 0.01)
    blob_gwei: tuple[float, float] = (1.0, 10.0)

    def __post_init__(self) -> None:
        if min(self.coin_usd, *self.l1_gwei, *self.l2_gwei, *self.blob_gwei) < 0:
            raise InvalidInput("a price is below zero")


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """What one kind of ledger costs in 30 days.

    Attributes:
        ledger: `embedded`, `rollup` or `ethereum`.
        low_usd: In a quiet month.
        high_usd: In a busy month.
        disk_bytes: What it takes on your own disk.
        proves: To whom its history proves something.
    """

    ledger: str
    low_usd: float
    high_usd: float
    disk_bytes: int
    proves: str

    def per_record_usd(self, records: int) -> tuple[float, float]:
        """Returns the cost of each of a month's records, quiet and busy."""
        return self.low_usd / max(records, 1), self.high_usd / max(records, 1)


def anchors_per_month(records_per_day: float, interval_s: int) -> int:
    """Returns how many anchors 30 days take: one an interval, and none for intervals without a record.

    Raises:
        InvalidInput: For a negative volume or an interval below a second.
    """
    if not 0 <= records_per_day < 1e15 or interval_s < 1:
        raise InvalidInput("a volume is at least 0, an interval at least 1 second")
    return int(min(SECONDS_PER_MONTH / interval_s, records_per_day * 30))


def monthly_costs(records_per_day: float, interval_s: int, assumed: Assumptions) -> tuple[MonthlyCost, ...]:
    """Returns the cost on each kind of ledger.

    Args:
        records_per_day: Records in the log.
        interval_s: Seconds between two anchors.
        assumed: Prices.
    """
    count = anchors_per_month(records_per_day, interval_s)

    def usd(gwei: float) -> float:
        return count * gwei / _GWEI_PER_COIN * assumed.coin_usd

    blob_gas = TRANSACTION_BYTES * BLOB_GAS / BLOB_BYTES
    rollup = [
        usd(ANCHOR_GAS * gas + blob_gas * blob) for gas, blob in zip(assumed.l2_gwei, assumed.blob_gwei, strict=True)
    ]
    ethereum = [usd(ANCHOR_GAS * gas) for gas in assumed.l1_gwei]
    yourself = "nobody but those who run it"
    return (
        MonthlyCost("embedded", 0.0, 0.0, count * EMBEDDED_BYTES, yourself),
        MonthlyCost("rollup", rollup[0], rollup[1], 0, "everybody who trusts the rollup"),
        MonthlyCost("ethereum", ethereum[0], ethereum[1], 0, "everybody"),
    )

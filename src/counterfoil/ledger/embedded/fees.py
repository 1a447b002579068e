"""What transactions paid of late: eth_feeHistory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from counterfoil.ledger.embedded.block import BLOCK_GAS_LIMIT, next_base_fee_wei
from counterfoil.ledger.embedded.mined import FullBlock
from counterfoil.ledger.embedded.parameters import INVALID_PARAMS, invalid
from counterfoil.ledger.embedded.view import View
from counterfoil.ledger.rpc.hexadecimal import quantity
from counterfoil.ledger.rpc.rpc import RpcError

__all__ = ["MAX_FEE_BLOCKS", "fee_history"]

MAX_FEE_BLOCKS: Final = 1_024
"""Most blocks that one answer covers."""

MAX_SHARES: Final = 100
"""Most percentiles that one call may ask for."""


def fee_history(view: View, count: int, last: int, shares: Any) -> dict[str, Any]:
    """Returns base fees, how full blocks were, and tips by percentile of gas, oldest block first.

    Args:
        view: The ledger.
        count: Of how many blocks; at most 1,024 are answered.
        last: Height of the last.
        shares: Percentiles, rising, or None.

    Raises:
        RpcError: The percentiles cannot be used.
    """
    percentiles = _percentiles(shares)
    first = max(0, last + 1 - min(count, MAX_FEE_BLOCKS))
    if count < 1:
        return {"oldestBlock": "0x0", "baseFeePerGas": [], "gasUsedRatio": [], "reward": []}
    headers = [view.block(number).header for number in range(first, last + 1)]
    next_wei = next_base_fee_wei(headers[-1])
    answer: dict[str, Any] = {
        "oldestBlock": quantity(first),
        "baseFeePerGas": [quantity(wei) for wei in (*(header.base_fee_wei for header in headers), next_wei)],
        "gasUsedRatio": [header.gas_used / BLOCK_GAS_LIMIT for header in headers],
        "baseFeePerBlobGas": ["0x1"] * (len(headers) + 1),
        "blobGasUsedRatio": [0.0] * len(headers),
    }
    if percentiles:
        answer["reward"] = [_tips(view.full_block(header.number), percentiles) for header in headers]
    return answer


def _tips(full: FullBlock, percentiles: Sequence[float]) -> list[str]:
    """Returns the tip that was paid at each percentile of the block's gas."""
    base = full.block.header.base_fee_wei
    paid = sorted((each.transaction.tip_wei(base), each.gas_used) for each in full.mined)
    tips, place, gas = [], 0, paid[0][1] if paid else 0
    for share in percentiles:
        while place + 1 < len(paid) and gas < full.block.header.gas_used * share / 100:
            place += 1
            gas += paid[place][1]
        tips.append(quantity(paid[place][0] if paid else 0))
    return tips


def _percentiles(shares: Any) -> list[float]:
    if shares is None:
        return []
    if not isinstance(shares, list) or not all(type(share) in (int, float) and 0 <= share <= 100 for share in shares):
        raise invalid(shares, "reward percentiles", "numbers from 0 to 100")
    if len(shares) > MAX_SHARES or shares != sorted(shares):
        raise RpcError(INVALID_PARAMS, f"reward percentiles must rise, and be at most {MAX_SHARES}")
    return [float(share) for share in shares]

"""The money of an embedded ledger: worth nothing elsewhere, needed here because fees are real.

Whoever makes the ledger holds its treasury, and gives every account that joins enough to
go on for ever. Its secret lies beside the ledger, readable by its owner only.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from counterfoil.errors import HomeDamaged, LogUnavailable
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.store.durable import replace_file

if TYPE_CHECKING:
    from counterfoil.ledger.embedded.ledger import EmbeddedLedger
    from counterfoil.ledger.rpc.chain import Chain

__all__ = ["GIFT_WEI", "create_ledger", "fund"]

GIFT_WEI: Final = 10**24
"""What each account is given."""

TREASURY_WEI: Final = 10**36
TRANSFER_GAS: Final = 21_000
_FILE: Final = "treasury.key"


def create_ledger(
    folder: Path,
    accounts: Sequence[bytes] = (),
    *,
    chain_id: int | None = None,
    now: Callable[[], float] = clock.time,
) -> EmbeddedLedger:
    """Makes an embedded ledger with a treasury, and gives `accounts` (20 bytes each) funds in its first block.

    Raises:
        InvalidInput: There is a ledger in the folder already.
        LogUnavailable: The disk refuses.
    """
    from counterfoil.ledger.embedded.ledger import EmbeddedLedger

    treasury = LocalAccount.create()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    funded = {treasury.address: TREASURY_WEI} | dict.fromkeys(accounts, GIFT_WEI)
    made = EmbeddedLedger.create(folder, chain_id=chain_id, funded=funded, now=now)
    try:
        replace_file(folder / _FILE, treasury.secret.hex().encode() + b"\n", mode=0o600)
    except OSError as error:
        made.close()
        raise LogUnavailable(f"{_FILE} could not be saved: {error.strerror or error}") from error
    return made


def fund(folder: Path, chain: Chain, accounts: Sequence[bytes]) -> list[bytes]:
    """Gives accounts that hold less than half a gift another one; returns those it gave one.

    Args:
        folder: The ledger's folder.
        chain: The way to it.
        accounts: 20 bytes each.

    Raises:
        HomeDamaged: The treasury's secret is gone.
    """
    treasury = _treasury(folder)
    poor = [account for account in accounts if chain.balance_wei(account) < GIFT_WEI // 2]
    first = chain.nonce(treasury.address)
    fees = chain.offered()
    raws = [
        treasury.sign(
            Transaction(chain.chain_id, first + place, account, b"", TRANSFER_GAS, fees.max_wei, fees.tip_wei, GIFT_WEI)
        ).raw
        for place, account in enumerate(poor)
    ]
    if raws:
        refused = next((error for error in chain.send_raw(raws) if error is not None), None)
        if refused is not None:
            raise HomeDamaged(f"the treasury could not give: {refused.message}")
    return poor


def _treasury(folder: Path) -> LocalAccount:
    try:
        return LocalAccount(bytes.fromhex((folder / _FILE).read_text(encoding="ascii")))
    except (OSError, ValueError) as error:
        raise HomeDamaged(f"{_FILE} of this ledger cannot be read", hint="restore it from a backup") from error

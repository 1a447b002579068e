"""The money of an embedded ledger: worth nothing elsewhere, needed here because fees are real.

Whoever makes the ledger holds its treasury, and gives every account that joins enough to
go on for ever. Its secret lies beside the ledger, readable by its owner only.
"""

from __future__ import annotations

import shutil
import time as clock
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.store.durable import replace_file, sync_folder

if TYPE_CHECKING:
    from counterfoil.ledger.embedded.ledger import EmbeddedLedger
    from counterfoil.ledger.rpc.chain import Chain

__all__ = ["GIFT_WEI", "create_ledger", "fund", "is_ledger"]

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

    It is made beside its place and moved there whole, so that an interruption or a full
    disk leaves nothing that looks like a ledger; what one left before is removed.

    Raises:
        InvalidInput: There is a ledger, or something else, in the folder already.
        LogUnavailable: The disk refuses.
    """
    from counterfoil.ledger.embedded.ledger import EmbeddedLedger

    if is_ledger(folder):
        raise InvalidInput(f"there is a ledger in {folder} already", hint="open it, or choose another folder")
    fresh = folder.with_name(folder.name + ".new")
    treasury = LocalAccount.create()
    funded = {treasury.address: TREASURY_WEI} | dict.fromkeys(accounts, GIFT_WEI)
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
        EmbeddedLedger.create(fresh, chain_id=chain_id, funded=funded, now=now).close()
        replace_file(fresh / _FILE, treasury.secret.hex().encode() + b"\n", mode=0o600)
        _clear(folder)
        fresh.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise LogUnavailable(
            f"no ledger can be made in {folder}: {error.strerror or error}", hint="free some disk space, then repeat"
        ) from error
    return EmbeddedLedger.open(folder, now=now)


def is_ledger(folder: Path) -> bool:
    """Whether there is a finished embedded ledger in a folder."""
    return (folder / "ledger.db").is_file() and (folder / _FILE).is_file()


def _clear(folder: Path) -> None:
    """Removes an empty folder, or what an interrupted making left in it; refuses anything else (InvalidInput)."""
    if not folder.exists():
        return
    strange = [each.name for each in folder.iterdir() if not each.name.startswith("ledger.")]
    if strange:
        raise InvalidInput(f"{folder} holds {strange[0]}, and no ledger", hint="a ledger starts in a folder of its own")
    shutil.rmtree(folder)


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

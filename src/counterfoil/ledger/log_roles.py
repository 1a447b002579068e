"""Who holds a log on its ledger: its owner and its writer, and handing either over in two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.anchors.evidence import Evidence, Role
from counterfoil.store.check_file import read_hash

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger

__all__ = ["LogRoles"]


class LogRoles:
    """The roles of one home's log on the ledger it is connected to.

    Args:
        ledger: The home's ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def held(self) -> dict[str, str | None]:
        """Returns the accounts by `owner`, `writer`, `pending_owner` and `pending_writer`; None for nobody."""
        log_id, evidence = self._log_id, self._ledger.opened.evidence
        found = {
            "owner": evidence.owner(log_id),
            "writer": evidence.writer(log_id),
            "pending_owner": evidence.pending("owner", log_id),
            "pending_writer": evidence.pending("writer", log_id),
        }
        return {name: checksummed(address) if any(address) else None for name, address in found.items()}

    def offer(self, role: Role, account: str) -> str:
        """Offers a role to an account, which then accepts it; only the log's owner can. Until then nothing changes.

        Args:
            role: `owner` or `writer`.
            account: Its address; the zero address withdraws an offer.

        Returns:
            The address as it is written.

        Raises:
            Reverted: This home's account is not the owner.
        """
        address = parse_address(account)
        self._ledger.opened.change(f"offer {role}", Evidence.offer(role, self._log_id, address))
        return checksummed(address)

    def accept(self, role: Role, log_id: str | None = None) -> str:
        """Takes a role that this home's account was offered.

        Args:
            role: `owner` or `writer`.
            log_id: The log, 0x…; this home's own without it.

        Returns:
            The log's id.

        Raises:
            Reverted: It was not offered.
        """
        wanted = read_hash(log_id) if log_id else self._log_id
        self._ledger.opened.change(f"accept {role}", Evidence.accept(role, wanted))
        return f"0x{wanted.hex()}"

    def revoke_writer(self) -> None:
        """Stops the writer at once; only the log's owner can. Nobody anchors until a new one has accepted."""
        self._ledger.opened.change("revoke writer", Evidence.revoke_writer(self._log_id))

    @property
    def _log_id(self) -> bytes:
        return self._ledger.require_connection().where.log_id

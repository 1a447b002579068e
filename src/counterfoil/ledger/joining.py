"""How a home gets to a ledger: its accounts, the plan of what connecting would send, and carrying it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from counterfoil.core.note import VerifierKey
from counterfoil.errors import InvalidInput, NotSetUp
from counterfoil.ledger.accounts.account import Account, LocalAccount, checksummed, parse_address
from counterfoil.ledger.accounts.external import ExternalAccount
from counterfoil.ledger.accounts.home_accounts import HomeAccounts
from counterfoil.ledger.anchors.head_signer import LogAddress
from counterfoil.ledger.connecting import (
    DEPLOY_GAS,
    OPEN_GAS,
    Plan,
    PlannedStep,
    Wanted,
    connect,
    deploy,
    further_steps,
    open_way,
    plan_of,
)
from counterfoil.ledger.connection import Connection, LedgerPaths
from counterfoil.ledger.rpc.address import Address
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.way import reached
from counterfoil.store.keyring import Keyring
from counterfoil.store.streams import time_text

__all__ = ["Joining", "Tell"]

Tell: TypeAlias = Callable[[str], None]
"""Told what is being done, in words."""

_Way: TypeAlias = Callable[[], AbstractContextManager[tuple[Chain, Account]]]
"""Opens the way to a chain, and the account that pays there."""


class Joining:
    """Gets one home to a ledger.

    Args:
        paths: Where the home keeps what belongs to the ledger.
        keyring: Holds the key that signs heads, and the passphrase of accounts made here.
        log_key: The log's public key; its name is the log's origin.
        earlier: Returns what the log says of the ledgers it was connected to, oldest first.
        ask: Asks a person for the passphrase of an account's key file; None where nobody is there.
        now: Returns Unix seconds.
    """

    def __init__(
        self,
        paths: LedgerPaths,
        keyring: Keyring,
        log_key: VerifierKey,
        earlier: Callable[[], Iterable[Mapping[str, Any]]],
        ask: Callable[[], str] | None,
        now: Callable[[], float],
    ) -> None:
        self._paths = paths
        self._keyring = keyring
        self._log_key = log_key
        self._earlier = earlier
        self._ask = ask
        self._now = now

    @property
    def accounts(self) -> HomeAccounts:
        """The accounts of the home."""
        return HomeAccounts(self._paths.accounts, self._keyring, self._time)

    def account(self, address: bytes, settings: Connection, stack: ExitStack) -> Account:
        """Opens the account that signs what is sent: a key file here, or a signer elsewhere."""
        if settings.signer:
            return stack.enter_context(ExternalAccount(settings.signer, address, **reached(settings)))
        named = settings.account_passphrase_file
        file = self._paths.folder / Path(named).expanduser() if named else None
        return self.accounts.open(address, file, self._ask)

    def connecting(self, wanted: Wanted | None, account: str | None) -> tuple[Plan, Callable[[Tell], Connection]]:
        """Returns what connecting would send, and what does it.

        Args:
            wanted: What to connect to; None makes an embedded ledger in the home.
            account: Address that pays and anchors; the only one of the home by default, or a new one.

        Returns:
            The plan, and what carries it out and returns the settings.
        """
        wanted = wanted or Wanted(Connection.draft())
        way = self._way(wanted, account)
        with way() as (chain, payer):
            known = None if wanted.is_anew else self._known(chain.chain_id)
            if known is not None and wanted.contract is None:
                wanted = replace(wanted, contract=known.contract)
            wanted = self._with_earlier_contracts(wanted, chain.chain_id)
            plan = plan_of(chain, payer.address, self._log_key.name, wanted, self._signer())
            _require_same(plan, known)

        def carry_out(tell: Tell) -> Connection:
            with way() as (chain, payer):
                signer = self._head_address()
                return connect(self._paths, wanted, chain, payer, self._log_key, signer, tell=tell, now=self._now)

        return plan, carry_out

    def deployment(self, wanted: Wanted, account: str | None) -> tuple[Plan, Callable[[Tell], bytes]]:
        """Returns what putting the contract on a chain would send, and what does it and returns its 20 bytes."""
        way = self._way(wanted, account)
        with way() as (chain, payer):
            plan = plan_of(chain, payer.address, self._log_key.name, wanted, self._signer())

        def carry_out(tell: Tell) -> bytes:
            with way() as (chain, payer):
                return deploy(self._paths, wanted, chain, payer, tell=tell, now=self._now)

        return replace(plan, steps=plan.steps[:1]), carry_out

    def outlook(self, account: str | None, wanted: Wanted | None = None) -> tuple[PlannedStep, ...]:
        """Returns what would be done on a ledger of the home's own that is not there yet; makes and sends nothing.

        Args:
            account: Address that would pay; the only one of the home by default, or a new one.
            wanted: What is connected to; None where only the Evidence contract is put there.

        Raises:
            InvalidInput: There are several accounts, and none was named.
        """
        found = self.accounts.find(parse_address(account) if account else None)
        steps = [PlannedStep("make a ledger in this home, which costs no money", 0, 0)]
        if found is None:
            steps.insert(0, PlannedStep("make an account that the home's own keys open", 0, 0))
        steps.append(PlannedStep("put the Evidence contract on it", DEPLOY_GAS, 0))
        if wanted is not None:
            wanted.require_whole()
            steps.append(PlannedStep(f"open the log {self._log_key.name} in it", OPEN_GAS, 0))
            steps += further_steps(wanted, 0)
        return tuple(steps)

    def require_account(self, settings: Connection, account: str | None) -> None:
        """Refuses to go on where an account would have to be made first.

        Raises:
            NotSetUp: The home has none, and none was named.
            InvalidInput: It has several, and none was named; or a node's address cannot be.
        """
        for url in settings.rpc:
            Address.parse(url, allow_plain_http=settings.allow_plain_http)
        if self.accounts.find(parse_address(account) if account else None) is None:
            raise NotSetUp(
                "this home has no account on a ledger yet, whose funds could be looked at",
                hint="make one: counterfoil ledger accounts create, or POST /api/v1/ledger/accounts",
            )

    def _way(self, wanted: Wanted, account: str | None) -> _Way:
        self._paths.folder.mkdir(mode=0o700, exist_ok=True)
        address = self._address(wanted.draft, account)

        @contextmanager
        def way() -> Iterator[tuple[Chain, Account]]:
            with ExitStack() as stack:
                chain = open_way(self._paths, wanted, address, stack, self._now)
                yield chain, self.account(address, wanted.draft, stack)

        return way

    def _known(self, chain_id: int) -> LogAddress | None:
        """Returns where on a chain the log itself says that it is open; None when it says nothing of that chain."""
        found = None
        for about in self._earlier():
            if about.get("chainId") == chain_id:
                log_id = bytes.fromhex(str(about["logId"])[2:])
                found = LogAddress(chain_id, parse_address(str(about["contract"])), log_id)
        return found

    def _with_earlier_contracts(self, wanted: Wanted, chain_id: int) -> Wanted:
        """Returns what is wanted, with the contracts that this home used on the chain before it let go of it."""
        earlier = self._paths.let_go(chain_id)
        if not earlier.exists():
            return wanted
        known = Connection.read(earlier)
        if wanted.assets is None and wanted.with_assets is not False and known.assets:
            wanted = replace(wanted, assets=parse_address(known.assets), assets_from=known.assets_from)
        is_same = wanted.assets is not None and checksummed(wanted.assets) == known.assets
        if is_same and wanted.market is None and wanted.with_market is not False and known.market:
            wanted = replace(wanted, market=parse_address(known.market), market_from=known.market_from)
        if wanted.credits is None and known.credits and wanted.market is not None:
            wanted = replace(wanted, credits=parse_address(known.credits))
        return wanted

    def _address(self, settings: Connection, account: str | None) -> bytes:
        named = parse_address(account) if account else None
        if not settings.signer:
            return self.accounts.choose(named)
        if named is None:
            raise InvalidInput("a signer elsewhere was named, and no account", hint="name it with --account")
        return named

    def _signer(self) -> bytes | None:
        """Returns the address of the key that signs heads, None while there is no such key."""
        return LocalAccount(self._keyring.secret("head")).address if self._keyring.has("head") else None

    def _head_address(self) -> bytes:
        """Returns the address of the key that signs heads; the key is made when there is none yet."""
        self._keyring.add("head", self._time())
        return LocalAccount(self._keyring.secret("head")).address

    def _time(self) -> str:
        return time_text(int(self._now()))


def _require_same(plan: Plan, known: LogAddress | None) -> None:
    """Refuses to open a second log on a chain where the log has one: people would be shown two."""
    if known is not None and (plan.contract, plan.log_id) != (known.contract, known.log_id):
        raise InvalidInput(
            f"this log is open on chain {plan.chain_id} already, in contract {checksummed(known.contract)} "
            f"under the id 0x{known.log_id.hex()}; people would be shown two",
            hint="connect with --account and the account that opened it; with --anew where that one is lost",
        )

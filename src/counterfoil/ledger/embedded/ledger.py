"""The embedded ledger: an Ethereum chain in this process, over one SQLite file.

One party makes all blocks, so a block is final once it is on the disk: 'latest', 'safe'
and 'finalized' are the same. To others the ledger proves nothing that its owner could
not have made anew, while one party runs it and nobody else keeps a copy or a head.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from counterfoil.core.trie_proof import EMPTY_TRIE
from counterfoil.errors import CounterfoilError, InvalidInput, LogUnavailable
from counterfoil.ledger.embedded import inspection
from counterfoil.ledger.embedded.block import FIRST_BASE_FEE_WEI, Block
from counterfoil.ledger.embedded.execution import State
from counterfoil.ledger.embedded.ledger_file import LedgerFile
from counterfoil.ledger.embedded.lock import LedgerLock
from counterfoil.ledger.embedded.methods import Methods
from counterfoil.ledger.embedded.mining import Sent, mine
from counterfoil.ledger.embedded.nodes import Nodes
from counterfoil.ledger.embedded.parameters import raw_transaction
from counterfoil.ledger.embedded.signed import SignedTransaction
from counterfoil.ledger.embedded.view import View
from counterfoil.ledger.rpc.hexadecimal import data
from counterfoil.ledger.rpc.rpc import Call, RpcError
from counterfoil.store.group_commit import GroupCommit

__all__ = ["CHAIN_IDS", "EmbeddedLedger"]

CHAIN_IDS: Final = range(2**31, 2**47)
"""Where ids of new ledgers are drawn from: no public chain has one, and every tool can hold them."""

_SEND: Final = "eth_sendRawTransaction"


@dataclass(slots=True)
class _Sending:
    """Transactions that one caller sends together, and what became of each: its hash, or why not."""

    raws: Sequence[bytes]
    outcomes: list[bytes | RpcError] = field(default_factory=list)
    error: CounterfoilError | None = None
    gate: threading.Lock = field(default_factory=threading.Lock)
    is_done: bool = False


class EmbeddedLedger:
    """A ledger of one's own, and an `Rpc`. Safe to use from several threads.

    Transactions that several threads send at once go into one block with one sync.

    Attributes:
        folder: Where its file is.
        chain_id: Its number, which every transaction is bound to.
    """

    def __init__(self, folder: Path, lock: LedgerLock, file: LedgerFile, now: Callable[[], float]) -> None:
        """For `create` and `open`."""
        self.folder = folder
        self._lock = lock
        self._file = file
        self._now = now
        self.chain_id = file.chain_id
        self._view = View(file, inspection.newest(file))
        self._methods = Methods(self._view, now)
        self._commits: GroupCommit[_Sending] = GroupCommit(self._commit)  # its lock guards head and file

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        chain_id: int | None = None,
        funded: Mapping[bytes, int] | None = None,
        now: Callable[[], float] = time.time,
    ) -> Self:
        """Makes a ledger with its first block, and opens it.

        Args:
            folder: Where its file goes; made (mode 0700) when it is missing.
            chain_id: Its number; None draws one, so that no two ledgers share it.
            funded: What accounts hold in the first block, wei by address of 20 bytes.
            now: Tells the time, Unix seconds.

        Raises:
            InvalidInput: There is a ledger already, or an amount or address cannot be.
            LedgerBusy: Another process makes one there just now.
            LogUnavailable: The folder cannot be written.
        """
        chosen = CHAIN_IDS[secrets.randbelow(len(CHAIN_IDS))] if chain_id is None else chain_id
        if not 0 < chosen < 2**53:
            raise InvalidInput(f"{chosen} cannot be a chain's id", hint="it is a number from 1 to 2^53 - 1")
        for address, balance_wei in (funded or {}).items():
            if len(address) != 20 or not 0 <= balance_wei < 2**200:
                raise InvalidInput("a funded account has an address of 20 bytes and at most 2^200 wei")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"no ledger can be made in {folder}: {error.strerror}") from error
        nodes = Nodes(lambda _: None)
        first = Block.first(chosen, _funded_root(nodes, funded or {}, chosen), int(now()))
        return cls._opened(folder, now, lambda: LedgerFile.create(folder, first, nodes.new))

    @classmethod
    def open(cls, folder: Path, *, now: Callable[[], float] = time.time) -> Self:
        """Opens a ledger, and reads its newest blocks and the root of its state.

        Raises:
            NotSetUp: There is none, or another version made it.
            LedgerBusy: Another process has it open; the message says where it serves it.
            HomeDamaged: The file is torn, altered, or lost blocks that were acknowledged.
        """
        LedgerFile.require(folder)
        return cls._opened(folder, now, lambda: LedgerFile.open(folder))

    @classmethod
    def _opened(cls, folder: Path, now: Callable[[], float], open_file: Callable[[], LedgerFile]) -> Self:
        with ExitStack() as undo:
            lock = LedgerLock.take(folder)
            undo.callback(lock.release)
            file = open_file()
            undo.callback(file.close)
            ledger = cls(folder, lock, file, now)
            undo.pop_all()
            return ledger

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Waits for a commit under way, and lets others open the ledger."""
        with self._commits.exclusive():
            self._file.close()
            self._lock.release()

    @property
    def head(self) -> Block:
        """The newest block, which is on the disk."""
        return self._view.head

    def call(self, method: str, *params: Any) -> Any:
        """Returns the result of one JSON-RPC call.

        Raises:
            RpcError: The answer is an error.
            HomeDamaged: What it needs is missing or was altered.
            LogUnavailable: A block could not be made durable, or the ledger is closed.
        """
        if method != _SEND:
            return self._methods.call(method, params)
        outcome = self._submit([raw_transaction(params)])[0]
        if isinstance(outcome, RpcError):
            raise outcome
        return data(outcome)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Returns the results of many calls in order, an RpcError in place of a result.

        Transactions sent one right after another go into one block.
        """
        results: list[Any] = []
        for sends, group in groupby(calls, key=lambda call: call[0] == _SEND):
            run = list(group)
            results += self._send_all([params for _, params in run]) if sends else [self._answer(*call) for call in run]
        return results

    def send(self, raws: Sequence[bytes]) -> list[bytes]:
        """Mines signed transactions together, in one block if they fit; returns their hashes, 32 bytes each.

        Raises:
            RpcError: One was refused, and this is the first such; those that were good are in the block.
        """
        outcomes = self._submit(raws)
        for outcome in outcomes:
            if isinstance(outcome, RpcError):
                raise outcome
        return [outcome for outcome in outcomes if isinstance(outcome, bytes)]

    def check(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Reads every block, transaction, receipt and node, and compares their hashes; returns the blocks.

        Args:
            progress: Is told how many blocks were read, and how many there are.

        Raises:
            HomeDamaged: Something is missing or was altered.
        """
        return inspection.check(self._file, progress)

    def announce(self, url: str | None) -> None:
        """Writes down for others where this process serves the ledger; None says that it no longer does."""
        self._lock.announce(url)

    def _answer(self, method: str, params: Sequence[Any]) -> Any:
        try:
            return self._methods.call(method, params)
        except RpcError as error:
            return error

    def _send_all(self, all_params: Sequence[Sequence[Any]]) -> list[Any]:
        """Returns the hash of each transaction, or the error that refused it."""
        read: list[bytes | RpcError] = []
        for params in all_params:
            try:
                read.append(raw_transaction(params))
            except RpcError as error:
                read.append(error)
        outcomes = iter(self._submit([each for each in read if isinstance(each, bytes)]))
        found = (each if isinstance(each, RpcError) else next(outcomes) for each in read)
        return [each if isinstance(each, RpcError) else data(each) for each in found]

    def _submit(self, raws: Sequence[bytes]) -> list[bytes | RpcError]:
        """Returns the hash of each transaction once it is on the disk, or the error that refused it."""
        sending = _Sending(raws)
        if raws:
            self._commits.submit(sending)
            if sending.error is not None:
                raise sending.error
            if len(sending.outcomes) != len(raws):
                raise LogUnavailable("a block could not be made: the thread that was making it was interrupted")
        return sending.outcomes

    def _commit(self, sendings: Sequence[_Sending]) -> None:
        """Makes one block, or as many as are needed, of what several callers sent. Called under the commit lock."""
        try:
            read = [[self._read(raw) for raw in sending.raws] for sending in sendings]
            nodes = Nodes(self._file.node)
            blocks = mine(
                [each for some in read for each in some if isinstance(each, Sent)],
                self._view.head,
                lambda parent, time_s, base_fee_wei: self._view.state_after(parent, nodes, time_s, base_fee_wei),
                lambda transaction_hash: self._file.find(transaction_hash) is not None,
                int(self._now()),
            )
            if blocks:
                self._file.append(blocks, nodes.new)
                self._view.head = blocks[-1].block
            for sending, some in zip(sendings, read, strict=True):
                sending.outcomes = [_outcome(each) for each in some]
        except CounterfoilError as error:
            for sending in sendings:
                sending.error = error
        for sending in sendings:
            sending.is_done = True

    def _read(self, raw: bytes) -> Sent | RpcError:
        try:
            return Sent(SignedTransaction.decode(raw, self.chain_id))
        except RpcError as error:
            return error


def _outcome(each: Sent | RpcError) -> bytes | RpcError:
    if isinstance(each, RpcError):
        return each
    return each.transaction.hash if each.refused is None else each.refused


def _funded_root(nodes: Nodes, funded: Mapping[bytes, int], chain_id: int) -> bytes:
    """Writes the first accounts into the nodes; returns the root of their tree."""
    state = State(
        nodes, EMPTY_TRIE, number=0, time_s=0, base_fee_wei=FIRST_BASE_FEE_WEI, chain_id=chain_id, ancestors=()
    )
    for address, balance_wei in funded.items():
        if balance_wei:
            state.fund(address, balance_wei)
    return state.store()

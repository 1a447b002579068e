"""The outbox on a real PostgreSQL server: who may write, what a lost session means, what survives a crash."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import counter
import pytest
from anvil import needs_anvil
from counter import GENEROUS, AnvilCounting, counting_on_anvil
from postgres import PostgresServer, running_server
from sqlalchemy import text

from counterfoil.errors import HomeDamaged, LedgerBusy, LogUnavailable, NotSetUp
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.rpc.chain import Chain, FeePolicy, Finality
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.rpc.rpc import Call, Rpc
from counterfoil.ledger.sending.outbox import Outbox, State
from counterfoil.ledger.sending.postgres_outbox import PostgresOutbox, outbox_schema

ACCOUNT = LocalAccount(b"\x01" * 32)
SCHEMA = outbox_schema(1, ACCOUNT.address)


def opened(url: str) -> Outbox:
    """An outbox whose ledger is never asked."""
    chain = Chain(Endpoint("http://127.0.0.1:1"), 1, Finality(), FeePolicy())
    return Outbox(PostgresOutbox(url, SCHEMA), chain, ACCOUNT, limits=GENEROUS)


def submit(outbox: Outbox, key: str) -> int:
    return outbox.submit(bytes(20), b"", purpose="count", key=key)


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.empty_database() as url:
        yield url


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


def name_of(url: str) -> str:
    return url.partition("///")[2].partition("?")[0]


def test_what_was_acknowledged_is_there_after_the_server_crashed(own_server: PostgresServer) -> None:
    url = own_server.new_database()
    with opened(url) as outbox:
        for number in range(20):
            submit(outbox, str(number))
        own_server.stop(signal.SIGQUIT)
        with pytest.raises(LogUnavailable) as caught:
            submit(outbox, "late")
        assert "start PostgreSQL" in caught.value.hint
        with pytest.raises(LogUnavailable):
            outbox.rows()
        own_server.start()
        submit(outbox, "back")
        keys = {row.key for row in outbox.rows()}
    assert keys == {str(number) for number in range(20)} | {"back"}
    with opened(url) as outbox:
        assert {row.key for row in outbox.rows()} == keys


def test_who_lost_the_lock_to_another_process_cannot_write(url: str, postgres: PostgresServer) -> None:
    with opened(url) as outbox:
        submit(outbox, "a")
        postgres.kill_sessions()
        with opened(url) as other:
            submit(other, "b")
            with pytest.raises(LedgerBusy):
                submit(outbox, "c")
            with pytest.raises(LedgerBusy):
                outbox.step()
            assert {row.key for row in outbox.rows()} == {"a", "b"}  # looking needs no lock
        submit(outbox, "d")
        assert [row.key for row in outbox.rows()] == ["d", "b", "a"]


def test_a_second_outbox_of_the_account_is_told_who_sends(url: str) -> None:
    with opened(url), pytest.raises(LedgerBusy, match="this process"):
        opened(url)
    opened(url).close()


class KillingRpc:
    """A way to a ledger on which the sessions of the database end just before one question."""

    def __init__(self, rpc: Rpc, blow: Callable[[], object]) -> None:
        self._rpc = rpc
        self._blow = blow
        self.blows_in = 0

    def _count(self) -> None:
        self.blows_in -= 1
        if self.blows_in == 0:
            self._blow()

    def call(self, method: str, *params: Any) -> Any:
        self._count()
        return self._rpc.call(method, *params)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        self._count()
        return self._rpc.batch(calls)


@needs_anvil
def test_a_step_whose_lock_was_lost_meanwhile_does_not_go_on(
    url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    counter.outbox_url = url
    try:
        with counting_on_anvil(tmp_path) as base:
            stopped = sum(run_with_loss(base, postgres, tmp_path, loss) for loss in range(1, 8))
            assert stopped >= 3
            assert base.total == len(base.events())
    finally:
        counter.outbox_url = ""


def run_with_loss(base: AnvilCounting, postgres: PostgresServer, folder: Path, loss: int) -> bool:
    """Counts once with the lock lost at one question of a step; returns whether the step was stopped."""
    snapshot = base.anvil.call("evm_snapshot")
    rpc = KillingRpc(base.chain.rpc, postgres.kill_sessions)
    chain = Chain(rpc, base.chain.chain_id, base.chain.finality, base.chain.fees)
    counting = AnvilCounting(folder / f"{loss}.db", base.chain, base.account, base.counter, through=chain)
    counting.anvil, stopped = base.anvil, False
    with counting:
        ids = counting.submit("a", "b")
        rpc.blows_in = loss
        try:
            counting.outbox.step()
        except LogUnavailable as error:
            stopped = True
            assert "lock was lost" in error.message or "cannot be used" in error.message
        counting.settle()
        assert counting.states(ids) == [State.FINAL, State.FINAL]
        assert (counting.counted("a"), counting.counted("b")) == (1, 1)
    assert base.anvil.call("evm_revert", snapshot)
    return stopped


def test_a_server_that_may_forget_is_refused(tmp_path: Path, own_server: PostgresServer) -> None:
    own_server.stop()
    own_server.settings["fsync"] = "off"
    own_server.start()
    with pytest.raises(NotSetUp, match="fsync"):
        opened(own_server.url())


def test_a_commit_waits_for_the_disk_whatever_the_server_is_set_to(own_server: PostgresServer) -> None:
    own_server.execute("ALTER SYSTEM SET synchronous_commit = off")
    own_server.execute("SELECT pg_reload_conf()")
    place = PostgresOutbox(own_server.url(), SCHEMA)
    place.open({})
    with place.writing() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
    place.close()


@pytest.mark.parametrize("table", ["outbox", "attempts", "spent", "outbox_meta"])
def test_a_table_that_is_missing_is_damage_and_is_not_made_anew(table: str, url: str, postgres: PostgresServer) -> None:
    opened(url).close()
    postgres.execute(f'DROP TABLE "{table}" CASCADE', name_of(url), SCHEMA)
    with pytest.raises(HomeDamaged, match=table) as caught:
        opened(url)
    assert "backup" in caught.value.hint
    listed = postgres.execute(f"SELECT 1 FROM pg_tables WHERE tablename = '{table}'", name_of(url))
    assert listed == []


@pytest.mark.parametrize(("version", "who"), [("2", "newer"), ("0", "older")])
def test_another_version_is_refused(version: str, who: str, url: str, postgres: PostgresServer) -> None:
    opened(url).close()
    change = f"UPDATE outbox_meta SET value = '{version}' WHERE name = 'version'"
    postgres.execute(change, name_of(url), SCHEMA)
    with pytest.raises(NotSetUp, match=who):
        opened(url)


def test_faults_quote_no_row(url: str, postgres: PostgresServer) -> None:
    with opened(url) as outbox:
        postgres.execute("ALTER TABLE outbox ADD CONSTRAINT odd CHECK (id < 0)", name_of(url), SCHEMA)
        with pytest.raises(HomeDamaged) as caught:
            outbox.submit(bytes(20), b"secret calldata", purpose="a secret purpose")
    told = f"{caught.value!r} {caught.value.__cause__} {caught.value.__cause__.__cause__}"
    assert "odd" in told
    assert "secret" not in told

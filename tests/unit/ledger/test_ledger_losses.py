"""What a home and its ledger notice when one of them was lost, altered or put back."""

from __future__ import annotations

from pathlib import Path

import pytest
from organisations import Clock, back_up, open_home, put_in_place, write_events

from counterfoil.errors import HomeDamaged, LedgerContradicts, NotSetUp
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.treasury import fund
from counterfoil.organisation import Organisation


def anchor_five_more(home: Path, clock: Clock) -> None:
    with open_home(home, clock) as opened:
        write_events(opened, 5)
        opened.ledger.anchor()


def test_what_waited_while_the_ledger_was_away_goes_out_when_it_is_back(
    org: Organisation, home: Path, clock: Clock
) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    org.close()
    away = home / "ledger" / "embedded"
    away.rename(home / "ledger" / "away")
    with open_home(home, clock) as opened:
        write_events(opened, 3)
        clock.move(opened.ledger.within_s)
        with pytest.raises(NotSetUp):
            opened.ledger.step()
        write_events(opened, 3)  # recording does not mind
    (home / "ledger" / "away").rename(away)
    with open_home(home, clock) as opened:
        assert opened.ledger.step().is_done


def test_an_old_backup_is_found_out_by_the_ledger(org: Organisation, home: Path, clock: Clock, tmp_path: Path) -> None:
    org.ledger.connect()
    write_events(org, 2)
    org.close()
    restored = back_up(home, tmp_path / "backup")
    anchor_five_more(home, clock)
    # The home is lost and its backup restored; the ledger, kept elsewhere, is the newest.
    put_in_place(home / "ledger" / "embedded", restored / "ledger" / "embedded")
    with open_home(restored, clock) as opened, pytest.raises(HomeDamaged, match="the ledger holds a head over"):
        opened.ledger.step()


def test_a_log_written_anew_behind_the_ledgers_back_is_found_out(
    org: Organisation, home: Path, clock: Clock, tmp_path: Path
) -> None:
    org.ledger.connect()
    org.close()
    rewritten = back_up(home, tmp_path / "backup")
    anchor_five_more(home, clock)
    put_in_place(home / "ledger" / "embedded", rewritten / "ledger" / "embedded")
    with open_home(rewritten, clock) as opened:
        write_events(opened, 50)
        with pytest.raises(HomeDamaged, match="are not the ones whose head is on the ledger"):
            opened.ledger.step(at_once=True)


def test_a_ledger_that_went_back_is_found_out(org: Organisation, home: Path, clock: Clock, tmp_path: Path) -> None:
    org.ledger.connect()
    org.close()
    old = back_up(home, tmp_path / "old")
    anchor_five_more(home, clock)
    put_in_place(old / "ledger" / "embedded", home / "ledger" / "embedded")
    with open_home(home, clock) as opened:
        with pytest.raises(LedgerContradicts, match="ends at block|has taken back block"):
            opened.ledger.step()
        assert "an anchor was final" in opened.ledger.status().problems[0]


def test_an_old_log_beside_newer_proofs_is_refused(org: Organisation, home: Path, clock: Clock, tmp_path: Path) -> None:
    org.ledger.connect()
    org.close()
    old = back_up(home, tmp_path / "old")
    anchor_five_more(home, clock)
    put_in_place(home / "ledger", old / "ledger")
    with pytest.raises(HomeDamaged, match="the ledger holds a head over"):
        open_home(old, clock)


def test_a_ledger_that_takes_back_what_was_final_is_found_out_though_it_grew(
    org: Organisation, home: Path, clock: Clock, tmp_path: Path
) -> None:
    first = org.ledger.connect()
    embedded = home / "ledger" / "embedded"
    org.close()
    old = back_up(home, tmp_path / "old")
    anchor_five_more(home, clock)
    put_in_place(old / "ledger" / "embedded", embedded)
    with EmbeddedLedger.open(embedded, now=Clock()) as ledger:  # others use it, and it grows past that block
        for number in range(1, 6):
            fund(embedded, Chain.connect(ledger), [bytes([number]) * 20])
    with open_home(home, clock) as opened:
        assert "has taken back block" in opened.ledger.status().problems[0]
        with pytest.raises(LedgerContradicts, match="in which an anchor was final"):
            opened.ledger.anchor()
        opened.ledger.disconnect(force=True)
        assert opened.ledger.connect(account=first.account).log_id == first.log_id
        write_events(opened)
        assert opened.ledger.anchor().is_done

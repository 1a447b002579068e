"""An outbox moved to a database and back: nothing is sent twice, and nobody goes on from the old one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import Clock, copy_home, open_home
from postgres import PostgresServer

from counterfoil.core.statement import Draft
from counterfoil.errors import InvalidInput, NotAllowed, NotFound, NotSetUp
from counterfoil.ledger.moving import Moved, move_outbox
from counterfoil.organisation import Organisation


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.empty_database() as url:
        yield url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that is connected to a ledger of its own, and has anchored."""
    folder = copy_home(tmp_path)
    with open_home(folder, Clock()) as org:
        org.ledger.connect()
        org.ledger.anchor()
    return folder


def name_outbox(home: Path, url: str) -> None:
    config = home / "counterfoil.toml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("outbox_url")]
    config.write_text("\n".join([*lines, *([f'outbox_url = "{url}"'] if url else [])]) + "\n")


def move(org: Organisation, source_url: str = "", *, dry_run: bool = False) -> Moved:
    settings = org.ledger.require_connection()
    return move_outbox(org.ledger.paths, settings, source_url=source_url, dry_run=dry_run, now_s=org.recorder.now_s())


def anchor_one_more(org: Organisation) -> int:
    org.recorder.write(Draft("event", "events", "one more"))
    return org.ledger.anchor().proven_size


def sent(org: Organisation) -> list[tuple[int, int | None, str]]:
    return [(row.id, row.nonce, row.state) for row in org.ledger.opened.outbox.rows()]


def test_there_and_back_and_anchoring_goes_on_each_time(home: Path, url: str) -> None:
    with open_home(home) as org:
        before = sent(org)
        assert before
    name_outbox(home, url)
    with open_home(home) as org:
        with pytest.raises(NotSetUp) as caught:
            org.ledger.anchor()
        assert "move-outbox" in caught.value.hint
        looked = move(org, dry_run=True)
        assert (looked.rows, looked.is_done) == (len(before), False)
        with pytest.raises(NotSetUp):
            org.ledger.anchor()
        assert move(org).is_done
        assert sent(org) == before
        assert anchor_one_more(org) == org.archive.size
        after = sent(org)
        assert [row for row in after if row in before] == before
        assert max(row[0] for row in after) > max(row[0] for row in before)
    name_outbox(home, "")
    with open_home(home) as org:
        with pytest.raises(NotSetUp, match="moved to a database"):
            org.ledger.anchor()
        assert move(org, source_url=url).is_done
        assert sent(org) == after
        assert anchor_one_more(org) == org.archive.size
        with pytest.raises(NotFound):
            move(org, source_url=url)


def test_an_interrupted_move_is_ended_by_repeating_it(home: Path, url: str) -> None:
    file = next((home / "ledger").glob("outbox-*.db"))
    kept = file.read_bytes()
    name_outbox(home, url)
    with open_home(home) as org:
        move(org)
        file.write_bytes(kept)  # as if it had ended before the file was set aside
        with pytest.raises(NotSetUp):
            org.ledger.anchor()
        move(org)
        assert not file.exists()
        assert anchor_one_more(org) == org.archive.size
    file.write_bytes(kept)
    with open_home(home) as org, pytest.raises(NotAllowed, match="holds another outbox"):
        move(org)


def test_nothing_is_moved_while_something_is_in_flight(home: Path, url: str) -> None:
    with open_home(home) as org:
        org.ledger.opened.outbox.submit(bytes(20), b"", purpose="count", key="a")
    name_outbox(home, url)
    with open_home(home) as org:
        with pytest.raises(NotAllowed, match="1 transaction of the outbox is not done"):
            move(org)
        with pytest.raises(NotAllowed):
            move(org, dry_run=True)
    assert next((home / "ledger").glob("outbox-*.db")).exists()


def test_what_makes_no_sense_is_refused(home: Path, url: str) -> None:
    with open_home(home) as org:
        with pytest.raises(InvalidInput, match="no outbox_url"):
            move(org)
        with pytest.raises(InvalidInput, match="password"):
            move(org, source_url="postgresql://a:b@c/d")
        with pytest.raises(NotFound):
            move(org, source_url=url)
    name_outbox(home, url)
    with open_home(home) as org, pytest.raises(InvalidInput, match="leave --from out"):
        move(org, source_url=url)


def test_letting_go_by_force_sets_the_rows_in_the_database_aside(
    home: Path, url: str, postgres: PostgresServer
) -> None:
    name_outbox(home, url)
    with open_home(home) as org:
        move(org)
        org.ledger.disconnect(force=True)
    database = url.partition("///")[2].partition("?")[0]
    names = [row[0] for row in postgres.execute("SELECT nspname FROM pg_namespace", database)]
    assert any(name.startswith("set_aside_") for name in names)
    assert not any(name.startswith("counterfoil_outbox") for name in names)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi.abi import encode
from making import BankLog
from making_anchors import anchored as proof_of

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.anchors.book import AnchorBook
from counterfoil.ledger.anchors.evidence import artefact, read_event
from counterfoil.ledger.rpc.answers import Event

LOG = BankLog().fill(9)
LOG_ID, ROOT, HASH = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32


def anchored(size: int, block: int, index: int = 0) -> Event:
    topics = (artefact().topic("Anchored"), LOG_ID, encode(["uint256"], [size]))
    return Event(b"\x09" * 20, topics, ROOT, block, HASH, block.to_bytes(32, "big"), index)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[AnchorBook]:
    with AnchorBook.open(tmp_path / "anchors.db") as opened:
        yield opened


def take(book: AnchorBook, *events: Event) -> None:
    with book.engine.begin() as connection:
        book.take(connection, events)


def test_the_newest_anchor_is_the_last_in_the_chain(book: AnchorBook) -> None:
    assert book.newest() is None
    take(book, anchored(5, 1), anchored(9, 2, 0), anchored(12, 2, 1))
    newest = book.newest()
    assert newest is not None
    assert (newest.size, newest.block, newest.event, newest.root, newest.is_proven) == (12, 2, 1, ROOT, False)
    assert [row.size for row in book.rows()] == [12, 9, 5]


def test_what_the_ledger_takes_back_is_forgotten(book: AnchorBook) -> None:
    take(book, anchored(5, 1), anchored(9, 2))
    with book.engine.begin() as connection:
        book.forget(connection, 1)
    assert [row.size for row in book.rows()] == [5]
    assert [row.block for row in book.events()] == [1]


def test_a_proof_that_is_read_during_a_change_is_not_remembered(book: AnchorBook) -> None:
    for proof in (proof_of(LOG, 3), proof_of(LOG, 5)):
        take(book, anchored(proof.size, proof.size))
        row = book.newest()
        assert row is not None
        book.keep_proof(row, proof)
        assert book.proof() == proof
    with book.engine.begin() as connection:
        book.forget(connection, 4)
        assert book.proof() == proof_of(LOG, 5)  # another reader still sees it
    assert book.proof() == proof_of(LOG, 3)


def test_only_what_is_final_waits_for_its_proof(book: AnchorBook) -> None:
    take(book, anchored(5, 1), anchored(9, 4))
    assert book.unproven(0) is None
    for final, size in ((1, 5), (3, 5), (4, 9)):
        row = book.unproven(final)
        assert row is not None
        assert row.size == size


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "anchors.db"
    path.write_bytes(b"this is no database" * 100)
    with AnchorBook.open(path) as book:
        assert book.rows() == []


@pytest.mark.parametrize(
    "event",
    [
        replace(anchored(5, 1), topics=()),
        replace(anchored(5, 1), topics=(HASH, LOG_ID)),
        replace(anchored(5, 1), topics=anchored(5, 1).topics[:2]),
        replace(anchored(5, 1), data=b""),
        replace(anchored(5, 1), data=ROOT[:31]),
    ],
)
def test_an_event_of_another_shape_is_not_believed(event: Event) -> None:
    with pytest.raises(LedgerContradicts):
        read_event(event)


def test_every_event_of_the_contract_is_read() -> None:
    read = read_event(anchored(5, 1))
    assert (read.name, read.values) == ("Anchored", {"log_id": LOG_ID, "size": 5, "root": ROOT})


def test_an_origin_that_is_no_text_stops_nobody() -> None:
    topics = (artefact().topic("Opened"), LOG_ID, encode(["address"], ["0x" + "11" * 20]), HASH)
    opened = replace(anchored(5, 1), topics=topics, data=encode(["bytes"], [b"bank\xff\xfe"]))
    assert read_event(opened).values["origin"] == "bank\ufffd\ufffd"


def test_a_book_damaged_anywhere_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "anchors.db"
    with AnchorBook.open(path) as book:
        take(book, *(anchored(size, size) for size in range(1, 400)))
    whole = path.read_bytes()
    for start in range(4_096, len(whole), 16_384):
        path.write_bytes(whole[:start] + bytes(4_096) + whole[start + 4_096 :])
        with AnchorBook.open(path) as book:
            assert book.proof(10**6) is None
            assert len(book.rows(limit=1_000)) in (0, 399)


def test_a_proof_that_was_cut_is_read_from_the_ledger_again(tmp_path: Path) -> None:
    path = tmp_path / "anchors.db"
    with AnchorBook.open(path) as book:
        take(book, anchored(5, 1))
        with book.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE anchors SET proof = '{\"format\":'")
    with AnchorBook.open(path) as book:
        assert book.rows() == []

"""What follows from the contract's events, and that it follows again when some are taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.assets.book import AssetBook
from counterfoil.ledger.assets.contract import artefact
from counterfoil.ledger.assets.history import asset_step
from counterfoil.ledger.rpc.answers import Event

ALICE, BOB, NOBODY = ("0x" + each * 20 for each in ("0a", "0b", "00"))
ONE, TWO = 0x11, 0x22
MANIFEST = b"\x01" * 32


def text(asset: int) -> str:
    return f"0x{asset:064x}"


def told(block: int, index: int, name: str, *values: Any) -> Event:
    """Returns an event as a node gives it."""
    entry = next(each for each in artefact().abi if each["type"] == "event" and each["name"] == name)
    pairs = list(zip(entry["inputs"], values, strict=True))
    topics = [encode([each["type"]], [value]) for each, value in pairs if each["indexed"]]
    rest = [(each["type"], value) for each, value in pairs if not each["indexed"]]
    data = encode([kind for kind, _ in rest], [value for _, value in rest])
    return Event(b"\x09" * 20, (artefact().topic(name), *topics), data, block, b"\3" * 32, bytes([block]) * 32, index)


def registered(block: int, asset: int, *parents: int) -> list[Event]:
    first = told(block, 0, "Registered", asset, ALICE, 1, MANIFEST, 250, "uri:1")
    derived = [told(block, 1 + place, "Derived", asset, parent) for place, parent in enumerate(parents)]
    return [first, *derived, told(block, 9, "Transfer", NOBODY, ALICE, asset)]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[AssetBook]:
    with AssetBook.open(tmp_path / "assets.db") as opened:
        yield opened


def take(book: AssetBook, *events: Event) -> None:
    with book.engine.begin() as connection:
        book.take(connection, events)


LATER = [
    told(2, 0, "Published", ONE, 2, b"\x02" * 32, "uri:2"),
    told(2, 1, "MetadataUpdate", ONE),
    told(3, 0, "StateSet", ONE, 2, ALICE),
    told(3, 1, "RolesSet", ONE, BOB, 3),
    told(4, 0, "Approval", ALICE, BOB, ONE),
    told(4, 1, "ApprovalForAll", ALICE, BOB, True),
    told(4, 2, "Transfer", ALICE, BOB, ONE),
    told(5, 0, "UriSet", ONE, "uri:3"),
    told(5, 1, "RoyaltyAssigned", ONE, BOB),
]


def test_an_asset_is_what_its_events_say(book: AssetBook) -> None:
    take(book, *registered(1, ONE), *LATER)

    [found] = book.listed()
    assert (found.asset, found.creator, found.owner, found.kind, found.state) == (text(ONE), ALICE, BOB, 1, 2)
    assert (found.version, found.manifest, found.uri, found.royalty_bps) == (2, "0x" + "02" * 32, "uri:3", 250)
    assert (found.block, found.transaction_hash) == (1, b"\1" * 32)
    assert book.find(text(ONE)) == found
    assert book.find(text(TWO)) is None


@pytest.mark.parametrize(
    ("to", "version", "state", "owner"), [(4, 2, 2, BOB), (3, 2, 2, ALICE), (2, 2, 0, ALICE), (1, 1, 0, ALICE)]
)
def test_what_the_ledger_takes_back_did_not_happen(
    book: AssetBook, to: int, version: int, state: int, owner: str
) -> None:
    take(book, *registered(1, ONE), *LATER)
    with book.engine.begin() as connection:
        book.forget(connection, to)

    [found] = book.listed()
    assert (found.version, found.state, found.owner) == (version, state, owner)
    with book.engine.begin() as connection:
        book.forget(connection, 0)
    assert book.listed() == []
    take(book, *registered(1, ONE), *LATER)  # the same again on another branch
    assert book.listed()[0].owner == BOB


def test_parents_and_children(book: AssetBook) -> None:
    take(book, *registered(1, ONE), *registered(2, TWO, ONE), *registered(3, 0x33, ONE, TWO))

    assert [each.parents for each in book.listed()] == [[], [text(ONE)], [text(ONE), text(TWO)]]
    assert book.children(text(ONE)) == [text(TWO), text(0x33)]
    assert book.children(text(0x33)) == []


def test_events_are_told_in_words(book: AssetBook) -> None:
    take(book, *registered(1, ONE, TWO), *LATER)

    sentences = [asset_step(each).sentence.lower() for each in book.events(text(ONE))]
    assert sentences == [
        f"registered by {ALICE} as a dataset",
        f"made from {text(TWO)}",
        f"owned by {ALICE}",
        f"version 2, manifest {'02' * 32}",
        "metadataupdate",
        f"recalled, said {ALICE}",
        f"{BOB} is publisher and operator",
        f"{BOB} may transfer it",
        f"transferred and owned by {BOB}",
        "found at uri:3",
        f"the royalty goes to {BOB}",
    ]


def test_an_event_of_another_contract_is_not_believed(book: AssetBook) -> None:
    with pytest.raises(LedgerContradicts, match="the Assets contract does not have"):
        take(book, Event(b"\x09" * 20, (b"\x07" * 32,), b"", 1, b"\3" * 32, b"\4" * 32, 0))


def test_a_damaged_book_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "assets.db").write_bytes(b"not a database" * 100)
    with AssetBook.open(tmp_path / "assets.db") as book:
        assert book.listed() == []


LATE = [LATER[0], LATER[2], told(4, 2, "Transfer", ALICE, BOB, ONE), told(5, 0, "UriSet", ONE, "")]


@pytest.mark.parametrize("event", LATE, ids=["published", "state", "transfer", "uri"])
def test_reading_that_began_too_late_is_told(book: AssetBook, event: Event) -> None:
    take(book, event)
    with pytest.raises(LedgerContradicts, match="not that it was registered"):
        book.listed()
    with pytest.raises(LedgerContradicts, match="not that it was registered"):
        book.find(text(ONE))

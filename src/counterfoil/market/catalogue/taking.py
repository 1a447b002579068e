"""Takes in what was fetched: each file is held to its digest, its signature and its offer before a word is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from counterfoil.errors import CounterfoilError, DoesNotMatch
from counterfoil.market.catalogue.fetching import Answered, wait_s
from counterfoil.market.catalogue.following import forget_sheet
from counterfoil.market.catalogue.review import read_review
from counterfoil.market.catalogue.tables import rows
from counterfoil.market.sheets.checks import SheetChecks
from counterfoil.market.sheets.sheet import SignedSheet, read_sheet

__all__ = ["MarketPlace", "take_answers"]

_NOT_FOUND = "not found"
_WRONG = "does not match"


@dataclass(frozen=True, slots=True)
class MarketPlace:
    """The market that a catalogue is of: the ledger's number and the contract's address, in lower case."""

    chain_id: int
    address: str


def take_answers(
    connection: Connection, place: MarketPlace, answers: Iterable[Answered], checks: SheetChecks, now_s: int
) -> int:
    """Writes down what came of the files that were wanted; returns how many sheets were found."""
    found = 0
    for each in answers:
        if each.wanted.what == "sheets":
            found += _take_sheet(connection, place, each, checks, now_s)
        else:
            _take_review(connection, place, each, now_s)
    return found


def _take_sheet(connection: Connection, place: MarketPlace, answer: Answered, checks: SheetChecks, now_s: int) -> bool:
    row, digest = answer.wanted.row, answer.wanted.digest
    asked = rows(
        connection,
        "SELECT o.offer, o.asset, o.kind, w.tries FROM wanted w JOIN offers o USING (id)"
        " WHERE w.id = ? AND w.digest = ?",
        row,
        digest,
    )
    if not asked:
        return False  # meanwhile the offer has another sheet, or is no more
    state, why = _NOT_FOUND, answer.why
    if answer.data is not None:
        try:
            signed = read_sheet(answer.data, checks)
            if signed.digest_hex != digest:
                raise DoesNotMatch("what its node gives has another digest than the ledger")
            signed.require_offer(
                chain_id=place.chain_id,
                market=place.address,
                offer=asked[0].offer,
                asset=asked[0].asset,
                kind=asked[0].kind,
            )
        except CounterfoilError as error:
            state, why = _WRONG, error.message
        else:
            _put_sheet(connection, row, signed)
            return True
    tries = asked[0].tries + 1
    connection.exec_driver_sql(
        "UPDATE wanted SET tries = ?, next_s = ?, state = ?, why = ? WHERE id = ?",
        (tries, now_s + wait_s(tries), state, why, row),
    )
    return False


def _put_sheet(connection: Connection, row: int, signed: SignedSheet) -> None:
    wares = signed.sheet.wares
    quality, content = wares.quality, wares.content
    table_rows = quality.rows if quality else wares.profile.rows if wares.profile else None
    forget_sheet(connection, row)
    connection.exec_driver_sql("DELETE FROM wanted WHERE id = ?", (row,))
    values: tuple[Any, ...] = (
        row,
        signed.digest_hex,
        wares.category,
        wares.title,
        wares.licence.name,
        wares.seller.name,
        wares.seller.origin,
        table_rows,
        quality.missing_micro if quality else None,
        quality.duplicates_micro if quality else None,
        content.size_bytes if content else None,
        wares.node,
    )
    marks = ", ".join("?" * len(values))
    connection.exec_driver_sql(f"INSERT INTO found VALUES ({marks})", values)  # noqa: S608 - marks only
    connection.exec_driver_sql("INSERT INTO files VALUES (?, ?)", (row, signed.data))
    tags = sorted({tag.casefold() for tag in wares.tags})
    if tags:
        connection.exec_driver_sql("INSERT INTO tags VALUES (?, ?)", [(row, tag) for tag in tags])
    columns = [each.name for each in wares.profile.columns] if wares.profile else []
    columns += wares.sample.columns if wares.sample else ()
    more = [wares.seller.name, wares.seller.origin, wares.licence.name, wares.category, wares.kind, *columns]
    more += [content.name] if content else []
    words = (row, wares.title, " ".join(wares.tags), wares.description, " ".join(dict.fromkeys(more)))
    connection.exec_driver_sql(
        "INSERT INTO words (rowid, title, tags, description, more) VALUES (?, ?, ?, ?, ?)", words
    )


def _take_review(connection: Connection, place: MarketPlace, answer: Answered, now_s: int) -> None:
    """Writes down the text of the one review that the document is of; the others that name it wait on."""
    row, digest = answer.wanted.row, answer.wanted.digest
    asked = rows(
        connection,
        "SELECT o.offer, t.author, t.stars, t.tries FROM texts t JOIN offers o USING (id)"
        " WHERE t.id = ? AND t.digest = ? AND t.text IS NULL",
        row,
        digest,
    )
    for each in asked:
        text = None if answer.data is None else _text_of(answer.data, digest, place, each)
        tries = each.tries + 1
        connection.exec_driver_sql(
            "UPDATE texts SET tries = ?, next_s = ?, text = ? WHERE id = ? AND digest = ? AND author = ? AND stars = ?",
            (tries, now_s + wait_s(tries), text, row, digest, each.author, each.stars),
        )


def _text_of(data: bytes, digest: str, place: MarketPlace, asked: Any) -> str | None:
    """Returns what a review says; None where the document is not that of this offer, author and number of stars."""
    try:
        signed = read_review(data).require_event(offer=asked.offer, account=asked.author, stars=asked.stars)
    except CounterfoilError:
        return None
    says = signed.review
    is_it = (signed.digest_hex, says.chain_id, says.market) == (digest, place.chain_id, place.address)
    return says.text if is_it else None

"""Records of the market: what they say, where they are found again, and that whom they are about stays private."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

import counterfoil
from counterfoil.core.statement import Draft, parse_record
from counterfoil.errors import MalformedEvidence
from counterfoil.market.records import (
    ADMISSION,
    AdmissionRecord,
    DeliveryRecord,
    ExecutionRecord,
    ListingRecord,
    ReceivedRecord,
)
from counterfoil.market.views import market_records
from counterfoil.organisation import Organisation
from counterfoil.store.prepared import Private
from counterfoil.store.schemas import keep_schema

OFFER, ORDER, ASSET = "0x" + "11" * 32, "0x" + "22" * 32, "0x" + "33" * 32
SHEET, STATEMENT, ROOT, CIPHER = "aa" * 32, "bb" * 32, "cc" * 32, "dd" * 32
ADMITTED = AdmissionRecord(ORDER, OFFER, SHEET, True, "research in the EU")


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Organisation]:
    with counterfoil.create(tmp_path / "home", name="Lab", origin="lab.example") as made:
        yield made


def test_each_record_is_found_by_its_order_and_offer(org: Organisation) -> None:
    keep_schema(org.recorder, org.archive, ADMISSION)
    org.recorder.write(ListingRecord(OFFER, ASSET, SHEET, ROOT).draft())
    private = {"/organisation": "clinic.example", "/purpose": "research", "/jurisdiction": "FR"}
    admitted = org.recorder.write(ADMITTED.draft({}), Private(ADMISSION, private))
    org.recorder.write(DeliveryRecord(ORDER, OFFER, STATEMENT, ROOT, CIPHER, 7).draft())
    org.recorder.write(ReceivedRecord(ORDER, OFFER, STATEMENT, ROOT, 7).draft())
    org.recorder.write(ExecutionRecord(ORDER, OFFER, SHEET, STATEMENT, CIPHER, ROOT, "finished", (ROOT,)).draft())
    with org.views.reading() as connection:
        rows = connection.execute(select(market_records).order_by(market_records.c.idx)).all()
    assert [(row.kind, row.order, row.digest, row.is_allowed) for row in rows] == [
        ("listing", "", SHEET, None),
        ("admission", ORDER, SHEET, True),
        ("delivery", ORDER, STATEMENT, None),
        ("received", ORDER, STATEMENT, None),
        ("execution", ORDER, STATEMENT, None),
    ]
    assert {row.offer for row in rows} == {OFFER}
    assert admitted.index is not None
    entry = org.archive.entry(admitted.index)
    assert AdmissionRecord.read(parse_record(entry)) == ADMITTED
    assert b"clinic.example" not in entry
    assert b"research in the EU" in entry


def test_an_admission_that_lacks_a_part_is_no_admission(org: Organisation) -> None:
    template = Draft("admission", "market", ORDER, about={"order": ORDER}).template(org.recorder.issuer)
    record = parse_record(template.entry(0, "2026-11-26T00:00:00Z"))
    with pytest.raises(MalformedEvidence, match="lacks a part"):
        AdmissionRecord.read(record)

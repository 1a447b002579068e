"""Offer sheets: signing, reading, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from making_offers import KEY_NAME, MARKET, SECRET, sheet, signed

from counterfoil.core import canonical
from counterfoil.core.keccak import keccak256
from counterfoil.core.signed_document import sign_document
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence
from counterfoil.market.sheets.checks import SheetChecks
from counterfoil.market.sheets.sheet import MOST_SHEET_BYTES, OfferSheet, read_sheet, sign_sheet


def document(**changes: Any) -> dict[str, Any]:
    told = sheet().to_json() | changes
    return {key: value for key, value in told.items() if value is not ...}


def nested(part: str, **changes: Any) -> dict[str, Any]:
    told = document()[part] | changes
    return document(**{part: {key: value for key, value in told.items() if value is not ...}})


def test_a_signed_sheet_reads_back_and_its_digest_is_that_of_the_document_alone() -> None:
    made = signed()
    again = read_sheet(made.data)
    assert again == made
    assert again.sheet == sheet()
    assert again.digest_hex == sha256(canonical.dumps(sheet().to_json())).hexdigest()
    assert again.key.name == KEY_NAME
    assert read_sheet(made.data + b"\n") == made


def test_the_offer_id_is_the_hash_of_asset_and_number() -> None:
    made = sheet(number=258, asset=7)
    assert made.offer == "0x" + keccak256((7).to_bytes(32, "big") + (258).to_bytes(32, "big")).hex()


def test_a_sheet_without_what_may_be_left_out_reads_back() -> None:
    bare = signed(tags=(), quality=None, passport=None)
    assert "tags" not in canonical.loads(bare.data)["document"]
    assert read_sheet(bare.data).sheet.wares.quality is None
    service = signed(category="service", kind="job", content=None, compute={"algorithms": []}, quality=None)
    assert read_sheet(service.data).sheet.wares.compute == {"algorithms": []}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        pytest.param(document(format="counterfoil offer 2"), "format", id="another format"),
        pytest.param(document(colour="red"), "colour", id="unknown member"),
        pytest.param(document(title=...), "title is left out", id="no title"),
        pytest.param(document(title=" x"), "title", id="blank before the title"),
        pytest.param(document(title="a\u202eb"), "title holds characters", id="text that turns around"),
        pytest.param(document(title="t" * 201), "201 characters", id="long title"),
        pytest.param(document(description="a\tb"), "description holds", id="tab"),
        pytest.param(document(kind="gift"), "'gift'", id="unknown kind"),
        pytest.param(document(number=-1), "number", id="negative number"),
        pytest.param(document(number=True), "number is true", id="a number that is true"),
        pytest.param(document(chainId="1"), "chainId is text", id="chain as text"),
        pytest.param(document(asset="0x" + "AB" * 32), "asset", id="asset in capitals"),
        pytest.param(document(market=MARKET.upper()), "market", id="address in capitals"),
        pytest.param(document(created="2026-11-31T08:00:00Z"), "created", id="no such day"),
        pytest.param(document(created="2026-11-26T08:00:00+01:00"), "created", id="another zone"),
        pytest.param(document(tags=["a", "a"]), "twice", id="tag twice"),
        pytest.param(document(tags=["t"] * 33), "33 items", id="many tags"),
        pytest.param(document(tags=[]), "spells out", id="empty list spelt out"),
        pytest.param(document(sample=None), "sample", id="null spelt out"),
        pytest.param(document(content=...), "content is left out", id="dataset without content"),
        pytest.param(document(compute={}), "belongs to a job", id="compute without a job"),
        pytest.param(document(kind="job"), "a job has it", id="job without compute"),
        pytest.param(document(terms=[]), "terms", id="terms that are a list"),
        pytest.param(document(node="ftp://x.example"), "node", id="node that is not on the web"),
        pytest.param(document(node="https://u:p@x.example"), "node", id="node with a password"),
        pytest.param(document(node="https://x.example/?a=1"), "node has a query", id="node with a query"),
        pytest.param(nested("content", name="../x.csv"), "another folder", id="name that leads elsewhere"),
        pytest.param(nested("content", name=".."), "another folder", id="name of the folder above"),
        pytest.param(nested("content", size=-1), "content.size", id="size below nothing"),
        pytest.param(nested("content", root="ab"), "content.root", id="short root"),
        pytest.param(nested("licence", sha256=...), "licence.sha256", id="licence without its text"),
        pytest.param(nested("licence", url="javascript:alert(1)"), "licence.url", id="address that runs"),
        pytest.param(nested("seller", origin="a b"), "seller.origin", id="origin with a blank"),
        pytest.param(nested("quality", missingMicro=1_000_001), "missingMicro", id="more than all missing"),
        pytest.param(document(sample={"columns": ["a"], "rows": [["1", "2"]]}), "2 cells", id="wide row"),
        pytest.param(document(sample={"columns": ["a"], "rows": [[1]]}), "rows.1", id="cell that is no text"),
        pytest.param(document(sample={"columns": ["a"], "rows": []}), "show nothing", id="sample without rows"),
        pytest.param(document(sample={"columns": ["a"], "rows": [["1"]] * 51}), "51 items", id="many rows"),
        pytest.param(document(profile={"columns": [], "leastGroup": 10, "rows": 5}), "show nothing", id="no columns"),
    ],
)
def test_what_is_not_usable_is_refused_by_name(told: Mapping[str, Any], says: str) -> None:
    with pytest.raises(MalformedEvidence, match=says):
        read_sheet(canonical.dumps(sign_document(told, SECRET, KEY_NAME)))


def test_a_changed_sheet_does_not_read() -> None:
    with pytest.raises(DoesNotMatch, match="signature"):
        read_sheet(signed().data.replace(b"Ship movements", b"Shop movements"))
    with pytest.raises(MalformedEvidence):
        read_sheet(b" " + signed().data)


def test_a_sheet_that_is_too_large_is_neither_signed_nor_read() -> None:
    with pytest.raises(InvalidInput, match="too large"):
        signed(terms={"text": "x" * MOST_SHEET_BYTES})
    with pytest.raises(MalformedEvidence, match="too large"):
        read_sheet(b"{" + b" " * MOST_SHEET_BYTES)


def test_nothing_is_signed_that_others_would_refuse() -> None:
    with pytest.raises(InvalidInput, match="title"):
        sign_sheet(sheet(title=""), SECRET, KEY_NAME)


def test_the_readers_of_parts_are_asked() -> None:
    def refuse(_part: Mapping[str, Any]) -> None:
        raise InvalidInput("nobody may have it")

    with pytest.raises(MalformedEvidence, match="nobody may"):
        read_sheet(signed().data, SheetChecks(terms=refuse))
    with pytest.raises(MalformedEvidence, match="nobody may"):
        read_sheet(signed().data, SheetChecks(parameters=refuse))
    assert read_sheet(signed().data, SheetChecks(compute=refuse))  # it has none
    with pytest.raises(InvalidInput, match="nobody may"):
        OfferSheet.read(signed(kind="job", compute={}).sheet.to_json(), SheetChecks(compute=refuse))


@pytest.mark.parametrize(
    "differs",
    [
        pytest.param({"chain_id": 1}, id="ledger"),
        pytest.param({"market": "0x" + "00" * 20}, id="market"),
        pytest.param({"asset": "0x" + "00" * 32}, id="asset"),
        pytest.param({"offer": "0x" + "00" * 32}, id="offer"),
        pytest.param({"kind": 2}, id="kind"),
    ],
)
def test_a_sheet_of_another_offer_does_not_pass(differs: dict[str, Any], request: pytest.FixtureRequest) -> None:
    made = signed()
    right = {
        "chain_id": made.sheet.chain_id,
        "market": MARKET,
        "offer": made.sheet.offer,
        "asset": made.sheet.asset,
        "kind": 1,
    }
    assert made.require_offer(**right) is made
    with pytest.raises(DoesNotMatch, match=f"another {request.node.callspec.id}"):
        made.require_offer(**right | differs)

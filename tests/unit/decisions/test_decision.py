from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import Bank, bank

from counterfoil.core.receipt import Receipt, parse_receipt
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.store.check_file import check_file


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path / "bank") as made:
        yield made


def test_the_receipt_shows_everything_or_what_was_asked_for(home: Bank) -> None:
    decision = home.decide("anna")
    assert any('"/input/housing","own"' in text for text in decision.receipt.shown.disclosure.shown)
    short = decision.receipt_of(["/output/label"])
    assert [json.loads(text)[1] for text in short.shown.disclosure.shown] == ["/output/label"]
    assert isinstance(parse_receipt(short.encode()), Receipt)
    assert short.leaf == decision.receipt.leaf
    with pytest.raises(InvalidInput):
        decision.receipt_of(["/output/lable"])


def test_a_receipt_is_saved_once_and_checks(home: Bank, tmp_path: Path) -> None:
    decision = home.decide("anna")
    path = decision.save_receipt(tmp_path / "anna.receipt")
    assert check_file(path, issuer=home.org.issuer).exit_code(["fields", "log", "issuer"]) == 0
    with pytest.raises(InvalidInput, match="already exists"):
        decision.save_receipt(path)
    with pytest.raises((InvalidInput, NotFound)):
        decision.save_receipt(tmp_path / "no such folder" / "anna.receipt")


def test_a_decision_shows_nothing_private_when_printed(home: Bank) -> None:
    decision = home.decide("anna", note="a secret")
    assert "secret" not in repr(decision)
    assert "anna" not in repr(decision)


def test_checking_again_later_still_holds(home: Bank) -> None:
    decision = home.decide("anna")
    for subject in ("ben", "cleo"):
        home.decide(subject)
    assert decision.check(replay=True).verdict == "intact, and signed by the issuer you named"

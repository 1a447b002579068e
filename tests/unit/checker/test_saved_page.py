"""A receipt inside a saved page: taken out as data, strictly, and checked like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from making import BankLog

from counterfoil.checker import Held, checker_page
from counterfoil.checker.saved_page import MAX_SAVED_BYTES, is_page, receipt_in_page
from counterfoil.errors import InvalidInput
from counterfoil.store.check_file import check_file, other_file, read_anchor, read_head

LOG = BankLog().fill(9)
RECEIPT = LOG.receipt(4).encode()
PAGE = checker_page(Held("mine.json", RECEIPT, {"R01": "</script>"}, {"/input/age": "years"}, "Bank")).encode()
OPENS = '<script type="application/json" id="held">'


def written(folder: Path, data: bytes) -> Path:
    path = folder / "page.html"
    path.write_bytes(data)
    return path


def test_the_receipt_comes_out_byte_for_byte() -> None:
    assert is_page(PAGE)
    assert is_page(b"\n <HTML>")
    assert not is_page(RECEIPT)
    assert receipt_in_page(PAGE) == RECEIPT


def test_a_page_is_checked_like_its_receipt(tmp_path: Path) -> None:
    path = written(tmp_path, PAGE)
    assert other_file(path) is None
    report = check_file(path, issuer=LOG.key.key)
    assert report.verdict == "intact, and signed by the issuer you named"
    assert read_anchor(path) is None
    assert read_head(path).head.size == 9
    assert check_file(path, issuer=LOG.key.key, against=path).answer == "kept"


def test_an_altered_page_does_not_match(tmp_path: Path) -> None:
    altered = checker_page(Held("mine.json", RECEIPT.replace(b"41]", b"42]"))).encode()
    assert check_file(written(tmp_path, altered)).verdict.startswith("does not match: a value")


@pytest.mark.parametrize(
    ("page", "match"),
    [
        (checker_page().encode(), "holds no receipt"),
        (b"<html><p>Your receipt</html>", "holds no receipt"),
        (PAGE + OPENS.encode(), "2 receipts"),
        (PAGE[: PAGE.index(OPENS.encode()) + 500], "breaks off"),
        (f"<html>{OPENS}nonsense</script>".encode(), "not valid JSON"),
        (f"<html>{OPENS}[]</script>".encode(), "is no receipt"),
        (f"<html>{OPENS}{json.dumps({'receipt': 5})}</script>".encode(), "is no receipt"),
        (f"<html>{OPENS}{json.dumps({'receipt': '', 'run': 'x'})}</script>".encode(), "is no receipt"),
        (f'<html>{OPENS}{{"receipt": "", "receipt": ""}}</script>'.encode(), "appears twice"),
    ],
    ids=range(9),
)
def test_other_pages_are_no_receipts(tmp_path: Path, page: bytes, match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        check_file(written(tmp_path, page))


def test_a_page_has_a_limit() -> None:
    with pytest.raises(InvalidInput, match="is not read"):
        receipt_in_page(b"<html>" + bytes(MAX_SAVED_BYTES))

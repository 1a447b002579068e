"""Checking a signed document of the market by itself, such as the receipt that comes with a job's result."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core import canonical
from counterfoil.core.check_document import check_document
from counterfoil.core.note import VerifierKey
from counterfoil.core.signed_document import read_document, sign_document
from counterfoil.core.steps import Status
from counterfoil.store.check_file import check_file

SECRET, OTHER = b"\x01" * 32, b"\x02" * 32
RESULT = b'{"mean":8.275}'
RECEIPT: dict[str, Any] = {
    "exit": "finished",
    "format": "counterfoil execution 1",
    "order": "0x" + "12" * 32,
    "outputs": [{"name": "result.json", "sha256": sha256(RESULT).hexdigest(), "size": len(RESULT)}],
}


def signed(secret: bytes = SECRET, **changes: Any) -> bytes:
    return canonical.dumps(sign_document(RECEIPT | changes, secret, "clinic.example"))


def key(secret: bytes = SECRET) -> VerifierKey:
    return read_document(signed(secret), "counterfoil execution 1").key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.json").write_bytes(RESULT)
    (tmp_path / "receipt.json").write_bytes(signed())
    return tmp_path


def test_a_receipt_and_the_outputs_beside_it_pass(folder: Path) -> None:
    report = check_file(folder / "receipt.json", issuer=key())
    assert [(each.id, each.status) for each in report.steps] == [
        (name, Status.PASSED) for name in ("format", "issuer", "outputs")
    ]
    assert {"pointer": "/exit", "title": "exit", "value": "finished"} in report.facts["fields"]


@pytest.mark.parametrize("change", ["another", "more", "deeper", "missing"])
def test_outputs_that_are_not_the_ones_it_names_fail(folder: Path, change: str) -> None:
    result = folder / "out" / "result.json"
    if change == "missing":
        result.unlink()
    elif change == "deeper":
        (folder / "out" / "more").mkdir()
        (folder / "out" / "more" / "result.json").write_bytes(RESULT)
    else:
        (result if change == "another" else result.with_name("more.json")).write_bytes(b"{}")
    report = check_file(folder / "receipt.json", issuer=key())
    assert report.step("outputs").status is Status.FAILED  # type: ignore[union-attr]
    assert report.exit_code() == 4


def test_without_a_key_or_outputs_those_steps_are_not_checked() -> None:
    report = check_document(signed())
    assert [each.status for each in report.steps] == [Status.PASSED, Status.NOT_CHECKED, Status.NOT_CHECKED]
    assert report.verdict == "intact, issuer unknown"


def test_another_key_than_named_fails() -> None:
    assert check_document(signed(OTHER), issuer=key()).step("issuer").status is Status.FAILED  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "data",
    [
        b'{"document":' + b"[" * 5_000,
        b'{"document":{"format":7},"signature":{}}',
        canonical.dumps({"document": RECEIPT | {"format": "counterfoil claims 1"}, "signature": {}}),
        signed().replace(b"finished", b"failed__"),
        canonical.dumps(json.loads(signed()) | {"more": 1}),
    ],
    ids=["deep", "format", "unknown", "altered", "more"],
)
def test_hostile_documents_fail_at_the_first_step(data: bytes) -> None:
    [step] = check_document(data).steps
    assert (step.id, step.status) == ("format", Status.FAILED)


@pytest.mark.parametrize("outputs", [7, [7], [{"name": "a"}]], ids=["number", "list", "half"])
def test_outputs_of_another_shape_fail(outputs: object) -> None:
    step = check_document(signed(outputs=outputs), outputs={}).step("outputs")
    assert step is not None
    assert step.status is Status.FAILED

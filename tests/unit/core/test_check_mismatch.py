"""Evidence of a delivery that does not match: what convicts a seller, and all that a buyer might make up."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from making_deliveries import CHUNKS, DATA, KEY_NAME, SECRET, SELLER_KEY, MadeDelivery, word

from counterfoil.core import canonical
from counterfoil.core.age import make_header, recipient_of
from counterfoil.core.check_mismatch import check_mismatch
from counterfoil.core.delivery import (
    CHUNK_BYTES,
    Content,
    read_statement,
)
from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.core.mismatch_file import PieceShown, is_mismatch_file
from counterfoil.core.note import VerifierKey
from counterfoil.core.signed_document import sign_document
from counterfoil.core.steps import Status

FALSE = [CHUNKS[0], bytes(CHUNK_BYTES), CHUNKS[2]]


def failing(file, **options):
    data = file if isinstance(file, bytes) else file.encode()
    report = check_mismatch(data, **options)
    return [step.id for step in report.steps if step.status is Status.FAILED], report


def test_another_chunk_than_the_published_one_convicts_the_seller():
    made = MadeDelivery(FALSE)
    data = made.evidence().encode()
    assert is_mismatch_file(data[:16])
    wrong, report = failing(data, issuer=made.sheet.key)
    assert wrong == []
    assert all(step.status is Status.PASSED for step in report.steps)
    assert [step.id for step in report.steps] == [
        *("format", "issuer", "statement", "secret", "head", "piece", "leaf", "mismatch")
    ]
    assert report.exit_code(["issuer", "mismatch"]) == 0
    assert report.verdict == (
        "the seller delivered another chunk 1 than it published; intact, and signed by the issuer you named"
    )


def test_a_piece_that_does_not_open_convicts_the_seller():
    made = MadeDelivery()
    made.pieces[2] = bytes(len(made.pieces[2]))
    made.piece_leaves[2] = leaf_hash(made.pieces[2])
    told = replace(made.statement, ciphertext=Content(root_of(made.piece_leaves), made.statement.ciphertext.size_bytes))
    made.statement, made.signed = read_statement(sign_document(told.to_json(), SELLER_KEY, KEY_NAME))
    wrong, report = failing(made.evidence())
    assert wrong == []
    assert "does not open" in report.step("mismatch").detail


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(bytes(184), id="no header"),
        pytest.param(
            make_header(bytes(16), [(recipient_of(bytes(32)), bytes(range(32)))]) + bytes(16), id="for others"
        ),
        pytest.param(
            make_header(bytes(16), [(recipient_of(SECRET), bytes(range(32)))] * 2) + bytes(16), id="for two keys"
        ),
        pytest.param(make_header(bytes(16), [(recipient_of(SECRET), bytes(range(32)))]), id="without a nonce"),
    ],
)
def test_a_first_piece_that_does_not_open_convicts_the_seller(head):
    made = MadeDelivery(head=head)
    wrong, report = failing(made.evidence(chunk=None))
    assert wrong == []
    assert report.step("mismatch").status is Status.PASSED
    assert "cannot open" in report.verdict


def test_a_statement_that_promises_other_content_convicts_the_seller():
    made = MadeDelivery(content=Content(bytes(32), len(DATA)))
    wrong, report = failing(made.evidence(secret=None, head=None, chunk=None))
    assert wrong == []
    assert "other content" in report.verdict


def test_without_the_sellers_key_nobody_is_convicted():
    _, report = failing(MadeDelivery(FALSE).evidence())
    assert report.step("issuer").status is Status.NOT_CHECKED
    assert report.exit_code(["issuer"]) == 4
    assert report.verdict.endswith("issuer unknown")


def other_scalar():
    """Another secret: the evidence must hold the order's, so that nobody chooses what the pieces open to."""
    return bytes(range(101, 133))


HONEST, CHEAT, SECOND = MadeDelivery(), MadeDelivery(FALSE), MadeDelivery(number=2, title="Others")


@pytest.mark.parametrize(
    ("file", "step"),
    [
        pytest.param(HONEST.evidence(), "mismatch", id="nothing is wrong"),
        pytest.param(HONEST.evidence(chunk=None), "mismatch", id="no piece is shown"),
        pytest.param(HONEST.evidence(secret=None, head=None, chunk=None), "mismatch", id="nothing is shown"),
        pytest.param(HONEST.evidence(secret=other_scalar()), "secret", id="another secret"),
        pytest.param(HONEST.evidence(secret=other_scalar(), chunk=None), "secret", id="another secret for the head"),
        pytest.param(HONEST.evidence(head=CHEAT.head().__class__(bytes(184), CHEAT.head().proof)), "head", id="a head"),
        pytest.param(HONEST.evidence(head=HONEST.chunk(0).piece), "head", id="a piece in the head's place"),
        pytest.param(HONEST.evidence(chunk=CHEAT.chunk(1)), "piece", id="a piece that was not signed"),
        pytest.param(HONEST.evidence(chunk=replace(HONEST.chunk(1), number=0)), "piece", id="another place"),
        pytest.param(HONEST.evidence(chunk=replace(HONEST.chunk(1), number=2**40)), "piece", id="a place far away"),
        pytest.param(HONEST.evidence(chunk=replace(HONEST.chunk(1), leaf=bytes(32))), "leaf", id="a leaf made up"),
        pytest.param(
            HONEST.evidence(chunk=replace(HONEST.chunk(1), leaf=HONEST.leaves[0])), "leaf", id="a leaf of another place"
        ),
        pytest.param(HONEST.evidence(chunk=replace(HONEST.chunk(1), leaf_proof=())), "leaf", id="no proof"),
        pytest.param(
            HONEST.evidence(sheet=SECOND.sheet, published=SECOND.published), "statement", id="another offer's sheet"
        ),
        pytest.param(
            SECOND.evidence(statement=HONEST.statement, signed_statement=HONEST.signed),
            "statement",
            id="a statement for another sheet",
        ),
        pytest.param(
            HONEST.evidence(sheet=MadeDelivery(key=bytes(32)).sheet),
            "statement",
            id="a sheet under the buyer's own key",
        ),
    ],
)
def test_a_buyer_cannot_make_it_up(file, step):
    wrong, report = failing(file)
    assert step in wrong
    assert report.exit_code() == 4
    assert step == "mismatch" or report.step("mismatch").status is not Status.PASSED
    assert "shows" not in report.facts


def test_pieces_of_two_orders_of_one_content_do_not_mix():
    """Both are honest, under one key and one root, and each sealed with keys of its own."""
    one, two = MadeDelivery(number=1), MadeDelivery(number=2)
    assert one.published == two.published
    assert failing(one.evidence(chunk=two.chunk(1)))[0] == ["piece"]
    assert failing(one.evidence(head=two.head()))[0] == ["head"]


def test_another_key_is_not_the_sellers():
    made = MadeDelivery(FALSE)
    wrong, _ = failing(made.evidence(), issuer=VerifierKey(KEY_NAME, 1, bytes(32)))
    assert wrong == ["issuer"]


def test_a_market_that_the_sheet_does_not_name_is_refused():
    made = MadeDelivery(FALSE)
    told = replace(made.statement, chain_id=1)
    statement, signed = read_statement(sign_document(told.to_json(), SELLER_KEY, KEY_NAME))
    assert failing(made.evidence(statement=statement, signed_statement=signed))[0] == ["statement"]


def spoilt(change):
    value = canonical.loads(CHEAT.evidence().encode())
    change(value)
    return canonical.dumps(value)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"chunk":', id="cut"),
        pytest.param(b" " + CHEAT.evidence().encode(), id="not canonical"),
        pytest.param(b'{"chunk":' + b"[" * 5000, id="deep"),
        pytest.param(bytes(2**22 + 1), id="large"),
        pytest.param(spoilt(lambda v: v.update(more=1)), id="an unknown member"),
        pytest.param(spoilt(lambda v: v.update(secret="AGE-SECRET-KEY-1")), id="no secret"),
        pytest.param(spoilt(lambda v: v.update(secret=7)), id="secret a number"),
        pytest.param(spoilt(lambda v: v.update(head=None)), id="a chunk without the head"),
        pytest.param(spoilt(lambda v: v["chunk"].update(number=-1)), id="below zero"),
        pytest.param(spoilt(lambda v: v["chunk"].update(number=True)), id="a truth for a number"),
        pytest.param(spoilt(lambda v: v["chunk"].update(proof=["00" * 32] * 65)), id="an endless proof"),
        pytest.param(spoilt(lambda v: v["chunk"].update(proof=["zz"])), id="a proof of other letters"),
        pytest.param(spoilt(lambda v: v["chunk"].update(piece="?")), id="a piece that is no base64"),
        pytest.param(spoilt(lambda v: v["head"].update(proof={})), id="a proof that is no list"),
        pytest.param(spoilt(lambda v: v["sheet"]["document"].pop("content")), id="a sheet that was altered"),
        pytest.param(spoilt(lambda v: v["statement"]["document"].update(order=word(9))), id="another order"),
        pytest.param(spoilt(lambda v: v.update(statement=[])), id="no statement"),
    ],
)
def test_what_is_no_evidence_fails_at_the_first_step(data):
    wrong, report = failing(data)
    assert wrong == ["format"]
    assert len(report.steps) == 1


def test_a_piece_altered_anywhere_fails():
    made = MadeDelivery(FALSE)
    chunk = made.chunk(1)
    for at in (0, 15, 16, 70_000, len(chunk.piece.data) - 1):
        data = bytearray(chunk.piece.data)
        data[at] ^= 1
        shown = replace(chunk, piece=PieceShown(bytes(data), chunk.piece.proof))
        assert failing(made.evidence(chunk=shown))[0] == ["piece"]


def test_the_file_is_read_again_as_it_was_written():
    data = CHEAT.evidence().encode()
    assert b64encode(CHEAT.pieces[0]) in data
    from counterfoil.core.mismatch_file import parse_mismatch_file

    assert parse_mismatch_file(data + b"\n").encode() == data

"""What an anchor shows, in which words, and what it takes to be believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
from making import BankLog, Members, signer
from making_anchors import CHAIN_ID, CONTRACT, FORKS, HEADS_SLOT, LOG_ID, anchored, block_of, head_of, path_of, proof_of

from counterfoil.core.anchor import Anchor, EventProof, StorageProof
from counterfoil.core.check_anchor import ANCHORED, KNOWN_CODE, LedgerView, check_anchor, head_slots
from counterfoil.core.check_bundle import check_bundle
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.keccak import keccak256
from counterfoil.core.receipt import Receipt, parse_receipt
from counterfoil.core.rlp import encode
from counterfoil.core.steps import EXIT_MISMATCH, Report, Status, Step
from counterfoil.ledger.contracts.artefact import Artefact

LOG = BankLog().fill(9)
KEY = LOG.key.key
EVENT, STORAGE = anchored(LOG, 5), anchored(LOG, 5, "storage")
KINDS: list[Literal["event", "storage"]] = ["event", "storage"]


def checked(anchor: Anchor | None, ledger: LedgerView | None = None, last: int = 0) -> Step:
    return check_anchor(anchor, head_of(LOG), ledger, last)


def trusting(anchor: Anchor) -> LedgerView:
    return LedgerView(anchor.block_hash)


def receipt(anchor: Anchor | None, index: int = 4) -> Receipt:
    return replace(LOG.receipt(index), anchor=anchor)


def step_of(report: Report) -> Step:
    step = report.step("anchor")
    assert step is not None
    return step


def test_the_constants_are_those_of_the_contract_in_this_package() -> None:
    artefact = Artefact.load("Evidence")
    assert {artefact.runtime_code_hash: artefact.slots["_heads"]} == KNOWN_CODE
    assert artefact.topic("Anchored") == ANCHORED == keccak256(b"Anchored(bytes32,uint256,bytes32)")


@pytest.mark.parametrize("anchor", [EVENT, STORAGE], ids=KINDS)
def test_it_passes_against_the_block_that_the_checker_names(anchor: Anchor) -> None:
    step = checked(anchor, trusting(anchor))
    assert step.status is Status.PASSED
    assert step.detail == (
        f"the first 5 of 9 records were on ledger {CHAIN_ID} in block 1234 at 2026-11-18T11:06:40Z; "
        f"contract 0x{CONTRACT.hex()}, log id 0x{LOG_ID.hex()}"
    )
    assert "second log" in step.limit


@pytest.mark.parametrize("anchor", [EVENT, STORAGE], ids=KINDS)
def test_without_a_block_from_the_checker_it_is_not_checked(anchor: Anchor) -> None:
    for ledger in (None, LedgerView(), LedgerView(log_id=LOG_ID, contract=CONTRACT)):
        step = checked(anchor, ledger)
        assert step.status is Status.NOT_CHECKED
        assert "--block HASH or --rpc URL" in step.detail
        assert anchor.block_hash.hex() in step.detail


def test_what_the_checker_names_must_be_what_the_file_says() -> None:
    good = LedgerView(EVENT.block_hash, LOG_ID, CONTRACT)
    assert checked(EVENT, good).status is Status.PASSED
    for wrong, words in (
        (replace(good, block=b"\1" * 32), "its block is"),
        (replace(good, log_id=b"\1" * 32), "its log id is"),
        (replace(good, contract=b"\1" * 20), "its contract is"),
        (LedgerView(log_id=b"\1" * 32), "its log id is"),
        (LedgerView(contract=b"\1" * 20), "its contract is"),
    ):
        step = checked(EVENT, wrong)
        assert step.status is Status.FAILED
        assert words in step.detail
        assert "you named 0x" in step.detail


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fork", FORKS)
def test_headers_of_all_rules(kind: Literal["event", "storage"], fork: str) -> None:
    anchor = anchored(LOG, 5, kind, fork=fork)
    assert checked(anchor, trusting(anchor)).status is Status.PASSED


@pytest.mark.parametrize("parts", [{"type": number} for number in (0, 1, 2, 3, 4, 0x7E, 0x7F)], ids=str)
def test_receipts_of_all_types(parts: dict[str, Any]) -> None:
    anchor = anchored(LOG, 5, **parts)
    assert checked(anchor, trusting(anchor)).status is Status.PASSED


@pytest.mark.parametrize(("transactions", "place"), [(1, 0), (2, 1), (128, 0), (129, 127), (129, 128), (300, 299)])
def test_every_place_in_a_block(transactions: int, place: int) -> None:
    anchor = anchored(LOG, 5, transactions=transactions, place=place, event=0)
    assert checked(anchor, trusting(anchor)).status is Status.PASSED


@pytest.mark.parametrize("kind", KINDS)
def test_busy_ledgers(kind: Literal["event", "storage"]) -> None:
    anchor = anchored(LOG, 5, kind, accounts=400, logs=200)
    assert len(anchor.account) > 2
    assert checked(anchor, trusting(anchor)).status is Status.PASSED
    anchor = anchored(LOG, 5, kind, accounts=0, logs=0)
    assert len(anchor.account) == 1
    assert checked(anchor, trusting(anchor)).status is Status.PASSED


@pytest.mark.parametrize("size", range(1, 10))
@pytest.mark.parametrize("kind", KINDS)
def test_every_earlier_head(size: int, kind: Literal["event", "storage"]) -> None:
    anchor = anchored(LOG, size, kind)
    assert checked(anchor, trusting(anchor)).status is Status.PASSED


def test_another_history_does_not_begin_with_the_anchored_one() -> None:
    other = BankLog().fill(3)
    other.decide(key=77)
    other.fill(9)
    for anchor in (anchored(other, 5), replace(anchored(other, 5), consistency=path_of(LOG, 5))):
        step = checked(anchor, trusting(anchor))
        assert step.status is Status.FAILED
        assert "does not begin with the 5 anchored ones" in step.detail
    grown = BankLog().fill(12)
    ahead = block_of(grown, 11).anchor("event")
    assert checked(ahead, trusting(ahead)).status is Status.FAILED


def test_what_each_part_says_when_it_does_not_fit() -> None:
    cases: list[tuple[Anchor, str]] = [
        (replace(EVENT, header=STORAGE.header[:-1]), "cut off"),
        (replace(EVENT, block_hash=b"\1" * 32), "not the one its hash names"),
        (replace(EVENT, block_number=1), "the anchor says block 1 at"),
        (replace(EVENT, block_time="2026-11-18T11:06:41Z"), "11:06:41Z"),
        (replace(EVENT, contract=b"\1" * 20), "proof of the contract's account does not hold: it goes on after"),
        (without_contract(), f"there is no contract at 0x{CONTRACT.hex()}"),
        (anchored(LOG, 5, code=keccak256(b"other")), "none that this version knows"),
        (anchored(LOG, 5, status=b""), "was refused"),
        (anchored(LOG, 5, topic=b"\1" * 32), "not the anchoring of 5 records"),
        (replace(EVENT, proof=replace_event(transaction=2)), "proof of the transaction does not hold"),
        (without_transaction(), "the block has no transaction 200"),
        (without_slot(), "a head over 0 records, not 5"),
        (replace(EVENT, proof=replace_event(log=3)), "event 3 of the transaction is not"),
        (replace(EVENT, proof=replace_event(log=99)), "event 99 of the transaction is not"),
        (replace(STORAGE, size=4), "a head over 5 records, not 4"),
        (replace(STORAGE, root=b"\1" * 32), "another root"),
        (replace(EVENT, consistency=()), "does not begin with"),
    ]
    for anchor, words in cases:
        step = checked(anchor, trusting(anchor))
        assert step.status is Status.FAILED, words
        assert words in step.detail, step.detail


def without_contract() -> Anchor:
    block = block_of(LOG, 5)
    other = replace(block, contract=b"\5" * 20)
    nodes = proof_of(other.state, keccak256(CONTRACT))
    return replace(other.anchor("event", path_of(LOG, 5)), contract=CONTRACT, account=nodes)


def without_transaction() -> Anchor:
    return replace(EVENT, proof=EventProof(200, 1, proof_of(block_of(LOG, 5).receipts, encode(200))))


def without_slot() -> Anchor:
    block = block_of(LOG, 5, log_id=b"\7" * 32)
    nodes = [proof_of(block.storage, keccak256(slot)) for slot in head_slots(LOG_ID, HEADS_SLOT)]
    return replace(block.anchor("storage", path_of(LOG, 5)), log_id=LOG_ID, proof=StorageProof(*nodes))


def replace_event(**parts: Any) -> EventProof:
    assert isinstance(EVENT.proof, EventProof)
    return replace(EVENT.proof, **parts)


def test_the_slots_of_a_log_stand_side_by_side() -> None:
    first, second = head_slots(LOG_ID, 0)
    assert first == keccak256(bytes(32) + LOG_ID)
    assert int.from_bytes(second, "big") == int.from_bytes(first, "big") + 1


# --- in receipts and bundles ---


def test_a_receipt_carries_it() -> None:
    for anchor in (EVENT, STORAGE):
        data = receipt(anchor).encode()
        assert parse_receipt(data) == receipt(anchor)
        report = check_receipt(data, issuer=KEY, ledger=trusting(anchor))
        assert report.exit_code(["log", "issuer", "anchor"]) == 0
        assert report.facts["anchor"]["logId"] == "0x" + LOG_ID.hex()
        assert check_receipt(data, issuer=KEY).exit_code(["anchor"]) == EXIT_MISMATCH
        assert check_receipt(data, issuer=KEY).exit_code() == 0
    assert check_receipt(receipt(None).encode()).facts["anchor"] is None


def test_a_record_that_came_after_the_anchor_is_told() -> None:
    step = step_of(check_receipt(receipt(EVENT, 5).encode(), issuer=KEY, ledger=trusting(EVENT)))
    assert step.status is Status.NOT_CHECKED
    assert "from place 5 on came after the anchor: the first 5 of 9 records" in step.detail


def test_an_anchor_under_a_head_that_cannot_be_read_is_not_checked() -> None:
    step = step_of(check_receipt(replace(receipt(EVENT), checkpoint="x").encode(), ledger=trusting(EVENT)))
    assert step.status is Status.NOT_CHECKED


def test_a_promise_carries_none() -> None:
    step = step_of(check_receipt(LOG.promise(4, "2026-11-23T23:00:00Z").encode(), ledger=trusting(EVENT)))
    assert step.status is Status.NOT_CHECKED
    assert "promise" in step.detail


def with_anchor(members: Members, anchor: Anchor) -> Members:
    return Members(members | {"anchor.json": anchor.encode()})


@pytest.mark.parametrize("anchor", [EVENT, STORAGE], ids=KINDS)
def test_a_bundle_carries_it(anchor: Anchor) -> None:
    for members in (LOG.scattered_bundle([0, 1, 2, 3, 4]), LOG.scattered_bundle([1, 4]), LOG.scattered_bundle([0])):
        report = check_bundle(with_anchor(members, anchor), issuer=KEY, ledger=trusting(anchor))
        assert report.exit_code(["log", "issuer", "anchor"]) == 0
        assert report.facts["anchor"]["size"] == 5
        unknown = check_bundle(with_anchor(members, anchor), issuer=KEY)
        assert step_of(unknown).status is Status.NOT_CHECKED
        assert unknown.is_intact


def test_records_of_a_bundle_that_came_later_are_told() -> None:
    def found(members: Members) -> Step:
        return step_of(check_bundle(with_anchor(members, EVENT), issuer=KEY, ledger=trusting(EVENT)))

    for members in (LOG.range_bundle(), LOG.scattered_bundle([1, 5]), LOG.scattered_bundle([5, 7])):
        assert found(members).status is Status.NOT_CHECKED  # an anchor over a part must not pass for the whole
        assert "from place 5 on came after the anchor" in found(members).detail
    assert found(LOG.scattered_bundle([1, 4])).status is Status.PASSED


def test_an_anchor_is_no_stranger_among_the_members_and_a_second_one_is() -> None:
    good = with_anchor(LOG.range_bundle(), EVENT)
    assert check_bundle(good).is_intact
    for name in ("anchor.json.bak", "anchors.json", "anchor/0.json"):
        assert not check_bundle(Members(good | {name: EVENT.encode()})).is_intact


def test_a_head_with_a_second_signature_of_another_kind_is_read() -> None:
    """Heads of logs on a ledger carry a line of secp256k1 (type 0xff), which this check does not look at."""
    second = "\u2014 bank.example/credit " + "q" * 92 + "\n"
    members = with_anchor(LOG.range_bundle(), EVENT)
    members["checkpoint"] += second.encode()
    assert check_bundle(members, issuer=KEY, ledger=trusting(EVENT)).exit_code(["issuer", "log"]) == 0
    data = replace(receipt(EVENT), checkpoint=LOG.checkpoint() + second).encode()
    assert check_receipt(data, issuer=KEY, ledger=trusting(EVENT)).exit_code(["issuer", "anchor"]) == 0
    alone = LOG.checkpoint().partition("\n\n")[0] + "\n\n" + second
    assert check_receipt(replace(receipt(EVENT), checkpoint=alone).encode(), issuer=KEY).exit_code() == EXIT_MISMATCH
    assert check_receipt(receipt(EVENT).encode(), issuer=signer(2).key).exit_code() == EXIT_MISMATCH

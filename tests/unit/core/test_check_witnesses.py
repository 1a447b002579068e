"""The step `witnesses`: whose cosignatures count is what the checker says, never the file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from making import ORIGIN, BankLog, Members, signer, time_at
from serving_witness import witness_signer

from counterfoil.core.check_bundle import check_bundle
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.check_witnesses import check_witnesses
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.note import Signature
from counterfoil.core.steps import Status, Step
from counterfoil.core.trust import sign_handover
from counterfoil.core.witness_policy import MAX_OF_EACH, WitnessPolicy

BANK = BankLog().fill(5)
A, B, C = (witness_signer(number) for number in (1, 2, 3))
TIME_S = 1_795_000_000


def policy(quorum: str = "two", log: str = str(BANK.key.key)) -> WitnessPolicy:
    named = f"log {log}\n" if log else ""
    text = f"witness A {A.key}\nwitness B {B.key}\nwitness C {C.key}\ngroup two 2 A B C\n"
    return WitnessPolicy.parse(f"{named}{text}quorum {quorum}\n".encode())


def cosigned(*witnesses: object, note: str = "") -> str:
    note = note or BANK.checkpoint()
    text = SignedCheckpoint.parse(note).note.text
    return note + "".join(each.line(text, time_s=TIME_S) for each in witnesses)  # type: ignore[attr-defined]


def step(note: str, wanted: WitnessPolicy | None, handovers: tuple[str, ...] = ()) -> Step:
    return check_witnesses(SignedCheckpoint.parse(note), wanted, handovers)


def test_without_a_policy_nothing_is_checked() -> None:
    found = step(cosigned(A, B, C), None)
    assert found.status is Status.NOT_CHECKED
    assert "--witnesses" in found.detail


def test_a_policy_that_asks_for_nobody_checks_nothing() -> None:
    assert step(cosigned(A), policy("none")).status is Status.NOT_CHECKED


def test_a_quorum_passes_and_says_who_and_when() -> None:
    found = step(cosigned(A, C), policy())
    assert found.status is Status.PASSED
    assert found.detail == (
        "A at 2026-11-18T11:06:40Z, C at 2026-11-18T11:06:40Z signed this head over 5 records; "
        "the policy wants 2 of A, B, C"
    )
    assert "together with the issuer" in found.limit


@pytest.mark.parametrize("signed", [(A,), (A, A), (witness_signer(9), witness_signer(8), B)])
def test_too_few_fail(signed: tuple[object, ...]) -> None:
    found = step(cosigned(*signed), policy())
    assert found.status is Status.FAILED
    assert "wants 2 of A, B, C" in found.detail


def test_a_head_that_nobody_cosigned_yet_is_not_checked() -> None:
    found = step(cosigned(), policy())
    assert found.status is Status.NOT_CHECKED
    assert found.detail.startswith("no witness has signed this head yet; the policy wants 2 of A, B, C")
    stranger = str(signer(7, "other.example/log").key)
    assert step(cosigned(), policy(log=stranger)).status is Status.FAILED


def test_what_pretends_to_be_a_cosignature_fails() -> None:
    for value in (bytes(72), bytes(64), b"x"):
        line = str(Signature(A.key.name, A.key.id, value))
        assert step(BANK.checkpoint() + line, policy()).status is Status.FAILED, value
    assert step(BANK.checkpoint() + str(Signature("who", b"1234", bytes(72))), policy()).status is Status.FAILED


def test_cosignatures_of_another_head_do_not_count() -> None:
    other = BankLog().fill(6).checkpoint()
    lines = cosigned(A, B, note=other).removeprefix(other)
    assert step(BANK.checkpoint() + lines, policy()).status is Status.FAILED


def test_the_policy_speaks_about_the_logs_it_names() -> None:
    stranger = str(signer(7, "other.example/log").key)
    found = step(cosigned(A, B), policy(log=stranger))
    assert (found.status, "is for other.example/log" in found.detail) == (Status.FAILED, True)
    same_name = str(signer(7).key)
    found = step(cosigned(A, B), policy(log=same_name))
    assert (found.status, f"no key that the policy names for {ORIGIN}" in found.detail) == (Status.FAILED, True)
    assert step(cosigned(A, B), policy(log="")).status is Status.PASSED


def test_a_policy_outlives_a_change_of_the_logs_key() -> None:
    old, new = signer(7), BANK.key
    handover = sign_handover(old, new.key, 3)
    assert step(cosigned(A, B), policy(log=str(old.key)), (handover,)).status is Status.PASSED
    forged = sign_handover(signer(8), new.key, 3)
    assert step(cosigned(A, B), policy(log=str(old.key)), (forged,)).status is Status.FAILED


def test_a_time_that_no_calendar_has_is_told_as_a_number() -> None:
    note, text = BANK.checkpoint(), SignedCheckpoint.parse(BANK.checkpoint()).note.text
    found = step(note + A.line(text, time_s=2**62) + B.line(text, time_s=0), policy())
    assert f"A at second {2**62}" in found.detail


def test_as_many_cosignatures_as_a_policy_may_name_fit_into_every_file() -> None:
    many = [witness_signer(number) for number in range(MAX_OF_EACH)]
    names = [f"w{number}" for number in range(MAX_OF_EACH)]
    lines = "".join(f"witness {name} {each.key}\n" for name, each in zip(names, many, strict=True))
    everybody = WitnessPolicy.parse(f"{lines}group g all {' '.join(names)}\nquorum g\n".encode())
    note = cosigned(*many)
    receipt = replace(BANK.receipt(2), checkpoint=note)
    assert check_receipt(receipt.encode(), witnesses=everybody).exit_code(["witnesses"]) == 0
    bundle = BANK.scattered_bundle([1, 2]) | {"checkpoint": note.encode()}
    for index in (1, 2):
        name = f"proofs/{index}.tlog-proof"
        bundle[name] = bundle[name].replace(BANK.checkpoint().encode(), note.encode())
    assert check_bundle(Members(bundle), witnesses=everybody).exit_code(["witnesses"]) == 0


def test_the_steps_of_receipts_promises_and_bundles() -> None:
    receipt = replace(BANK.receipt(2), checkpoint=cosigned(A, B))
    found = check_receipt(receipt.encode(), issuer=BANK.key.key, witnesses=policy())
    assert found.is_intact
    assert found.exit_code(["witnesses"]) == 0
    fresh = check_receipt(BANK.receipt(2).encode(), witnesses=policy())
    assert fresh.is_intact
    assert (fresh.exit_code([]), fresh.exit_code(["witnesses"])) == (0, 4)
    lonely = replace(BANK.receipt(2), checkpoint=cosigned(A))
    assert not check_receipt(lonely.encode(), witnesses=policy()).is_intact
    promise = check_receipt(BANK.promise(2, time_at(60)).encode(), witnesses=policy()).step("witnesses")
    assert promise is not None
    assert promise.status is Status.NOT_CHECKED
    bundle = BANK.range_bundle()
    assert check_bundle(bundle, witnesses=policy()).exit_code(["witnesses"]) == 4
    bundle["checkpoint"] = cosigned(A, B).encode()
    assert check_bundle(bundle, witnesses=policy()).exit_code(["witnesses"]) == 0

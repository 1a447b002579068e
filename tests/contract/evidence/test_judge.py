"""Two heads of one size: who signed both is convicted, and nobody else."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from contract.evidence.harness import (
    NOBODY,
    ORDER,
    OWNER,
    SIGNER,
    STRANGER,
    Tree,
    anchor,
    deploy,
    events,
    high_s,
    load,
    open_log,
    refused,
)
from eth_abi import encode
from vyper.utils import keccak256

ONE, OTHER = Tree.of(6), Tree.of(6, "other")
A, B = ONE.root(), OTHER.root()
NOT_SIGNED = "not signed by this signer"
EQUAL = "the heads are equal"


def signed(evidence: Any, log_id: bytes, root: bytes, size: int = 6, by: Any = SIGNER) -> bytes:
    signature: bytes = by.sign(evidence.hash_head(log_id, size, root))
    return signature


def judge(evidence: Any, log_id: bytes, a: bytes, b: bytes, size: int = 6, signer: str = SIGNER.address) -> None:
    evidence.judge(log_id, size, signer, A, a, B, b, sender=STRANGER.address)


def test_what_is_signed_is_typed_data(evidence: Any, log_id: bytes) -> None:
    names = ["Counterfoil Evidence", "1"]
    domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = keccak256(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak256(domain_type),
                *(keccak256(name.encode()) for name in names),
                boa.env.evm.patch.chain_id,
                evidence.address,
            ],
        )
    )
    head_type = keccak256(b"Head(bytes32 logId,uint256 size,bytes32 root)")
    head = keccak256(encode(["bytes32", "bytes32", "uint256", "bytes32"], [head_type, log_id, 6, A]))

    assert evidence.hash_head(log_id, 6, A) == keccak256(b"\x19\x01" + domain + head)
    assert evidence.eip712Domain() == (
        b"\x0f",
        *names,
        boa.env.evm.patch.chain_id,
        evidence.address,
        bytes(32),
        [],
    )


def test_a_signature_is_for_one_chain_and_one_contract(evidence: Any, log_id: bytes) -> None:
    here = evidence.hash_head(log_id, 6, A)

    with boa.env.anchor():
        boa.env.evm.patch.chain_id = 8453
        assert evidence.hash_head(log_id, 6, A) != here
    assert deploy().hash_head(log_id, 6, A) != here


def test_two_signed_heads_convict(evidence: Any, log_id: bytes) -> None:
    judge(evidence, log_id, signed(evidence, log_id, A), signed(evidence, log_id, B))

    assert events(evidence) == [("Equivocated", log_id, 6, SIGNER.address, A, B)]
    assert evidence.equivocated(log_id)
    judge(evidence, log_id, signed(evidence, log_id, A), signed(evidence, log_id, B))  # again, for another to see


def test_a_log_that_was_convicted_goes_on(evidence: Any, log_id: bytes) -> None:
    judge(evidence, log_id, signed(evidence, log_id, A), signed(evidence, log_id, B))

    anchor(evidence, log_id, ONE)

    assert evidence.equivocated(log_id)


def test_two_equal_heads_convict_nobody(evidence: Any, log_id: bytes) -> None:
    a = signed(evidence, log_id, A)

    with refused(EQUAL):
        evidence.judge(log_id, 6, SIGNER.address, A, a, A, a)


def test_who_was_not_named_is_not_judged(evidence: Any, log_id: bytes) -> None:
    a, b = (signed(evidence, log_id, root, by=STRANGER) for root in (A, B))

    for signer in (STRANGER.address, NOBODY):
        with refused("not a signer of this log"):
            judge(evidence, log_id, a, b, signer=signer)
    with refused(NOT_SIGNED):  # a stranger's signatures under the signer's name
        judge(evidence, log_id, a, b)

    evidence.name_signer(log_id, STRANGER.address, sender=OWNER.address)
    judge(evidence, log_id, a, b, signer=STRANGER.address)


def test_a_signer_of_another_log_is_not_judged_here(evidence: Any, log_id: bytes) -> None:
    other = open_log(evidence, "other.example")

    with refused(NOT_SIGNED):
        judge(evidence, log_id, signed(evidence, other, A), signed(evidence, other, B))


def test_both_heads_must_be_signed_and_of_one_size(evidence: Any, log_id: bytes) -> None:
    a, b = signed(evidence, log_id, A), signed(evidence, log_id, B)

    for wrong in [
        (a, a),
        (b, b),
        (b, a),
        (a, signed(evidence, log_id, B, size=7)),
        (signed(evidence, log_id, A, 7), b),
    ]:
        with refused(NOT_SIGNED):
            judge(evidence, log_id, *wrong)
    with refused(NOT_SIGNED):
        judge(evidence, log_id, a, b, size=7)
    assert not evidence.equivocated(log_id)


def bad_forms(signature: bytes) -> dict[str, bytes]:
    r, s, v = signature[:32], signature[32:64], signature[64:]
    return {
        "high s": high_s(signature),
        "other v": r + s + bytes([55 - v[0]]),
        "v from 0": r + s + bytes([v[0] - 27]),
        "v of 29": r + s + b"\x1d",
        "s of zero": r + bytes(32) + v,
        "r of zero": bytes(32) + s + v,
        "r too large": ORDER.to_bytes(32, "big") + s + v,
        "s too large": r + ORDER.to_bytes(32, "big") + v,
        "empty": b"",
        "64 bytes": signature[:64],
        "66 bytes": signature + b"\0",
        "compact (EIP-2098)": r + (int.from_bytes(s, "big") | (v[0] - 27) << 255).to_bytes(32, "big"),
        "zeros": bytes(65),
        "1,024 bytes": signature.ljust(1024, b"\0"),
    }


@pytest.mark.parametrize("form", bad_forms(b"\x1b" * 65))
def test_a_signature_has_one_form(evidence: Any, log_id: bytes, form: str) -> None:
    a, b = signed(evidence, log_id, A), signed(evidence, log_id, B)

    with refused(NOT_SIGNED):
        judge(evidence, log_id, bad_forms(a)[form], b)
    with refused(NOT_SIGNED):
        judge(evidence, log_id, a, bad_forms(b)[form])
    judge(evidence, log_id, a, b)


def test_the_highest_low_s_counts() -> None:
    signatures = load("Signatures")
    half = ORDER // 2
    for s, is_low in ((half, True), (half + 1, False)):
        signature = (5).to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b"  # 5 is no point's x, and that is no fault
        for r in range(1, 20):
            signature = r.to_bytes(32, "big") + signature[32:]
            signer = recovered(bytes(32), signature)
            if signer != NOBODY:
                assert signatures.is_by(signer, bytes(32), signature) is is_low


def recovered(digest: bytes, signature: bytes) -> str:
    """Returns what the precompile at address 1 says; it takes high s too."""
    v, rs = signature[64:], signature[:64]
    answer = boa.env.execute_code(to_address="0x" + "00" * 19 + "01", data=digest + v.rjust(32, b"\0") + rs).output
    return boa.util.abi.Address(answer[-20:]) if answer else NOBODY


def test_nobody_signs_nothing() -> None:
    signatures = load("Signatures")

    # ecrecover gives zero for these; that must not pass for the signature of the zero address.
    for signature in (bytes(65), b"\xff" * 65, b"", b"\1" * 64 + b"\x1d"):
        assert not signatures.is_by(NOBODY, bytes(32), signature)


def test_a_wallet_is_asked(evidence: Any, log_id: bytes, wallet: Any) -> None:
    evidence.name_signer(log_id, wallet.address, sender=OWNER.address)
    a, b = b"any bytes", b"x" * 1024
    wallet.accept(evidence.hash_head(log_id, 6, A), a)

    with refused(NOT_SIGNED):
        judge(evidence, log_id, a, b, signer=wallet.address)
    wallet.accept(evidence.hash_head(log_id, 6, B), b)
    judge(evidence, log_id, a, b, signer=wallet.address)

    assert events(evidence) == [("Equivocated", log_id, 6, wallet.address, A, B)]


ACCEPTED = bytes.fromhex("1626ba7e") + bytes(28)


ODD = {
    "4 bytes": ACCEPTED[:4],
    "31 bytes": ACCEPTED[:31],
    "at the other end": bytes(28) + ACCEPTED[:4],
    "a bit too many": ACCEPTED[:31] + b"\1",
    "ones": b"\xff" * 32,
    "zeros": bytes(64),
}


@pytest.mark.parametrize("answer", ODD)
def test_a_wallet_that_answers_oddly_did_not_sign(evidence: Any, log_id: bytes, wallet: Any, answer: str) -> None:
    evidence.name_signer(log_id, wallet.address, sender=OWNER.address)
    wallet.answer_with(ODD[answer])

    with refused(NOT_SIGNED):
        judge(evidence, log_id, b"yes", b"yes", signer=wallet.address)

    wallet.answer_with(ACCEPTED)
    judge(evidence, log_id, b"yes", b"yes", signer=wallet.address)


def test_a_wallet_that_fails_or_wants_to_change_something_did_not_sign(
    evidence: Any, log_id: bytes, wallet: Any
) -> None:
    evidence.name_signer(log_id, wallet.address, sender=OWNER.address)
    for root in (A, B):
        wallet.accept(evidence.hash_head(log_id, 6, root), b"yes")
    with boa.env.anchor():
        wallet.count()
        with refused(NOT_SIGNED):
            judge(evidence, log_id, b"yes", b"yes", signer=wallet.address)
        assert wallet.asked() == 0
    with boa.env.anchor():
        wallet.fail()
        with refused(NOT_SIGNED):
            judge(evidence, log_id, b"yes", b"yes", signer=wallet.address)

    judge(evidence, log_id, b"yes", b"yes", signer=wallet.address)


def test_a_contract_that_knows_no_signatures_did_not_sign(evidence: Any, log_id: bytes) -> None:
    evidence.name_signer(log_id, evidence.address, sender=OWNER.address)

    with refused(NOT_SIGNED):
        judge(evidence, log_id, b"yes", b"yes", signer=evidence.address)


def test_a_key_cannot_disown_its_signature_by_acquiring_code(evidence: Any, log_id: bytes, wallet: Any) -> None:
    a, b = signed(evidence, log_id, A), signed(evidence, log_id, B)
    boa.env.set_code(SIGNER.address, bytes.fromhex("ef0100") + bytes.fromhex(wallet.address[2:]))  # EIP-7702

    judge(evidence, log_id, a, b)

    assert evidence.equivocated(log_id)


def test_a_signed_head_that_contradicts_the_one_held_convicts(evidence: Any, log_id: bytes) -> None:
    anchor(evidence, log_id, ONE)

    evidence.judge_anchored(log_id, 6, SIGNER.address, B, signed(evidence, log_id, B), sender=STRANGER.address)

    assert events(evidence) == [("Equivocated", log_id, 6, SIGNER.address, A, B)]
    assert evidence.equivocated(log_id)


def test_a_signed_head_that_contradicts_a_kept_one_convicts(evidence: Any, log_id: bytes) -> None:
    tree = Tree.of(11)
    anchor(evidence, log_id, tree)
    evidence.keep(log_id, 6, tree.root(6), tree.consistency(6))

    evidence.judge_anchored(log_id, 6, SIGNER.address, B, signed(evidence, log_id, B))

    assert events(evidence) == [("Equivocated", log_id, 6, SIGNER.address, tree.root(6), B)]


def test_what_does_not_contradict_convicts_nobody(evidence: Any, log_id: bytes) -> None:
    missing = "no head of this size is held or kept"
    b = signed(evidence, log_id, B)
    for size in (0, 6):
        with refused(missing):
            evidence.judge_anchored(log_id, size, SIGNER.address, B, b)
    anchor(evidence, log_id, ONE)

    with refused(missing):
        evidence.judge_anchored(log_id, 5, SIGNER.address, B, b)
    with refused(EQUAL):
        evidence.judge_anchored(log_id, 6, SIGNER.address, A, signed(evidence, log_id, A))
    with refused("not a signer of this log"):
        evidence.judge_anchored(log_id, 6, STRANGER.address, B, signed(evidence, log_id, B, by=STRANGER))
    for bad in (high_s(b), b[:64], signed(evidence, log_id, A), signed(evidence, log_id, B, size=7)):
        with refused(NOT_SIGNED):
            evidence.judge_anchored(log_id, 6, SIGNER.address, B, bad)
    assert not evidence.equivocated(log_id)

"""Reading signed transactions: every kind that is taken, and everything that looks like one and is not."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from small_ledger import CHAIN_ID, GWEI, Purse

from counterfoil.core.rlp import decode, encode
from counterfoil.ledger.embedded.signed import MAX_RAW_BYTES, SignedTransaction
from counterfoil.ledger.rpc.rpc import RpcError

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SIGNER = Account.from_key(b"\1" * 32)
ME = bytes.fromhex(SIGNER.address[2:])
SHARED: dict[str, Any] = {"nonce": 5, "gas": 90_000, "to": b"\x77" * 20, "value": 3, "data": b"\1\0"}
SHARED |= {"chainId": CHAIN_ID}
ACCESS = [{"address": "0x" + "77" * 20, "storageKeys": ["0x" + "00" * 31 + "07"]}]
KINDS: list[dict[str, Any]] = [
    SHARED | {"gasPrice": 4 * GWEI},
    SHARED | {"gasPrice": 4 * GWEI, "accessList": ACCESS},
    SHARED | {"maxFeePerGas": 4 * GWEI, "maxPriorityFeePerGas": GWEI, "accessList": ACCESS},
]


def signed(fields: dict[str, Any]) -> bytes:
    return bytes(SIGNER.sign_transaction(fields).raw_transaction)


def refusal_of(raw: bytes) -> str:
    with pytest.raises(RpcError) as caught:
        SignedTransaction.decode(raw, CHAIN_ID)
    return caught.value.message


@pytest.mark.parametrize("type_id", range(3))
def test_every_kind_is_read(type_id: int) -> None:
    raw = signed(KINDS[type_id])
    found = SignedTransaction.decode(raw, CHAIN_ID)
    assert (found.type_id, found.sender, found.raw, found.chain_id) == (type_id, ME, raw, CHAIN_ID)
    assert (found.nonce, found.gas, found.to, found.value, found.data) == (5, 90_000, b"\x77" * 20, 3, b"\1\0")
    assert found.max_fee_per_gas == 4 * GWEI
    assert found.max_priority_fee_per_gas == (GWEI if type_id == 2 else 4 * GWEI)
    assert found.access_list == (((b"\x77" * 20, (7,)),) if type_id else ())
    assert found.hash == bytes(SIGNER.sign_transaction(KINDS[type_id]).hash)
    assert found.intrinsic_gas == 21_000 + 16 + 4 + (2_400 + 1_900 if type_id else 0)
    assert found.tip_wei(4 * GWEI - 1) == 1


def test_a_signature_cannot_be_turned_over() -> None:
    """With s in the other half the same transaction would have two hashes (EIP-2)."""
    raw = signed(KINDS[2])
    fields = decode(raw[1:])
    assert isinstance(fields, list)
    parity, s = fields[-3], fields[-1]
    assert isinstance(s, bytes)
    fields[-3:] = [b"" if parity else b"\1", fields[-2], (ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")]
    assert refusal_of(b"\2" + encode(fields)).startswith("invalid sender")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (-1, b""),
        (-2, b""),
        (-1, b"\xff" * 32),
        (-2, b"\xff" * 32),
        (-3, b"\2"),
        (-3, b"\x25"),
        (-2, ORDER.to_bytes(32, "big")),
    ],
)
def test_signatures_that_cannot_be(place: int, value: bytes) -> None:
    fields = decode(signed(KINDS[2])[1:])
    assert isinstance(fields, list)
    fields[place] = value
    assert refusal_of(b"\2" + encode(fields)).startswith("invalid sender")


def test_a_signature_for_another_chain_or_none() -> None:
    for kind in KINDS:
        assert refusal_of(signed(kind | {"chainId": 1})) == f"invalid chain id for signer: have 1 want {CHAIN_ID}"
    old = {name: value for name, value in KINDS[0].items() if name != "chainId"}
    assert refusal_of(signed(old)).startswith("only replay-protected")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc0",
        b"\x02",
        b"\x02\xc0",
        b"\x02" + encode([b""] * 12),
        b"\x02" + encode([b""] * 11),
        b"\x01" + encode([b""] * 12),
        encode([b""] * 9),
        encode([[]] * 9),
        encode(b"bytes"),
        b"\x02" + encode([[]] * 12),
        b"\xff" * 40,
    ],
)
def test_what_is_no_transaction(raw: bytes) -> None:
    assert refusal_of(raw)


@pytest.mark.parametrize("type_id", [3, 4, 5, 0x7F, 0x80, 0xBF])
def test_kinds_that_are_not_taken(type_id: int) -> None:
    assert refusal_of(bytes([type_id]) + encode([b""] * 12)).startswith("transaction type not supported")


def test_fields_that_cannot_be() -> None:
    for place, value in [
        (1, b"\0\1"),  # a number with a zero in front
        (4, b"\1" * 33),
        (5, b"\1" * 19),
        (5, [b"\1"]),
        (7, [b"\1"]),
        (8, b"\1"),
        (8, [[b"\1" * 20]]),
        (8, [[b"\1" * 19, []]]),
        (8, [[b"\1" * 20, [b"\1" * 31]]]),
        (8, [[b"\1" * 20, b"\1" * 32]]),
    ]:
        fields = decode(signed(KINDS[2])[1:])
        assert isinstance(fields, list)
        fields[place] = value  # type: ignore[call-overload]
        assert refusal_of(b"\2" + encode(fields)).startswith("rlp: ")


def test_a_transaction_that_is_too_long() -> None:
    assert refusal_of(b"\2" + bytes(MAX_RAW_BYTES)).startswith("oversized data")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for bytes_ in (raw, b"\1" + raw, b"\2" + raw, bytes([0xC0 + min(len(raw), 55)]) + raw):
        try:
            SignedTransaction.decode(bytes_, CHAIN_ID)
        except RpcError as error:
            assert error.code == -32000


@given(st.data())
def test_one_changed_byte_is_another_transaction_or_none(data: st.DataObject) -> None:
    raw = bytearray(Purse().sign(0, calldata=b"abc", nonce=data.draw(st.integers(0, 2**40))))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = SignedTransaction.decode(bytes(raw), CHAIN_ID)
    except RpcError:
        return
    assert found.sender != ME

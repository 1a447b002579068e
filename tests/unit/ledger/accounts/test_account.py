from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.keccak import keccak256
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.ledger.accounts.account import LocalAccount, checksummed, parse_address, recover
from counterfoil.ledger.accounts.transaction import SignedTransaction, Transaction

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

# Known answers: secret 1's address; the addresses of ERC-55.
ONE = bytes(31) + b"\x01"
ONE_ADDRESS = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
ERC_55 = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]
NUMBERS = st.integers(0, 2**256 - 1)


def test_the_address_of_a_known_secret() -> None:
    assert checksummed(LocalAccount(ONE).address) == ONE_ADDRESS


@pytest.mark.parametrize("text", ERC_55)
def test_addresses_carry_their_checksum(text: str) -> None:
    assert checksummed(parse_address(text)) == text
    assert parse_address("0x" + text[2:].lower()) == parse_address("0x" + text[2:].upper()) == parse_address(text)
    with pytest.raises(InvalidInput, match="misspelt"):
        parse_address(text[:-1] + text[-1].swapcase() if text[-1].isalpha() else text[:3] + text[3:].swapcase())


@pytest.mark.parametrize("text", ["", "0x", "0x12", ONE_ADDRESS[2:], ONE_ADDRESS + "00", "0x" + "g" * 40])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_address(text)


@pytest.mark.parametrize("secret", [b"", bytes(32), b"\xff" * 32, bytes(31)])
def test_what_is_no_secret_is_refused_and_not_quoted(secret: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        LocalAccount(secret)
    assert secret.hex() not in caught.value.message or not secret


def test_a_secret_never_shows() -> None:
    account = LocalAccount.create()
    assert account.secret.hex() not in repr(account)
    assert not hasattr(account, "__dict__")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_a_signature_names_its_signer_and_is_in_the_lower_half(secret: bytes, message: bytes) -> None:
    try:
        account = LocalAccount(secret)
    except InvalidInput:
        return
    digest = keccak256(message)
    signature = account.sign_digest(digest)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    assert s <= HALF_ORDER
    assert recover(digest, r, s, signature[64] - 27) == account.address
    assert recover(digest, r, s, 28 - signature[64]) != account.address


@pytest.mark.parametrize(("r", "s", "parity"), [(0, 1, 0), (1, 0, 0), (2**256, 1, 0), (1, 1, 2), (1, 1, 27)])
def test_nobody_signed_what_nobody_can_have_signed(r: int, s: int, parity: int) -> None:
    assert recover(b"\x01" * 32, r, s, parity) is None


@given(NUMBERS, NUMBERS, st.none() | st.binary(min_size=20, max_size=20), st.binary(max_size=300), NUMBERS, NUMBERS)
def test_a_signed_transaction_is_read_as_it_was_signed(
    chain_id: int, nonce: int, to: bytes | None, data: bytes, gas: int, fee: int
) -> None:
    account = LocalAccount(ONE)
    transaction = Transaction(chain_id, nonce, to, data, gas, fee, fee // 2, nonce // 3)
    signed = account.sign(transaction)
    again, (r, s, parity) = SignedTransaction.decode(signed.raw)
    assert again.transaction == transaction
    assert recover(transaction.signing_hash(), r, s, parity) == account.address
    assert again.hash == signed.hash == keccak256(signed.raw)


def test_others_read_our_transactions_alike() -> None:
    from eth_account import Account as Other

    signed = LocalAccount(ONE).sign(Transaction(1, 7, b"\x11" * 20, b"\x01\x02", 30_000, 10**10, 10**9, 5))
    assert Other.recover_transaction(signed.raw) == ONE_ADDRESS


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x01\xc0", b"\x02\xc0", b"\x02" + b"\xc1" * 200, b"\xf8" + bytes(50)])
def test_what_is_no_such_transaction_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        SignedTransaction.decode(raw)


@pytest.mark.parametrize("change", [{"nonce": -1}, {"gas": 2**256}, {"to": b"\x01"}])
def test_impossible_numbers_are_refused(change: dict[str, object]) -> None:
    parts: dict[str, object] = dict(chain_id=1, nonce=0, to=None, data=b"", gas=1, max_fee_wei=1, tip_wei=1)
    with pytest.raises(InvalidInput):
        Transaction(**(parts | change))  # type: ignore[arg-type]

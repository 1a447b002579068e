"""Signed transactions as the embedded ledger takes them: legacy with a chain id, with an access list, with a fee cap.

Everything that needs no state is checked while reading. Refusals begin with the words
that other nodes use, because programs look for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from coincurve import PublicKey
from eth_hash.auto import keccak

from counterfoil.core.rlp import Item, decode, encode, parse_number
from counterfoil.errors import MalformedEvidence
from counterfoil.ledger.embedded.block import BLOCK_GAS_LIMIT
from counterfoil.ledger.rpc.rpc import RpcError

__all__ = ["MAX_RAW_BYTES", "AccessList", "SignedTransaction", "floor_gas", "intrinsic_gas", "refusal"]

MAX_RAW_BYTES: Final = 131_072
"""Longest transaction, as other nodes have it."""

MAX_INIT_CODE_BYTES: Final = 49_152
"""Longest creation code (EIP-3860)."""

_LEGACY, _ACCESS_LIST, _FEE_CAP = 0, 1, 2
_FIELDS: Final = {_LEGACY: 9, _ACCESS_LIST: 11, _FEE_CAP: 12}
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_MAX_NONCE: Final = 2**64 - 2
_FIRST_PROTECTED_V: Final = 35

_GAS_TRANSACTION: Final = 21_000
_GAS_CREATE: Final = 32_000
_GAS_PER_TOKEN: Final = 4
_FLOOR_GAS_PER_TOKEN: Final = 10
_TOKENS_PER_NONZERO: Final = 4
_GAS_PER_WARM_ACCOUNT: Final = 2_400
_GAS_PER_WARM_SLOT: Final = 1_900
_GAS_PER_INIT_CODE_WORD: Final = 2

AccessList = tuple[tuple[bytes, tuple[int, ...]], ...]
"""Contracts and their slots that a transaction says it will touch (EIP-2930)."""


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction that its sender signed for this chain. py-evm reads these names.

    Attributes:
        type_id: 0, 1 or 2.
        chain_id: The chain it is for.
        nonce: Its number among the sender's transactions.
        max_fee_per_gas: Most that a unit of gas may cost, wei.
        max_priority_fee_per_gas: Of that, most to the block's maker, wei.
        gas: Most gas it may use.
        to: 20 bytes; empty where it makes a contract.
        value: Wei it carries.
        data: Calldata, or creation code.
        access_list: What it says it will touch.
        v: As signed: the parity, with the chain's id mixed in where it is legacy.
        r, s: The signature.
        sender: 20 bytes, from the signature.
        raw: The bytes that were sent.
        hash: keccak256 of `raw`.
    """

    type_id: int
    chain_id: int
    nonce: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    gas: int
    to: bytes
    value: int
    data: bytes
    access_list: AccessList
    v: int
    r: int
    s: int
    sender: bytes
    raw: bytes
    hash: bytes

    @classmethod
    def decode(cls, raw: bytes, chain_id: int) -> Self:
        """Reads a transaction and finds out who signed it.

        Args:
            raw: What was sent.
            chain_id: The chain it must be signed for.

        Raises:
            RpcError: When this ledger does not take it, whatever the state.
        """
        if len(raw) > MAX_RAW_BYTES:
            raise refusal(f"oversized data: a transaction has {len(raw)} bytes; {MAX_RAW_BYTES} is the limit")
        type_id = raw[0] if raw and raw[0] < 0xC0 else _LEGACY
        if type_id not in _FIELDS:
            raise refusal(f"transaction type not supported: {type_id}; this ledger takes 0, 1 and 2")
        try:
            return cls._read(type_id, raw, chain_id)
        except MalformedEvidence as error:
            raise refusal(f"rlp: this is no transaction: {error.message}") from error

    @property
    def intrinsic_gas(self) -> int:
        """What it costs before a contract runs."""
        return intrinsic_gas(self.to, self.data, self.access_list)

    def tip_wei(self, base_fee_wei: int) -> int:
        """Returns what a unit of gas pays on top of the base fee."""
        return min(self.max_fee_per_gas - base_fee_wei, self.max_priority_fee_per_gas)

    @classmethod
    def _read(cls, type_id: int, raw: bytes, chain_id: int) -> Self:
        fields = decode(raw[1:] if type_id else raw)
        if not isinstance(fields, list) or len(fields) != _FIELDS[type_id]:
            raise MalformedEvidence("it has too many fields, or too few")
        if type_id == _LEGACY:
            nonce, price, gas, value, v, r, s = (parse_number(fields[place]) for place in (0, 1, 2, 4, 6, 7, 8))
            if v < _FIRST_PROTECTED_V:
                raise refusal("only replay-protected (EIP-155) transactions allowed: sign it for this chain's id")
            signed_for, parity = divmod(v - _FIRST_PROTECTED_V, 2)
            tip, to, data = price, fields[3], fields[5]
            access: AccessList = ()
            unsigned = encode([*fields[:6], chain_id, b"", b""])
        else:
            *prices, gas = (parse_number(field) for field in fields[1:-7])
            nonce, tip, price = prices[0], prices[1], prices[-1]
            signed_for, value, v, r, s = (parse_number(fields[place]) for place in (0, -6, -3, -2, -1))
            parity, to, data, access = v, fields[-7], fields[-5], _access_list(fields[-4])
            unsigned = raw[:1] + encode(fields[:-3])
        if signed_for != chain_id:
            raise refusal(f"invalid chain id for signer: have {signed_for} want {chain_id}")
        if not isinstance(to, bytes) or len(to) not in (0, 20) or not isinstance(data, bytes):
            raise MalformedEvidence("a field has the wrong kind or size")
        _require_sound(nonce, price, tip, gas)
        _require_gas(gas, to, data, access)
        sender = _signer(keccak(unsigned), parity, r, s)
        fees = (price, tip, gas)
        return cls(type_id, chain_id, nonce, *fees, to, value, data, access, v, r, s, sender, raw, keccak(raw))


def refusal(message: str) -> RpcError:
    """Returns the error of a node that takes a transaction badly."""
    return RpcError(-32_000, message)


def intrinsic_gas(to: bytes, data: bytes, access_list: AccessList) -> int:
    """Returns what a transaction costs before a contract runs (EIP-2028, EIP-2930)."""
    gas = _GAS_TRANSACTION + _GAS_PER_TOKEN * _tokens(data) + (0 if to else _GAS_CREATE)
    return gas + sum(_GAS_PER_WARM_ACCOUNT + _GAS_PER_WARM_SLOT * len(slots) for _, slots in access_list)


def floor_gas(data: bytes) -> int:
    """Returns what a transaction costs at least for its data (EIP-7623)."""
    return _GAS_TRANSACTION + _FLOOR_GAS_PER_TOKEN * _tokens(data)


def _tokens(data: bytes) -> int:
    zeros = data.count(0)
    return zeros + _TOKENS_PER_NONZERO * (len(data) - zeros)


def _require_sound(nonce: int, price: int, tip: int, gas: int) -> None:
    if nonce > _MAX_NONCE:
        raise refusal("nonce has max value")
    if tip > price:
        raise refusal(f"max priority fee per gas higher than max fee per gas: {tip} > {price}")
    if gas > BLOCK_GAS_LIMIT:
        raise refusal(f"exceeds block gas limit: it may use {gas}; a block holds {BLOCK_GAS_LIMIT}")


def _require_gas(gas: int, to: bytes, data: bytes, access: AccessList) -> None:
    if not to and len(data) > MAX_INIT_CODE_BYTES:
        raise refusal(f"max initcode size exceeded: code size {len(data)} limit {MAX_INIT_CODE_BYTES}")
    init_code_gas = 0 if to else _GAS_PER_INIT_CODE_WORD * ((len(data) + 31) // 32)  # EIP-3860; py-evm takes it later
    if gas < (needed := intrinsic_gas(to, data, access) + init_code_gas):
        raise refusal(f"intrinsic gas too low: gas {gas}, minimum needed {needed}")
    if gas < (floor := floor_gas(data)):
        raise refusal(f"insufficient gas for floor data gas cost: gas {gas}, minimum needed {floor}")


def _signer(digest: bytes, parity: int, r: int, s: int) -> bytes:
    """Returns the address that signed `digest`; s must be in the lower half (EIP-2)."""
    if parity not in (0, 1) or not 0 < r < _CURVE_ORDER or not 0 < s <= _CURVE_ORDER // 2:
        raise refusal("invalid sender: this signature cannot be")
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([parity])
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as error:
        raise refusal("invalid sender: nobody can have made this signature") from error
    return keccak(key.format(compressed=False)[1:])[12:]


def _access_list(item: Item) -> AccessList:
    if not isinstance(item, list):
        raise MalformedEvidence("its access list is none")
    found = []
    for entry in item:
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], bytes) or len(entry[0]) != 20:
            raise MalformedEvidence("its access list is none")
        slots = entry[1]
        if not isinstance(slots, list) or any(not isinstance(slot, bytes) or len(slot) != 32 for slot in slots):
            raise MalformedEvidence("its access list is none")
        found.append((entry[0], tuple(int.from_bytes(slot, "big") for slot in slots if isinstance(slot, bytes))))
    return tuple(found)

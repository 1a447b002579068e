"""Two signed heads of one size that differ: found in two files, and put before the contract."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from counterfoil.core.note import ED25519, Note, VerifierKey
from counterfoil.errors import DoesNotMatch, InvalidInput, WrongChain
from counterfoil.ledger.accounts.account import parse_address
from counterfoil.ledger.anchors.evidence import Evidence
from counterfoil.ledger.anchors.head_signer import LogAddress, claimed_signers
from counterfoil.ledger.ledger import Ledger
from counterfoil.store.check_file import read_anchor, read_hash, read_head

__all__ = ["Contradiction"]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two heads of one log and one size, with different roots, both signed by the same key for its contract.

    Attributes:
        where: The log on its ledger.
        origin: The log's name.
        size: Number of records that both heads speak of.
        signer: 20 bytes of the key that signed both.
        heads: (root of 32 bytes, signature of 65 bytes) of each.
        notes: The signed notes they came in.
    """

    where: LogAddress
    origin: str
    size: int
    signer: bytes
    heads: tuple[tuple[bytes, bytes], tuple[bytes, bytes]]
    notes: tuple[Note, Note]

    @classmethod
    def between(cls, first: Path, second: Path, chain_id: int, contract: str | None, log_id: str | None) -> Self:
        """Finds the contradiction in two files.

        Args:
            first: A receipt, bundle or head.
            second: Another one.
            chain_id: The chain, where contract and log id are named.
            contract: Address of the contract that holds the log; None takes what a file's anchor says.
            log_id: The log's id there; None likewise.

        Raises:
            DoesNotMatch: The two do not contradict each other, or no key signed both for this contract.
            InvalidInput: No file says where the log is, and neither do you.
        """
        one, other = read_head(first), read_head(second)
        if one.head.origin != other.head.origin or one.head.size != other.head.size:
            raise DoesNotMatch(
                f"the files speak of {one.head.size:,} records of {one.head.origin} and of {other.head.size:,} of "
                f"{other.head.origin}",
                hint="only two heads of one log and one size can contradict each other",
            )
        if one.head.root == other.head.root:
            raise DoesNotMatch("the two heads are the same; they contradict nothing")
        where = _where((first, second), chain_id, contract, log_id)
        signed = [claimed_signers(each, where) for each in (one, other)]
        both = sorted(signed[0].keys() & signed[1].keys())
        if not both:
            raise DoesNotMatch(
                "no key signed both heads for this contract and log id",
                hint="name the right ones with --contract and --log-id",
            )
        signer = both[0]
        heads = (one.head.root, signed[0][signer]), (other.head.root, signed[1][signer])
        return cls(where, one.head.origin, one.head.size, signer, heads, (one.note, other.note))

    def mark(self, ledger: Ledger) -> bool:
        """Puts it before the contract, and returns when the mark is final.

        Returns:
            Whether the key with which the log was opened there signed both heads, so that the log is the one the
            heads name. Without that only the log's id is certain: anybody can put a name on a log of their own.

        Raises:
            WrongChain: The log is on another ledger than the one that is open.
            Reverted: The contract does not take it: the key is none that the log's owner named.
        """
        chain_id = ledger.opened.chain.chain_id
        if chain_id != self.where.chain_id:
            raise WrongChain(
                f"the log is on chain {self.where.chain_id}, and this home is connected to {chain_id}",
                hint="connect a home to that chain",
            )
        evidence = Evidence(ledger.opened.chain, self.where.contract)
        evidence.require_genuine()  # the files named it
        if evidence.is_equivocated(self.where.log_id):
            return self._is_of_its_name(evidence)  # marked already, and a second mark costs a fee
        calldata = Evidence.judge(self.where.log_id, self.size, self.signer, self.heads)
        ledger.opened.change("judge", calldata, log_contract=self.where.contract)
        return self._is_of_its_name(evidence)

    def _is_of_its_name(self, evidence: Evidence) -> bool:
        opened = evidence.opening(self.where.log_id)
        if opened is None or opened.values["origin"] != self.origin:
            return False
        key = VerifierKey(self.origin, ED25519, opened.values["log_key"])
        return all(note.signed_by(key) for note in self.notes)


def _where(files: tuple[Path, Path], chain_id: int, contract: str | None, log_id: str | None) -> LogAddress:
    if contract and log_id:
        return LogAddress(chain_id, parse_address(contract), read_hash(log_id))
    anchor = read_anchor(files[0]) or read_anchor(files[1])
    if anchor is None:
        raise InvalidInput(
            "neither file says where the log is on its ledger", hint="name it with --contract and --log-id"
        )
    return LogAddress(
        anchor.chain_id,
        parse_address(contract) if contract else anchor.contract,
        read_hash(log_id) if log_id else anchor.log_id,
    )

"""A proposal: another version of somebody's dataset, offered to its owner under a licence and for a share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from counterfoil.core import canonical
from counterfoil.core.delivery import CHUNK_BYTES
from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.core.note import VerifierKey
from counterfoil.core.signed_document import read_document, sign_document
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence
from counterfoil.market.contributions.table_changes import TableChanges
from counterfoil.market.sheets.members import Members

__all__ = [
    "MOST_PROPOSAL_BYTES",
    "PROPOSAL_FORMAT",
    "Lineage",
    "Proposal",
    "Proposed",
    "SignedProposal",
    "read_proposal",
    "require_spelled",
    "root_of_contents",
    "sign_proposal",
]

PROPOSAL_FORMAT: Final = "counterfoil proposal 1"
MOST_PROPOSAL_BYTES: Final = 2**16
MOST_BPS: Final = 9_999
MOST_WORDS: Final = 4_000
_MOST_NAME: Final = 120
_MOST_PARENTS: Final = 32


@dataclass(frozen=True, slots=True)
class Proposed:
    """The contents that are proposed: one file.

    Attributes:
        root: Of its chunks, as a delivery has them, hex.
        size_bytes: Of the file; at least 1.
        name: The file's name alone, without any folder.
        media_type: `text/csv` and the like.
        fingerprint: Root (hex) of its fingerprint.
    """

    root: str
    size_bytes: int
    name: str
    media_type: str
    fingerprint: str

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads the member; InvalidInput says what is wrong."""
        found = cls(
            told.digest("root"),
            told.whole("size", least=1),
            told.text("name", _MOST_NAME),
            told.text("mediaType", 100),
            told.digest("fingerprint"),
        )
        if found.name.startswith(".") or set(found.name) & set('/\\:*?"<>|') or not found.name.isascii():
            raise told.error("name", f"is {found.name!r}; expected the name of a file, without a folder, in ASCII")
        told.require_known()
        return found

    def to_json(self) -> dict[str, Any]:
        """Returns the member."""
        return {
            "fingerprint": self.fingerprint,
            "mediaType": self.media_type,
            "name": self.name,
            "root": self.root,
            "size": self.size_bytes,
        }


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where the proposed version came from, beside the version it changes.

    Attributes:
        record: Leaf hash (hex) of the run or passport in the contributor's log; empty without one.
        log: Origin of that log; empty without a record.
        parents: Digests (hex) of other data it was made from: roots of fingerprints, leaf hashes of records.
    """

    record: str = ""
    log: str = ""
    parents: tuple[str, ...] = ()

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads the member; InvalidInput says what is wrong."""
        record, log = told.digest("record", needed=False), told.text("log", 200, needed=False)
        if bool(record) != bool(log):
            raise told.error("log", "and the record go together: a record is in a log")
        parents = told.texts("parents", _MOST_PARENTS, 64)
        each = told.places("parents", parents)
        for place in range(1, len(parents) + 1):
            each.digest(str(place))
        told.require_known()
        return cls(record, log, parents)

    def to_json(self) -> dict[str, Any]:
        """Returns the member, without what is empty."""
        found = {"log": self.log, "parents": list(self.parents), "record": self.record}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed. The owner, its reviewers and whoever is given it can read all of it.

    Attributes:
        chain_id: Of the ledger.
        asset: The owner's asset there, `0x` and 64 digits.
        contributor: Public market key of who proposes, in note form; it signs. So no other key can hand it in.
        opening: SHA-256 of the owner's opening that it answers, hex: whoever proposes agrees to what it says.
        base: SHA-256 of the manifest of the version it changes, hex.
        base_root: Root (hex) of that version's fingerprint.
        content: What is proposed.
        words: What changed and why, in words.
        table: What changed in columns and rows; None where one of the two is no table.
        lineage: What it was made from.
        licence: SHA-256 of the licence text under which it is given, hex.
        account: Address of the account that is to be paid, `0x…` in lower case.
        bps: The share that is asked, hundredths of a percent of what is left after fees.
        offer: An offer of the contributor's (`0x` and 64 digits) under which the contents can be had for nothing; empty
            where they are sent along.
        created: UTC.
    """

    chain_id: int
    asset: str
    contributor: str
    opening: str
    base: str
    base_root: str
    content: Proposed
    words: str
    table: TableChanges | None
    lineage: Lineage
    licence: str
    account: str
    bps: int
    offer: str
    created: str

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Reads the document that is signed; InvalidInput names the member that is wrong."""
        told = Members(document, whose="the proposal")
        told.one_of("format", (PROPOSAL_FORMAT,))
        base = told.table("base")
        made = cls(
            told.whole("chainId", least=1),
            told.asset("asset"),
            told.text("contributor", 400),
            told.digest("opening"),
            base.digest("manifest"),
            base.digest("fingerprint"),
            Proposed.read(told.table("content")),
            told.text("words", MOST_WORDS, lines=True),
            TableChanges.read(told.table("table")) if told.has("table") else None,
            Lineage.read(told.table("lineage")) if told.has("lineage") else Lineage(),
            told.digest("licence"),
            told.address("account"),
            told.whole("bps", most=MOST_BPS),
            told.asset("offer") if told.has("offer") else "",
            told.time("created"),
        )
        if not int(made.account, 16):
            raise told.error("account", "is the zero address, which nobody has")
        require_spelled("the proposal", made.to_json(), document)
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns the document that is signed."""
        told: dict[str, Any] = {
            "account": self.account,
            "asset": self.asset,
            "base": {"fingerprint": self.base_root, "manifest": self.base},
            "bps": self.bps,
            "chainId": self.chain_id,
            "content": self.content.to_json(),
            "contributor": self.contributor,
            "created": self.created,
            "format": PROPOSAL_FORMAT,
            "licence": self.licence,
            "lineage": self.lineage.to_json(),
            "offer": self.offer,
            "opening": self.opening,
            "table": self.table.to_json() if self.table else None,
            "words": self.words,
        }
        return {name: value for name, value in told.items() if value or name == "bps"}


@dataclass(frozen=True, slots=True)
class SignedProposal:
    """A proposal whose signature holds: what it says, the contributor's key, its digest and its file."""

    proposal: Proposal
    key: VerifierKey
    digest_hex: str
    data: bytes


def require_spelled(whose: str, read: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """Refuses a document that says more, or says it otherwise, than what was read of it.

    Raises:
        InvalidInput: The message names the member.
    """
    wrong = sorted(name for name in {*read, *document} if read.get(name) != document.get(name) or name not in read)
    if wrong:
        raise InvalidInput(
            f"{whose}'s member {wrong[0][:60]!r} is unknown, or spelled otherwise than it is read",
            hint="leave out what there is not",
        )


def sign_proposal(proposal: Proposal, secret: bytes, key_name: str) -> SignedProposal:
    """Returns a proposal as the file that is handed in.

    Args:
        proposal: The proposal; it is read back before it is signed.
        secret: 32 bytes of the contributor's market key.
        key_name: The name it signs under.

    Raises:
        InvalidInput: Something in it is not usable.
    """
    document = canonical.loads(canonical.dumps(proposal.to_json()))
    Proposal.read(document)
    return read_proposal(canonical.dumps(sign_document(document, secret, key_name)))


def read_proposal(given: bytes | Mapping[str, Any]) -> SignedProposal:
    """Reads a signed proposal and checks its signature.

    Raises:
        MalformedEvidence: It is none, or too large; the message names what is wrong.
        DoesNotMatch: The signature is not the key's.
    """
    signed = read_document(given, PROPOSAL_FORMAT, max_bytes=MOST_PROPOSAL_BYTES)
    try:
        proposal = Proposal.read(signed.document)
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
    if proposal.contributor != str(signed.key):
        raise DoesNotMatch("the proposal is signed by another key than it names")
    return SignedProposal(proposal, signed.key, signed.digest_hex, signed.encode())


def root_of_contents(data: bytes) -> str:
    """Returns the root of contents over their chunks of 1 MiB, hex, as a delivery has it.

    Raises:
        DoesNotMatch: They are empty.
    """
    if not data:
        raise DoesNotMatch("the contents are empty")
    chunks = memoryview(data)
    leaves = [leaf_hash(bytes(chunks[start : start + CHUNK_BYTES])) for start in range(0, len(data), CHUNK_BYTES)]
    return root_of(leaves).hex()

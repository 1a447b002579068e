"""A log's head: how many records, and the root over all of them (C2SP tlog-checkpoint)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from counterfoil.core.note import Note, Signer, parse_note
from counterfoil.errors import MalformedEvidence

__all__ = ["Checkpoint", "SignedCheckpoint"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log.

    Attributes:
        origin: The log's name, `bank.example/credit`.
        size: Number of records.
        root: 32-byte RFC 6962 root over them.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Returns the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    def signed(self, signer: Signer) -> str:
        """Returns this head as a signed note."""
        return signer.sign(self.text())

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Reads the text of a head.

        Raises:
            MalformedEvidence: When it is something else. Extension lines are
                refused: this project's witnesses cannot sign them.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0] or not lines[0].isprintable():
            raise MalformedEvidence("a log's head has three lines: origin, size, root")
        origin, digits, encoded = lines[:3]
        if not (digits.isascii() and digits.isdigit()) or (digits[0] == "0" and digits != "0") or len(digits) > 16:
            raise MalformedEvidence(f"the size {digits[:20]!r} in a log's head is not a number")
        try:
            root = b64decode(encoded, validate=True)
        except (Base64Error, ValueError) as error:
            raise MalformedEvidence("the root in a log's head is not base64") from error
        if len(root) != 32 or b64encode(root).decode() != encoded:
            raise MalformedEvidence("the root in a log's head is not 32 bytes")
        return cls(origin, int(digits), root)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A head together with the note it came in."""

    head: Checkpoint
    note: Note

    def data(self) -> str:
        """Returns the signed head as text, as it is exchanged."""
        return self.note.data()

    @classmethod
    def parse(cls, data: str) -> SignedCheckpoint:
        """Reads a signed head. Nothing is trusted yet: ask `note.signed_by`.

        Raises:
            MalformedEvidence: When note or head cannot be read.
        """
        note = parse_note(data)
        return cls(Checkpoint.parse(note.text), note)

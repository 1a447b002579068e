"""Whose signature counts: the issuer's key the checker named, and its successors.

When an issuer replaces its signing key, the old key signs a hand-over that names the
new one. A checker who trusts the old key follows such hand-overs; nothing else in a
file can make a key trusted.

    counterfoil.dev/handover/v1
    <origin>
    <new public key>
    <size of the log when it took effect>
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.note import ED25519, Note, Signer, VerifierKey, parse_note
from counterfoil.core.steps import TITLES, Step, failed, not_checked, passed
from counterfoil.errors import MalformedEvidence

__all__ = ["MAX_HANDOVERS", "Trust", "sign_handover"]

MAX_HANDOVERS: Final = 64
_HEADER: Final = "counterfoil.dev/handover/v1"
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}")


def sign_handover(old: Signer, new: VerifierKey, size: int) -> str:
    """Returns the note in which `old` names `new` as its successor from `size` on."""
    return old.sign(f"{_HEADER}\n{old.key.name}\n{new}\n{size}\n")


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys a checker accepts for one log. Empty: the issuer is not known."""

    keys: tuple[VerifierKey, ...] = ()

    @classmethod
    def following(cls, issuer: VerifierKey | None, handovers: Sequence[str]) -> Trust:
        """Returns the issuer's key and all keys it handed over to.

        A hand-over that no trusted key signed is ignored.

        Raises:
            MalformedEvidence: When a hand-over cannot be read or there are too many.
        """
        if issuer is None:
            return cls()
        if len(handovers) > MAX_HANDOVERS:
            raise MalformedEvidence(f"the file carries {len(handovers)} key hand-overs; {MAX_HANDOVERS} is the limit")
        keys = [issuer]
        for data in handovers:
            note = parse_note(data)
            successor = _successor(note)
            # A copy of a hand-over adds no key: a hostile file must not multiply the work.
            if successor.name == issuer.name and successor not in keys and any(map(note.signed_by, keys)):
                keys.append(successor)
        return cls(tuple(keys))

    def signed(self, note: Note) -> VerifierKey | None:
        """Returns the trusted key that signed `note`, None when none did."""
        return next((key for key in self.keys if note.signed_by(key)), None)

    def step(self, note: Note, what: str, origin: str) -> Step:
        """Returns the step "who signed this": passed, failed or not checked.

        Args:
            note: The signed head or promise.
            what: What to call it.
            origin: The log it speaks for; a key counts for the log it is named after.
        """
        title = TITLES["issuer"]
        if not self.keys:
            return not_checked(
                "issuer",
                title,
                "you did not say whose key to expect (--issuer); a key inside the file proves nothing",
            )
        if self.keys[0].name != origin:
            return failed(
                "issuer", title, f"{what} speaks for {origin}, and the key you named is of {self.keys[0].name}"
            )
        key = self.signed(note)
        if key is None:
            return failed(
                "issuer",
                title,
                f"{what} is not signed by {self.keys[0].fingerprint}, the issuer you named{self._other(note, origin)}",
            )
        rotated = "" if key == self.keys[0] else f", which {self.keys[0].fingerprint} handed over to"
        return passed(
            "issuer",
            title,
            f"{what} is signed by {key.fingerprint}{rotated}",
            "that the issuer showed everybody the same log; other witnesses can",
        )

    def _other(self, note: Note, origin: str) -> str:
        """Returns a remark where another key of the same log signed: the issuer may have changed its key."""
        others = [line.key_id.hex() for line in note.signatures if line.name == origin]
        if not others:
            return ""
        return (
            f"; it names key {others[0]} of this log: if the issuer changed its key, name the oldest one you were given"
        )


def _successor(note: Note) -> VerifierKey:
    lines = note.text.split("\n")
    if len(lines) != 5 or lines[0] != _HEADER or lines[4] or not _SIZE.fullmatch(lines[3]):
        raise MalformedEvidence("a key hand-over has four lines: what it is, the origin, the new key, the size")
    key = VerifierKey.parse(lines[2])
    if key.name != lines[1] or key.kind != ED25519:
        raise MalformedEvidence("a key hand-over names a key of another origin or type")
    return key

"""A record made ready in its caller's own thread: committed, encrypted, lacking only its number."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.fields import RECORD_KEY_BYTES, FieldTree
from counterfoil.core.schema import Schema
from counterfoil.core.statement import Draft, Template
from counterfoil.core.tiles import MAX_ENTRY_BYTES
from counterfoil.errors import InvalidInput
from counterfoil.store.sealing import seal_body
from counterfoil.store.streams import LAST_SECOND

__all__ = ["Prepared", "Private", "prepare"]

_GAPS_BYTES: Final = 40
"""Room for the number and the time that the log will fill in."""


@dataclass(frozen=True, slots=True)
class Private:
    """What a record keeps private.

    Attributes:
        schema: Positions of the fields.
        values: Values by pointer.
        subject: The caller's reference of the person, or the 16-byte tag of one already
            known; None when it is about nobody.
        retain_until_s: End of the retention lock, Unix seconds, 0 without one.
    """

    schema: Schema
    values: dict[str, Any]
    subject: str | bytes | None = None
    retain_until_s: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record that only lacks its number and time."""

    template: Template
    stream: str
    tree: FieldTree | None
    record_key: bytes
    sealed: bytes
    subject: str | bytes | None
    retain_until_s: int
    kind: str
    builds_on: tuple[str, ...]


def prepare(draft: Draft, private: Private | None, issuer: str) -> Prepared:
    """Does all the work on a record that needs no lock.

    Args:
        draft: The public part.
        private: The private part, None without any.
        issuer: Origin and key id of the log.

    Raises:
        InvalidInput: When a value cannot be recorded, or the public part is too large.
    """
    if private is None:
        return Prepared(_template(draft, issuer), draft.stream, None, b"", b"", None, 0, draft.kind, draft.builds_on)
    _require_usable(private)
    record_key = os.urandom(RECORD_KEY_BYTES)
    tree = FieldTree.commit(private.schema, record_key, private.values)
    sealed = seal_body(record_key, tree.root, tree.body())
    draft = Draft(  # written out, for `dataclasses.replace` costs a twentieth of the whole record
        draft.kind, draft.stream, draft.name, draft.builds_on, draft.about, private.schema.digest, tree.root
    )
    return Prepared(
        _template(draft, issuer),
        draft.stream,
        tree,
        record_key,
        sealed,
        private.subject,
        private.retain_until_s,
        draft.kind,
        draft.builds_on,
    )


def _require_usable(private: Private) -> None:
    """Refuses here what the vault would refuse later, when others share the commit."""
    if not 0 <= private.retain_until_s <= LAST_SECOND:
        raise InvalidInput("a retention lock ends between the years 1970 and 9999")
    subject = private.subject
    if isinstance(subject, bytes):
        return
    if subject is not None and (not isinstance(subject, str) or not subject):
        raise InvalidInput(
            "a person's reference is empty or not text",
            hint="pass None for a record about nobody, str(...) of a number",
        )
    if subject is not None and not subject.isascii():
        try:
            subject.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(
                "a person's reference holds half of a surrogate pair, which is not a character"
            ) from error


def _template(draft: Draft, issuer: str) -> Template:
    template = draft.template(issuer)
    if len(template.head) + len(template.middle) + len(template.tail) + _GAPS_BYTES > MAX_ENTRY_BYTES:
        raise InvalidInput(
            f"the public part of the record is larger than {MAX_ENTRY_BYTES - _GAPS_BYTES} bytes",
            hint="keep large content in a file and record its digest",
        )
    return template

"""One record: an in-toto Statement v1 in canonical JSON.

The predicate is a header that says nothing about a person: stream, sequence number,
time, issuer, schema, the earlier records it builds on, and an optional public body
(`about`). Whatever says something about a person is committed to by the subject
digest `counterfoilFields1`, the root of a salted field tree (see `fields`).

The canonical bytes have one fixed order of keys, so a record is written from a
template and read by one pattern; nothing that merely parses as JSON gets through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

from counterfoil.core import canonical
from counterfoil.core.merkle import HASH_SIZE_BYTES
from counterfoil.core.tiles import MAX_ENTRY_BYTES
from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = [
    "FIELDS_DIGEST",
    "PREDICATE_PREFIX",
    "STATEMENT_TYPE",
    "Draft",
    "Record",
    "Template",
    "is_time",
    "parse_record",
    "read_record",
]

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_PREFIX: Final = "https://counterfoil.dev/"
FIELDS_DIGEST: Final = "counterfoilFields1"

_STREAM: Final = re.compile(r"[a-z0-9][a-z0-9._/-]{0,127}")
_KIND: Final = re.compile(r"[a-z][a-z-]{0,31}")
_TIME: Final = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
_TIME_TEXT: Final = re.compile(_TIME)
_BUILDS: Final = re.compile(r"(?:[0-9a-f]{64},)*")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ISSUER: Final = re.compile(r'[^"+\\\x00-\x20\ud800-\udfff]{1,256}\+[0-9a-f]{8}')
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,256}')
_RECORD: Final = re.compile(
    rb'\{"_type":"https://in-toto\.io/Statement/v1","predicate":\{'
    rb'(?:"about":(?P<about>\{.+\}),)?'
    rb'"buildsOn":\[(?P<builds>(?:"[0-9a-f]{64}"(?:,"[0-9a-f]{64}")*)?)\],'
    rb'"issuer":"(?P<issuer>[^"+\\\x00-\x20]{1,1024}\+[0-9a-f]{8})",'
    rb'(?:"schema":"(?P<schema>[0-9a-f]{64})",)?'
    rb'"seq":(?P<seq>0|[1-9][0-9]{0,14}),'
    rb'"stream":"(?P<stream>[a-z0-9][a-z0-9._/-]{0,127})",'
    rb'"time":"(?P<time>' + _TIME.encode() + rb')"\},'
    rb'"predicateType":"https://counterfoil\.dev/(?P<kind>[a-z][a-z-]{0,31})/v1",'
    rb'"subject":\[\{"digest":\{"(?P<algorithm>counterfoilFields1|sha256)":"(?P<digest>[0-9a-f]{64})"\},'
    rb'"name":"(?P<name>[^"\\\x00-\x1f]{0,1024})"\}\]\}',
    re.DOTALL,
)


class Record(NamedTuple):
    """A record as read from the log.

    Attributes:
        kind: `decision`, `override`, `erasure`, …
        stream: The gapless sequence it belongs to.
        seq: Its number in the stream, from 0.
        time: UTC, whole seconds, `2026-11-23T19:00:00Z`; never goes back within a log.
        issuer: Origin and key id of the log that wrote it.
        builds_on: Leaf hashes (hex) of earlier records this one refers to.
        schema: SHA-256 (hex) of the schema of its private fields, None without any.
        digest: 32 bytes: root of the field tree, or SHA-256 of what it is about.
        name: What the digest names.
        about_bytes: The public body in canonical JSON; empty when there is none.
    """

    kind: str
    stream: str
    seq: int
    time: str
    issuer: str
    builds_on: tuple[str, ...]
    schema: str | None
    digest: bytes
    name: str
    about_bytes: bytes

    @property
    def about(self) -> Mapping[str, Any]:
        """The public body, read anew at each use; empty when there is none.

        Raises:
            MalformedEvidence: When it is not canonical; `parse_record` has ruled that out.
        """
        return _parse_about(self.about_bytes) if self.about_bytes else {}

    @property
    def has_fields(self) -> bool:
        """Whether the record commits to private fields."""
        return self.schema is not None


@dataclass(frozen=True, slots=True)
class Draft:
    """A record before the log gives it a number and a time.

    Exactly one of these holds: `schema` and `fields_root` are both set (private
    fields), or neither is, and the digest is `sha256` or that of `about`.
    """

    kind: str
    stream: str
    name: str
    builds_on: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    schema: str | None = None
    fields_root: bytes | None = None
    sha256: str | None = None

    def template(self, issuer: str) -> Template:
        """Returns the entry's bytes around number and time.

        Raises:
            InvalidInput: When a part cannot stand in a record.
        """
        self._require_well_formed()
        if not _ISSUER.fullmatch(issuer) or not issuer.isprintable():
            raise InvalidInput(f"{issuer[:100]!r} cannot issue records", hint="it looks like bank.example+1a2b3c4d")
        about = canonical.dumps(self.about) if self.about else b""
        if self.fields_root is not None:
            algorithm, digest = FIELDS_DIGEST, self.fields_root.hex()
        else:
            algorithm, digest = "sha256", self.sha256 or sha256(about).hexdigest()
        builds = ",".join([f'"{leaf}"' for leaf in self.builds_on])
        schema = f'"schema":"{self.schema}",' if self.schema else ""
        return Template(
            b"".join(
                (
                    b'{"_type":"https://in-toto.io/Statement/v1","predicate":{',
                    b'"about":' + about + b"," if about else b"",
                    f'"buildsOn":[{builds}],"issuer":"{issuer}",{schema}"seq":'.encode(),
                )
            ),
            f',"stream":"{self.stream}","time":"'.encode(),
            (
                f'"}},"predicateType":"{PREDICATE_PREFIX}{self.kind}/v1",'
                f'"subject":[{{"digest":{{"{algorithm}":"{digest}"}},"name":"{self.name}"}}]}}'
            ).encode(),
        )

    def _require_well_formed(self) -> None:
        if not _STREAM.fullmatch(self.stream):
            raise InvalidInput(
                f"{self.stream!r} cannot name a stream", hint="lower-case letters, digits, dot, dash, slash"
            )
        if not _KIND.fullmatch(self.kind):
            raise InvalidInput(f"{self.kind!r} cannot name a kind of record")
        if not _PLAIN.fullmatch(self.name):
            raise InvalidInput(f"{self.name!r} cannot name a record's subject", hint="no quotes, backslashes, controls")
        if (self.schema is None) != (self.fields_root is None):
            raise InvalidInput("a record with private fields names both their schema and their root")
        if self.fields_root is not None and (len(self.fields_root) != HASH_SIZE_BYTES or self.sha256):
            raise InvalidInput("a record with private fields names their root, 32 bytes, and no other digest")
        for digest in (self.schema, self.sha256):
            if digest is not None and not _DIGEST.fullmatch(digest):
                raise InvalidInput(f"{digest[:80]!r} is not a SHA-256 in hexadecimal")
        if self.builds_on and not _BUILDS.fullmatch(",".join((*self.builds_on, ""))):
            raise InvalidInput("a record builds on others by their leaf hashes, 64 hexadecimal digits each")


@dataclass(frozen=True, slots=True)
class Template:
    """An entry's bytes with two gaps: the sequence number and the time."""

    head: bytes
    middle: bytes
    tail: bytes

    def entry(self, seq: int, time: str) -> bytes:
        """Returns the canonical bytes of the record.

        Raises:
            InvalidInput: When it would have more than 65,535 bytes.
        """
        data = b"%b%d%b%b%b" % (self.head, seq, self.middle, time.encode(), self.tail)
        if len(data) > MAX_ENTRY_BYTES:
            raise InvalidInput(
                f"the record would have {len(data)} bytes; {MAX_ENTRY_BYTES} is the limit",
                hint="keep large content in a file and record its digest",
            )
        return data


def is_time(text: str) -> bool:
    """Whether `text` is a time as records write it: UTC, whole seconds."""
    return _TIME_TEXT.fullmatch(text) is not None


def parse_record(data: bytes) -> Record:
    """Reads one entry of a log, accepting canonical bytes only.

    Raises:
        MalformedEvidence: When it is not such a record.
    """
    record = read_record(data)
    record.about  # noqa: B018 - raises when the body is malformed
    return record


def read_record(data: bytes) -> Record:
    """Reads one entry of one's own log: as `parse_record`, but the public body only when used.

    Raises:
        MalformedEvidence: When it is not such a record.
    """
    match = _RECORD.fullmatch(data) if len(data) <= MAX_ENTRY_BYTES else None
    if match is None:
        raise MalformedEvidence("an entry is not a record in canonical form")
    about, builds, issuer, schema, seq, stream, time, kind, algorithm, digest, name = match.groups()
    if (schema is not None) != (algorithm == b"counterfoilFields1"):
        raise MalformedEvidence("a record names private fields without their schema, or the other way round")
    try:
        if not issuer.decode().isprintable():
            raise MalformedEvidence("a record's issuer is not a name")
        return Record(
            kind.decode(),
            stream.decode(),
            int(seq),
            time.decode(),
            issuer.decode(),
            tuple(builds.decode()[1:-1].split('","')) if builds else (),
            schema.decode() if schema else None,
            bytes.fromhex(digest.decode()),
            name.decode(),
            about or b"",
        )
    except UnicodeDecodeError as error:
        raise MalformedEvidence("an entry is not UTF-8 text") from error


def _parse_about(data: bytes) -> dict[str, Any]:
    try:
        value = canonical.loads_canonical(data)
    except InvalidInput as error:
        raise MalformedEvidence(f"the public body of a record cannot be read: {error.message}") from error
    if not isinstance(value, dict):
        raise MalformedEvidence("the public body of a record is not an object")
    return value

"""What a passport can be made of: a draft from another format, and what of it found no place."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import file_digest
from hashlib import sha256 as sha256_of
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import DoesNotMatch, InvalidInput, NotFound
from counterfoil.provenance.fingerprints.reading import fingerprint_of
from counterfoil.provenance.passports.parts import Licence, is_licence_expression, is_web_address
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import FingerprintOf, SubjectFile
from counterfoil.provenance.passports.told import MOST_TEXT, is_sha256

__all__ = ["MOST_IMPORTED_BYTES", "SHA256_URN", "Imported", "held_to_data", "licence_of", "plain_text", "read_object"]

MOST_IMPORTED_BYTES: Final = 16 * 2**20
"""Largest file that is read."""

SHA256_URN: Final = "urn:counterfoil:sha256:"
"""How other formats name what only its SHA-256 tells."""

_SPDX: Final = ("https://spdx.org/licenses/", "http://spdx.org/licenses/")
_CREATIVE_COMMONS: Final = "creativecommons.org/"


@dataclass(frozen=True, slots=True)
class Imported:
    """A draft from another format.

    Attributes:
        passport: The draft; what the other format does not say is empty.
        unmapped: What that file says and a passport has no place for, a line each.
        verified: Names of the files whose digests were compared with the data and are the same.
        origin: Of the log that its leaf hashes are from; empty where it does not say.
    """

    passport: Passport
    unmapped: tuple[str, ...]
    verified: tuple[str, ...] = ()
    origin: str = ""


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """Returns the JSON object in a file; `what` names the format in messages.

    Raises:
        InvalidInput: It is too large, no JSON, nested too deeply, or no object.
    """
    if len(data) > MOST_IMPORTED_BYTES:
        raise InvalidInput(f"{what} of {len(data):,} bytes is too large; {MOST_IMPORTED_BYTES:,} is the limit")
    value = canonical.loads(data)
    if not isinstance(value, dict):
        raise InvalidInput(f"the file is no {what}: it holds no JSON object")
    return value


def plain_text(value: Any, most: int = MOST_TEXT) -> str:
    """Returns what a foreign member says as text that a passport can hold; empty where it is no text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    words = " ".join(str(value).split())
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in words)[:most]


def licence_of(told: str) -> Licence:
    """Returns a licence that another format names by an address, an identifier or a name."""
    if told.startswith(SHA256_URN) and is_sha256(told.removeprefix(SHA256_URN)):
        return Licence(sha256=told.removeprefix(SHA256_URN))
    for start in _SPDX:
        if told.startswith(start):
            named = told.removeprefix(start).rstrip("/").removesuffix(".html").removesuffix(".json")
            return Licence(named) if is_licence_expression(named) else _found_at(told)
    if _CREATIVE_COMMONS in told and told.startswith(("http://", "https://")):
        known = _creative_commons(told)
        return Licence(known) if is_licence_expression(known) else _found_at(told)
    if told.startswith(("http://", "https://")):
        return _found_at(told)
    if " " not in told and is_licence_expression(told) and any(sign.isdigit() for sign in told):
        return Licence(told)  # CC-BY-4.0, Apache-2.0, …
    return Licence(name=told[:200]) if told else Licence()


def _found_at(told: str) -> Licence:
    """Returns a licence by its address; by name where a passport takes no such address."""
    return Licence(url=told) if is_web_address(told) else Licence(name=told[:200])


def held_to_data(found: Imported, data: Path, places: Sequence[str]) -> Imported:
    """Returns the draft with the fingerprint of the data, after its digests were found to be theirs.

    Args:
        found: The draft.
        data: The file, or the folder with all of them.
        places: Where each of the subject's files lies below the folder.

    Raises:
        DoesNotMatch: A file has another digest than the imported one.
        NotFound: A file is not there.
        InvalidInput: It names no digest that could be compared, or a place outside the folder.
    """
    subject = found.passport.subject
    named = [(file, place) for file, place in zip(subject.files, places, strict=True) if file.sha256]
    if not named:
        raise InvalidInput(
            "the file names no SHA-256 that the data could be compared with", hint="leave out --data to import it so"
        )
    verified = tuple(_verified(named, data))
    made = fingerprint_of(data)
    sizes = {each.name: each.size_bytes for each in made.entries}
    files = tuple(
        replace(file, bytes=sizes.get(place if data.is_dir() else data.name, file.bytes))
        for file, place in zip(subject.files, places, strict=True)
    )
    sha256 = sha256_of(canonical.dumps(made.to_json())).hexdigest()
    fingerprint = FingerprintOf(made.algorithm, made.root.hex(), sha256, made.ignored)
    subject = replace(subject, fingerprint=fingerprint, files=files, count=made.files, bytes=made.size_bytes)
    return replace(found, passport=replace(found.passport, subject=subject), verified=verified)


def _verified(named: Sequence[tuple[SubjectFile, str]], data: Path) -> Iterator[str]:
    if data.is_file() and len(named) > 1:
        raise InvalidInput(
            f"the import names {len(named)} files, and the data are one", hint="give the folder with all of them"
        )
    for file, place in named:
        path = data if data.is_file() else data / _below(place)
        try:
            with _opened(path, data) as opened:
                sha256 = file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise NotFound(f"{file.name} cannot be read: {error.strerror}") from error
        if sha256 != file.sha256:
            raise DoesNotMatch(
                f"{file.name} has the SHA-256 {sha256[:16]}…, and the import names {file.sha256[:16]}…",
                hint="these are other data, or they were changed since",
            )
        yield file.name


def _opened(path: Path, data: Path) -> BufferedReader:
    """Opens a file that an import names: a plain one, and of a folder one that lies in it, not behind a link.

    Raises:
        InvalidInput: It is another; a pipe would be waited for, and a link leads anywhere.
    """
    inner = [path, *path.parents][: len(path.relative_to(data).parts)]
    if not any(each.is_symlink() for each in inner):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_NOFOLLOW if inner else 0))
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
    raise InvalidInput(
        f"{path.name} is no plain file in the data: it is a link, leads through one, or is a device",
        hint="put a copy of the file in its place",
    )


def _below(place: str) -> PurePosixPath:
    path = PurePosixPath(place)
    if path.is_absolute() or ".." in path.parts or "\x00" in place or not path.parts:
        raise InvalidInput(f"the import names a file outside the folder: {place[:80]!r}")
    return path


def _creative_commons(url: str) -> str:
    """Returns the SPDX identifier of a Creative Commons address: …/licenses/by-sa/4.0/ is CC-BY-SA-4.0."""
    parts = url.partition(_CREATIVE_COMMONS)[2].strip("/").split("/")
    if parts[:2] == ["publicdomain", "zero"] and len(parts) > 2:
        return f"CC0-{parts[2]}"
    if parts[0] == "licenses" and len(parts) > 2:
        return f"CC-{parts[1].upper()}-{parts[2]}"
    return ""

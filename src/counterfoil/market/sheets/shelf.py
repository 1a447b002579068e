"""The shelf: the offer sheets, licence texts, reviews and passports that a home hands out.

Each is a file named by its digest, a passport by the leaf hash of its record.
Everything on it is public; nothing that is not put here on purpose can be asked for. Files kept elsewhere by their
digest, models among them, are never served from here.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotFound
from counterfoil.market.sheets.checks import SheetChecks
from counterfoil.market.sheets.sheet import SignedSheet, read_sheet
from counterfoil.store.durable import replace_file

__all__ = ["MOST_LICENCE_BYTES", "Shelf"]

MOST_LICENCE_BYTES: Final = 2**20
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Shelf:
    """Four folders of files. Safe to use from several threads and processes.

    Args:
        folder: Where they are; made with the first file.
    """

    def __init__(self, folder: Path) -> None:
        self._sheets = folder / "sheets"
        self._licences = folder / "licences"
        self._reviews = folder / "reviews"
        self._passports = folder / "passports"

    def put_sheet(self, signed: SignedSheet) -> str:
        """Keeps a sheet durably and returns its digest. Putting it again changes nothing.

        Raises:
            NotFound: The text of its licence is not on the shelf.
            LogUnavailable: The disk refuses.
        """
        licence = signed.sheet.wares.licence.sha256
        if not (self._licences / licence).exists():
            raise NotFound(
                f"the licence text {licence[:12]}… that the offer sheet names is not here", hint="put the text in first"
            )
        return _put(self._sheets / signed.digest_hex, signed.data)

    def sheet(self, digest: str, checks: SheetChecks | None = None) -> SignedSheet:
        """Returns a sheet by its digest.

        Raises:
            InvalidInput: That is no digest.
            NotFound: It is not here.
            HomeDamaged: The file was altered.
        """
        signed = read_sheet(_get(self._sheets, digest, "offer sheet"), checks)
        if signed.digest_hex != digest:
            raise HomeDamaged(f"the offer sheet {digest[:12]}… was altered: it has another digest now")
        return signed

    def raw(self, what: Literal["sheets", "reviews"], digest: str) -> bytes:
        """Returns a sheet or review as the file that is handed out, unread: whoever takes it holds it to its digest.

        Raises:
            InvalidInput: That is no digest.
            NotFound: It is not here.
        """
        return _get(self._sheets if what == "sheets" else self._reviews, digest, what.removesuffix("s"))

    def put_review(self, digest: str, data: bytes) -> str:
        """Keeps a review durably under the digest of its document; who puts it has read it."""
        _require_digest(digest)
        return _put(self._reviews / digest, data)

    def sheets(self) -> list[str]:
        """Returns the digests of all sheets, in order."""
        return sorted(path.name for path in self._sheets.glob("*") if _DIGEST.fullmatch(path.name))

    def reviews(self) -> list[str]:
        """Returns the digests of all reviews, in order."""
        return sorted(path.name for path in self._reviews.glob("*") if _DIGEST.fullmatch(path.name))

    def put_licence(self, text: bytes) -> str:
        """Keeps the text of a licence durably and returns its SHA-256.

        Raises:
            InvalidInput: It is empty, too long, or not text in UTF-8.
            LogUnavailable: The disk refuses.
        """
        if not 0 < len(text) <= MOST_LICENCE_BYTES:
            raise InvalidInput(
                f"a licence text of {len(text):,} bytes cannot be kept; {MOST_LICENCE_BYTES:,} is the limit"
            )
        try:
            is_text = "\0" not in text.decode("utf-8")
        except UnicodeDecodeError:
            is_text = False
        if not is_text:
            raise InvalidInput("the licence text is not text in UTF-8", hint="give the text itself, not a PDF of it")
        return _put(self._licences / sha256(text).hexdigest(), text)

    def put_passport(self, record: str, data: bytes) -> bytes:
        """Keeps the file of a passport durably, by the leaf hash (hex) of its record; returns the one that is kept.

        The first stays: its proof names the log as it was then, and sheets name the file by its digest.
        """
        _require_digest(record)
        _put(self._passports / record, data)
        return self.passport(record)

    def passport(self, record: str) -> bytes:
        """Returns the file of a passport by the leaf hash (hex) of its record.

        Raises:
            InvalidInput: That is no digest.
            NotFound: It is not here.
        """
        return _get(self._passports, record, "passport")

    def licence(self, digest: str) -> bytes:
        """Returns the text of a licence by its SHA-256.

        Raises:
            InvalidInput: That is no digest.
            NotFound: It is not here.
            HomeDamaged: The file was altered.
        """
        text = _get(self._licences, digest, "licence text")
        if sha256(text).hexdigest() != digest:
            raise HomeDamaged(f"the licence text {digest[:12]}… was altered: it has another digest now")
        return text


def _put(path: Path, data: bytes) -> str:
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, data)
    except OSError as error:
        raise LogUnavailable(f"a file of the market could not be kept: {error.strerror}") from error
    return path.name


def _get(folder: Path, digest: str, what: str) -> bytes:
    _require_digest(digest)
    try:
        return (folder / digest).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"the {what} {digest[:12]}… is not here") from None


def _require_digest(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput(f"{digest[:80]!r} is not a SHA-256 in hex")

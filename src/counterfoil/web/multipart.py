"""A body of several files (multipart/form-data, RFC 7578), written to disk as it arrives, each part to its own file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from counterfoil.errors import InvalidInput

__all__ = ["MULTIPART", "PartFiles", "is_multipart"]

MULTIPART: Final = "multipart/form-data"

MOST_HEADER_BYTES: Final = 4_096
"""Of one part's headers: a name and a type take a tenth of it."""


def is_multipart(content_type: str | None) -> bool:
    """Whether a body is of this kind, by its media type."""
    return (content_type or "").partition(";")[0].strip().lower() == MULTIPART


class PartFiles:
    """Takes a body apart. Use as a context manager; what it wrote stays.

    Args:
        content_type: The body's media type, which names the boundary.
        folder: Where the files go.
        names: The files' own names, by the names that parts may have.

    Attributes:
        paths: The files written, by the parts' names.
    """

    def __init__(self, content_type: str, folder: Path, names: Mapping[str, str]) -> None:
        self._folder = folder
        self._names = names
        self._headers = 0
        self._field = b""
        self._value = b""
        self._part = ""
        self._file: IO[bytes] | None = None
        self.paths: dict[str, Path] = {}
        try:
            boundary = parse_options_header(content_type)[1][b"boundary"]
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_field,
                    "on_header_value": self._on_value,
                    "on_header_end": self._on_header,
                    "on_headers_finished": self._open,
                    "on_part_data": self._write,
                    "on_part_end": self.close,
                },
            )
        except (KeyError, UnicodeError, FormParserError) as error:
            raise InvalidInput(
                "the parts of the body cannot be told apart", hint="its type names no boundary"
            ) from error

    def take(self, data: bytes) -> None:
        """Takes the next piece of the body.

        Raises:
            InvalidInput: It cannot be taken apart, or has a part that is unknown, doubled or no file.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidInput("the parts of the body cannot be read", hint="send it as multipart/form-data") from error

    def finish(self) -> None:
        """Makes sure that the body came to its end (InvalidInput when it broke off)."""
        try:
            self._parser.finalize()
        except FormParserError as error:
            raise InvalidInput("the body broke off within a part", hint="send it again") from error
        if self._file is not None or not self.paths:
            raise InvalidInput("the body has no whole part", hint=f"the parts are files: {', '.join(self._names)}")

    def close(self) -> None:
        """Closes the file that is being written, if one is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._headers, self._part = 0, ""

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += self._counted(data[start:end])

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._counted(data[start:end])

    def _on_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            options = parse_options_header(self._value)[1]
            if b"filename" in options:
                self._part = options.get(b"name", b"").decode("utf-8", "replace")
        self._field = self._value = b""

    def _open(self) -> None:
        if self._part not in self._names or self._part in self.paths:
            raise InvalidInput(
                f"the part {self._part[:60]!r} of the body is unknown, doubled, or no file",
                hint=f"the parts are files: {', '.join(self._names)}",
            )
        path = self.paths[self._part] = self._folder / self._names[self._part]
        self._file = path.open("xb")

    def _write(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self._file.write(memoryview(data)[start:end])

    def _counted(self, data: bytes) -> bytes:
        self._headers += len(data)
        if self._headers > MOST_HEADER_BYTES:
            raise InvalidInput(f"the headers of a part have more than {MOST_HEADER_BYTES:,} bytes")
        return data

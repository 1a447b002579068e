"""The console's own style, script and mark: few files, named by their content, kept by browsers for good."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.responses import Response

from counterfoil.errors import NotFound

__all__ = ["Asset", "Assets"]

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static/"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file.

    Attributes:
        name: Its name with a part of its digest: other content has another name.
        data: Its bytes.
        media_type: How browsers are to read it.
    """

    name: str
    data: bytes
    media_type: str

    @classmethod
    def read(cls, path: Path) -> Asset:
        """Reads a file of the package."""
        data = path.read_bytes()
        digest = sha256(data).hexdigest()[:12]
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(f"{path.stem}.{digest}{path.suffix}", data, media_type)


class Assets:
    """The files, by the names that pages use."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._by_file = {path.name: Asset.read(path) for path in sorted(folder.iterdir()) if path.suffix in _TYPES}
        self._by_name = {asset.name: asset for asset in self._by_file.values()}

    def url(self, file: str) -> str:
        """Returns the address of a file, such as `console.css`."""
        return PREFIX + self._by_file[file].name

    def response(self, name: str) -> Response:
        """Returns a file by its full name.

        Raises:
            NotFound: There is none; an older page may have asked for an older one.
        """
        asset = self._by_name.get(name)
        if asset is None:
            raise NotFound("there is no such file", hint="load the page again")
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(asset.data, media_type=asset.media_type, headers=headers)

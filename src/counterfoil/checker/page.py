"""Builds the checker page: one HTML file, the same wherever it is opened, that loads nothing.

Its policy lets exactly its own script and style run. What a receipt brings is data in it:
the script reads it as JSON and shows it as text.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from counterfoil.checker.script import script
from counterfoil.errors import InvalidInput

__all__ = ["MAX_PAGE_BYTES", "Held", "checker_page", "page_digest"]

MAX_PAGE_BYTES: Final = 150 * 1024
"""Most bytes of a page that holds no receipt."""

_START: Final = "modules.page.startPage();\n"


@dataclass(frozen=True, slots=True)
class Held:
    """A receipt that a page is saved with.

    Attributes:
        name: What to call its file.
        receipt: The bytes of a receipt or promise.
        words: The issuer's words for the codes of reasons; shown as the issuer's, never as proven.
        units: Units of values by pointer, shown the same way.
        by: Legal name of the issuer, shown the same way.
    """

    name: str
    receipt: bytes
    words: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    by: str = ""

    def data(self) -> str:
        """Returns the element that holds it: inert, whatever the receipt says.

        Raises:
            InvalidInput: When the receipt is not UTF-8 text.
        """
        try:
            receipt = self.receipt.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput("a receipt that goes into a page is JSON in UTF-8") from error
        given = {"name": self.name, "receipt": receipt, "words": dict(self.words)}
        value = json.dumps(given | {"units": dict(self.units), "by": self.by})
        # A script element ends at its end tag and nowhere else, and "<!--" changes how it is read: no "<" goes in.
        return f'<script type="application/json" id="held">{value.replace("<", chr(92) + "u003c")}</script>\n'


def checker_page(held: Held | None = None) -> str:
    """Returns the page as HTML text: below 150 KiB, and with `held` as much more as that has.

    Its policy takes `connect-src 'self'`, so that a page that came from a node may ask that
    node, and nobody else, for the proof behind a link; nothing else is ever loaded.
    """
    before, after = _page()
    return f"{before}{held.data() if held else ''}{after}"


def page_digest() -> str:
    """Returns SHA-256 (hex) of the page without a receipt, in UTF-8."""
    return sha256(checker_page().encode()).hexdigest()


@cache
def _page() -> tuple[str, str]:
    """Returns the page around the place for a receipt."""
    folder = files(__package__)
    style = folder.joinpath("page.css").read_text("utf-8")
    code = script() + _START
    page = folder.joinpath("page.html").read_text("utf-8")
    for name, text in (("policy", _policy(code, style)), ("style", style), ("script", code)):
        page = page.replace("{{" + name + "}}", text)
    before, _, after = page.partition("{{held}}")
    return before, after


def _policy(code: str, style: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(code)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"

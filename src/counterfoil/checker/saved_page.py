"""The receipt inside a saved page: one element of data, which is read and never run.

`code/held.js` reads pages the same way.
"""

from __future__ import annotations

from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.receipt import MAX_RECEIPT_BYTES
from counterfoil.errors import InvalidInput

__all__ = ["MAX_SAVED_BYTES", "is_page", "receipt_in_page"]

MAX_SAVED_BYTES: Final = 2 * MAX_RECEIPT_BYTES
"""Most bytes of a page with its receipt."""

_STARTS: Final = (b"<!doctype html", b"<html")
_OPENS: Final = b'<script type="application/json" id="held">'
_ENDS: Final = b"</script>"
_MEMBERS: Final = {"by": str, "name": str, "receipt": str, "units": dict, "words": dict}
_HINT: Final = "`counterfoil receipt --html` writes pages that hold one; else give the receipt itself, a JSON file"


def is_page(start: bytes) -> bool:
    """Tells by its first bytes whether a file is a web page."""
    return start[:4096].lstrip()[:16].lower().startswith(_STARTS)


def receipt_in_page(page: bytes) -> bytes:
    """Returns the bytes of the receipt or promise that a page was saved with; they are not checked.

    Raises:
        InvalidInput: The page holds none, more than one, or is larger than `MAX_SAVED_BYTES`.
    """
    if len(page) > MAX_SAVED_BYTES:
        raise InvalidInput(f"a web page of more than {MAX_SAVED_BYTES} bytes is not read", hint=_HINT)
    count = page.count(_OPENS)
    if count != 1:
        found = "no receipt" if not count else f"{count} receipts, and a page has one"
        raise InvalidInput(f"this web page holds {found}", hint=_HINT)
    text, end, _ = page.partition(_OPENS)[2].partition(_ENDS)
    if not end:
        raise InvalidInput("this web page breaks off within its receipt", hint="save the page again")
    return _held(canonical.loads(text))


def _held(value: Any) -> bytes:
    is_right = (
        isinstance(value, dict)
        and value.keys() <= _MEMBERS.keys()
        and all(isinstance(each, _MEMBERS[name]) for name, each in value.items())
        and "receipt" in value
    )
    if not is_right:
        raise InvalidInput("what this web page holds is no receipt", hint=_HINT)
    return str(value["receipt"]).encode()

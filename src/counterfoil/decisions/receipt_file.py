"""The person's receipt as a web page, as API and console hand it over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import Request
from starlette.responses import Response

from counterfoil.core.receipt import Receipt
from counterfoil.decisions.receipts import as_html
from counterfoil.web.answer import as_file
from counterfoil.web.desk import Desk

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["receipt_page"]

_HTML: Final = "text/html; charset=utf-8"


def receipt_page(
    org: Organisation, desk: Desk, request: Request, index: int, receipt: Receipt, language: str = "en"
) -> Response:
    """Returns receipt and checker page as one HTML file to save. Who took it is recorded.

    Args:
        org: Whose decision it is.
        desk: Puts on record who looked.
        request: Says who asks.
        index: Place of the decision.
        receipt: Its receipt.
        language: Language of the policy's words.

    Raises:
        NotFound: There is no decision at that place.
        InvalidInput: The policy has no words in that language.
    """
    policy = org.decisions.history(index).policy
    name = org.home.settings.name
    text = as_html(receipt, policy, language=language, name=name, file=f"receipt-{index}.json")
    desk.looked(request, "receipt", [index])
    return Response(text, media_type=_HTML, headers=as_file(f"receipt-{index}.html"))

"""Answers of routes that may cost a fee or move money: what it would cost and show, or the thing done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import Request
from starlette.responses import Response

from counterfoil.ledger.packages import require_packages
from counterfoil.web.answer import answered
from counterfoil.web.desk import Answer, Desk

if TYPE_CHECKING:
    from counterfoil.ledger.sending.quote import Quote
    from counterfoil.organisation import Organisation

__all__ = ["Shown", "quoted"]


class Shown(Protocol):
    """What was made, as the API shows it."""

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""


def quoted(
    org: Organisation,
    desk: Desk,
    request: Request,
    asked: Mapping[str, Any],
    what: str,
    planned: Callable[[], tuple[Quote, Callable[[Callable[[str], None]], Shown]]],
    more: Callable[[], dict[str, Any]] = dict,
) -> Response:
    """Answers with what something would cost, move and show; or does it, after writing down who asks.

    Args:
        org: The organisation.
        desk: The node.
        request: Names itself by its idempotency key, or does not.
        asked: What it asks for; `dry_run` says that nothing is sent.
        what: What is done, in a few words for the record of who asked.
        planned: Returns the quote, and what does it.
        more: Returns what the answer tells besides; asked after `planned`.
    """
    require_packages()
    org.ledger.require_connection()

    def change() -> Answer | Callable[[], Answer]:
        quote, carry_out = planned()
        if asked["dry_run"]:
            return 200, quote.to_json() | more()
        quote.require_funds()
        desk.asked(request, what)
        return lambda: (200, {"done": True} | carry_out(lambda _said: None).to_json() | more())

    return answered(desk, request, asked, change)

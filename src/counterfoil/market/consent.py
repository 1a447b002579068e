"""Nothing is signed or sent before it was shown: what it costs, which money it moves, what becomes public."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from counterfoil.ledger.amounts import amount

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.ledger.sending.quote import Quote
    from counterfoil.organisation import Organisation

__all__ = ["carried_out", "quote_lines", "sending"]

T = TypeVar("T")

PUBLIC: Final = "Everybody who uses the ledger can read this, for ever:"
YES: Final = "repeat with --yes, or look first with --dry-run"
_GOES_ON: Final = "nothing is lost: repeat the command, and it goes on where it stopped"


def sending(command: Any) -> Any:
    """Adds the options of whatever may cost a fee or move money."""
    command = click.option("--yes", is_flag=True, help="Do not ask.")(command)
    return click.option("--dry-run", is_flag=True, help="Say what would be sent, moved and shown; send nothing.")(
        command
    )


def carried_out(
    session: Session,
    org: Organisation,
    quote: Quote,
    carry_out: Callable[[Callable[[str], None]], T],
    *,
    dry_run: bool,
    yes: bool,
    more: dict[str, Any] | None = None,
) -> T | None:
    """Shows a quote, asks, and does it; returns None after a dry run.

    On a ledger of the home's own, where nothing is paid to anybody, it is not asked.

    Args:
        session: Speaks and asks.
        org: The home.
        quote: What it would cost, move and show.
        carry_out: Does it.
        dry_run: Whether it is only shown.
        yes: Whether it was agreed to before.
        more: What a dry run tells besides, with --json.
    """
    lines = list(quote_lines(quote))
    if dry_run:
        told = ["This is what would be sent.", *lines, "Nothing was sent."]
        session.emit(quote.to_json() | (more or {}), told)
        return None
    quote.require_funds()
    is_free = not org.ledger.require_connection().rpc and not quote.moves
    if quote.gas and not yes and not is_free:
        session.confirm(lines, "What the ledger is told stays there.", hint=YES)
    elif quote.gas:
        for line in lines:
            session.remark(line)
    try:
        return carry_out(session.remark)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted while waiting", _GOES_ON) from None


def quote_lines(quote: Quote) -> Iterator[str]:
    """Yields what something would cost, move and show, for people."""
    from counterfoil.ledger.accounts.account import checksummed

    account = checksummed(quote.account)
    yield f"Chain {quote.chain_id}; the account {account} holds {amount(quote.balance_wei)} for fees."
    if quote.gas:
        in_all = f" in {quote.transactions} transactions" if quote.transactions > 1 else ""
        yield f"  {quote.title}: up to {amount(quote.most_wei)} of fees ({quote.gas:,} gas{in_all})"
    else:
        yield f"  {quote.title}: nothing is left to be sent"
    for move in quote.moves:
        yield f"  moves       {move}"
    if quote.signs:
        yield f"  signs       {quote.signs}"
    if quote.public:
        yield PUBLIC
        yield from (f"  {name.replace('_', ' '):11} {value}" for name, value in quote.public.items())

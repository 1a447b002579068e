"""How shares change when somebody contributed, in hundredths of a percent.

    dilute   every earlier share becomes floor(share × (10,000 − new) / 10,000), and so does what is the seller's
    fixed    earlier shares stay; the new one comes out of what is the seller's

What rounding leaves is the seller's. Who contributes again has its parts added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from counterfoil.errors import InvalidInput

if TYPE_CHECKING:
    from counterfoil.ledger.market.terms import Share
    from counterfoil.market.contributions.opening import Rule

__all__ = ["WHOLE_BPS", "with_contribution"]

WHOLE_BPS: Final = 10_000


def with_contribution(earlier: Sequence[Share], new: Share, rule: Rule) -> tuple[Share, ...]:
    """Returns the shares from now on, earlier ones first; they are never more than the whole together.

    Args:
        earlier: As they are now, accounts or roots of claims.
        new: What the contribution is given.
        rule: What becomes of the earlier ones.

    Raises:
        InvalidInput: There is no room for it; or an earlier share would become nothing.
    """
    from counterfoil.ledger.market.terms import MAX_SHARES, Share

    kept = WHOLE_BPS - new.bps if rule == "dilute" else WHOLE_BPS
    parts: dict[bytes, int] = {}
    for each in earlier:
        parts[each.payee] = parts.get(each.payee, 0) + each.bps * kept // WHOLE_BPS
    if gone := [payee for payee, bps in parts.items() if not bps]:
        raise InvalidInput(
            f"{len(gone)} of the earlier shares would become nothing",
            hint="pay many small contributors through a root of claims: `counterfoil market shares make`",
        )
    parts[new.payee] = parts.get(new.payee, 0) + new.bps
    if sum(parts.values()) > WHOLE_BPS:
        raise InvalidInput(
            f"the shares would be {sum(parts.values()) / 100:g} percent together",
            hint="they leave no room for as much: agree on a smaller one",
        )
    if len(parts) > MAX_SHARES:
        raise InvalidInput(
            f"there would be {len(parts)} shares; {MAX_SHARES} is the limit",
            hint="pay many contributors through a root of claims: `counterfoil market shares make`",
        )
    return tuple(Share(payee, bps) for payee, bps in parts.items())

"""The market of one home on the ledger it is connected to: offering, buying, delivering, money, governing.

How something is done, and why it is done once, stands in `trades`.
"""

from __future__ import annotations

from counterfoil.ledger.market.buying import Buying
from counterfoil.ledger.market.fulfilling import Fulfilling
from counterfoil.ledger.market.governing import Governing
from counterfoil.ledger.market.looking import Looking
from counterfoil.ledger.market.money import Money
from counterfoil.ledger.market.selling import Selling

__all__ = ["Trading"]


class Trading(Selling, Buying, Fulfilling, Money, Governing, Looking):
    """Everything this home does on the ledger's market. Safe to use from several threads."""

"""Calls of models, tools and agents, on record so that anyone can check them."""

from counterfoil.calls.call import Call, RecordedCall
from counterfoil.calls.calls import Calls
from counterfoil.calls.views import CallsView

__all__ = ["Call", "Calls", "CallsView", "RecordedCall"]

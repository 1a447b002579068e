"""Who may come in: keys of applications, people with passwords, other nodes."""

from counterfoil.node.access.access import HOME, Access
from counterfoil.node.access.keys import Key, NewKey

__all__ = ["HOME", "Access", "Key", "NewKey"]

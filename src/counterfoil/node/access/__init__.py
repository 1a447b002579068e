"""Who may come in: keys of applications, people with passwords, other nodes."""

from counterfoil.node.access.access import HOME, Access, LoggedIn
from counterfoil.node.access.keys import Key, NewKey
from counterfoil.node.access.peers import Peer
from counterfoil.node.access.signing import RequestSigner, sign_request
from counterfoil.node.access.users import User

__all__ = ["HOME", "Access", "Key", "LoggedIn", "NewKey", "Peer", "RequestSigner", "User", "sign_request"]

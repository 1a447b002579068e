"""The secret that a source asks for: from a file, from the environment or from .netrc, never from the command line."""

from __future__ import annotations

import netrc
import os
from base64 import b64encode
from pathlib import Path
from typing import Final

from counterfoil.errors import InvalidInput, Locked
from counterfoil.store.private_file import read_private

__all__ = ["ENV_SECRET", "authorization", "find_secret"]

ENV_SECRET: Final = "COUNTERFOIL_SNAPSHOT_SECRET"  # noqa: S105 - the name of a variable
_MOST_BYTES: Final = 16_384


def find_secret(file: Path | None = None) -> str:
    """Returns the secret in a file that only its owner may read, else that of the environment; empty without one.

    Raises:
        Locked: The file cannot be read, or others may read it.
        InvalidInput: The secret is no text of one line.
    """
    if file is not None:
        try:
            secret = read_private(file, "secret file", _MOST_BYTES).decode().strip()
        except UnicodeDecodeError:
            raise InvalidInput(f"the secret file {file} is no text") from None
    else:
        secret = os.environ.get(ENV_SECRET, "").strip()
    if not secret.isprintable():
        raise InvalidInput("the secret is not one line of text", hint="keep the secret alone in its file")
    return secret


def authorization(secret: str, host: str) -> str:
    """Returns what the header Authorization says; empty where there is nothing to say.

    Args:
        secret: A token, sent as `Bearer`; or the header's whole value, such as `Basic …`.
        host: Whose entry in .netrc is taken where there is no secret.

    Raises:
        InvalidInput: The secret cannot stand in a header.
        Locked: .netrc cannot be read.
    """
    if secret:
        if not secret.isascii():
            raise InvalidInput("the secret has characters that no header can hold")
        return secret if " " in secret else f"Bearer {secret}"
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not path.is_file():
        return ""
    try:
        found = netrc.netrc(path).authenticators(host)
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
        raise Locked(f"{path} cannot be read", hint="mend it, chmod 600, or give a secret file") from None
    if found is None:
        return ""
    return "Basic " + b64encode(f"{found[0]}:{found[2]}".encode()).decode()

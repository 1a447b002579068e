"""The passphrase of an account's key file, and where it is looked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self

from counterfoil.errors import InvalidInput, Locked
from counterfoil.store.private_file import read_private

__all__ = ["ENV_ACCOUNT_PASSPHRASE", "ENV_ACCOUNT_PASSPHRASE_FILE", "Passphrase"]

ENV_ACCOUNT_PASSPHRASE_FILE: Final = "COUNTERFOIL_ACCOUNT_PASSPHRASE_FILE"  # noqa: S105 - a variable's name
ENV_ACCOUNT_PASSPHRASE: Final = "COUNTERFOIL_ACCOUNT_PASSPHRASE"  # noqa: S105 - a variable's name

_WAYS: Final = (
    f"set {ENV_ACCOUNT_PASSPHRASE_FILE} or {ENV_ACCOUNT_PASSPHRASE}, or name account_passphrase_file in the settings"
)
_MAX_BYTES: Final = 4_096


class Passphrase:
    """A passphrase. Its text never shows in repr, errors or logs."""

    __slots__ = ("_secret",)

    def __init__(self, text: str) -> None:
        """Takes a passphrase as typed; other wallets read the same UTF-8 bytes.

        Raises:
            InvalidInput: It is empty or not text.
        """
        try:
            self._secret = text.encode()
        except UnicodeEncodeError:
            self._secret = b""
        if not self._secret:
            raise InvalidInput("the passphrase is empty, or not text that UTF-8 can hold")

    def __repr__(self) -> str:
        return "Passphrase()"

    @property
    def secret(self) -> bytes:
        """Its bytes, for whoever opens or closes a key file."""
        return self._secret

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Reads a passphrase from a file that only its owner may read; a last line break is not part of it.

        Raises:
            Locked: The file is missing, empty, not text, or others may read it.
        """
        found = read_private(path, "passphrase file", _MAX_BYTES).removesuffix(b"\n").removesuffix(b"\r")
        text = found.decode(errors="ignore")
        if not text or text.encode() != found:
            raise Locked(f"the passphrase file {path} is empty or not text")
        return cls(text)

    @classmethod
    def from_environment(
        cls,
        path: Path | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        prompt: Callable[[], str] | None = None,
    ) -> Self:
        """Finds the passphrase, in this order; the first that is named counts, even when it does not fit.

        1. COUNTERFOIL_ACCOUNT_PASSPHRASE_FILE  2. COUNTERFOIL_ACCOUNT_PASSPHRASE
        3. `path`, the file that the settings name  4. `prompt`

        Args:
            path: `account_passphrase_file`.
            environ: The environment, by default the process's own.
            prompt: Asks a person; None where nobody is there to answer.

        Raises:
            Locked: None of these is there, or the one named cannot be used.
        """
        environ = os.environ if environ is None else environ
        if named := environ.get(ENV_ACCOUNT_PASSPHRASE_FILE):
            return cls.from_file(Path(named))
        if text := environ.get(ENV_ACCOUNT_PASSPHRASE):
            return cls(text)
        if path is not None:
            return cls.from_file(path)
        if prompt is not None:
            return cls(prompt())
        raise Locked("nothing to open the account's key file with", hint=_WAYS)

"""The accounts of one home: Ethereum key files that the home's own keys open, so that nobody is needed at night."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from counterfoil.errors import InvalidInput, Locked
from counterfoil.ledger.accounts.account import Account, LocalAccount, checksummed
from counterfoil.ledger.accounts.keyfile import SCRYPT_N, Keyfile, read_secret_key
from counterfoil.ledger.accounts.passphrase import Passphrase
from counterfoil.store.keyring import Keyring

__all__ = ["HomeAccounts"]

OWN_SCRYPT_N: Final = 2**14
"""Cost of trying the home's own passphrase: 256 random bits, which no cost could make safer."""


class HomeAccounts:
    """The key files of one home.

    Args:
        folder: Where they are.
        keyring: Holds the passphrase that opens those made here.
        now: Returns UTC text, for a new passphrase.
    """

    def __init__(self, folder: Path, keyring: Keyring, now: Callable[[], str]) -> None:
        self._folder = folder
        self._keyring = keyring
        self._now = now

    def files(self) -> list[Keyfile]:
        """Returns the key files, by name."""
        return Keyfile.list(self._folder)

    def create(self, passphrase_file: Path | None = None) -> Keyfile:
        """Makes an account.

        Args:
            passphrase_file: Holds a passphrase of its own; by default the home's keys open it.
        """
        return self._write(LocalAccount.create(), passphrase_file)

    def bring(self, file: Path, passphrase_file: Path | None = None) -> Keyfile:
        """Takes an account along from another wallet's key file, or from a file with its bare secret.

        Args:
            file: The file.
            passphrase_file: Opens the key file, and its copy here.

        Raises:
            InvalidInput: It is neither, or the account is here already.
            Locked: The passphrase is another one, or others may read a file.
        """
        try:
            keyfile = Keyfile.read(file)
        except InvalidInput:
            return self._write(read_secret_key(file), None)
        return self._write(keyfile.open(Passphrase.from_environment(passphrase_file)), passphrase_file)

    def choose(self, address: bytes | None) -> bytes:
        """Returns the account that is meant: the one named, the only one, or a new one where there is none.

        Raises:
            InvalidInput: There are several, and none was named.
        """
        found = self.find(address)
        if found is None:
            found = self.create().address
            assert found is not None  # those written here say it
        return found

    def find(self, address: bytes | None) -> bytes | None:
        """Returns the account that is meant: the one named, or the only one; None where there is none.

        Raises:
            InvalidInput: There are several, and none was named.
        """
        if address is not None:
            return address
        files = self.files()
        if len(files) > 1:
            known = ", ".join(checksummed(each.address) for each in files if each.address)
            raise InvalidInput(f"this home has several accounts: {known}", hint="name one of them as the account")
        return files[0].address if files else None

    def open(self, address: bytes, passphrase_file: Path | None, ask: Callable[[], str] | None) -> Account:
        """Opens an account's key file.

        Args:
            address: 20 bytes.
            passphrase_file: The one that the settings name.
            ask: Asks a person; None where nobody is there to answer.

        Raises:
            NotFound: Its key file is not in this home.
            Locked: Nothing that was found opens it.
        """
        keyfile = Keyfile.find(self._folder, address)
        if self._keyring.has("account"):
            try:
                return keyfile.open(self._own())
            except Locked:  # it has a passphrase of its own
                pass
        return keyfile.open(Passphrase.from_environment(passphrase_file, prompt=ask))

    def _own(self) -> Passphrase:
        return Passphrase(self._keyring.secret("account").hex())

    def _write(self, account: LocalAccount, passphrase_file: Path | None) -> Keyfile:
        if any(each.address == account.address for each in self.files()):
            raise InvalidInput(f"the account {checksummed(account.address)} is in this home already")
        if passphrase_file is not None:
            return Keyfile.create(self._folder, account, Passphrase.from_file(passphrase_file), scrypt_n=SCRYPT_N)
        self._keyring.add("account", self._now())
        return Keyfile.create(self._folder, account, self._own(), scrypt_n=OWN_SCRYPT_N)

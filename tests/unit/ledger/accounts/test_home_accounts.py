from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput, Locked, NotFound
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.home_accounts import HomeAccounts
from counterfoil.ledger.accounts.keyfile import Keyfile
from counterfoil.ledger.accounts.passphrase import ENV_ACCOUNT_PASSPHRASE, Passphrase
from counterfoil.store.keyring import Keyring
from counterfoil.store.unlock import Unlock

TIME = "2026-11-25T10:00:00Z"


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.create(tmp_path / "keys.json", Unlock.create_key_file(tmp_path / "key"), TIME)


@pytest.fixture
def accounts(tmp_path: Path, keyring: Keyring) -> HomeAccounts:
    return HomeAccounts(tmp_path / "accounts", keyring, lambda: TIME)


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_homes_own_keys_open_what_is_made_here(accounts: HomeAccounts, keyring: Keyring) -> None:
    made = accounts.create()
    assert made.address is not None
    assert accounts.open(made.address, None, None).address == made.address
    assert keyring.current("account").algorithm == "passphrase"
    sealed = made.path.read_text()
    assert json.loads(sealed)["crypto"]["kdf"] == "scrypt"
    assert keyring.secret("account").hex() not in sealed


def test_an_account_may_have_a_passphrase_of_its_own(accounts: HomeAccounts, tmp_path: Path) -> None:
    made = accounts.create(private(tmp_path / "words", "correct horse"))
    assert made.address is not None
    with pytest.raises(Locked):
        accounts.open(made.address, None, None)
    assert accounts.open(made.address, tmp_path / "words", None).address == made.address
    assert accounts.open(made.address, None, lambda: "correct horse").address == made.address


def test_an_account_of_another_wallet_is_brought_along(
    accounts: HomeAccounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = LocalAccount.create()
    file = Keyfile.create(tmp_path / "wallet", other, Passphrase("theirs"), scrypt_n=2**12).path
    with pytest.raises(Locked):
        accounts.bring(file)
    monkeypatch.setenv(ENV_ACCOUNT_PASSPHRASE, "theirs")
    assert accounts.bring(file).address == other.address
    monkeypatch.delenv(ENV_ACCOUNT_PASSPHRASE)
    assert accounts.open(other.address, None, None).address == other.address  # the home opens its copy
    with pytest.raises(InvalidInput, match="already"):
        accounts.bring(private(tmp_path / "bare", other.secret.hex()))


@pytest.mark.parametrize("content", ["", "{}", "not a key", "ab" * 31])
def test_what_is_no_account_is_not_brought_along(accounts: HomeAccounts, tmp_path: Path, content: str) -> None:
    with pytest.raises((InvalidInput, Locked)):
        accounts.bring(private(tmp_path / "file", content))
    assert accounts.files() == []


def test_the_account_is_chosen(accounts: HomeAccounts) -> None:
    only = accounts.choose(None)
    assert accounts.choose(None) == only
    second = accounts.create().address
    assert second is not None
    assert accounts.choose(second) == second
    with pytest.raises(InvalidInput, match="several accounts"):
        accounts.choose(None)


def test_an_account_that_is_not_here_is_named(accounts: HomeAccounts) -> None:
    with pytest.raises(NotFound, match="0x"):
        accounts.open(b"\x01" * 20, None, None)

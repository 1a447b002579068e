"""Key files: what wallets write is read, what is wrong or hostile is refused, and no secret shows."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from eth_keyfile import create_keyfile_json, extract_key_from_keyfile

from counterfoil.errors import CounterfoilError, InvalidInput, Locked, NotFound
from counterfoil.ledger.accounts.account import LocalAccount, checksummed
from counterfoil.ledger.accounts.keyfile import SCRYPT_N, Keyfile, read_secret_key
from counterfoil.ledger.accounts.passphrase import Passphrase

SECRET = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")
ACCOUNT = LocalAccount(SECRET)
WORDS = "correct horse battery staple"
QUICK_N = 16

# The test vectors of the Web3 Secret Storage Definition, version 3; the passphrase is "testpassword".
PBKDF2_VECTOR: dict[str, Any] = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
SCRYPT_VECTOR: dict[str, Any] = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}


def put(folder: Path, content: Any, name: str = "key.json", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(mode)
    return path


def made(folder: Path) -> Keyfile:
    return Keyfile.create(folder, ACCOUNT, Passphrase(WORDS), scrypt_n=QUICK_N)


@pytest.mark.parametrize("vector", [PBKDF2_VECTOR, SCRYPT_VECTOR], ids=["pbkdf2", "scrypt"])
def test_the_standards_own_files_open(tmp_path: Path, vector: dict[str, Any]) -> None:
    keyfile = Keyfile.read(put(tmp_path, vector))
    assert keyfile.address is None
    assert keyfile.open(Passphrase("testpassword")).secret == SECRET


def test_old_wallets_wrote_other_letters(tmp_path: Path) -> None:
    old = {"Crypto": PBKDF2_VECTOR["crypto"], "ID": "x", "Version": 3, "address": "0x" + ACCOUNT.address.hex().upper()}
    keyfile = Keyfile.read(put(tmp_path, old))
    assert keyfile.address == ACCOUNT.address
    assert keyfile.open(Passphrase("testpassword")).address == ACCOUNT.address


def test_a_key_file_is_made_and_opened(tmp_path: Path) -> None:
    folder = tmp_path / "ledger" / "accounts"
    keyfile = made(folder)
    assert keyfile == Keyfile(folder / f"{checksummed(ACCOUNT.address)}.json", ACCOUNT.address)
    assert keyfile.path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Keyfile.read(keyfile.path) == keyfile
    assert keyfile.open(Passphrase(WORDS)).secret == SECRET
    assert extract_key_from_keyfile(str(keyfile.path), WORDS.encode()) == SECRET  # as other tools read it
    written = json.loads(keyfile.path.read_text())
    assert written["version"] == 3
    assert written["address"] == ACCOUNT.address.hex()
    assert written["crypto"]["kdfparams"]["n"] == QUICK_N


def test_by_default_trying_a_passphrase_is_dear(tmp_path: Path) -> None:
    keyfile = Keyfile.create(tmp_path, LocalAccount.create(), Passphrase(WORDS))
    params = json.loads(keyfile.path.read_text())["crypto"]["kdfparams"]
    assert (params["n"], params["r"], params["p"]) == (SCRYPT_N, 8, 1) == (2**18, 8, 1)


@pytest.mark.parametrize("scrypt_n", [0, 1, 3, -16, 2**30])
def test_costs_that_make_no_sense_are_refused(tmp_path: Path, scrypt_n: int) -> None:
    with pytest.raises(InvalidInput, match="scrypt_n"):
        Keyfile.create(tmp_path, ACCOUNT, Passphrase(WORDS), scrypt_n=scrypt_n)


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    keyfile = made(tmp_path)
    before = keyfile.path.read_bytes()
    with pytest.raises(InvalidInput, match="already"):
        Keyfile.create(tmp_path, ACCOUNT, Passphrase("another"), scrypt_n=QUICK_N)
    assert keyfile.path.read_bytes() == before


def test_where_nothing_can_be_written_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="cannot be written"):
        made(tmp_path / "file")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InvalidInput, match="No space left"):
        made(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_the_wrong_passphrase_does_not_open_it(tmp_path: Path) -> None:
    keyfile = made(tmp_path)
    for words in ("Correct horse battery staple", WORDS + "\n", "x", "ключ"):
        with pytest.raises(Locked, match="does not open") as caught:
            keyfile.open(Passphrase(words))
        assert caught.value.hint


def test_passphrases_are_utf_8(tmp_path: Path) -> None:
    keyfile = Keyfile.create(tmp_path, ACCOUNT, Passphrase("pässwörd ключ 🔑"), scrypt_n=QUICK_N)
    assert keyfile.open(Passphrase("pässwörd ключ 🔑")).secret == SECRET
    assert extract_key_from_keyfile(str(keyfile.path), "pässwörd ключ 🔑".encode()) == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    keyfile = made(tmp_path)
    keyfile.path.chmod(mode)
    for use in (lambda: Keyfile.read(keyfile.path), lambda: keyfile.open(Passphrase(WORDS))):
        with pytest.raises(Locked, match="others on this machine") as caught:
            use()
        assert "chmod 600" in caught.value.hint
    assert Keyfile.list(tmp_path) == []


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(Locked):
            Keyfile.read(path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Locked, match="larger"):
        Keyfile.read(put(tmp_path, b" " * 20_000))


# Altered and hostile files


def alter(keyfile: Keyfile, place: str, value: Any) -> None:
    """Writes the file anew with another value at `crypto.kdfparams.n`."""
    parts = json.loads(keyfile.path.read_text())
    *folders, name = place.split(".")
    inside = parts
    for folder in folders:
        inside = inside[folder]
    inside[name] = value
    put(keyfile.path.parent, parts, keyfile.path.name)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("version", 4),
        ("version", "3"),
        ("version", None),
        ("crypto", None),
        ("crypto", []),
        ("crypto.kdfparams", None),
        ("crypto.cipherparams", "x"),
        ("crypto.cipher", "aes-128-cbc"),
        ("crypto.cipher", None),
        ("crypto.kdf", "argon2"),
        ("crypto.kdf", ["scrypt"]),
        ("crypto.kdf", "pbkdf2"),
        ("crypto.cipherparams.iv", "00"),
        ("crypto.ciphertext", "00" * 31),
        ("crypto.ciphertext", "00" * 5_000),
        ("crypto.ciphertext", 7),
        ("crypto.mac", "zz" * 32),
        ("crypto.mac", ""),
        ("crypto.kdfparams.salt", "0"),
        ("crypto.kdfparams.n", 2**40),
        ("crypto.kdfparams.n", 2**20),
        ("crypto.kdfparams.n", 3),
        ("crypto.kdfparams.n", 1),
        ("crypto.kdfparams.n", 0),
        ("crypto.kdfparams.n", -16),
        ("crypto.kdfparams.n", "16"),
        ("crypto.kdfparams.n", True),
        ("crypto.kdfparams.n", 16.5),
        ("crypto.kdfparams.r", 2**30),
        ("crypto.kdfparams.r", 0),
        ("crypto.kdfparams.p", 2**30),
        ("crypto.kdfparams.p", None),
        ("crypto.CIPHERTEXT", "00" * 32),
        ("Crypto", {}),
        ("address", "00"),
        ("address", 7),
    ],
)
def test_what_a_file_may_not_say_is_refused_before_any_work(tmp_path: Path, place: str, value: Any) -> None:
    keyfile = made(tmp_path)
    alter(keyfile, place, value)
    with pytest.raises(InvalidInput, match="cannot be used"):
        keyfile.open(Passphrase(WORDS))


@pytest.mark.parametrize(
    "params",
    [
        {"c": 10**12}, {"c": 0}, {"c": -1}, {"c": "1"}, {"prf": "hmac-md5"}, {"prf": "hmac-sha256x"}, {"prf": None},
    ],
)  # fmt: skip
def test_pbkdf2_is_read_as_strictly(tmp_path: Path, params: dict[str, Any]) -> None:
    parts = json.loads(json.dumps(PBKDF2_VECTOR))
    parts["crypto"]["kdfparams"] |= params
    with pytest.raises(InvalidInput, match="cannot be used"):
        Keyfile(put(tmp_path, parts), None).open(Passphrase("testpassword"))


@pytest.mark.parametrize("name", ["ciphertext", "mac"])
def test_an_altered_secret_does_not_open(tmp_path: Path, name: str) -> None:
    keyfile = made(tmp_path)
    parts = json.loads(keyfile.path.read_text())
    text = parts["crypto"][name]
    parts["crypto"][name] = ("1" if text[0] == "0" else "0") + text[1:]
    put(tmp_path, parts, keyfile.path.name)
    with pytest.raises(Locked, match="does not open"):
        keyfile.open(Passphrase(WORDS))


def test_a_file_that_names_another_account_is_refused(tmp_path: Path) -> None:
    # The initial vector is not under the MAC: altered, it gives another secret, and the address shows it.
    for place in ("address", "crypto.cipherparams.iv"):
        keyfile = Keyfile.create(tmp_path / place, ACCOUNT, Passphrase(WORDS), scrypt_n=QUICK_N)
        alter(keyfile, place, "11" * (20 if place == "address" else 16))
        with pytest.raises(InvalidInput, match="another account"):
            keyfile.open(Passphrase(WORDS))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"7", b"1e99999", SECRET.hex().encode(), b"9" * 64, b"[" * 10_000,
        b'{"version":3,"version":3}',
    ],
)  # fmt: skip
def test_what_is_no_key_file_is_not_repeated(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidInput, match="no key file") as caught:
        Keyfile.read(put(tmp_path, content))
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET.hex() not in shown
    assert "9" * 20 not in shown


# Lists


def test_a_folder_is_listed_without_opening_anything(tmp_path: Path) -> None:
    assert Keyfile.list(tmp_path / "missing") == []
    (tmp_path / "folder").mkdir()
    put(tmp_path, b"hello", "readme.txt")
    put(tmp_path, SCRYPT_VECTOR, "a-nameless.json")
    mine = made(tmp_path)
    found = Keyfile.list(tmp_path)
    assert found == sorted([mine, Keyfile(tmp_path / "a-nameless.json", None)], key=lambda each: each.path)
    assert Keyfile.find(tmp_path, ACCOUNT.address) == mine
    with pytest.raises(NotFound, match="0x0101"):
        Keyfile.find(tmp_path, b"\x01" * 20)


# Bare secrets


@pytest.mark.parametrize(
    "text", [SECRET.hex(), "0x" + SECRET.hex(), SECRET.hex().upper() + "\r\n", f" {SECRET.hex()}\n"]
)
def test_a_bare_secret_is_read_from_a_private_file(tmp_path: Path, text: str) -> None:
    assert read_secret_key(put(tmp_path, text.encode())).address == ACCOUNT.address


@pytest.mark.parametrize(
    "text", ["", "0x", SECRET.hex()[:-1], SECRET.hex() + "00", SECRET.hex() * 2, "zz" * 32, "00" * 32]
)
def test_other_files_hold_no_secret_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_secret_key(put(tmp_path, text.encode()))
    assert SECRET.hex()[:-1] not in "".join(traceback.format_exception(caught.value))


def test_a_bare_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Locked):
        read_secret_key(put(tmp_path, SECRET.hex().encode(), mode=0o644))


# Secrets


def test_no_secret_shows_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    passphrase = Passphrase(WORDS)
    keyfile = Keyfile.create(tmp_path, ACCOUNT, passphrase, scrypt_n=QUICK_N)
    account = keyfile.open(passphrase)
    shown = [repr(passphrase), str(passphrase), repr(keyfile), repr(account), str(account), caplog.text]
    for use in (
        lambda: keyfile.open(Passphrase("wrong " + WORDS)),
        lambda: Keyfile.create(tmp_path, account, passphrase, scrypt_n=QUICK_N),
        lambda: Keyfile.find(tmp_path, bytes(20)),
        lambda: Keyfile.read(put(tmp_path, SECRET.hex().encode(), "bare")),
    ):
        with pytest.raises(CounterfoilError) as caught:
            use()
        shown += traceback.format_exception(caught.value)
    text = "".join(shown)
    assert WORDS not in text
    assert SECRET.hex() not in text
    assert str(int.from_bytes(SECRET, "big")) not in text
    assert keyfile.path.read_bytes().find(SECRET.hex().encode()) < 0


def test_the_library_reads_what_it_reads_only_after_it_was_checked(tmp_path: Path) -> None:
    """Two spellings of one name: a checker that looks at one and a reader that uses the other would be fooled."""
    parts = create_keyfile_json(SECRET, b"pw", kdf="scrypt", iterations=QUICK_N)
    parts["crypto"]["kdfparams"]["N"] = 2**40
    with pytest.raises(InvalidInput, match="twice"):
        Keyfile(put(tmp_path, parts), None).open(Passphrase("pw"))

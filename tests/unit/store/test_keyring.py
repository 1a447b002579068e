from __future__ import annotations

import json
import os
import stat
import threading
import traceback
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from organisations import full_disk

from counterfoil.core.note import Signer
from counterfoil.errors import (
    CounterfoilError,
    HomeDamaged,
    InvalidInput,
    Locked,
    LogUnavailable,
    NotFound,
    NotSetUp,
    Stale,
)
from counterfoil.store.keyring import Keyring
from counterfoil.store.unlock import ENV_KEY_FILE, ENV_PASSPHRASE, ENV_PASSPHRASE_FILE, SCRYPT_N, Unlock

NOW = "2026-11-23T19:00:00Z"
LATER = "2027-01-01T00:00:00Z"


def passphrase(text: str = "correct horse") -> Unlock:
    return Unlock.from_passphrase(text, scrypt_n=2**4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def ring(path: Path) -> Keyring:
    return Keyring.create(path, passphrase(), NOW)


def test_keys_are_the_same_after_reopening(path: Path, ring: Keyring) -> None:
    again = Keyring.open(path, passphrase())
    for use in ("log", "vault"):
        assert again.secret(use) == ring.secret(use)
        assert len(again.secret(use)) == 32
    assert again.entries() == ring.entries()
    assert again.public("vault") == b""
    assert Signer("bank.example", again.secret("log")).key.public == again.public("log")
    assert ring.secret("log") != ring.secret("vault")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_passphrase_costs_what_is_documented() -> None:
    assert SCRYPT_N == 2**17
    assert Unlock.from_passphrase("x").scrypt_n == 2**17


def test_existing_keys_are_never_overwritten(path: Path, ring: Keyring) -> None:
    with pytest.raises(InvalidInput, match="already"):
        Keyring.create(path, passphrase(), NOW)


def test_a_wrong_secret_is_refused_and_the_ways_are_named(tmp_path: Path, path: Path, ring: Keyring) -> None:
    key_file = Unlock.create_key_file(tmp_path / "key")
    for wrong in (passphrase("wrong"), key_file):
        with pytest.raises(Locked) as caught:
            Keyring.open(path, wrong)
        assert all(name in caught.value.hint for name in (ENV_KEY_FILE, ENV_PASSPHRASE_FILE, ENV_PASSPHRASE))
    ring.change_unlock(key_file)
    with pytest.raises(Locked, match="a key file was given"):
        Keyring.open(path, Unlock.create_key_file(tmp_path / "other"))
    with pytest.raises(Locked, match="open with a key file"):
        Keyring.open(path, passphrase())


def test_the_unlock_can_be_changed(tmp_path: Path, path: Path, ring: Keyring) -> None:
    secret = ring.secret("log")
    Unlock.create_key_file(tmp_path / "key")
    ring.change_unlock(Unlock.from_key_file(tmp_path / "key"))
    assert Keyring.open(path, Unlock.from_key_file(tmp_path / "key")).secret("log") == secret
    ring.change_unlock(passphrase("new"))
    assert Keyring.open(path, passphrase("new")).secret("log") == secret
    with pytest.raises(Locked):
        Keyring.open(path, passphrase())


@pytest.mark.parametrize("use", ["log", "vault"])
def test_a_key_is_handed_over_in_two_steps(path: Path, ring: Keyring, use: Any) -> None:
    first = ring.secret(use)
    old, new = ring.rotate(use, LATER)
    assert (old.retired, old.has_secret, new.retired, new.created) == (LATER, True, None, LATER)
    again = Keyring.open(path, passphrase())
    pending = again.pending(use)
    assert pending == old
    assert again.secret(use, old.id) == first
    assert again.secret(use) == ring.secret(use) != first
    with pytest.raises(Stale, match="not finished"):
        again.rotate(use, LATER)
    again.confirm(use)
    again.confirm(use)
    last = Keyring.open(path, passphrase())
    assert last.pending(use) is None
    with pytest.raises(NotFound):
        last.secret(use, old.id)
    kept = next(entry for entry in last.entries() if entry.id == old.id)
    assert (kept.public, kept.has_secret, kept.retired) == (old.public, False, LATER)
    assert last.rotate(use, LATER)[0] == last.pending(use)


def test_a_key_is_not_given_out_for_another_use(ring: Keyring) -> None:
    with pytest.raises(NotFound):
        ring.secret("log", ring.current("vault").id)


def test_a_failed_write_changes_nothing(path: Path, ring: Keyring) -> None:
    secret, entries = ring.secret("log"), ring.entries()
    for change in (
        lambda: ring.rotate("log", LATER),
        lambda: ring.change_unlock(passphrase("new")),
    ):
        with full_disk(64), pytest.raises(LogUnavailable, match="cannot be saved"):
            change()
    assert (ring.secret("log"), ring.entries()) == (secret, entries)
    assert Keyring.open(path, passphrase()).entries() == entries
    ring.rotate("log", LATER)
    with full_disk(64), pytest.raises(LogUnavailable):
        ring.confirm("log")
    assert ring.pending("log") is not None


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    parts = json.loads(path.read_text())
    change(parts)
    path.write_text(json.dumps(parts))


def flipped(text: str) -> str:
    raw = bytearray(b64decode(text))
    raw[-1] ^= 1
    return b64encode(raw).decode()


ALTERATIONS: list[Callable[[dict[str, Any]], object]] = [
    lambda p: p.pop("version"),
    lambda p: p.update(version="1"),
    lambda p: p.update(extra=1),
    lambda p: p.update(keys={}),
    lambda p: p.update(keys=[]),
    lambda p: p.update(keys=["log"]),
    lambda p: p["keys"].pop(0),
    lambda p: p["keys"].append(p["keys"][0] | {"id": 7}),
    lambda p: p["keys"][0].update(extra=1),
    lambda p: p["keys"][0].update(use="vault"),
    lambda p: p["keys"][0].update(use=["log"]),
    lambda p: p["keys"][0].update(algorithm="RSA"),
    lambda p: p["keys"][0].update(public=p["keys"][1]["sealed"]),
    lambda p: p["keys"][0].update(sealed=p["keys"][1]["sealed"]),
    lambda p: p["keys"][0].update(sealed=flipped(p["keys"][0]["sealed"])),
    lambda p: p["keys"][0].update(sealed="AA=="),
    lambda p: p["keys"][0].update(sealed="no base64!"),
    lambda p: p["keys"][0].update(sealed=7),
    lambda p: p["keys"][0].update(sealed=None),
    lambda p: p["keys"][0].update(retired=NOW),
    lambda p: p["keys"][0].update(id="another"),
    lambda p: p["unlock"].update(method="none"),
    lambda p: p["unlock"].pop("check"),
    lambda p: p["unlock"].update(check=None),
    lambda p: p["unlock"].update(scrypt=None),
    lambda p: p["unlock"]["scrypt"].update(n=2**30),
    lambda p: p["unlock"]["scrypt"].update(n=15),
    lambda p: p["unlock"]["scrypt"].update(n=True),
    lambda p: p["unlock"]["scrypt"].update(salt=None),
    lambda p: p["unlock"]["scrypt"].pop("salt"),
]


@pytest.mark.parametrize("number", range(len(ALTERATIONS)))
def test_an_altered_file_is_refused(path: Path, ring: Keyring, number: int) -> None:
    edited(path, ALTERATIONS[number])
    with pytest.raises(HomeDamaged, match=r"keys\.json"):
        Keyring.open(path, passphrase())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"version":1,"version":1}'])
def test_something_else_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(HomeDamaged):
        Keyring.open(path, passphrase())


def test_missing_newer_and_older_keys_are_refused(tmp_path: Path, path: Path, ring: Keyring) -> None:
    with pytest.raises(NotSetUp, match="no keys"):
        Keyring.open(tmp_path / "none.json", passphrase())
    with pytest.raises(NotSetUp, match="cannot be read"):
        Keyring.open(tmp_path, passphrase())
    for version, word in ((2, "newer"), (0, "older")):
        edited(path, lambda parts, version=version: parts.update(version=version))
        with pytest.raises(NotSetUp, match=word):
            Keyring.open(path, passphrase())


def test_a_key_file_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    made = Unlock.create_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made.method == Unlock.from_key_file(path).method == "key_file"
    for mode in (0o640, 0o604, 0o622):
        path.chmod(mode)
        with pytest.raises(Locked, match="others") as caught:
            Unlock.from_key_file(path)
        assert caught.value.hint == f"chmod 600 {path}"
    path.chmod(0o400)
    Unlock.from_key_file(path)


@pytest.mark.parametrize(
    "content", [b"", b"short", b64encode(bytes(31)), b64encode(bytes(33)), b"\xff" * 44, b"A" * 5_000]
)
def test_something_else_than_a_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = private(tmp_path / "key", content)
    with pytest.raises(Locked):
        Unlock.from_key_file(path)


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = private(tmp_path / "key", b"something precious")
    with pytest.raises(InvalidInput, match="already"):
        Unlock.create_key_file(path)
    assert path.read_bytes() == b"something precious"
    with pytest.raises(InvalidInput, match="cannot be written"):
        Unlock.create_key_file(tmp_path / "no" / "key")
    with pytest.raises(Locked, match="cannot be read"):
        Unlock.from_key_file(tmp_path / "none")


def private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_the_first_way_that_is_named_counts(tmp_path: Path, path: Path) -> None:
    Unlock.create_key_file(tmp_path / "key")
    named = Unlock.create_key_file(tmp_path / "named")
    words = private(tmp_path / "words", b"from a file\n")
    environ = {
        ENV_KEY_FILE: str(tmp_path / "key"),
        ENV_PASSPHRASE_FILE: str(words),
        ENV_PASSPHRASE: "from the variable",
    }
    ring = Keyring.create(path, passphrase(), NOW)
    for removed, expected in (
        (None, Unlock.from_key_file(tmp_path / "key")),
        (ENV_KEY_FILE, passphrase("from a file")),
        (ENV_PASSPHRASE_FILE, passphrase("from the variable")),
        (ENV_PASSPHRASE, named),
    ):
        environ.pop(removed or "", None)
        ring.change_unlock(expected)
        found = Unlock.from_environment(tmp_path / "named", environ=environ, prompt=lambda: "never asked")
        assert Keyring.open(path, found).entries() == ring.entries()
    ring.change_unlock(passphrase("typed"))
    found = Unlock.from_environment(None, environ={}, prompt=lambda: "typed")
    assert Keyring.open(path, found).entries() == ring.entries()
    with pytest.raises(Locked) as caught:
        Unlock.from_environment(None, environ={})
    assert ENV_KEY_FILE in caught.value.hint


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_KEY_FILE, raising=False)
    monkeypatch.delenv(ENV_PASSPHRASE_FILE, raising=False)
    monkeypatch.setenv(ENV_PASSPHRASE, "from the environment")
    assert Unlock.from_environment().method == "passphrase"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\n"])
def test_a_passphrase_file_without_a_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Locked, match="empty or not text"):
        Unlock.from_passphrase_file(private(tmp_path / "words", content))


@pytest.mark.parametrize("text", ["", "\ud800"])
def test_a_passphrase_is_text(text: str) -> None:
    with pytest.raises(InvalidInput):
        Unlock.from_passphrase(text)


def test_secrets_show_nowhere(path: Path, ring: Keyring, caplog: pytest.LogCaptureFixture) -> None:
    secret = "correct horse"
    shown = [repr(ring), str(ring.entries()), repr(passphrase())]
    edited(path, lambda p: p["keys"][0].update(sealed=flipped(p["keys"][0]["sealed"])))
    for attempt in (
        lambda: Keyring.open(path, passphrase()),
        lambda: Keyring.open(path, passphrase("correct horse, wrong")),
        lambda: ring.secret("log", "unknown"),
        lambda: Unlock.from_passphrase(secret + "\ud800"),
        lambda: Unlock.from_passphrase_file(private(path.with_name("words"), secret.encode() + b"\xff")),
    ):
        try:
            attempt()
        except CounterfoilError as error:
            shown += traceback.format_exception_only(error)
            shown += [repr(error), error.hint, repr(error.__cause__), repr(error.__context__)]
        else:
            pytest.fail("was not refused")
    text = "".join(shown) + caplog.text
    raw = path.read_bytes()
    for key in (ring.secret("log"), ring.secret("vault")):
        for form in (key.hex(), b64encode(key).decode(), repr(key)):
            assert form not in text
            assert form.encode() not in raw
    assert secret not in text
    assert os.fsencode(secret) not in raw


def test_keys_for_the_ledger_come_when_they_are_needed(tmp_path: Path) -> None:
    unlock = Unlock.create_key_file(tmp_path / "key")
    ring = Keyring.create(tmp_path / "keys.json", unlock, NOW)
    assert not ring.has("head")
    made = ring.add("head", NOW)
    assert (made.algorithm, len(made.public), made.public[0] in (2, 3)) == ("secp256k1", 33, True)
    assert ring.add("head", NOW) == made
    account = ring.add("account", NOW)
    assert (account.algorithm, account.public) == ("passphrase", b"")
    again = Keyring.open(tmp_path / "keys.json", unlock)
    assert again.secret("head") == ring.secret("head")
    assert again.secret("account") == ring.secret("account") != again.secret("head")


def test_two_keys_in_use_for_one_thing_are_refused(tmp_path: Path) -> None:
    unlock = Unlock.create_key_file(tmp_path / "key")
    Keyring.create(tmp_path / "keys.json", unlock, NOW).add("head", NOW)
    other = Keyring.create(tmp_path / "other.json", unlock, NOW)
    other.add("head", NOW)
    parts = json.loads((tmp_path / "keys.json").read_bytes())
    parts["keys"].append(json.loads((tmp_path / "other.json").read_bytes())["keys"][-1])
    (tmp_path / "keys.json").write_text(json.dumps(parts))
    with pytest.raises(HomeDamaged):
        Keyring.open(tmp_path / "keys.json", unlock)


def test_threads_that_change_keys_at_once_lose_none(tmp_path):
    unlock = Unlock.create_key_file(tmp_path / "key")
    ring = Keyring.create(tmp_path / "keys.json", unlock, NOW)
    start, faults = threading.Barrier(4), []

    def work(number: int) -> None:
        start.wait()
        try:
            for _ in range(10):
                ring.add("account", NOW)
                ring.add("head", NOW)
                if number == 0:
                    ring.rotate("vault", NOW)
                    ring.confirm("vault")
                if number == 1:
                    ring.change_unlock(unlock)
        except CounterfoilError as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert faults == []
    again = Keyring.open(tmp_path / "keys.json", unlock)
    assert [each.use for each in again.entries() if each.retired is None] == [
        each.use for each in ring.entries() if each.retired is None
    ]
    assert again.secret("vault") == ring.secret("vault")
    assert sum(each.use == "account" for each in again.entries()) == 1

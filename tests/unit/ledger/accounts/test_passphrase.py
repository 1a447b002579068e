"""Where the passphrase of an account's key file comes from, and that it never shows."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput, Locked
from counterfoil.ledger.accounts.passphrase import ENV_ACCOUNT_PASSPHRASE, ENV_ACCOUNT_PASSPHRASE_FILE, Passphrase

WORDS = "correct horse battery staple"


def put(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_first_that_is_named_counts(tmp_path: Path) -> None:
    first = put(tmp_path / "first", b"from the file\n")
    third = put(tmp_path / "third", b"from the settings")
    environ = {ENV_ACCOUNT_PASSPHRASE_FILE: str(first), ENV_ACCOUNT_PASSPHRASE: "from the variable"}

    def found() -> bytes:
        return Passphrase.from_environment(third, environ=environ, prompt=lambda: "typed").secret

    assert found() == b"from the file"
    del environ[ENV_ACCOUNT_PASSPHRASE_FILE]
    assert found() == b"from the variable"
    environ[ENV_ACCOUNT_PASSPHRASE] = ""
    assert found() == b"from the settings"
    assert Passphrase.from_environment(environ={}, prompt=lambda: "typed").secret == b"typed"


def test_the_processs_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_ACCOUNT_PASSPHRASE_FILE, raising=False)
    monkeypatch.setenv(ENV_ACCOUNT_PASSPHRASE, WORDS)
    assert Passphrase.from_environment().secret == WORDS.encode()


def test_one_that_is_named_and_does_not_fit_is_not_passed_over(tmp_path: Path) -> None:
    environ = {ENV_ACCOUNT_PASSPHRASE_FILE: str(tmp_path / "missing"), ENV_ACCOUNT_PASSPHRASE: WORDS}
    with pytest.raises(Locked, match="missing"):
        Passphrase.from_environment(environ=environ, prompt=lambda: WORDS)


def test_with_nobody_to_ask_the_error_names_the_ways() -> None:
    with pytest.raises(Locked) as caught:
        Passphrase.from_environment(environ={})
    assert ENV_ACCOUNT_PASSPHRASE_FILE in caught.value.hint


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"words", b"words"), (b"words\n", b"words"), (b"words\r\n", b"words"), (b" two \n\n", b" two \n")],
)
def test_a_last_line_break_is_not_part_of_it(tmp_path: Path, content: bytes, secret: bytes) -> None:
    assert Passphrase.from_file(put(tmp_path / "file", content)).secret == secret


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 5_000])
def test_files_without_a_passphrase_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Locked):
        Passphrase.from_file(put(tmp_path / "file", content))


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Locked, match="mode 0644"):
        Passphrase.from_file(put(tmp_path / "file", WORDS.encode(), 0o644))


@pytest.mark.parametrize("text", ["", "\ud800"])
def test_what_is_no_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Passphrase(text)


def test_it_does_not_show() -> None:
    passphrase = Passphrase(WORDS)
    assert WORDS not in repr(passphrase) + str(passphrase) + f"{passphrase}"
    with pytest.raises(InvalidInput) as caught:
        Passphrase(WORDS + "\ud800")
    assert WORDS not in "".join(traceback.format_exception(caught.value))

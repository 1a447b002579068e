from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.errors import CounterfoilError, HomeBusy, HomeDamaged, InvalidInput, LogUnavailable, NotSetUp
from counterfoil.store.home import Home
from counterfoil.store.home_settings import HomeSettings, require_origin

SETTINGS = HomeSettings(
    name='Bank "Müller & Söhne" \\ AG', origin="bank.example/credit", key_file="../bank.key", epoch_s=60
)


def complete(folder: Path, settings: HomeSettings = SETTINGS) -> Home:
    home = Home.create(folder, settings)
    home.paths.keys.touch()
    home.paths.vault.touch()
    return home


def test_a_home_reads_as_it_was_made(tmp_path: Path) -> None:
    made = complete(tmp_path / "bank")
    home = Home.open(tmp_path / "bank")
    assert home == made
    assert home.settings == SETTINGS
    assert home.key_file == tmp_path / "bank" / "../bank.key"
    assert home.paths.views.parent == tmp_path / "bank"


def test_only_the_owner_may_look_inside(tmp_path: Path) -> None:
    (tmp_path / "bank").mkdir(mode=0o755)
    home = complete(tmp_path / "bank")
    with home.lock():
        for path in (home.paths.folder, home.paths.log, home.paths.spool, home.paths.artefacts, home.paths.schemas):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
        for path in (home.paths.config, home.paths.lock):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_spool_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    settings = HomeSettings(name="Bank", origin="bank.example", spool_dir=str(tmp_path / "disk" / "spool"))
    home = complete(tmp_path / "bank", settings)
    assert home.paths.spool == tmp_path / "disk" / "spool"
    assert home.key_file is None
    home.paths.spool.rmdir()
    with pytest.raises(HomeDamaged, match="disk/spool"):
        Home.open(tmp_path / "bank")


def test_a_home_starts_in_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for folder in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(InvalidInput, match="not an empty folder"):
            Home.create(folder, SETTINGS)
    complete(tmp_path / "bank")
    with pytest.raises(InvalidInput):
        Home.create(tmp_path / "bank", SETTINGS)
    with pytest.raises(LogUnavailable, match="no home can be made"):
        Home.create(tmp_path / "notes.txt" / "bank", SETTINGS)


def test_no_home_is_told_from_a_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        (tmp_path / "photos" / name).touch()
    for folder, words in (
        (tmp_path / "none", "there is no home at"),
        (tmp_path / "empty", "is empty"),
        (tmp_path / "photos", "not a home: it holds a.jpg, b.jpg, c.jpg …"),
        (tmp_path / "photos" / "a.jpg", "not a folder"),
    ):
        with pytest.raises(NotSetUp, match=words) as caught:
            Home.open(folder)
        assert "counterfoil init" in caught.value.hint
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


@pytest.mark.parametrize("part", ["keys.json", "vault.db", "log", "artefacts", "schemas", "spool"])
def test_a_home_with_a_part_missing_is_refused(tmp_path: Path, part: str) -> None:
    complete(tmp_path)
    path = tmp_path / part
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()
    with pytest.raises(HomeDamaged, match=part) as caught:
        Home.open(tmp_path)
    assert "backup" in caught.value.hint
    assert not path.exists()


GOOD = 'format = 1\nname = "Bank"\norigin = "bank.example"\n'


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (GOOD.replace("1", "2"), NotSetUp, "newer Counterfoil"),
        (GOOD.replace("1", "0"), NotSetUp, "older Counterfoil"),
        (GOOD.replace("1", '"1"'), HomeDamaged, "does not name its format"),
        (GOOD.replace("1", "true"), HomeDamaged, "does not name its format"),
        (GOOD.replace("format = 1\n", ""), HomeDamaged, "does not name its format"),
        (GOOD + "epochs = 5\n", HomeDamaged, "unknown setting: epochs"),
        (GOOD + "zzz = 5\n", HomeDamaged, "unknown setting: zzz"),
        (GOOD + 'epoch_s = "5"\n', HomeDamaged, "epoch_s must be a whole number"),
        (GOOD + "epoch_s = true\n", HomeDamaged, "epoch_s must be a whole number"),
        (GOOD + "epoch_s = 0\n", HomeDamaged, "epoch_s is 0"),
        (GOOD + 'job_sandbox = "none"\n', HomeDamaged, "job_sandbox is 'none'"),
        (GOOD + "key_file = 5\n", HomeDamaged, "key_file must be text"),
        (GOOD + 'spool_dir = ""\n', HomeDamaged, "spool_dir is empty"),
        (GOOD.replace('"Bank"', '" "'), HomeDamaged, "name is empty"),
        (GOOD.replace('"Bank"', '"B\\u0007"'), HomeDamaged, "name has control characters"),
        (GOOD.replace('name = "Bank"\n', ""), HomeDamaged, "lacks the setting name"),
        (GOOD.replace("bank.example", "Bank Example"), HomeDamaged, "cannot name a log"),
        ("format = ", HomeDamaged, "cannot be read"),
        ("\x00", HomeDamaged, "cannot be read"),
        (GOOD + "name = 1\n", HomeDamaged, "cannot be read"),
    ],
)
def test_settings_are_read_strictly(tmp_path: Path, text: str, error: type[CounterfoilError], words: str) -> None:
    home = complete(tmp_path)
    home.paths.config.write_text(text)
    with pytest.raises(error, match=words) as caught:
        Home.open(tmp_path)
    assert caught.value.hint or "newer" in words
    home.paths.config.write_bytes(b"\xff")
    with pytest.raises(HomeDamaged):
        Home.open(tmp_path)


def test_hints_say_what_to_do(tmp_path: Path) -> None:
    home = complete(tmp_path)
    for text, hint in (
        (GOOD + "epoch = 5\n", "did you mean epoch_s?"),
        (GOOD.replace("1", "0"), "run `counterfoil migrate`"),
        (GOOD.replace("bank.example", "https://bank.example"), "leave the scheme out: bank.example"),
    ):
        home.paths.config.write_text(text)
        with pytest.raises(CounterfoilError) as caught:
            Home.open(tmp_path)
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    "origin", ["bank.example", "bank.example/credit", "localhost:8080/a/b", "a-b.example/v1.2_x~y"]
)
def test_a_web_origin_names_a_log(origin: str) -> None:
    require_origin(origin)
    assert HomeSettings.parse(HomeSettings(name="x", origin=origin).to_toml().encode()).origin == origin


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "Bank.example",
        "bank example",
        "bank+x.example",
        "https://bank.example",
        "bank.example/",
        "/credit",
        "bank..example",
        "-bank.example",
        "bank.example/../x",
        "bank.example\n",
        "bänk.example",
        "bank.example:0",
        "a" * 201,
    ],
)
def test_other_names_are_refused(origin: str) -> None:
    with pytest.raises(InvalidInput):
        require_origin(origin)


@pytest.mark.parametrize(
    "url", ["", "https://receipts.bank.example", "http://127.0.0.1:8080", "https://b.example/x/Y_1"]
)
def test_addresses_that_outsiders_may_use(url: str) -> None:
    settings = HomeSettings(name="Bank", origin="bank.example", public_url=url)
    assert HomeSettings.parse(settings.to_toml().encode()) == settings


@pytest.mark.parametrize(
    "url",
    [
        *("bank.example", "https://", "https://bank.example/", "ftp://bank.example", "https://Bank.example"),
        *("https://a@b.example", "https://b.example?x", "https://b.example#x", "https://b.example/a b", "https://b\n"),
        *("javascript:alert(1)", "https://b.example/x\n", "https://" + "b" * 300),
    ],
)
def test_addresses_that_no_link_can_begin_with(url: str) -> None:
    with pytest.raises(InvalidInput, match="public_url"):
        HomeSettings(name="Bank", origin="bank.example", public_url=url)


def test_a_second_writer_is_told_who_is_writing(tmp_path: Path) -> None:
    home = complete(tmp_path)
    with home.lock():
        with pytest.raises(HomeBusy, match=f"this process \\({os.getpid()}\\) itself"), home.lock():
            pytest.fail("two writers")
        assert home.paths.lock.read_text().startswith(f"{os.getpid()} ")
    assert home.paths.lock.read_text() == ""
    with home.lock():
        pass


def test_the_lock_is_free_after_a_fault(tmp_path: Path) -> None:
    home = complete(tmp_path)
    with pytest.raises(KeyError), home.lock():
        raise KeyError
    with home.lock():
        pass


HOLDER = """
import sys
from pathlib import Path
from counterfoil.store.home import Home
with Home.open(Path(sys.argv[1])).lock():
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_killed_writer_leaves_no_lock(tmp_path: Path) -> None:
    home = complete(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(HomeBusy, match=f"process {holder.pid} ") as caught, home.lock():
            pytest.fail("two writers")
        assert "close it" in caught.value.hint
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with home.lock():
        assert home.paths.lock.read_text().startswith(f"{os.getpid()} ")


def test_a_home_that_cannot_be_locked_says_so(tmp_path: Path) -> None:
    home = complete(tmp_path)
    home.paths.lock.mkdir()
    with pytest.raises(LogUnavailable, match="cannot be locked"), home.lock():
        pytest.fail("no lock")

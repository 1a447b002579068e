"""Finished parts of a log in an object store: read back before they count, fetched when they are read."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from objects3 import BUCKET, s3_server

from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotAllowed, NotSetUp
from counterfoil.store.away_segments import segment_key
from counterfoil.store.depot import Depot, Kept, require_depot_url
from counterfoil.store.log import Log
from counterfoil.store.segment import SEGMENT_ENTRIES

MIB = 1 << 20


@pytest.fixture
def s3() -> Iterator[str]:
    with s3_server():
        yield f"s3://{BUCKET}/homes"


@pytest.fixture(params=["file", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"file://{tmp_path}/depot"
    elif request.param == "memory":
        import fsspec

        yield "memory://depot"
        fsspec.filesystem("memory").store.clear()
    else:
        yield f"{request.getfixturevalue('s3')}/{tmp_path.name}"


def depot_at(url: str, folder: Path, cache_bytes: int = 64 * MIB) -> Depot:
    return Depot(url, folder / "depot.json", folder / "cache", cache_bytes)


def remote_file(url: str, named: str) -> tuple[object, str]:
    import fsspec

    fs, root = fsspec.core.url_to_fs(url)
    return fs, f"{root}/home/{named}"


def alter(url: str, named: str, change: bytes) -> None:
    fs, path = remote_file(url, named)
    data = fs.cat_file(path)  # type: ignore[attr-defined]
    fs.pipe_file(path, change + data[len(change) :])  # type: ignore[attr-defined]


def name() -> str:
    return "home"


def test_what_is_kept_is_fetched_once_and_is_the_same(url: str, tmp_path: Path) -> None:
    depot = depot_at(url, tmp_path)
    path = tmp_path / "part"
    path.write_bytes(os.urandom(3 * MIB))
    kept = depot.keep("entries/000.seg", path, name)
    assert (kept.sha256, kept.size_bytes) == (sha256(path.read_bytes()).hexdigest(), 3 * MIB)
    again = depot_at(url, tmp_path)
    assert again.kept == {"entries/000.seg": kept}
    fetched = again.local("entries/000.seg")
    assert fetched.read_bytes() == path.read_bytes()
    assert again.local("entries/000.seg") == fetched
    assert fetched.parent.stat().st_mode & 0o777 == 0o700


def test_bytes_that_were_altered_in_the_store_are_not_taken(url: str, tmp_path: Path) -> None:
    depot = depot_at(url, tmp_path)
    path = tmp_path / "part"
    path.write_bytes(os.urandom(MIB))
    depot.keep("a", path, name)
    alter(url, depot.kept["a"].name, b"altered")
    with pytest.raises(HomeDamaged, match="other bytes"):
        depot.local("a")
    fs, remote = remote_file(url, depot.kept["a"].name)
    fs.pipe_file(remote, path.read_bytes() + b"more")  # type: ignore[attr-defined]
    with pytest.raises(HomeDamaged):
        depot.local("a")
    assert not list((tmp_path / "cache").iterdir())
    fs.rm_file(remote)  # type: ignore[attr-defined]
    if hasattr(fs, "invalidate_cache"):
        fs.invalidate_cache()
    with pytest.raises(LogUnavailable):
        depot.local("a")


def test_an_s3_store_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    depot = depot_at(f"s3://{BUCKET}/homes", tmp_path)
    path = tmp_path / "part"
    path.write_bytes(os.urandom(MIB))
    with s3_server() as running:
        depot.keep("a", path, name)
        running.stop()
        for attempt in (lambda: depot.local("a"), lambda: depot.keep("b", path, name)):
            with pytest.raises(LogUnavailable, match="the depot does not answer") as caught:
                attempt()
            assert "when it is back" in caught.value.hint
        assert list(depot.kept) == ["a"]


def test_the_cache_keeps_to_its_size_and_the_newest(tmp_path: Path) -> None:
    depot = depot_at(f"file://{tmp_path}/depot", tmp_path, cache_bytes=3 * MIB)
    for number in range(6):
        path = tmp_path / str(number)
        path.write_bytes(os.urandom(MIB))
        depot.keep(str(number), path, name)
    for number in range(6):
        depot.local(str(number))
        assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) <= 3 * MIB
    big = tmp_path / "big"
    big.write_bytes(os.urandom(5 * MIB))
    depot.keep("big", big, name)
    assert depot.local("big").read_bytes() == big.read_bytes()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_a_copy_of_the_home_pushes_never_takes_the_place_of_other_bytes(url: str, tmp_path: Path) -> None:
    original = depot_at(url, tmp_path)
    (tmp_path / "copy").mkdir()
    copy = depot_at(url, tmp_path / "copy")
    path = tmp_path / "part"
    for key in ("vault/000.bodies", "entries/000.seg", "a"):
        path.write_bytes(b"original " + key.encode())
        original.keep(key, path, name)
        path.write_bytes(b"from copy " + key.encode())
        copy.keep(key, path, name)
        assert original.local(key).read_bytes() == b"original " + key.encode()
        assert copy.local(key).read_bytes() == b"from copy " + key.encode()


def test_what_is_there_already_is_not_copied_again_and_what_is_torn_is(url: str, tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(os.urandom(MIB))
    kept = depot_at(url, tmp_path).keep("entries/000.seg", path, name)
    (tmp_path / "depot.json").unlink()  # killed before it was written down
    fs, remote = remote_file(url, kept.name)
    before = fs.modified(remote)  # type: ignore[attr-defined]
    assert depot_at(url, tmp_path).keep("entries/000.seg", path, name) == kept
    assert fs.modified(remote) == before  # type: ignore[attr-defined]
    for torn in (path.read_bytes()[:-1], bytes(MIB)):
        fs.pipe_file(remote, torn)  # type: ignore[attr-defined]
        depot_at(url, tmp_path).keep("entries/000.seg", path, name)
        assert fs.cat_file(remote) == path.read_bytes()  # type: ignore[attr-defined]


def test_a_list_of_version_1_still_finds_what_was_named_by_its_key(url: str, tmp_path: Path) -> None:
    data = os.urandom(MIB)
    fs, remote = remote_file(url, "entries/000.seg")
    (tmp_path / "part").write_bytes(data)
    fs.makedirs(remote.rpartition("/")[0], exist_ok=True)  # type: ignore[attr-defined]
    fs.put_file(str(tmp_path / "part"), remote)  # type: ignore[attr-defined]
    listed = {"entries/000.seg": {"bytes": MIB, "sha256": sha256(data).hexdigest()}}
    (tmp_path / "depot.json").write_text(json.dumps({"kept": listed, "name": "home", "version": 1}))
    depot = depot_at(url, tmp_path)
    assert depot.local("entries/000.seg").read_bytes() == data
    depot.keep("a", tmp_path / "part", name)
    again = depot_at(url, tmp_path)
    assert again.kept == depot.kept
    assert again.kept["entries/000.seg"].name == "entries/000.seg"


class Gated(Depot):
    """A depot whose fetches of some parts wait at a gate."""

    def __init__(self, folder: Path, closed: set[str], cache_bytes: int = 64 * MIB) -> None:
        super().__init__(f"file://{folder}/depot", folder / "depot.json", folder / "cache", cache_bytes)
        self.closed, self.asked, self.gate = closed, threading.Event(), threading.Event()
        self.fetched: list[str] = []

    def _fetch(self, key: str, wanted: Kept, path: Path) -> None:
        self.fetched.append(key)
        if key in self.closed:
            self.asked.set()
            assert self.gate.wait(30)
        super()._fetch(key, wanted, path)


def keep_some(depot: Depot, folder: Path, count: int) -> None:
    for number in range(count):
        path = folder / str(number)
        path.write_bytes(os.urandom(MIB))
        depot.keep(str(number), path, name)


def test_nobody_waits_for_the_fetch_of_another_part(tmp_path: Path) -> None:
    depot = Gated(tmp_path, {"0"})
    keep_some(depot, tmp_path, 3)
    depot.local("1")
    slow = threading.Thread(target=depot.local, args=("0",))
    slow.start()
    assert depot.asked.wait(30)
    done: list[str] = []
    others = threading.Thread(target=lambda: done.extend(depot.local(key).name for key in ("1", "2")))
    others.start()
    others.join(10)
    assert len(done) == 2
    depot.gate.set()
    slow.join(30)
    assert sorted(depot.fetched) == ["0", "1", "2"]


def test_one_part_is_fetched_once_for_all_who_wait_for_it(tmp_path: Path) -> None:
    depot = Gated(tmp_path, {"0"})
    keep_some(depot, tmp_path, 1)
    threads = [threading.Thread(target=depot.local, args=("0",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert depot.asked.wait(30)
    depot.gate.set()
    for thread in threads:
        thread.join(30)
    assert depot.fetched == ["0"]


def test_what_is_held_is_not_fetched_again_however_small_the_cache_is(tmp_path: Path) -> None:
    depot = Gated(tmp_path, set(), cache_bytes=1)
    keep_some(depot, tmp_path, 3)
    with depot.holding():
        for key in ("0", "1"):
            depot.local(key)
        with depot.holding():
            other = threading.Thread(target=depot.local, args=("2",))
            other.start()
            other.join(30)
        for key in ("0", "1"):
            assert depot.local(key).exists()
    assert sorted(depot.fetched) == ["0", "1", "2"]
    assert len(list((tmp_path / "cache").iterdir())) <= 1


def test_what_a_fetch_that_was_killed_left_behind_goes(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "abc.new").write_bytes(b"half")
    depot_at(f"file://{tmp_path}/depot", tmp_path)
    assert not list((tmp_path / "cache").iterdir())


def test_a_store_that_is_not_named_any_more(tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(b"x")
    depot_at(f"file://{tmp_path}/depot", tmp_path).keep("a", path, name)
    with pytest.raises(NotSetUp, match="the settings name none"):
        depot_at("", tmp_path).local("a")
    with pytest.raises(NotSetUp, match="cannot be used"):
        depot_at("nosuchkind://x/y", tmp_path).local("a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"version": 1}',
        '{"version": 1, "name": "x", "kept": {"a": 1}}',
        '{"version": 2, "name": "x", "kept": {"a": {"bytes": 1, "sha256": "x"}}}',
    ],
)
def test_a_list_that_cannot_be_read_is_damage(tmp_path: Path, text: str) -> None:
    (tmp_path / "depot.json").write_text(text)
    with pytest.raises(HomeDamaged):
        depot_at("memory://x", tmp_path)


def test_a_list_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "depot.json").write_text('{"version": 3}')
    with pytest.raises(NotSetUp, match="newer"):
        depot_at("memory://x", tmp_path)


@pytest.mark.parametrize("url", ["s3://key:secret7@bucket/x", "s3://key@bucket", "s3://bucket/x?secret=secret7"])
def test_a_secret_in_the_settings_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        require_depot_url(url)
    assert "secret7" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("url", ["bucket", "/srv/depot", "s3:bucket", "", "s3://bucket#x", "s3://[::1"])
def test_what_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        require_depot_url(url)


# A log whose finished segments are elsewhere

FULL = 3 * SEGMENT_ENTRIES + 700


@pytest.fixture(scope="module")
def entries() -> list[bytes]:
    return [b"entry %d" % number for number in range(FULL)]


@pytest.fixture
def folder(entries: list[bytes], tmp_path: Path) -> Path:
    """A log of three full segments and some entries, the first two dropped."""
    log = Log.create(tmp_path / "log")
    for start in range(0, FULL, 50_000):
        log.append(entries[start : start + 50_000])
    log.close(None)
    return tmp_path


def opened(folder: Path, depot: Depot) -> Log:
    return Log.open(folder / "log", is_entry=lambda entry: entry.startswith(b"entry"), depot=depot)


def push_and_drop(log: Log, depot: Depot) -> list[int]:
    numbers = list(log.segments.finished())
    for number, path in log.segments.finished().items():
        depot.keep(segment_key(number), path, name)
        log.segments.drop(number)
    return numbers


def test_a_dropped_segment_is_read_as_if_it_were_here(url: str, folder: Path, entries: list[bytes]) -> None:
    depot = depot_at(url, folder)
    log = opened(folder, depot)
    assert push_and_drop(log, depot) == [0, 1]
    assert sorted(path.name for path in (folder / "log" / "entries").glob("*.seg")) == ["002.seg", "003.seg"]
    for _ in range(2):
        assert log.entry(5) == entries[5]
        assert log.entry(SEGMENT_ENTRIES) == entries[SEGMENT_ENTRIES]
        assert log.entry_bundle(3).endswith(entries[4 * 256 - 1])
        assert list(log.entries()) == entries
        log.append([b"entry more"])
        log.close(None)
        log = opened(folder, depot_at(url, folder))
        entries = [*entries, b"entry more"]
    root = log.root()
    log.close(None)
    assert Log.rebuild_hashes(folder / "log", depot) == len(entries)
    log = opened(folder, depot)
    assert log.root() == root
    log.close(None)


def test_a_segment_goes_only_when_it_is_kept_and_never_the_newest(folder: Path) -> None:
    depot = depot_at(f"file://{folder}/depot", folder)
    log = opened(folder, depot)
    with pytest.raises(NotAllowed):
        log.segments.drop(0)
    depot.keep(segment_key(2), folder / "log" / "entries" / "002.seg", name)
    with pytest.raises(NotAllowed):
        log.segments.drop(2)
    log.close(None)


def test_while_the_store_is_away_the_log_grows_and_says_what_it_cannot_read(folder: Path, entries: list[bytes]) -> None:
    depot = depot_at(f"file://{folder}/depot", folder)
    log = opened(folder, depot)
    push_and_drop(log, depot)
    (folder / "depot").rename(folder / "away")
    log.append([b"entry more"] * 1_000)
    assert log.entry(log.size - 1) == b"entry more"
    assert log.inclusion(5)
    with pytest.raises(LogUnavailable) as caught:
        log.entry(5)
    assert caught.value.hint
    log.close(None)
    log = opened(folder, depot_at(f"file://{folder}/depot", folder))
    log.append([b"entry more"])
    (folder / "away").rename(folder / "depot")
    assert log.entry(5) == entries[5]
    log.close(None)


def test_a_store_that_holds_another_length_than_the_log_has_is_damage(folder: Path) -> None:
    depot = depot_at(f"file://{folder}/depot", folder)
    log = opened(folder, depot)
    push_and_drop(log, depot)
    log.close(None)
    manifest = folder / "depot.json"
    size = str(depot.kept[segment_key(0)].size_bytes)
    manifest.write_text(manifest.read_text().replace(f'"bytes": {size}', '"bytes": 5', 1))
    with pytest.raises(HomeDamaged):
        opened(folder, depot_at(f"file://{folder}/depot", folder))


def test_many_readers_fetch_through_a_cache_that_holds_one_segment(folder: Path, entries: list[bytes]) -> None:
    depot = depot_at(f"file://{folder}/depot", folder, cache_bytes=1)
    log = opened(folder, depot)
    push_and_drop(log, depot)
    faults: list[BaseException] = []

    def read(start: int) -> None:
        try:
            for _ in range(5):
                log.bring(start, start + 1)
                depot.local(segment_key(start // SEGMENT_ENTRIES))
        except BaseException as error:  # noqa: BLE001 - handed to the test
            faults.append(error)

    threads = [threading.Thread(target=read, args=(place,)) for place in (0, SEGMENT_ENTRIES, 1, SEGMENT_ENTRIES + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert log.entry(0) == entries[0]
    log.close(None)

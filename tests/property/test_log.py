"""The log against a list: appends, kills, torn tails, reopening in any order."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from counterfoil.core.merkle import is_consistent, is_included, leaf_hash, root_of
from counterfoil.core.tiles import encode_bundle
from counterfoil.store.log import Log


def is_entry(data: bytes) -> bool:
    return data[:1] == b"{"


class LogMachine(RuleBasedStateMachine):
    """Holds a log and the list it must equal."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.folder = Path(self.home.name) / "log"
        self.log = Log.create(self.folder)
        self.entries: list[bytes] = []
        self.saved: tuple[int, object] = (0, None)

    def teardown(self) -> None:
        self.log.release()
        self.home.cleanup()

    @rule(count=st.integers(0, 600), length=st.integers(1, 90))
    def append(self, count: int, length: int) -> None:
        start = len(self.entries)
        batch = [b"{" + b"%x" % (start + i) * length for i in range(count)]
        assert self.log.append(batch) == start
        self.entries += batch

    @rule(extra=st.none() | st.integers(0, 9) | st.dictionaries(st.text(max_size=3), st.booleans(), max_size=2))
    def save(self, extra: object) -> None:
        self.log.save_state(extra)
        self.saved = (len(self.entries), extra)

    @rule()
    def close_and_open(self) -> None:
        self.log.close("closed")
        self.saved = (len(self.entries), "closed")
        self.log = Log.open(self.folder, is_entry=is_entry)
        assert self.log.recovered.entries_derived == 0

    @rule(junk=st.binary(max_size=40))
    def kill_with_a_torn_tail(self, junk: bytes) -> None:
        self.log.release()
        junk = b"\x00\x30" + junk  # a length of 48, and fewer bytes than that
        path = self.folder / "entries/000.seg"
        with path.open("ab") as file:
            file.write(junk)
        self.log = Log.open(self.folder, is_entry=is_entry)
        assert self.log.recovered.bytes_cut == len(junk)

    @rule()
    def rebuild(self) -> None:
        self.log.release()
        Log.rebuild_hashes(self.folder)
        self.log = Log.open(self.folder, is_entry=is_entry)

    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        if not self.entries:
            return
        size = data.draw(st.integers(1, len(self.entries)))
        index = data.draw(st.integers(0, size - 1))
        old = data.draw(st.integers(0, size))
        root = self.log.root(size)
        assert root == root_of([leaf_hash(entry) for entry in self.entries[:size]])
        assert is_included(leaf_hash(self.entries[index]), index, size, self.log.inclusion(index, size), root)
        assert is_consistent(old, self.log.root(old), size, root, self.log.consistency(old, size))
        assert self.log.entry(index) == self.entries[index]
        assert list(self.log.entries(index, size)) == self.entries[index:size]

    @rule()
    def look_as_a_reader(self) -> None:
        reader = Log.open(self.folder, is_entry=is_entry, read_only=True)
        assert (reader.size, reader.root()) == (len(self.entries), self.log.root())
        assert list(reader.leaf_hashes()) == [leaf_hash(entry) for entry in self.entries]
        if full := len(self.entries) // 256:
            assert reader.tile(0, full - 1) == self.log.tile(0, full - 1)
            assert reader.entry_bundle(full - 1) == encode_bundle(self.entries[(full - 1) * 256 : full * 256])
        reader.release()

    @invariant()
    def holds_what_was_appended(self) -> None:
        assert self.log.size == len(self.entries)
        assert (self.log.state_size, self.log.extra) == self.saved
        assert self.log.root() == root_of([leaf_hash(entry) for entry in self.entries])


LogMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLog = LogMachine.TestCase

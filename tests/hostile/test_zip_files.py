"""Bundle files made to trick or to flood a reader: refused in words, never a false pass."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from organisations import ROW, bank

from counterfoil.core.note import VerifierKey
from counterfoil.core.steps import Report
from counterfoil.store.bundle_file import BundleReader
from counterfoil.store.check_file import check_file

Members = list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], VerifierKey]:
    """A range and some chosen records, as bytes."""
    folder = tmp_path_factory.mktemp("bundles")
    with bank(folder / "bank") as home:
        home.loans.decide_many([ROW | {"credit_amount": amount} for amount in range(300)])
        home.org.bundles.write_range(folder / "range.zip", 0, 200, show=("/output",))
        home.org.bundles.write_records(folder / "chosen.zip", [10, 290], show="everything")
        issuer = home.org.issuer
    return {path.stem: path.read_bytes() for path in folder.glob("*.zip")}, issuer


@pytest.fixture(params=["range", "chosen"])
def good(request: pytest.FixtureRequest, written: tuple[dict[str, bytes], VerifierKey]) -> bytes:
    return written[0][request.param]


@pytest.fixture
def check(written: tuple[dict[str, bytes], VerifierKey], tmp_path: Path) -> Callable[[bytes], Report]:
    def checked(data: bytes) -> Report:
        path = tmp_path / "b.zip"
        path.write_bytes(data)
        return check_file(path, issuer=written[1])

    return checked


def unpacked(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return [(name, file.read(name)) for name in file.namelist()]


def packed(members: Members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, compression)
    return buffer.getvalue()


def require_refused(report: Report) -> None:
    assert report.exit_code() == 4
    assert len(report.verdict) < 500
    report.verdict.encode()


def test_the_untouched_files_pass(good: bytes, check: Callable[[bytes], Report]) -> None:
    assert check(good).exit_code(["records", "log", "issuer", "fields"]) == 0
    assert check(packed(unpacked(good))).is_intact


def test_a_file_cut_anywhere_is_refused(good: bytes, check: Callable[[bytes], Report]) -> None:
    for length in sorted(
        {*range(0, 64), *range(0, len(good), max(1, len(good) // 60)), *range(len(good) - 64, len(good))}
    ):
        require_refused(check(good[:length]))


def test_a_changed_byte_anywhere_never_makes_another_bundle_pass(
    good: bytes, check: Callable[[bytes], Report], tmp_path: Path
) -> None:
    chance = random.Random(5)
    members = dict(unpacked(good))
    for place in chance.sample(range(len(good)), 250):
        changed = bytearray(good)
        changed[place] ^= 1 << chance.randrange(8)
        report = check(bytes(changed))
        if report.exit_code() == 0:  # dates, flags and the like are not evidence; showing less is no lie
            path = tmp_path / "changed.zip"
            path.write_bytes(changed)
            with BundleReader(path) as reader:
                for name in reader.names() & members.keys():
                    assert reader.read(name, 10**8) == members[name], place
                assert {"bundle.json", "checkpoint"} <= reader.names()
        else:
            require_refused(report)


def test_members_swapped_dropped_or_changed_are_refused(good: bytes, check: Callable[[bytes], Report]) -> None:
    members = unpacked(good)
    for place, (name, data) in enumerate(members):
        if data == b"":
            continue
        rest = members[:place] + members[place + 1 :]
        require_refused(check(packed(rest))) if name != "disclosures.ndjson" else check(packed(rest))
        for bad in (b"", data[:-1], b"\x00" + data[1:], data * 2, b"[" * 100_000):
            report = check(packed([*rest, (name, bad)]))
            if name == "disclosures.ndjson" and bad in (b"", data[:-1]):
                continue  # showing less, or no last newline, is no lie
            require_refused(report)
        other_name, other = members[(place + 1) % len(members)]
        swapped = [(n, other if n == name else data if n == other_name else d) for n, d in members]
        require_refused(check(packed(swapped)))


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "a/../../evil", "..", "c:\\evil", "a\\..\\evil", "C:evil"],
)
def test_names_that_leave_the_bundle_are_refused(good: bytes, check: Callable[[bytes], Report], name: str) -> None:
    require_refused(check(packed([*unpacked(good), (name, b"x")])))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_doubled_names_are_refused(good: bytes, check: Callable[[bytes], Report]) -> None:
    for name, data in unpacked(good)[:3]:
        report = check(packed([*unpacked(good), (name, data)]))
        require_refused(report)
        assert "two members" in report.verdict


def test_a_directory_that_hides_members_is_refused(good: bytes, check: Callable[[bytes], Report]) -> None:
    changed = bytearray(good)
    first = changed.index(b"PK\x01\x02")
    struct.pack_into("<H", changed, first + 32, 0xFFF)  # the first comment swallows the others
    require_refused(check(bytes(changed)))
    require_refused(check(good + b"more"))
    require_refused(check(b"more" + good[4:]))


def test_bombs_are_refused_before_they_unpack(good: bytes, check: Callable[[bytes], Report]) -> None:
    members = unpacked(good)
    zeros = bytes(30_000_000)
    for name in ("bundle.json", "checkpoint", "disclosures.ndjson", "more"):
        report = check(packed([(n, d) for n, d in members if n != name] + [(name, zeros)]))
        require_refused(report)
        assert "unpacks to" in report.verdict or "limit" in report.verdict


def test_sizes_that_lie_are_refused(good: bytes, check: Callable[[bytes], Report]) -> None:
    name = b"checkpoint"
    for size in (0, 1, 2**31, 2**32 - 2):
        changed = bytearray(good)
        central = changed.rindex(b"PK\x01\x02", 0, changed.rindex(name))
        struct.pack_into("<I", changed, central + 24, size)
        require_refused(check(bytes(changed)))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(good: bytes, check: Callable[[bytes], Report], compression: int) -> None:
    report = check(packed(unpacked(good), compression))
    require_refused(report)
    assert "packed in a way" in report.verdict


def test_encrypted_members_are_refused(good: bytes, check: Callable[[bytes], Report]) -> None:
    changed = bytearray(good)
    place = -1
    while (place := changed.find(b"PK\x01\x02", place + 1)) >= 0:
        changed[place + 8] |= 1
    place = -1
    while (place := changed.find(b"PK\x03\x04", place + 1)) >= 0:
        changed[place + 6] |= 1
    require_refused(check(bytes(changed)))


def test_a_bundle_inside_other_bytes_and_nested_ones(good: bytes, check: Callable[[bytes], Report]) -> None:
    require_refused(check(b"PK" + bytes(100)))
    require_refused(check(packed([("bundle.zip", good)])))
    require_refused(check(packed([])))
    require_refused(check(packed([("bundle.json", b"{}")])))


def test_fields_shown_twice_out_of_order_or_of_others_are_refused(
    good: bytes, check: Callable[[bytes], Report]
) -> None:
    members = dict(unpacked(good))
    lines = members["disclosures.ndjson"].splitlines(keepends=True)
    bad = [
        [lines[0], *lines],
        lines[::-1],
        [*lines[1:], lines[0]],
        [lines[0].replace(b'"index":', b'"index":9'), *lines[1:]],
        [lines[0].replace(b"approve", b"decline"), *lines[1:]],
        [lines[-1].replace(lines[-1].split(b",")[0], lines[0].split(b",")[0])],
        [b"{}\n"],
        [b"\n"],
    ]
    for changed in bad:
        if b"".join(changed) == members["disclosures.ndjson"]:
            continue
        require_refused(check(packed(list((members | {"disclosures.ndjson": b"".join(changed)}).items()))))

"""Any log: its bundles and receipts pass, and any single change to them fails."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from making import VALUES, BankLog, Members, signer

from counterfoil.core.check_bundle import check_bundle
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.statement import Draft

KEY = signer().key


@st.composite
def logs(draw: st.DrawFn) -> BankLog:
    log = BankLog()
    for kind in draw(st.lists(st.sampled_from(["decision", "model", "epoch"]), max_size=40)):
        if kind == "decision":
            log.decide(VALUES | {"/input/age": draw(st.integers(0, 120))})
        elif kind == "model":
            log.append(Draft("model", "models", draw(st.text("abc", max_size=5)), about={"n": draw(st.floats(0, 1))}))
        else:
            log.epoch(0, 0, "decisions/none")
    return log.fill(draw(st.sampled_from([1, 1, 5, 255, 256, 257, 300, 513])))


def mutated(data: st.DataObject, good: Members) -> Members:
    name = data.draw(st.sampled_from(sorted(name for name, content in good.items() if content)))
    content = good[name]
    place = data.draw(st.integers(0, len(content) - 1))
    bits = data.draw(st.integers(1, 255))
    changed = data.draw(
        st.sampled_from(
            [
                content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :],
                content[:place] + content[place + 1 :],
                content[:place] + bytes([bits]) + content[place:],
            ]
        )
    )
    return Members(good | {name: changed})


def unchanged(good: Members, bad: Members) -> bool:
    """Whether a change only shows less, or doubled a byte onto itself."""
    shown, now = (set(members["disclosures.ndjson"].split(b"\n")) for members in (good, bad))
    return {**good, "disclosures.ndjson": b""} == {**bad, "disclosures.ndjson": b""} and now <= shown | {b""}


@given(logs(), st.data())
@settings(max_examples=60)
def test_ranges(log: BankLog, data: st.DataObject) -> None:
    size = len(log.entries)
    start = 256 * data.draw(st.integers(0, (size - 1) // 256))
    end = data.draw(st.sampled_from(sorted({size, *range(start + 256, size, 256)})))
    good = log.range_bundle(start, end)
    report = check_bundle(good, issuer=KEY)
    assert report.is_intact, report.verdict
    assert report.facts["records"] == end - start
    bad = mutated(data, good)
    assert not check_bundle(bad, issuer=KEY).is_intact or unchanged(good, bad)


@given(logs(), st.data())
@settings(max_examples=60)
def test_single_records(log: BankLog, data: st.DataObject) -> None:
    places = st.sets(st.integers(0, len(log.entries) - 1), min_size=1, max_size=5)
    good = log.scattered_bundle(sorted(data.draw(places)))
    report = check_bundle(good, issuer=KEY)
    assert report.is_intact, report.verdict
    bad = mutated(data, good)
    assert not check_bundle(bad, issuer=KEY).is_intact or unchanged(good, bad)


@given(logs(), st.data())
@settings(max_examples=60)
def test_receipts(log: BankLog, data: st.DataObject) -> None:
    index = data.draw(st.sampled_from(sorted(log.trees) or [log.decide()]))
    size = data.draw(st.integers(index + 1, len(log.entries)))
    receipt = log.receipt(index, size, data.draw(st.sets(st.sampled_from(sorted(log.schema.positions)))))
    assert check_receipt(receipt.encode(), issuer=KEY).is_intact
    other = data.draw(st.integers(0, size).filter(lambda place: place != index))
    assert not check_receipt(replace(receipt, index=other).encode(), issuer=KEY).is_intact
    encoded = receipt.encode()
    place, bits = data.draw(st.integers(0, len(encoded) - 1)), data.draw(st.integers(1, 255))
    flipped = encoded[:place] + bytes([encoded[place] ^ bits]) + encoded[place + 1 :]
    assert not check_receipt(flipped, issuer=KEY).is_intact

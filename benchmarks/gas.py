"""Gas of whole transactions to the contracts, intrinsic gas and calldata floor (EIP-7623) included.

Signed transactions are applied by py-evm under the rules of Prague. `--write-snapshot` puts the gas
of every function that changes something into docs/reference/gas.json; `--check-snapshot` compares.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from evm import Ledger
from market_rows import Shop, credits_rows, market_rows
from measure import Figure, Run, start

from counterfoil.core.merkle import consistency_path, node_hash

SNAPSHOT = Path(__file__).parents[1] / "docs/reference/gas.json"
PAIRS = 1_000
NEAR = (990_000, 1_010_000)
"""Sizes within one in a hundred of a million."""
WIDER = (900_000, 1_100_000)
DATASET, SERVICE, ORGANISATION = 1, 3, 4
URI = "https://bank.example/log/record-1"
"""33 bytes: two words of storage, as any of up to 64."""

FIGURES = (
    Figure(
        "anchor_worst_gas", "gas", "anchor from one size to another near a million records, the worst", "lower", 62_000
    ),
    Figure(
        "keep_worst_gas", "gas", "keep of one size under a head of another near a million, the worst", "lower", 85_000
    ),
    Figure("anchor_median_gas", "gas", "anchor near a million records, the median", "lower"),
    Figure("anchor_worst_wider_gas", "gas", "anchor from 900,000 or more to 1,100,000 or fewer, the worst", "lower"),
)


def main() -> None:
    snapshot = {"action": "store_true"}
    run = start("gas", __doc__, FIGURES, write_snapshot=snapshot, check_snapshot=snapshot)
    if run.options.write_snapshot:
        SNAPSHOT.write_text(_snapshot(), encoding="utf-8")
    elif run.options.check_snapshot:
        if not SNAPSHOT.exists() or SNAPSHOT.read_text(encoding="utf-8") != _snapshot():
            sys.exit(
                "error: gas has changed\nhint: run python benchmarks/gas.py --write-snapshot, look at the difference"
            )
    else:
        _measure(run)


def made_up_proof(old_size: int, new_size: int, random: Random) -> tuple[bytes, bytes, list[bytes]]:
    """Returns (old root, new root, proof) of two trees that would take long to make, from random hashes."""
    starts: list[int] = []

    def subtree(first: int, _end: int) -> bytes:
        starts.append(first)
        return random.randbytes(32)

    proof = consistency_path(old_size, new_size, subtree)
    steps = list(zip(reversed(starts), proof, strict=True))
    first = second = random.randbytes(32) if old_size.bit_count() == 1 else steps.pop(0)[1]
    for start_of, sibling in steps:
        if start_of < old_size:
            first = node_hash(sibling, first)
            second = node_hash(sibling, second)
        else:
            second = node_hash(second, sibling)
    return first, second, proof


def _measure(run: Run) -> None:
    pairs = run.count(PAIRS)
    ledger = Ledger()
    anchors, keeps = zip(*_costs(run, ledger, NEAR, pairs), strict=True)
    wider, _ = zip(*_costs(run, ledger, WIDER, pairs), strict=True)
    run.add("anchor_worst_gas", max(anchors))
    run.add("keep_worst_gas", max(keeps))
    run.add("anchor_median_gas", sorted(anchors)[len(anchors) // 2])
    run.add("anchor_worst_wider_gas", max(wider))
    run.note("anchor_worst_gas", f"of {pairs:,} random pairs of sizes from {NEAR[0]:,} to {NEAR[1]:,}; py-evm, Prague")
    run.note(
        "anchor_worst_wider_gas",
        "two or three hashes more; the compiler's stable code generator spends 365 gas on each",
    )
    run.repeat = 1
    run.finish()


def _costs(run: Run, ledger: Ledger, sizes: tuple[int, int], pairs: int) -> Iterator[tuple[int, int]]:
    """Yields the gas of anchor and of keep, each pair of sizes in a log of its own."""
    random = Random(run.seed)
    say = run.progress(f"anchored, from {sizes[0]:,} to {sizes[1]:,}")
    for number in range(pairs):
        old, new = sorted(random.sample(range(sizes[0], sizes[1] + 1), 2))
        old_root, new_root, proof = made_up_proof(old, new, random)
        log_id = ledger.open(f"log {sizes} {number}")
        ledger.call("anchor", log_id, old, old_root, [])
        ledger.call("anchor", log_id, new, new_root, proof)
        anchor = ledger.gas
        ledger.call("keep", log_id, old, old_root, proof)
        yield anchor, ledger.gas
        say(number + 1, pairs)


def _snapshot() -> str:
    """Returns the file with the gas of every function that changes something, the same in every run."""
    rows = {f"Assets.{name}": gas for name, gas in _assets_rows().items()}
    rows |= {f"Credits.{name}": gas for name, gas in credits_rows().items()}
    rows |= {f"Evidence.{name}": gas for name, gas in _evidence_rows().items()}
    rows |= {f"Market.{name}": gas for name, gas in market_rows().items()}
    return json.dumps(rows, indent=2) + "\n"


def _assets_rows() -> dict[str, int]:
    rows: dict[str, int] = {}
    random = Random(2)

    def row(name: str, *arguments: Any) -> int:
        answer = ledger.call(name.partition(" ")[0], *arguments)
        rows[name] = ledger.gas
        return int.from_bytes(answer, "big")

    def manifest() -> bytes:
        return random.randbytes(32)

    ledger = Ledger("Assets")
    rows["deploy"] = ledger.gas
    rows["register_and_offer"] = Shop().registering_gas
    row("register organisation", ORGANISATION, manifest(), "", 0, [])
    row("register service", SERVICE, manifest(), "", 0, [])
    ledger = Ledger("Assets")
    first = row("register", DATASET, manifest(), URI, 250, [])
    parents = sorted([first, *(row("register another", DATASET, manifest(), URI, 250, []) for _ in range(2))])
    other = next(each for each in parents if each != first)
    row("register with 3 parents", DATASET, manifest(), URI, 250, parents)
    row("publish", first, manifest(), URI.replace("1", "2"))
    row("set_uri", first, URI.replace("1", "3"))
    row("set_state", first, 2)
    row("set_roles", first, b"\x22" * 20, 3)
    for number in range(40):
        ledger.call("set_roles", first, bytes([number]) + b"\x55" * 19, 3)
    row("set_roles with 40 others", first, b"\x23" * 20, 3)
    row("assign_royalty", first, ledger.address)
    row("setApprovalForAll", b"\x33" * 20, True)
    row("approve", b"\x33" * 20, first)
    row("transferFrom with a royalty", ledger.address, b"\x44" * 20, other)
    row("safeTransferFrom", ledger.address, b"\x44" * 20, first)
    return rows


def _evidence_rows() -> dict[str, int]:
    ledger, random = Ledger(), Random(1)
    rows = {"deploy": ledger.gas}

    def row(name: str, *arguments: Any) -> None:
        ledger.call(name.partition(" ")[0], *arguments)
        rows[name] = ledger.gas

    log_id = ledger.open("bank.example/credit")
    rows["open"] = ledger.gas
    row("offer_owner", log_id, ledger.address)
    row("accept_owner", log_id)
    row("offer_writer", log_id, ledger.address)
    row("accept_writer", log_id)
    row("name_signer", log_id, b"\x22" * 20)
    row("note", log_id, 1_000_000, random.randbytes(32))
    old_root, new_root, proof = made_up_proof(999_000, 1_000_000, random)
    row("anchor first", log_id, 999_000, old_root, [])
    row("anchor at 1e6 records", log_id, 1_000_000, new_root, proof)
    row("anchor same head", log_id, 1_000_000, new_root, [])
    row("keep at 1e6 records", log_id, 999_000, old_root, proof)
    signed = []
    for root in (random.randbytes(32), random.randbytes(32)):
        digest = ledger.call("hash_head", log_id, 1_000_000, root)
        signed += [root, ledger.sign(digest)]
    row("judge", log_id, 1_000_000, ledger.address, *signed)
    other = ledger.open("bank.example/cards")
    ledger.call("anchor", other, 1_000_000, new_root, [])
    digest = ledger.call("hash_head", other, 1_000_000, old_root)
    row("judge_anchored", other, 1_000_000, ledger.address, old_root, ledger.sign(digest))
    row("revoke_writer", log_id)
    return rows


if __name__ == "__main__":
    main()

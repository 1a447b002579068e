"""The commands of the deployment guide, run as they stand there, against a home that goes on deciding."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from counter import GENEROUS
from organisations import Bank, bank, open_home, put_to_work
from postgres import PostgresServer, binaries

from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.rpc.chain import Chain, FeePolicy, Finality
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.sending.outbox import Outbox
from counterfoil.ledger.sending.postgres_outbox import PostgresOutbox, outbox_schema
from counterfoil.store.home_settings import HomeSettings

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "deploy.md"


def block(name: str) -> str:
    (found,) = re.findall(rf"^```sh\n# {name}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.S | re.M)
    return str(found)


def run_block(name: str, folder: Path, **variables: object) -> str:
    """Runs a block of the guide; `counterfoil` is the one of these tests."""
    commands = folder / "bin"
    commands.mkdir(exist_ok=True)
    (commands / "counterfoil").write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from counterfoil.cli.main import main; main()" "$@"\n'
    )
    (commands / "counterfoil").chmod(0o755)
    servers = binaries()
    path = f"{commands}:{servers or ''}:{os.environ['PATH']}"
    given = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)}
    given |= {each: str(value) for each, value in variables.items()}
    done = subprocess.run(["sh", "-c", block(name)], env=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def decide_until(home: Bank, stop: threading.Event, faults: list[BaseException]) -> None:
    number = 0
    while not stop.is_set():
        try:
            home.decide(f"busy {number}")
            number += 1
        except BaseException as error:  # noqa: BLE001 - handed to the test
            faults.append(error)
            return


def test_a_backup_of_a_home_at_work_opens_and_proves_what_was_given_away(tmp_path: Path) -> None:
    stop, faults = threading.Event(), []  # type: ignore[var-annotated]
    with bank(tmp_path) as home:
        anna = home.decide("anna", note="kept")
        receipt, issuer = anna.receipt.encode(), home.org.issuer
        given_away = SignedCheckpoint.parse(home.org.checkpoint()).head
        thread = threading.Thread(target=decide_until, args=(home, stop, faults))
        thread.start()
        begun = []
        for number in range(3):
            begun.append(home.org.archive.size)
            run_block("backup", tmp_path, HOME_DIR=home.folder, TO=tmp_path / f"backup{number}")
        stop.set()
        thread.join(60)
        assert faults == []
        roots = {size: home.org.archive.root(size) for size in range(home.org.archive.size + 1)}
    for number in range(3):
        restored = tmp_path / f"restored{number}"
        told = run_block("restore", tmp_path, HOME_DIR=restored, TO=tmp_path / f"backup{number}")
        assert "bank.example/credit" in told
        with open_home(restored, home.clock) as org:
            assert org.archive.size >= given_away.size
            assert org.archive.root(given_away.size) == given_away.root
            assert check_receipt(receipt, issuer=issuer).is_intact
            rows = org.decisions.search(limit=1_000_000)
            assert all(org.views.values_of(int(row["idx"])) for row in rows if row["idx"] < begun[number])
            assert org.archive.size >= begun[number]
            assert (org.views.values_of(anna.index or 0) or {})["/input/note"] == "kept"
            same = [size for size in roots if size <= org.archive.size and org.archive.root(size) == roots[size]]
            assert max(same) >= begun[number]
            assert put_to_work(org).decide({"credit_amount": 2500, "duration_in_month": 12, "housing": "own"}).index
        assert (restored.stat().st_mode & 0o777) == 0o700


def test_the_list_of_the_depot_is_copied_after_the_vault() -> None:
    script = block("backup")  # what leaves the vault meanwhile must be on the list
    assert 0 < script.index("vault.db") < script.index("depot.json")


def test_an_outbox_is_dumped_and_restored_into_another_database(postgres: PostgresServer, tmp_path: Path) -> None:
    if not (binaries() or Path("/")).joinpath("pg_dump").exists():
        pytest.skip("pg_dump is not installed")
    old, new = postgres.new_database(), postgres.new_database()
    account = LocalAccount(b"\x01" * 32)
    chain = Chain(Endpoint("http://127.0.0.1:1"), 1, Finality(), FeePolicy())
    with Outbox(PostgresOutbox(old, outbox_schema(1, account.address)), chain, account, limits=GENEROUS) as outbox:
        first = outbox.submit(bytes(20), b"", purpose="count", key="a")
        rows = outbox.rows()
    run_block("dump", tmp_path, OLD_URL=old, NEW_URL=new, TO=tmp_path)
    with Outbox(PostgresOutbox(new, outbox_schema(1, account.address)), chain, account, limits=GENEROUS) as outbox:
        assert outbox.rows() == rows
        assert outbox.submit(bytes(20), b"", purpose="count", key="b") > first


def test_the_guide_names_the_settings_with_their_defaults() -> None:
    import json
    from dataclasses import fields

    told = dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \|", GUIDE.read_text(encoding="utf-8"), re.M))
    known = {each.name: each.default for each in fields(HomeSettings)}
    assert told == {name: json.dumps(known[name]) for name in told}
    assert set(told) == {"views_url", "outbox_url", "depot_url", "depot_cache_mib"}

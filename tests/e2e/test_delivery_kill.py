"""kill -9 of either side, at any moment, again and again: what was bought arrives, and nothing is fetched twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from making_deliveries import CHAIN_ID, MARKET, SECRET, Seller, made_bytes

from counterfoil.core.age_payload import decrypt

TESTS = Path(__file__).parents[1]
SIZE = 48 * (1 << 20) + 5

SELLER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from making_deliveries import SECRET, Seller
folder = Path({folder!r})
seller = Seller(folder / "seller")
paid = seller.sell(seller.offer(folder / "content.bin"), SECRET)
with seller.serving() as url:
    (folder / "url.new").write_text(url)
    (folder / "url.new").rename(folder / "url")
    time.sleep(600)
"""

BUYER = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from making_deliveries import CHAIN_ID, MARKET, SECRET
from counterfoil.core.signed_document import read_document
from counterfoil.market.delivery.fetching import fetch
from counterfoil.market.delivery.purchase import Purchase
from counterfoil.market.delivery.wire import SellerWire
folder = Path({folder!r})
told = json.loads((folder / "told.json").read_text())
sheet = read_document(told["sheet"], "counterfoil offer 1")
purchase = Purchase(told["order"], told["offer"], CHAIN_ID, MARKET, SECRET, sheet)
def seen(done, _all):
    (folder / "seen.new").write_text(str(done))
    (folder / "seen.new").rename(folder / "seen")  # killed in between, it still says how far it was
    time.sleep(0.004)
wire = SellerWire((folder / "url").read_text(), told["order"], told["ticket"])
print(fetch(purchase, wire, folder / "got.bin", seen, patience_s=0.2).resumed_bytes)
"""


def begun(code: str, folder: Path) -> subprocess.Popen[bytes]:
    text = code.format(tests=str(TESTS), folder=str(folder))
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def killed(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def selling(folder: Path) -> subprocess.Popen[bytes]:
    (folder / "url").unlink(missing_ok=True)
    process = begun(SELLER, folder)
    ends = time.monotonic() + 60
    while not (folder / "url").exists():
        assert process.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.02)
    return process


def far(folder: Path) -> int:
    text = (folder / "seen").read_text() if (folder / "seen").exists() else ""
    return int(text or 0)


def test_both_are_killed_again_and_again_and_it_arrives(tmp_path):
    (tmp_path / "content.bin").write_bytes(made_bytes(SIZE))
    seller = Seller(tmp_path / "seller")
    sheet = seller.offer(tmp_path / "content.bin")
    paid = seller.sell(sheet, SECRET)
    seller.time_s = 1_000.0
    ticket = decrypt(seller.tickets.issue(paid.order, paid.recipient), SECRET).decode()
    seller.deliveries.close()
    told = {"order": paid.order, "offer": paid.offer, "ticket": ticket, "sheet": sheet.envelope()}
    (tmp_path / "told.json").write_text(json.dumps(told))
    assert (paid.chain_id, paid.market) == (CHAIN_ID, MARKET)
    node = selling(tmp_path)
    try:
        reached = 0
        for turn in range(3):
            buyer = begun(BUYER, tmp_path)
            ends = time.monotonic() + 60
            while far(tmp_path) < reached + (8 << 20):
                assert buyer.poll() is None
                assert time.monotonic() < ends
                time.sleep(0.005)
            if turn == 1:
                killed(node)
            killed(buyer)
            reached = far(tmp_path)
            assert not (tmp_path / "got.bin").exists()
            if turn == 1:
                node = selling(tmp_path)
        last = begun(BUYER, tmp_path)
        resumed = int(last.communicate(timeout=120)[0])
        assert last.returncode == 0
        assert resumed >= reached - (1 << 20) > 16 << 20
        assert (tmp_path / "got.bin").read_bytes() == (tmp_path / "content.bin").read_bytes()
        assert not (tmp_path / "got.bin.partial").exists()
    finally:
        killed(node)

"""A file of 2 GiB from a seller's node to its buyer over loopback, checked and decrypted while it streams.

Each side is a process of its own, which this script starts as `delivery.py --role ROLE`. The
seller's is the node's own server and gate around the routes of delivery. Beside them, in the
same run and from the same server, `curl | age -d | tee | sha256sum`, which checks the whole
file once, at its end.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from measure import Figure, Run, Spent, peak_mib, spending, start

FILE_MIB = 2_048
SECRET, SELLER_KEY, NODE_SECRET = bytes(range(1, 33)), bytes(range(2, 34)), bytes(range(3, 35))
ORDER, OFFER, MARKET = "0x" + "11" * 32, "0x" + "22" * 32, "0x" + "33" * 20
_PER_CORE = "MB per CPU second"

FIGURES = (
    Figure(
        "delivery_megabytes_per_core_s",
        _PER_CORE,
        "Sent, received, checked, decrypted and written, for the CPU of both sides together",
        "higher",
        250,
    ),
    Figure("seller_megabytes_per_core_s", _PER_CORE, "The seller's part: read, check, encrypt, send", "higher", 250),
    Figure(
        "buyer_megabytes_per_core_s",
        _PER_CORE,
        "The buyer's part: receive, decrypt, check, write",
        "higher",
        250,
    ),
    Figure("delivery_megabytes_per_s", "MB per second", "The same by the clock, with whatever else ran", "higher"),
    Figure("prepare_megabytes_per_core_s", _PER_CORE, "The pass before the statement, once an order", "higher"),
    Figure("seller_peak_mib", "MiB", "The seller's peak of memory, preparing included", "lower", 200),
    Figure("buyer_peak_mib", "MiB", "The buyer's peak of memory", "lower", 200),
    Figure("age_megabytes_per_core_s", _PER_CORE, "curl, age, tee and sha256sum in the buyer's place", "higher"),
)


def main() -> None:
    run = start(
        "delivery",
        __doc__,
        FIGURES,
        role=dict(choices=("seller", "buyer"), help="how this script calls itself"),
        given=dict(type=Path, help="with --role: the folder of the run"),
    )
    if run.options.role:
        {"seller": _sell, "buyer": _buy}[run.options.role](run.options.given)
        return
    with run.folder() as folder:
        size = _make(run, folder)
        for number in range(min(run.repeat, 3)):
            run.say(f"delivery {number + 1}")
            _deliver(run, folder, size / 1e6)
    run.finish()


def _make(run: Run, folder: Path) -> int:
    """Writes the file that is sold; returns its bytes."""
    random = Random(run.seed)
    path = folder / "content.bin"
    with path.open("wb") as file:
        for _ in range(run.count(FILE_MIB)):
            file.write(random.randbytes(1 << 20))
        file.write(b"a last chunk that is short")
    return path.stat().st_size


def _deliver(run: Run, folder: Path, megabytes: float) -> None:
    seller = subprocess.Popen(_command("seller", folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        told = _line(seller)
        run.add("prepare_megabytes_per_core_s", megabytes / told["prepare_cpu_s"])
        began = _asked(seller, "how far")["cpu_s"]
        done = json.loads(subprocess.run(_command("buyer", folder), stdout=subprocess.PIPE, check=True).stdout)
        ended = _asked(seller, "how far")
        sold_s, bought_s = ended["cpu_s"] - began, done["cpu_s"]
        run.add("seller_megabytes_per_core_s", megabytes / sold_s)
        run.add("buyer_megabytes_per_core_s", megabytes / bought_s)
        run.add("delivery_megabytes_per_core_s", megabytes / (sold_s + bought_s))
        run.add("delivery_megabytes_per_s", megabytes / done["wall_s"])
        run.add("buyer_peak_mib", done["peak_mib"])
        _by_age(run, folder, megabytes, told)
        run.add("seller_peak_mib", _asked(seller, "how far")["peak_mib"])
    finally:
        seller.communicate()
        shutil.rmtree(folder / "seller", ignore_errors=True)


def _by_age(run: Run, folder: Path, megabytes: float, told: dict[str, Any]) -> None:
    """Fetches the same with the ordinary tools."""
    if shutil.which("age") is None or shutil.which("curl") is None:
        run.note("age_megabytes_per_core_s", "age or curl is not installed here")
        return
    from counterfoil.core.age import secret_text

    key, out = folder / "key.txt", folder / "by-age.bin"
    key.write_text(secret_text(SECRET))
    url = f"{told['url']}/api/v1/market/orders/{ORDER}/content"
    ask = f'curl -sS --fail -H "Authorization: Bearer {told["ticket"]}" {url}'
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(f"{ask} | age -d -i {key} | tee {out} | sha256sum > {folder}/sum", shell=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    run.add("age_megabytes_per_core_s", megabytes / spent_s)
    out.unlink()


def _command(role: str, folder: Path) -> list[str]:
    return [sys.executable, __file__, "--role", role, "--given", str(folder)]


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


def _asked(process: subprocess.Popen[str], question: str) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write(question + "\n")
    process.stdin.flush()
    return _line(process)


def _sell(folder: Path) -> None:
    """The seller's process: prepares, says where it serves, and how far it is when asked."""
    from threading import Thread

    from fastapi import FastAPI

    from counterfoil.core.age import recipient_of
    from counterfoil.core.delivery import Content
    from counterfoil.core.mismatch_file import OFFER_FORMAT
    from counterfoil.core.signed_document import read_document, sign_document
    from counterfoil.market.delivery.api import DeliveryRoutes
    from counterfoil.market.delivery.deliveries import Deliveries
    from counterfoil.market.delivery.orders import PaidOrder
    from counterfoil.market.delivery.sources import FileSource
    from counterfoil.market.delivery.tickets import Tickets
    from counterfoil.node.gate import Gate
    from counterfoil.node.server import Server, bind
    from counterfoil.node.settings import NodeSettings
    from counterfoil.node.shares import Shares

    def sign(document: Any) -> dict[str, Any]:
        return sign_document(document, SELLER_KEY, "bench.example/market")

    class OneOrder:
        paid: PaidOrder

        def order(self, _order_id: str) -> PaidOrder:
            return self.paid

        def source(self, _order: PaidOrder) -> FileSource:
            return FileSource(folder / "content.bin")

    orders = OneOrder()
    deliveries = Deliveries(
        folder / "seller",
        secret=NODE_SECRET,
        sign=sign,
        orders=orders,
        now=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        record=lambda _statement, _signed: None,
        told=lambda changed: sys.exit(str(changed)),
    )
    content: Content = deliveries.index(FileSource(folder / "content.bin"))
    sheet = sign({"format": OFFER_FORMAT, "content": content.to_json()})
    (folder / "sheet.json").write_text(json.dumps(sheet))
    digest = read_document(sheet, OFFER_FORMAT).digest_hex
    orders.paid = PaidOrder(ORDER, OFFER, 1, MARKET, recipient_of(SECRET), digest, content, True, "paid")
    with spending() as prepared:
        deliveries.statement(ORDER, wait_s=3600)
    settings = NodeSettings(listen="127.0.0.1:0")
    tickets = Tickets(folder / "seller" / "tickets", time.time)
    seller = SimpleNamespace(deliveries=deliveries, tickets=tickets)
    found, server = (
        bind(settings),
        _server(Server, Gate, Shares, settings, FastAPI, DeliveryRoutes(lambda: seller)),
    )
    thread = Thread(target=lambda: server.run([found]))
    thread.start()
    from counterfoil.core.age_payload import decrypt

    ticket = decrypt(tickets.issue(ORDER, recipient_of(SECRET)), SECRET).decode()
    told = {"url": f"http://127.0.0.1:{found.getsockname()[1]}", "ticket": ticket, "prepare_cpu_s": prepared.cpu_s}
    (folder / "told.json").write_text(json.dumps(told))
    print(json.dumps(told), flush=True)
    for _ in sys.stdin:
        print(json.dumps({"cpu_s": time.process_time(), "peak_mib": peak_mib()}), flush=True)
    server.stop()
    thread.join()
    deliveries.close()


def _server(server: Any, gate: Any, shares: Any, settings: Any, app_class: Any, routes: Any) -> Any:
    """The node's server and gate around the routes of delivery."""
    app = app_class()
    app.include_router(routes.router())
    limited = gate(
        app,
        lambda _scope: None,
        keyed=shares(0, 1),
        public=shares(0, 1),
        most_body_bytes=settings.most_body_bytes,
        body_timeout_s=settings.body_timeout_s,
        observe=lambda _scope, _status, _took_s: None,
    )
    return server(limited, settings)


def _buy(folder: Path) -> None:
    """The buyer's process: fetches, and says what it took."""
    from counterfoil.core.mismatch_file import OFFER_FORMAT
    from counterfoil.core.signed_document import read_document
    from counterfoil.market.delivery.fetching import fetch
    from counterfoil.market.delivery.purchase import Purchase
    from counterfoil.market.delivery.wire import SellerWire

    told = json.loads((folder / "told.json").read_text())
    sheet = read_document(json.loads((folder / "sheet.json").read_text()), OFFER_FORMAT)
    to = folder / "bought.bin"
    spent: Spent
    with spending() as spent:
        fetch(Purchase(ORDER, OFFER, 1, MARKET, SECRET, sheet), SellerWire(told["url"], ORDER, told["ticket"]), to)
    assert to.stat().st_size == (folder / "content.bin").stat().st_size
    to.unlink()
    print(json.dumps({"cpu_s": spent.cpu_s, "wall_s": spent.wall_s, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main()

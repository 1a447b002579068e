"""The market's catalogue: 1,000 offers taken from the ledger's book and from a node, and searches among them.

The book's tables are filled as the scanner fills them. The sheets are made up and signed beforehand, and served by
a node of another process on loopback, one HTTP request each. A search tells its page of 20, how many there are, and
how many of each kind, category, licence, seller, tag and token. Beside it, the same words are looked for in the same
rows by a plain scan (`LIKE`), which tells the page alone.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from random import Random
from urllib.error import URLError
from urllib.request import urlopen

from measure import Figure, Run, spending, start

from counterfoil.core.keccak import keccak256
from counterfoil.ledger.assets.book import AssetBook, asset_events
from counterfoil.ledger.market.book import MarketBook
from counterfoil.ledger.market.prices import amount_key
from counterfoil.ledger.market.tables import assets, events, offers
from counterfoil.ledger.market.terms import UNLIMITED
from counterfoil.market.catalogue import Catalogue, Query
from counterfoil.market.catalogue.book_source import BookSource
from counterfoil.market.catalogue.fetching import Fetcher
from counterfoil.market.catalogue.taking import MarketPlace
from counterfoil.market.sheets.sheet import OfferSheet, SignedSheet, sign_sheet
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.market.sheets.wares import Content, Quality, Seller, SheetLicence, Wares
from counterfoil.provenance.snapshots.addresses import Reach

OFFERS = 1_000
SEARCHES = 200
INDEX_S = 3.0
SEARCH_MS = 20.0
NOW = 1_800_000_000
PLACE = MarketPlace(31_337, "0x" + "4d" * 20)
SELLER = "0x" + "5e" * 20
TOKENS = tuple(f"0x{number:040x}" for number in range(1, 4))
LICENCES = ("CC-BY-4.0", "CC0-1.0", "ODbL-1.0", "MIT", "House terms")
_TEXT = (
    "ship port arrival tide storm rain river bridge road train timetable bus energy wind solar meter "
    "price loan bank credit income health clinic image scan cell tissue tumour blood sample genome "
    "protein crop soil harvest field forest fire satellite radar map street house rent language speech "
    "text translation news review sensor machine vibration fault repair factory order parcel traffic "
    "camera night morning north south coast island winter summer "
)
WORDS = _TEXT.split()

FIGURES = (
    Figure("index_s", "seconds", "1,000 offers indexed, sheets fetched from a node on loopback", "lower", INDEX_S),
    Figure("index_cpu_s", "seconds of CPU", "Of that, this process's own", "lower"),
    Figure("index_from_shelf_s", "seconds", "The same, sheets from the home's own shelf", "lower", INDEX_S),
    Figure("follow_s", "seconds", "Of that, the ledger's part alone", "lower"),
    Figure("search_words_ms", "milliseconds", "A search for two words, with facets", "lower", SEARCH_MS),
    Figure("search_words_cpu_ms", "milliseconds of CPU", "Of that, on average, what it works", "lower"),
    Figure("search_worst_ms", "milliseconds", "The slowest of them", "lower"),
    Figure("search_all_ms", "milliseconds", "Everything, the newest 20, with facets", "lower", SEARCH_MS),
    Figure("search_filters_ms", "milliseconds", "Words, kind, licence, price and quality at once", "lower", SEARCH_MS),
    Figure("like_words_ms", "milliseconds", "Peer: two words by LIKE in the same rows, without facets", "lower"),
)


def main() -> None:
    run = start("catalogue", __doc__, FIGURES)
    count = run.count(OFFERS, least=20)
    random = Random(run.seed)
    sheets = [_sheet(random, number) for number in range(1, count + 1)]
    for _ in range(run.repeat):
        with run.folder() as folder:
            _measure(run, folder, random, sheets)
    run.finish()


def _measure(run: Run, folder: Path, random: Random, sheets: list[SignedSheet]) -> None:
    shelf = Shelf(folder / "shelf")
    shelf.put_licence(b"Use it well.\n")
    for each in sheets:
        shelf.put_sheet(each)
    with (
        MarketBook.open(folder / "book.db", bytes(20)) as book,
        AssetBook.open(folder / "assets.db") as registered,
        _node(folder / "shelf", sheets[0].digest_hex) as base,
    ):
        _fill(book, random, sheets)
        _register(registered, sheets, base)
        source = BookSource(book, registered, lambda: 10**9)
        for name, fetcher in (
            ("index_s", Fetcher(Reach(["127.0.0.0/8"]))),
            ("index_from_shelf_s", Fetcher(Reach([]), shelf)),
        ):
            with Catalogue.open(folder / f"{name}.db", PLACE, source, fetcher) as catalogue:
                with spending() as spent:
                    done = catalogue.refresh(NOW)
                run.add(name, spent.wall_s)
                if name == "index_s":
                    run.add("index_cpu_s", spent.cpu_s)
                assert (done.found, done.waiting) == (len(sheets), 0), done
        with Catalogue.open(folder / "index_s.db", PLACE, source, Fetcher(Reach([]))) as catalogue:
            _search(run, random, catalogue)
        with Catalogue.open(folder / "empty.db", PLACE, source, Nobody()) as catalogue:
            began = time.perf_counter()
            catalogue.refresh(NOW)
            run.add("follow_s", time.perf_counter() - began)
        _scan(run, random, folder / "index_s.db")


class Nobody(Fetcher):
    """Fetches nothing."""

    def __init__(self) -> None:
        super().__init__(Reach([]))

    def fetch(self, wanted):  # type: ignore[no-untyped-def]
        return iter(())


def _sheet(random: Random, number: int) -> SignedSheet:
    words = random.sample(WORDS, 30)
    made = Wares(
        kind=random.choice(("licence", "period")),
        category=random.choice(("dataset", "dataset", "model")),
        title=" ".join(words[:4]).capitalize(),
        description=" ".join(random.choices(WORDS, k=120)),
        licence=SheetLicence(random.choice(LICENCES), sha256(b"Use it well.\n").hexdigest()),
        node="https://node.example",
        seller=Seller(f"Seller {number % 40}", f"seller{number % 40}.example/log"),
        content=Content(f"{number:064x}", number * 1_000, "table.csv", "text/csv", "1"),
        tags=tuple(words[4:8]),
        terms={"rules": [{"effect": "allow", "name": "anybody"}]},
        quality=Quality(f"{number:064x}", number * 100, 12, random.randrange(100_000), 0),
    )
    sheet = OfferSheet(f"0x{number:064x}", 1, PLACE.address, PLACE.chain_id, "2026-11-26T08:00:00Z", made)
    return sign_sheet(sheet, bytes(range(32)), "seller.example/market")


def _fill(book: MarketBook, random: Random, sheets: list[SignedSheet]) -> None:
    """Writes the book's rows as the scanner would, one offer a block."""
    told, listed, owned = [], [], []
    for block, each in enumerate(sheets, 1):
        sheet = each.sheet
        place = {"block": block, "event": 0, "offer": sheet.offer, "asset": sheet.asset}
        told.append(
            place
            | {"name": "Offered", "order": "", "account": SELLER, "transaction_hash": keccak256(bytes([block % 256]))}
            | {"told": '{"seller": "' + SELLER + '"}'}
        )
        listed.append(
            place
            | {"number": "1", "seller": SELLER, "token": random.choice(TOKENS)}
            | {"kind": 1 if sheet.wares.kind == "licence" else 2}
            | {"price": amount_key(random.randrange(10**9)), "duration_s": 0, "delivery_s": 0, "window_s": 0}
            | {"referrer_bps": 0, "sheet": f"0x{each.digest_hex}", "split": "0x" + "00" * 32}
            | {"supply": UNLIMITED, "left": UNLIMITED, "is_withdrawn": False}
        )
        owned.append({"asset": sheet.asset, "owner": SELLER, "state": 0})
    with book.engine.begin() as connection:
        connection.execute(events.insert(), told)
        connection.execute(offers.insert(), listed)
        connection.execute(assets.insert(), owned)


def _register(book: AssetBook, sheets: list[SignedSheet], base: str) -> None:
    """Writes what the Assets contract told: each asset is found at the node."""
    told = {"creator": SELLER, "kind": 1, "manifest": "0x" + "00" * 32, "royalty_bps": 0}
    told["uri"] = f"{base}/api/v1/assets"
    rows = [
        {"block": block, "event": 1, "name": "Registered", "asset": each.sheet.asset}
        | {"transaction_hash": bytes(32), "told": json.dumps(told)}
        for block, each in enumerate(sheets, 1)
    ]
    with book.engine.begin() as connection:
        connection.execute(asset_events.insert(), rows)


def _search(run: Run, random: Random, catalogue: Catalogue) -> None:
    words, everything, filtered = [], [], []
    with spending() as spent:
        for _ in range(SEARCHES):
            words.append(_timed(catalogue, Query(words=" ".join(random.sample(WORDS, 2)))))
    run.add("search_words_cpu_ms", spent.cpu_s / SEARCHES * 1e3)
    for _ in range(SEARCHES):
        everything.append(_timed(catalogue, Query()))
        filtered.append(
            _timed(
                catalogue,
                Query(
                    words=random.choice(WORDS),
                    kinds=("licence",),
                    licences=LICENCES[:3],
                    token=TOKENS[0],
                    most_units=5 * 10**8,
                    most_missing_micro=50_000,
                    order="price",
                ),
            )
        )
    for name, took in (("words", words), ("all", everything), ("filters", filtered)):
        run.add(f"search_{name}_ms", sorted(took)[len(took) // 2])
    run.add("search_worst_ms", max(words + everything + filtered))


def _timed(catalogue: Catalogue, query: Query) -> float:
    began = time.perf_counter()
    catalogue.search(query)
    return (time.perf_counter() - began) * 1e3


def _scan(run: Run, random: Random, path: Path) -> None:
    took = []
    for _ in range(SEARCHES):
        pair = random.sample(WORDS, 2)
        began = time.perf_counter()
        with sqlite3.connect(path) as connection:
            connection.execute(
                "SELECT o.offer, w.title FROM words w JOIN offers o ON o.id = w.rowid WHERE "
                + " AND ".join(["(w.title || ' ' || w.tags || ' ' || w.description || ' ' || w.more) LIKE ?"] * 2)
                + " ORDER BY o.block DESC LIMIT 20",
                [f"%{word}%" for word in pair],
            ).fetchall()
        connection.close()
        took.append((time.perf_counter() - began) * 1e3)
    run.add("like_words_ms", sorted(took)[len(took) // 2])


@contextmanager
def _node(shelf: Path, digest: str) -> Iterator[str]:
    """Serves a shelf from a process of its own, as a node does."""
    code = (
        "import sys; from pathlib import Path; import uvicorn; from fastapi import FastAPI;"
        "from starlette.responses import Response; from counterfoil.market.sheets.shelf import Shelf;"
        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True);"
        "app = FastAPI(); shelf = Shelf(Path(sys.argv[1]));"
        "app.get('/api/v1/market/sheets/{digest}')(lambda digest: Response(shelf.raw('sheets', digest)));"
        "uvicorn.Server(uvicorn.Config(app, log_level='error')).run([s])"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(shelf)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            base = f"http://127.0.0.1:{process.stdout.readline().strip()}"
            _wait(f"{base}/api/v1/market/sheets/{digest}")
            yield base
        finally:
            process.terminate()


def _wait(url: str) -> None:
    """Waits until the node answers."""
    for _ in range(600):
        try:
            with urlopen(url):
                return
        except URLError:
            time.sleep(0.05)
    raise SystemExit("the node did not begin to answer")


if __name__ == "__main__":
    main()

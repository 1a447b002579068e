"""Offers for tests: wares filled in, a sheet of them, and the key that signs it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from counterfoil.market.sheets.sheet import OfferSheet, SignedSheet, sign_sheet
from counterfoil.market.sheets.wares import Content, PassportOf, Quality, Seller, SheetLicence, Wares

SECRET = bytes(range(32))
KEY_NAME = "harbour.example/market"
MARKET = "0x" + "4d" * 20
TOKEN = "0x" + "c0" * 20
SELLER = "0x" + "5e" * 20
CHAIN = 31_337
LICENCE_TEXT = b"You may read it, and pass it on with our name.\n"
CREATED = "2026-11-26T08:00:00Z"

TABLE = "id,email,town,age,score\n" + "".join(
    f"{place},p{place}@post.example,{'Oslo' if place % 3 else 'Bergen' if place % 2 else 'Bodø'},"
    f"{20 + place % 60},{'' if place % 20 == 0 else place * 1.5}\n"
    for place in range(400)
)


def wares(**changes: Any) -> Wares:
    """Returns what a harbour offers: the movements of its ships."""
    made = Wares(
        kind="licence",
        category="dataset",
        title="Ship movements 2025",
        description="Every arrival and departure of 2025.\nOne row each, in UTC.",
        licence=SheetLicence("CC-BY-4.0", sha256(LICENCE_TEXT).hexdigest(), "https://harbour.example/licence"),
        node="https://node.harbour.example",
        seller=Seller("Harbour Office", "harbour.example/log"),
        content=Content("ab" * 32, 1_234_567, "movements.csv", "text/csv", "3", "cd" * 32),
        tags=("ships", "time series"),
        terms={"allow": []},
        quality=Quality("ef" * 32, 40_000, 7, 12_000, 0, None, "01" * 32),
        passport=PassportOf("23" * 32),
    )
    return replace(made, **changes)


def sheet(number: int = 1, asset: int = 7, **changes: Any) -> OfferSheet:
    """Returns the sheet of an offer; changes are of the wares."""
    return OfferSheet(f"0x{asset:064x}", number, MARKET, CHAIN, CREATED, wares(**changes))


def signed(number: int = 1, asset: int = 7, **changes: Any) -> SignedSheet:
    """Returns it signed."""
    return sign_sheet(sheet(number, asset, **changes), SECRET, KEY_NAME)


def table(folder: Path, text: str = TABLE) -> Path:
    """Writes a table that holds what should not be shown, too."""
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path

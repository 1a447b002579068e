"""Offers, orders and purchases in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core import canonical
from counterfoil.core.wording import counted
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.market.offer import Offer, Order
    from counterfoil.market.buying.purchases import Purchase
    from counterfoil.market.sheets.sheet import SignedSheet

__all__ = ["offer_lines", "order_lines", "purchase_lines", "sheet_lines", "span", "terms_lines"]

_KINDS: Final = {
    "licence": "access for good",
    "period": "access for a time",
    "job": "a computation next to the data",
    "sale": "the asset itself",
}
_SPANS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def span(seconds: int) -> str:
    """Returns a duration in the largest unit that it is a whole number of: `30 days`."""
    size, name = next(each for each in _SPANS if seconds % each[0] == 0)
    return counted(seconds // size, name)


def offer_lines(offer: Offer) -> Iterator[str]:
    """Yields how an offer stands on the ledger."""
    yield f"offer       {offer.offer}"
    yield f"asset       {offer.asset}, number {offer.number} of its offers"
    lasts = f", for {span(offer.duration_s)}" if offer.duration_s else ""
    yield f"kind        {offer.kind}: {_KINDS[offer.kind]}{lasts}"
    yield f"price       {offer.price.text}{', at most' if offer.kind == 'job' else ''}"
    if offer.delivery_s:
        held = f", and for {span(offer.window_s)} after that" if offer.window_s else ""
        yield f"money       held until it is delivered, which is due within {span(offer.delivery_s)}{held}"
    if offer.supply is not None:
        yield f"left        {offer.left} of {offer.supply}"
    if offer.referrer_bps:
        yield f"referrer    gets {offer.referrer_bps / 100:g} percent"
    for share in offer.shares or ():
        shown = share.to_json()
        yield f"share       {shown['bps'] / 100:g} percent for {shown['payee']}"
    yield f"seller      {offer.seller}{', this home' if offer.is_ours else ''}"
    yield f"stands      {'open' if offer.is_open else 'closed: it cannot be bought now'}"
    yield f"sheet       SHA-256 {offer.sheet}"


def sheet_lines(signed: SignedSheet) -> Iterator[str]:
    """Yields what an offer sheet says."""
    wares = signed.sheet.wares
    yield wares.title
    yield from (f"  {line}" for line in wares.description.splitlines()[:12])
    yield f"category    {wares.category}{': ' + ', '.join(wares.tags) if wares.tags else ''}"
    yield f"seller      {wares.seller.name}, whose log is {wares.seller.origin}; its node answers at {wares.node}"
    yield f"signed by   {signed.key}"
    yield f"licence     {wares.licence.name}; SHA-256 of its text {wares.licence.sha256}"
    if wares.content is not None:
        content = wares.content
        yield f"content     {content.name}, {content.size_bytes:,} bytes, version {content.version or 'not told'}"
        yield f"root        {content.root}"
    if wares.quality is not None:
        quality = wares.quality
        missing, twice = quality.missing_micro / 10_000, quality.duplicates_micro / 10_000
        yield f"quality     {quality.rows:,} rows; at most {missing:g} percent missing, {twice:g} percent twice"
    if wares.passport is not None:
        yield f"passport    record {wares.passport.record}, SHA-256 of its file {wares.passport.sha256}"
    yield from terms_lines(wares.terms)
    if wares.parameters:
        yield f"parameters  {canonical.dumps(wares.parameters).decode()}"
    if wares.compute is not None:
        yield from _compute_lines(wares.compute)
    if wares.sample is not None:
        yield f"sample      {', '.join(wares.sample.columns)}"
        yield from (f"  {', '.join(cell or '' for cell in row)}" for row in wares.sample.rows)
    if wares.profile is not None:
        yield f"profile     {wares.profile.rows:,} rows"
        yield from (f"  {line}" for line in _profile_lines(wares.profile.to_json()))


def terms_lines(terms: Mapping[str, Any]) -> Iterator[str]:
    """Yields what terms say, each rule with its conditions; see docs/reference/terms.md."""
    if terms.get("purposes"):
        yield f"purposes    {', '.join(terms['purposes'])}"
    for number, rule in enumerate(terms.get("rules", ()), 1):
        yield f"rule {number:<6} {rule.get('effect')}: {rule.get('name')}"
        asked = {name: value for name, value in rule.items() if name not in ("effect", "name")}
        yield from (f"  {name}: {_in_words(value)}" for name, value in asked.items())


def _in_words(value: object) -> str:
    """Returns a condition of a rule in one line: lists with commas, tables as `name value`."""
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_in_words(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(each) for each in value)
    return str(value)


def _compute_lines(rules: Mapping[str, Any]) -> Iterator[str]:
    """Yields what may run next to the data, and what may leave; see docs/reference/output-gate.md."""
    for name, many in (("digests", "algorithm"), ("publishers", "publisher"), ("votes", "voted for")):
        yield from (f"{many:<11} {each}" for each in rules.get("algorithms", {}).get(name, ()))
    for file in rules["gate"].get("files", ()):
        by = ", once the owner looked at it" if file.get("release") == "owner" or file["type"] == "text" else ""
        yield f"may leave   {file['name']}: {file['type']}, at most {file['maxBytes']:,} bytes{by}"
    if rules.get("limits"):
        yield f"limits      {_in_words(rules['limits'])}"
    if "privacy" in rules:
        yield f"privacy     budget {_in_words(rules['privacy'].get('budget', {}))}"


def _profile_lines(profile: Mapping[str, Any]) -> Iterator[str]:
    """Yields what a profile tells of each column."""
    for column in profile["columns"]:
        said = [f"{column['missing']:,} missing"] if "missing" in column else []
        said += [f"{each['at']}%: {each['value']:g}" for each in column.get("quantiles", ())]
        said += [f"{each['value']} ({each['rows']:,})" for each in column.get("values", ())]
        yield f"{column['name']}: {column['type']}" + "".join(f", {each}" for each in said)


def order_lines(order: Order) -> Iterator[str]:
    """Yields how an order stands on the ledger."""
    yield f"order       {order.order}"
    yield f"offer       {order.offer}"
    yield f"state       {order.state}"
    yield f"price       {order.price.text}"
    if order.charge != order.price:
        yield f"charged     {order.charge.text}"
    yield f"buyer       {order.buyer}"
    yield f"seller      {order.seller}"
    if order.due:
        yield f"due         {time_text(order.due)}"
    if order.ends:
        yield f"window      until {time_text(order.ends)}"
    if order.until:
        yield f"access      until {time_text(order.until)}"
    yield f"bought      in block {order.block:,}, transaction {order.transaction}"


def purchase_lines(purchase: Purchase) -> Iterator[str]:
    """Yields how a purchase of this home stands."""
    yield f"order       {purchase.order}"
    yield f"title       {purchase.title}"
    yield f"kind        {purchase.kind}"
    yield f"state       {purchase.state.value}"
    if purchase.path:
        yield f"file        {purchase.path}"
    if purchase.fault:
        yield f"fault       {purchase.fault}"

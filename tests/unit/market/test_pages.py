"""The market's pages as a browser without scripts sees them, with two homes that really trade."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from making_crowds import crowded
from making_market_pages import LICENCE_TEXT, Counter, Fairground, fairground, with_jobs
from making_node import settled
from signing_in import PAGE, field

from counterfoil.core.statement import parse_record
from counterfoil.node.access import HOME
from counterfoil.web.roles import Role

LISTING = {
    "number": "1",
    "title": "Loans of a <b>small</b> bank",
    "description": "What became of them.",
    "tags": "credit, tabular",
    "kind": "licence",
    "price": "25",
    "licence_name": "research",
    "licence_text": LICENCE_TEXT,
    "who": "anybody",
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fairground]:
    with fairground(tmp_path_factory.mktemp("market")) as made:
        yield made


def page(counter: Counter, path: str, status: int = 200) -> str:
    with counter.client as client:
        answer = client.get(path)
    assert answer.status_code == status, (path, answer.text[:500])
    return answer.text


def send(counter: Counter, path: str, **form: str | list[str]) -> httpx.Response:
    with counter.client as client:
        return client.post(path, data=form)


def agree(counter: Counter, shown: str, what: str) -> str:
    """Agrees to a deal that a page shows, and returns what came of it."""
    found = re.search(rf'action="/market/deals/{what}/agreed".*?</form>', shown, re.DOTALL)
    assert found is not None, shown[:3_000]
    form = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', found[0]))
    answer = send(counter, f"/market/deals/{what}/agreed", **{name: unescaped(text) for name, text in form.items()})
    assert answer.status_code == 303, answer.text[:3_000]
    return ended(counter, answer.headers["location"])


def ended(counter: Counter, path: str) -> str:
    """Returns the page of work on the market, once it is over."""
    settled(lambda: 'data-progress="' not in page(counter, path))
    return page(counter, path)


def unescaped(text: str) -> str:
    return (
        text.replace("&#34;", '"').replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )


def words(shown: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def to_sell(ground: Fairground, name: str = "loans") -> str:
    return str(ground.seller.org.provenance.find_dataset(name).index)


def test_something_is_sold_bought_fetched_and_saved(ground: Fairground) -> None:
    seller, buyer, file = ground.seller, ground.buyer, ground.file
    form = send(seller, "/market/sell", what=to_sell(ground), where=str(file)).text
    assert "looks like e-mail addresses" in form
    asked = LISTING | {"what": to_sell(ground), "where": str(file)}
    cost = send(seller, "/market/sell/cost", **asked, sample=["age", "repaid"], profile=["age", "repaid"]).text
    assert "Register the dataset and offer it?" in cost
    assert not any(each.price.amount == "25.00" for each in seller.org.ledger.market.offers())
    assert "On offer: Loans of a &lt;b&gt;small&lt;/b&gt; bank" in agree(seller, cost, "list")
    (offer,) = [each for each in seller.org.ledger.market.offers() if each.price.amount == "25.00"]

    shown = page(buyer, f"/market/offers/{offer.offer}")
    assert "<b>small</b>" not in shown
    for part in ("Sample rows", "a quarter below 32", "yes 266", "Anybody who accepts the licence", "25.00 CREDIT"):
        assert part in words(shown), part
    assert "mail.example" not in shown
    assert LICENCE_TEXT in page(buyer, f"/market/offers/{offer.offer}/licence")
    told = json.loads(page(buyer, f"/market/offers/{offer.offer}/croissant.json"))
    assert (told["market:offer"], told["@type"]) == (offer.offer, "sc:Dataset")

    path, held = f"/market/offers/{offer.offer}", buyer.org.ledger.market.balance().units
    assert "The licence was not accepted" in send(buyer, path, jurisdiction="de").text
    cost = send(buyer, path, accepts="yes", jurisdiction="de").text
    assert "25.00 CREDIT, paid to the seller at once" in cost
    assert buyer.org.ledger.market.balance().units == held
    assert "Bought: Loans" in agree(buyer, cost, "buy")
    assert held - buyer.org.ledger.market.balance().units == offer.price.units

    (purchase,) = [each for each in buyer.org.market.purchases.all() if each.offer == offer.offer]
    assert (purchase.stated.jurisdiction, len(purchase.stated.accepts)) == ("DE", 1)
    one = f"/market/purchases/{purchase.order}"
    begun = send(buyer, f"{one}/fetch", go="1")
    assert "Here, checked against what was promised" in ended(buyer, begun.headers["location"])
    with buyer.client as client:
        saved = client.get(f"{one}/file")
    assert saved.content == file.read_bytes()
    assert saved.headers["content-disposition"] == 'attachment; filename="loans.csv"'


def test_what_changed_since_it_was_shown_is_shown_first_and_not_done(ground: Fairground) -> None:
    seller, buyer = ground.seller, ground.buyer
    given = {"offer": ground.offer, "price": "14"}
    shown = send(seller, "/market/deals/reprice", **given).text
    seen, most = field(shown, "seen"), field(shown, "most_wei")
    for changed in ({"price": "15"}, {"seen": "0" * 32}, {"most_wei": "1"}):
        again = send(seller, "/market/deals/reprice/agreed", **(given | {"seen": seen, "most_wei": most} | changed))
        assert "something changed since you looked" in again.text, changed
    assert seller.org.ledger.market.offer(ground.offer).price.amount == "12.50"
    assert "14.00 CREDIT" in agree(seller, shown, "reprice")
    assert "14.00 CREDIT" in page(buyer, f"/market/offers/{ground.offer}")


def test_nobody_pays_more_than_was_shown(ground: Fairground) -> None:
    offer, given = ground.offer, {"most": "1.00", "accepts": "", "jurisdiction": "", "purpose": ""}
    answer = send(ground.buyer, "/market/deals/buy", offer=offer, **given)
    assert answer.status_code == 403
    assert "Nothing was done" in answer.text


def test_the_catalogue_is_searched_narrowed_and_paged(ground: Fairground) -> None:
    ground.buyer.org.market.refresh()
    assert "access for a time: 30 days" in words(page(ground.buyer, "/market?words=chests"))
    only = page(ground.buyer, "/market?kind=period")
    assert 'aria-current="true">access for a time' in only
    assert only.count("<h3>") == 1
    assert "5 left" in words(only)
    assert "Nothing was found" in page(ground.buyer, "/market?words=nothing-is-called-so")
    assert "That cannot be searched for" in page(ground.buyer, "/market?order=sideways", 422)
    assert page(ground.buyer, "/market?most=5").count("<h3>") == 1
    assert "Clean, and delivered in a minute." in page(ground.buyer, f"/market/offers/{ground.offer}")


def test_what_is_newest_is_shown_behind_any_number_of_orders(ground: Fairground) -> None:
    seller, buyer = ground.seller, ground.buyer
    with crowded(seller.org, "order", ground.order), crowded(buyer.org, "order", ground.order):
        assert f'title="{ground.order}"' in page(seller, "/market/sold")
        assert "<code>counterfoil market offer list</code> lists all" not in page(seller, "/market/sold")
        assert "Reviewed by" in page(seller, f"/market/offers/{ground.offer}")
        assert "not on the ledger" not in page(buyer, "/market/purchases")
    with crowded(seller.org, "offer", ground.offer, 1_000):
        assert "The newest 1,000; <code>counterfoil market offer list</code> lists all" in page(seller, "/market/sold")


def test_an_order_is_refunded_and_money_withdrawn(ground: Fairground) -> None:
    seller, buyer = ground.seller, ground.buyer
    held = next(each for each in seller.org.ledger.market.orders() if each.state == "held" and each.kind == "licence")
    assert "the market holds the money until it is delivered" in page(buyer, f"/market/purchases/{held.order}")
    shown = send(seller, "/market/deals/refund", order=held.order).text
    assert "The access that the order gave ends." in shown
    assert "went back to the buyer" in agree(seller, shown, "refund")
    assert "the money came back; the access is over" in page(buyer, f"/market/purchases/{held.order}")
    owed = seller.org.ledger.market.owed()
    earned = page(seller, "/market/earnings")
    assert f"{owed.text}</p>" in earned
    assert "Paid by buyers each day, CREDIT" in earned
    shown = send(seller, "/market/deals/payout", token=owed.token).text
    assert "The account holds" in agree(seller, shown, "payout")
    assert seller.org.ledger.market.owed().units == 0


def test_nothing_but_what_is_on_record_is_sold(ground: Fairground, tmp_path: Path) -> None:
    other = tmp_path / "loans.csv"
    other.write_text("age\n1\n")
    for where in (str(other), "/etc/passwd", "/nowhere", "file:///etc/passwd", "s3://bucket/loans.csv", "other@1"):
        answer = send(ground.seller, "/market/sell", what=to_sell(ground), where=where)
        assert answer.status_code == 422, where
        assert "does not lie there" in answer.text or "an address is not taken here" in answer.text.lower(), where
        asked = LISTING | {"what": to_sell(ground), "where": where}
        assert send(ground.seller, "/market/sell/cost", **asked).status_code == 422, where


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"price": "-1"}, "price"),
        ({"kind": "gift"}, "kind of offer"),
        ({"supply": "many"}, "how many can be bought"),
        ({"licence_text": ""}, "licence"),
        ({"who": "terms", "terms": "rules = 1"}, "rules"),
        ({"sample": ["nothing"]}, "nothing"),
    ],
    ids=["price", "kind", "supply", "licence", "terms", "column"],
)
def test_a_listing_that_is_wrong_is_shown_with_all_that_was_filled_in(
    ground: Fairground, changed: dict[str, str], said: str
) -> None:
    asked = LISTING | {"what": to_sell(ground), "where": str(ground.file)} | changed
    answer = send(ground.seller, "/market/sell/cost", **asked)
    assert answer.status_code == 422
    assert "It cannot be offered so." in answer.text
    assert said in words(answer.text).lower()
    assert 'value="Loans of a &lt;b&gt;small&lt;/b&gt; bank"' in answer.text


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_an_output_is_looked_at_and_leaves_and_every_look_is_on_record(ground: Fairground, tmp_path: Path) -> None:
    seller = ground.seller
    order = with_jobs(ground, tmp_path)
    before = looks(seller)
    assert "mean dose 1" in page(seller, "/market/jobs")
    job = page(seller, f"/market/jobs/{order}")
    assert "part 4 of 4" in job
    (waiting,) = seller.org.market.jobs.pending()
    path = f"/market/desk/{waiting.job}/{waiting.name}"
    assert path in page(seller, "/market/desk")
    shown = page(seller, path)
    assert "all is well: 300 rows" in shown
    refused = send(seller, path, sha256=field(shown, "sha256"), verdict="release", reason="")
    assert (refused.status_code, "Nothing was decided." in refused.text) == (422, True)
    other = send(seller, path, sha256="0" * 64, verdict="release", reason="only figures")
    assert other.status_code == 422
    done = send(seller, path, sha256=field(shown, "sha256"), verdict="release", reason="only figures")
    assert (done.status_code, done.headers["location"]) == (303, "/market/desk")
    assert seller.org.market.jobs.pending() == []
    (settled_now,) = seller.org.market.jobs.settled(waiting.job)
    assert (settled_now.verdict, settled_now.reason) == ("released", "only figures")
    assert looks(seller) - before == 4  # the log once, the output each time it was shown
    page(seller, f"/market/jobs/{order}")
    assert looks(seller) - before == 4  # who goes on looking is on record


def looks(counter: Counter) -> int:
    archive = counter.org.archive
    return sum(parse_record(archive.entry(place)).kind == "look" for place in range(archive.size))


def test_an_auditor_sees_everything_and_does_nothing(ground: Fairground) -> None:
    token = ground.seller.node.access.keys.add("auditor", frozenset({Role.AUDITOR}), by=HOME).token
    auditor = Counter(ground.seller.org, ground.seller.node, ground.seller.url, token)
    for path in ("/market", "/market/sold", "/market/earnings", "/market/jobs", "/market/desk", "/market/sell"):
        shown = page(auditor, path)
        assert "/market/deals/" not in shown, path
    assert send(auditor, "/market/deals/withdraw", offer=ground.offer).status_code == 403
    assert send(auditor, "/market/sell", what="1", where="x").status_code == 403


def test_a_form_of_another_site_does_nothing(ground: Fairground) -> None:
    ground.seller.node.access.users.add("eve", "correct horse battery", frozenset({Role.OPERATOR}), by="test")
    with httpx.Client(base_url=ground.seller.url, headers=PAGE) as visitor:
        assert visitor.post("/login", data={"name": "eve", "password": "correct horse battery"}).status_code == 303
        refused = visitor.post("/market/deals/withdraw", data={"offer": ground.offer})
        assert refused.status_code == 403
        assert visitor.get("/market/sold").status_code == 200


def test_what_is_no_deal_and_no_work_of_the_market_is_not_found(ground: Fairground) -> None:
    assert send(ground.seller, "/market/deals/steal", offer=ground.offer).status_code == 404
    work = ground.seller.node.jobs.start(HOME, "rebuild", {})
    page(ground.seller, f"/market/doing/{work.id}", 404)
    assert send(ground.seller, "/work", kind="trade").status_code == 422

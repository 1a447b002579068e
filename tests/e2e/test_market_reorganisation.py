"""A chain takes a purchase back: it goes out again, is paid once, and is recorded once, when it is final."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from anvil import Anvil, needs_anvil
from making_market import Stall, offered
from organisations import Clock, copy_home, open_home
from two_traders import SHEET, digest, done, sent, trades

from counterfoil.errors import HomeBusy, NotAllowed
from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.market.buying import ToBuy, Way
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.market.selling.sold_orders import LOOK_AGAIN_S
from counterfoil.organisation import Organisation

pytestmark = needs_anvil

BALANCE_WEI = 10**20


class Interrupted(Exception):
    """Somebody does not wait."""


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with Anvil(options=["--no-mining"]) as started:
        yield started


@pytest.fixture(scope="module")
def org(anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organisation]:
    """A home on anvil that sells to itself, where twelve blocks make one final."""
    own = 'public_url = "http://127.0.0.1:9"\n'
    with open_home(copy_home(tmp_path_factory.mktemp("market"), own), Clock()) as opened:
        account = opened.ledger.joining.accounts.create()
        anvil.call("anvil_setBalance", f"0x{(account.address or b'').hex()}", hex(BALANCE_WEI))
        draft = Connection.draft(rpc=(anvil.url,), finality="confirmations", confirmations=12)
        with anvil.mining():
            opened.ledger.connect(Wanted(draft, with_assets=True, with_market=True))
        yield opened


@pytest.mark.parametrize("way", ["permit", "authorization"])
def test_a_purchase_that_is_taken_back_goes_out_again_and_is_paid_once(
    anvil: Anvil, org: Organisation, way: Way
) -> None:
    market, outbox = org.ledger.market, org.ledger.opened.outbox
    with anvil.mining():
        draft = OfferDraft("licence", "12.50", SHEET, supply=1)
        offer = done(market.registering_and_offering("dataset", digest(way), draft))
    held, bought = market.balance().units, sent(org).count("bought")

    def leave(line: str) -> None:
        raise Interrupted(line)

    wanted = ToBuy(offer.offer, digest(1), "12.50", SHEET)
    with pytest.raises(Interrupted, match="Sent"):
        market.buying(wanted, way=way)[1](leave)
    outbox.step()
    anvil.call("evm_mine")
    outbox.step()
    [seen] = market.orders(offer=offer.offer)  # in a block, and that may still be taken back
    assert market.events(offer=offer.offer, names=("Bought",), is_final=True) == []
    assert market.offer(offer.offer).is_open is False

    anvil.call("anvil_reorg", 1, [])
    assert market.orders(offer=offer.offer) == []
    assert market.offer(offer.offer).left == 1

    with anvil.mining():
        order = done(market.buying(wanted, way=way))
    assert (order.order, order.state) == (seen.order, "paid")
    assert held - market.balance().units == 12_500_000
    assert sent(org).count("bought") == bought + 1
    assert [each.transaction for each in trades(org) if each.order == order.order] == [order.transaction]
    assert len(market.events(offer=offer.offer, names=("Bought",), is_final=True)) == 1


def test_an_order_or_a_delivery_that_may_be_taken_back_opens_nothing(
    anvil: Anvil, org: Organisation, tmp_path: Path
) -> None:
    market, outbox, selling = org.ledger.market, org.ledger.opened.outbox, org.market.selling
    path = tmp_path / "scans.bin"
    path.write_bytes(bytes(1_000))
    with anvil.mining():
        stall = Stall(org, org, None, Clock(), "http://127.0.0.1:9")  # type: ignore[arg-type]
        offer, _ = offered(stall, path, name="taken back", delivery_s=86_400, window_s=86_400)

    def leave(line: str) -> None:
        raise Interrupted(line)

    planned = org.market.buying.planning(offer.offer, asks_seller=False)
    with pytest.raises(Interrupted):
        planned.carry_out(leave)
    claims = org.market.buying.entrance.claims(org.market.purchases.at(planned.order))
    outbox.step()
    anvil.call("evm_mine")
    outbox.step()
    assert market.order(planned.order).state == "held"
    with pytest.raises(NotAllowed, match="when its block is final"):
        selling.admissions.admit(planned.order, claims)
    with anvil.mining():
        bought = planned.carry_out(lambda _: None)
        time.sleep(LOOK_AGAIN_S)
        selling.admissions.admit(bought.order, claims)

    promised = selling.deliveries.prepare(bought.order)
    with pytest.raises(Interrupted):
        market.delivering(bought.order, promised.digest_hex)[1](leave)
    outbox.step()
    anvil.call("evm_mine")
    outbox.step()
    assert market.order(bought.order).state == "delivered"  # in a block, and that may still be taken back
    time.sleep(LOOK_AGAIN_S)
    assert selling.orders.order(bought.order).state == "held"
    with pytest.raises(HomeBusy):
        selling.deliveries.statement(bought.order)
    anvil.call("anvil_reorg", 1, [])
    assert market.order(bought.order).state == "held"
    with anvil.mining():
        assert selling.fulfilment.step() == 1
    time.sleep(LOOK_AGAIN_S)
    assert selling.deliveries.statement(bought.order).digest_hex == promised.digest_hex
    delivered = market.events(names=("Delivered",), order=bought.order, is_final=True)
    assert [each.told["digest"] for each in delivered] == [f"0x{promised.digest_hex}"]
    assert [each.action for each in trades(org) if each.order == bought.order] == ["bought", "delivered"]

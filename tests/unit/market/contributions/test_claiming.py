"""Many contributors under one root: the proofs of a share file are those that the contract wants."""

from __future__ import annotations

from pathlib import Path

import pytest
from making_market import Stall, offered
from two_traders import done

from counterfoil.errors import Reverted
from counterfoil.ledger.market.terms import Share
from counterfoil.market.contributions.share_file import WHOLE, ShareFile


@pytest.mark.parametrize("count", [1, 2, 3, 1_000])
def test_an_account_claims_its_part_with_the_file_that_all_have(stall: Stall, tmp_path: Path, count: int) -> None:
    ours = f"0x{stall.buys.account.hex()}"
    others = {f"0x{each + 1:040x}": 1 + each % 7 for each in range(count - 1)}
    file = tmp_path / "shares.json"
    file.write_bytes(ShareFile.of(others | {ours: 11}).encode())
    shares = ShareFile.read(file.read_bytes())
    path = tmp_path / "sold.csv"
    path.write_text("".join(f"{count},{each}\n" for each in range(50)))
    offer, _ = offered(stall, path, name=f"many {count}", shares=(Share.of(shares.root, 8_000),))
    done(stall.buys.buying(stall.to_buy(offer, f"many {count}")))

    claim = shares.claim(ours)
    for told in ((claim.weight + 1, claim.index), (claim.weight, claim.index + 1)):
        with pytest.raises(Reverted, match="not in the tree"):
            done(stall.buys.claiming(claim.root, *told, claim.size, claim.proof))
    had = stall.buys.balance().units
    done(stall.buys.claiming(claim.root, claim.weight, claim.index, claim.size, claim.proof))
    came = offer.price.units * 8_000 // 10_000
    assert stall.buys.balance().units - had == came * claim.weight // WHOLE
    assert not stall.buys.claiming(claim.root, claim.weight, claim.index, claim.size, claim.proof)[0].gas  # once

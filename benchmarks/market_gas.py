"""What the market costs on a ledger, beside what Ocean 2.6.0 costs: gas of whole transactions, approvals included."""

from __future__ import annotations

from typing import Final

from market_rows import Shop, market_rows
from measure import Figure, start

OCEAN: Final = {
    "publish": (1_603_113, "2 transactions: token and exchange, then metadata"),
    "first_purchase": (283_217, "3 transactions: approval, exchange, order"),
    "repeat_purchase": (224_614, "2 transactions: exchange, order"),
    "compute_job": (519_240, "3 transactions: order, lock, claim; deposit and authorization not counted"),
    "grant_role": (183_694, "with 41 users that have one; 84,000 for a new user"),
}
"""Ocean's contracts 2.6.0 as published, on anvil 1.7.1 under the rules of Cancun: gas, and what it is of."""

FIGURES = (
    Figure("publish_gas", "gas", "Registering an asset and offering it, in one transaction", "lower", 200_000),
    Figure("first_purchase_gas", "gas", "A first purchase with access, in one transaction by permit", "lower", 125_000),
    Figure("first_purchase_by_allowance_gas", "gas", "The same by an allowance that is there", "lower", 95_000),
    Figure("repeat_purchase_gas", "gas", "A purchase by the same buyer again", "lower", 75_000),
    Figure("further_payee_gas", "gas", "What one more share adds to a purchase", "lower", 8_000),
    Figure("new_payee_gas", "gas", "What the first share to a new account adds", "lower", 25_000),
    Figure("compute_job_gas", "gas", "A paid job: order, delivery, settling, from the balance", "lower", 145_000),
    Figure("compute_job_by_allowance_gas", "gas", "The same by an allowance", "lower", 145_000),
    Figure("compute_job_with_40_open_gas", "gas", "The first of these with 40 jobs open", "lower", 145_000),
    Figure("compute_job_at_once_gas", "gas", "A job without a window, delivered and settled in one", "lower", 145_000),
    Figure("compute_job_at_once_by_allowance_gas", "gas", "The same by an allowance", "lower", 145_000),
    Figure("compute_job_at_once_with_40_open_gas", "gas", "The same with 40 jobs open", "lower", 145_000),
    *(Figure(f"ocean_{name}_gas", "gas", f"Ocean: {said}", "lower") for name, (_, said) in OCEAN.items()),
)


def main() -> None:
    run = start("market_gas", __doc__, FIGURES)
    rows = market_rows()
    again = rows["buy again by allowance"]
    run.add("publish_gas", Shop().registering_gas)
    run.add("first_purchase_gas", rows["buy_with_permit first"])
    run.add("first_purchase_by_allowance_gas", rows["buy first by allowance"])
    run.add("repeat_purchase_gas", again)
    run.add("further_payee_gas", max((rows[f"buy again with {each} shares"] - again) / each for each in (1, 2, 32)))
    run.add("new_payee_gas", rows["buy with 1 shares, 1 of them new"] - rows["buy first by allowance"])
    run.add("compute_job_gas", rows["job from the balance, all three"])
    run.add("compute_job_by_allowance_gas", rows["job by allowance, all three"])
    run.add("compute_job_with_40_open_gas", rows["job from the balance with 40 open, all three"])
    run.add("compute_job_at_once_gas", rows["job from the balance, both"])
    run.add("compute_job_at_once_by_allowance_gas", rows["job by allowance, both"])
    run.add("compute_job_at_once_with_40_open_gas", rows["job by allowance with 40 open, both"])
    for name, (gas, _) in OCEAN.items():
        run.add(f"ocean_{name}_gas", gas)
        run.note(f"ocean_{name}_gas", "measured once, not by this script: Ocean's contracts are not installed with it")
    run.note("compute_job_gas", "the buyer's deposit is not counted, as Ocean's is not; unused parts of jobs go there")
    run.note(
        "compute_job_by_allowance_gas",
        "what it takes more is the token's transfer from the buyer; three transactions, as a window needs",
    )
    run.note("compute_job_at_once_gas", "two transactions: order, then delivery with settling, as a node does it")
    run.repeat = 1
    run.finish()


if __name__ == "__main__":
    main()

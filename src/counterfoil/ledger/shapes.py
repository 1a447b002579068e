"""The ledger as JSON, and what is asked of it: one shape for the command line and the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from counterfoil.ledger.accounts.keyfile import Keyfile
    from counterfoil.ledger.connecting import Plan, PlannedStep, Wanted
    from counterfoil.ledger.connection import Connection
    from counterfoil.ledger.costs import Assumptions, MonthlyCost
    from counterfoil.ledger.judging import Contradiction
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.standing import AnchorState

__all__ = [
    "account_json",
    "accounts_json",
    "connected_json",
    "contradiction_json",
    "costs_json",
    "plan_json",
    "state_json",
    "steps_json",
    "wanted_of",
]

_SETTINGS: Final = (
    "agree",
    "allow_plain_http",
    "fee_ceiling_gwei",
    "spend_per_day_gwei",
    "finality",
    "confirmations",
    "anchor_records",
    "anchor_age_s",
)


def account_json(made: Keyfile) -> dict[str, str]:
    """Returns an account just made."""
    from counterfoil.ledger.accounts.account import checksummed

    return {"address": checksummed(made.address or b""), "file": str(made.path)}


def accounts_json(ledger: Ledger) -> list[dict[str, Any]]:
    """Returns the accounts whose key files are in the home."""
    from counterfoil.ledger.accounts.account import checksummed

    used = ledger.connection.account if ledger.connection else ""
    listed = [(checksummed(each.address or b""), str(each.path)) for each in ledger.joining.accounts.files()]
    return [{"address": address, "file": file, "used": address == used} for address, file in listed]


def connected_json(made: Connection) -> dict[str, Any]:
    """Returns what was connected to."""
    return {
        "account": made.account,
        "assets": made.assets or None,
        "chain_id": made.chain_id,
        "contract": made.contract,
        "log_id": made.log_id,
    }


def contradiction_json(found: Contradiction, *, is_named: bool, done: bool) -> dict[str, Any]:
    """Returns what two files show of a log that signed two histories.

    Args:
        found: The contradiction.
        is_named: Whether the log is known to be the one that its heads name.
        done: Whether the ledger shows it.
    """
    from counterfoil.ledger.accounts.account import checksummed

    return {
        "chain_id": found.where.chain_id,
        "contract": checksummed(found.where.contract),
        "done": done,
        "log_id": f"0x{found.where.log_id.hex()}",
        "origin": found.origin if is_named else None,
        "roots": [root.hex() for root, _ in found.heads],
        "size": found.size,
    }


def costs_json(count: int, gas: int, assumed: Assumptions, costs: Sequence[MonthlyCost]) -> dict[str, Any]:
    """Returns what anchoring costs in a month, with what was assumed.

    Args:
        count: Anchors in 30 days.
        gas: Units of gas an anchor takes.
        assumed: Prices.
        costs: Of each kind of ledger.
    """
    return {
        "anchors_per_month": count,
        "assumed": {
            "anchor_gas": gas,
            "blob_gwei": assumed.blob_gwei,
            "coin_usd": assumed.coin_usd,
            "l1_gwei": assumed.l1_gwei,
            "l2_gwei": assumed.l2_gwei,
        },
        "costs": [
            {
                "disk_bytes": each.disk_bytes,
                "high_usd_per_month": each.high_usd,
                "ledger": each.ledger,
                "low_usd_per_month": each.low_usd,
                "proves_to": each.proves,
            }
            for each in costs
        ],
    }


def plan_json(plan: Plan) -> dict[str, Any]:
    """Returns what would be sent."""
    return {"balance_wei": plan.balance_wei, "chain_id": plan.chain_id} | steps_json(plan.steps)


def steps_json(steps: Sequence[PlannedStep]) -> dict[str, Any]:
    """Returns steps that were not taken."""
    told = [{"gas": step.gas, "most_wei": step.most_wei, "title": step.title} for step in steps]
    return {"done": False, "steps": told}


def state_json(state: AnchorState) -> dict[str, Any]:
    """Returns where a log and its ledger stand."""
    return {
        "due": state.due or None,
        "fault": state.fault or None,
        "final_size": state.proven_size,
        "ledger_size": state.ledger_size,
        "log_size": state.log_size,
        "waiting": state.waiting.id if state.waiting else None,
    }


def wanted_of(given: Mapping[str, Any]) -> Wanted:
    """Returns what to connect to, as options say it; what is None is left at its default.

    Raises:
        InvalidInput: One of them cannot be.
    """
    from counterfoil.ledger.accounts.account import parse_address
    from counterfoil.ledger.connecting import Wanted
    from counterfoil.ledger.connection import Connection

    settings = {name: given[name] for name in _SETTINGS if given.get(name) is not None}
    if given.get("signer"):
        settings["signer"] = given["signer"]
    draft = Connection.draft(rpc=tuple(given["rpc"]), **settings)
    contract, assets = (parse_address(given[name]) if given.get(name) else None for name in ("contract", "assets"))
    return Wanted(draft, contract, bool(given.get("anew")), assets, with_assets=given.get("with_assets"))

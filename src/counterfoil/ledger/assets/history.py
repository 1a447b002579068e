"""What the ledger told of assets, in the words of whoever asks."""

from __future__ import annotations

from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.assets.asset import Asset, AssetStep
from counterfoil.ledger.assets.book import AssetEvent, ListedAsset
from counterfoil.ledger.assets.contract import AssetsContract
from counterfoil.ledger.assets.kinds import NOBODY, ROLES, kind_word, state_word

__all__ = ["asset_step", "listed_asset"]


def listed_asset(found: ListedAsset, contract: AssetsContract, account: bytes) -> Asset:
    """Returns an asset as it is shown.

    Args:
        found: What its events tell.
        contract: Where it is.
        account: 20 bytes of this home's account.
    """
    return Asset(
        asset=found.asset,
        chain_id=contract.chain.chain_id,
        contract=checksummed(contract.address),
        kind=kind_word(found.kind),
        state=state_word(found.state),
        version=found.version,
        manifest=found.manifest.removeprefix("0x"),
        uri=found.uri,
        creator=_address(found.creator),
        owner=_address(found.owner),
        royalty_bps=found.royalty_bps,
        parents=tuple(found.parents),
        block=found.block,
        transaction=f"0x{found.transaction_hash.hex()}",
        is_ours=bytes.fromhex(found.owner[2:]) == account,
    )


def asset_step(event: AssetEvent) -> AssetStep:
    """Returns an event as it is shown."""
    return AssetStep(event.block, event.name, _sentence(event), f"0x{event.transaction_hash.hex()}")


def _sentence(event: AssetEvent) -> str:
    told = event.told
    if event.name == "Registered":
        return f"registered by {_address(told['creator'])} as a {kind_word(told['kind'])}"
    if event.name == "Derived":
        return f"made from {told['parent']}"
    if event.name == "Published":
        return f"version {told['version']}, manifest {told['manifest'].removeprefix('0x')}"
    if event.name == "UriSet":
        return f"found at {told['uri'] or 'no address'}"
    if event.name == "StateSet":
        return f"{state_word(told['state'])}, said {_address(told['by'])}"
    if event.name == "RolesSet":
        held = [word for word, bit in ROLES.items() if told["roles"] & bit]
        return f"{_address(told['account'])} is {' and '.join(held) or 'in no role any more'}"
    if event.name == "RoyaltyAssigned":
        return f"the royalty goes to {_address(told['account'])}"
    if event.name == "Transfer":
        is_new = told["sender"] == NOBODY
        return f"{'owned' if is_new else 'transferred and owned'} by {_address(told['receiver'])}"
    if event.name == "Approval":
        approved = told["approved"]
        return "nobody may transfer it but its owner" if approved == NOBODY else f"{_address(approved)} may transfer it"
    return event.name


def _address(text: str) -> str:
    return checksummed(bytes.fromhex(text[2:]))

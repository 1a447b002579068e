"""What assets are called in this home: the ledger has no names, the log has those of its own records."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.ledger.assets.asset import Asset
from counterfoil.provenance.assets.manifests import Manifest, manifest_sha256
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.provenance import Provenance

__all__ = ["asset_name", "find_asset", "parents_on_ledger"]


def asset_name(provenance: Provenance, asset: Asset) -> str:
    """Returns what this home calls the newest version of an asset, as NAME@VERSION; empty where it is another's."""
    try:
        record = provenance.with_leaf(asset.manifest).record
    except NotFound:
        return ""
    return f"{record.name}@{record.version}".removesuffix("@")


def find_asset(provenance: Provenance, assets: Sequence[Asset], wanted: str) -> str:
    """Returns the id of the asset that this home calls so.

    Args:
        provenance: Knows the names.
        assets: Those on the ledger.
        wanted: NAME or NAME@VERSION.

    Raises:
        NotFound: No asset is called so.
        InvalidInput: Several are.
    """
    names = [(asset_name(provenance, each), each.asset) for each in assets]
    found = [asset for name, asset in names if name and wanted in (name, name.rpartition("@")[0])]
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} assets are called {wanted!r}", hint=f"name one by its id: {', '.join(found)}")
    if not found:
        raise NotFound(f"no asset on the ledger is called {wanted!r}", hint="`counterfoil asset list` shows them")
    return found[0]


def parents_on_ledger(provenance: Provenance, found: Manifest, assets: Sequence[Asset]) -> list[tuple[str, str]]:
    """Returns what a dataset or model was directly made from, where that is on the ledger: (name, id of the asset)."""
    known = {each.manifest: each.asset for each in assets}
    place = provenance.with_leaf(found.leaf).index
    graph = provenance.lineage.graph(place, forth=False, depth=2)  # what lies between is the run
    before: list[Dataset | Model] = []
    for node in graph.nodes:
        if node.index != place and node.kind in ("dataset", "model"):
            at = provenance.dataset_at if node.kind == "dataset" else provenance.model_at
            before.append(at(node.index))
    named = ((f"{each.record.name} {each.record.version}", known.get(manifest_sha256(each))) for each in before)
    return [(name, asset) for name, asset in named if asset is not None]

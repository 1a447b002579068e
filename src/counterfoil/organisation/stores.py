"""Opens the parts of a home that hold its private values, its searchable tables, and what is in a depot."""

from __future__ import annotations

from counterfoil.store.archive import Archive
from counterfoil.store.depot import Depot
from counterfoil.store.home import Home
from counterfoil.store.keyring import Keyring
from counterfoil.store.objects import Objects
from counterfoil.store.postgres import schema_name
from counterfoil.store.sealed_files import SealedFiles
from counterfoil.store.vault import Vault
from counterfoil.store.vault_migration import destroy_older
from counterfoil.store.view_database import PostgresViews, SqliteViews, ViewDatabase

__all__ = ["open_depot", "open_vault", "view_database"]


def open_depot(home: Home) -> Depot:
    """Returns the depot that the settings name, or one that keeps nothing."""
    cache_bytes = home.settings.depot_cache_mib << 20
    return Depot(home.settings.depot_url, home.paths.depot, home.paths.cache, cache_bytes)


def view_database(home: Home, archive: Archive) -> ViewDatabase:
    """Returns where the searchable tables are: in the home, or on a server, in a schema of this log's own."""
    url = home.settings.views_url
    if not url:
        return SqliteViews(home.paths.views)
    return PostgresViews(url, lambda: schema_name("views", home.settings.origin, archive.identity))


def open_vault(home: Home, keyring: Keyring, depot: Depot) -> Vault:
    """Opens the vault, finishing a key rotation that a crash interrupted."""
    pending = keyring.pending("vault")
    previous = keyring.secret("vault", pending.id) if pending is not None else None
    key = keyring.secret("vault")
    vault = Vault.open(home.paths.vault, key, previous_key=previous, depot=depot)
    destroy_older(home.paths.vault)
    if previous is not None:
        vault.rotate_key(key)
        Objects(home.paths.artefacts, previous).reseal(key)
        SealedFiles(home.paths.snapshots, previous).rotate(key)
        keyring.confirm("vault")
    return vault

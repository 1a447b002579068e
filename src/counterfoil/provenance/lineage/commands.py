"""`counterfoil lineage`."""

from __future__ import annotations

import click

from counterfoil.provenance.lineage.show_commands import show

__all__ = ["lineage"]


@click.group()
def lineage() -> None:
    """Say what came from what, and see it."""


lineage.add_command(show)

"""`counterfoil checker`: the checker page as a file, and the fingerprint by which others know it."""

from __future__ import annotations

from pathlib import Path

import click

from counterfoil.cli.session import Session
from counterfoil.errors import InvalidInput

__all__ = ["checker"]


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="The new HTML file; without it, only the SHA-256."
)
@click.pass_obj
def checker(session: Session, out: Path | None) -> None:
    """Write the checker page: one HTML file that checks receipts and bundles in a browser.

    It needs no network and no home. Its SHA-256 tells whether a page that you got from
    somebody else, or saved from a server, is the one of this version.
    """
    from counterfoil.checker import checker_page, page_digest

    page, digest = checker_page().encode(), page_digest()
    lines = [f"SHA-256 of the checker page: {digest}"]
    if out is not None:
        if not out.parent.is_dir():
            raise InvalidInput(f"the folder {out.parent} does not exist", hint="make it first, or name another")
        if out.exists():
            raise InvalidInput(f"{out} already exists", hint="choose another name or remove it first")
        out.write_bytes(page)
        lines.insert(0, f"The checker page is in {out}; open it with a browser.")
    session.emit({"file": str(out) if out else None, "sha256": digest, "size_bytes": len(page)}, lines)

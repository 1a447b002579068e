"""The options by which a buyer says what a seller's terms ask for, and the most that is paid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.store.named_file import read_named

if TYPE_CHECKING:
    from counterfoil.market.buying.purchases import Stated
    from counterfoil.market.sheets.sheet import SignedSheet

__all__ = ["limiting", "stated_of", "stating"]

_PATH: Final = click.Path(path_type=Path)


def stating(command: Any) -> Any:
    """Adds the options to a command; `stated_of` takes what they give."""
    for option in (
        click.option(
            "--credential", "credentials", type=_PATH, multiple=True, metavar="FILE", help="Show one; may be repeated."
        ),
        click.option(
            "--accept-licence", is_flag=True, help="Agree to the text that the offer sheet names; read it first."
        ),
        click.option("--jurisdiction", metavar="CODE", help="Where it is used: ISO 3166, such as DE or US-CA."),
        click.option("--purpose", help="What for, in the word that the seller's terms have for it."),
    ):
        command = option(command)
    return command


def limiting(command: Any) -> Any:
    """Adds the options of the most that something may cost."""
    command = click.option(
        "--token", default="", metavar="ADDRESS", help="The token that --max is in; that of the settings without."
    )(command)
    return click.option(
        "--max", "most", default="", metavar="AMOUNT", help="The most it may cost; its price when it is looked at."
    )(command)


def stated_of(
    signed: SignedSheet,
    *,
    purpose: str | None,
    jurisdiction: str | None,
    accept_licence: bool,
    credentials: tuple[Path, ...],
) -> Stated:
    """Returns what a buyer states under a sheet.

    Raises:
        InvalidInput: A file cannot be read.
        MalformedEvidence, DoesNotMatch: One is no credential.
    """
    from counterfoil.market.buying.purchases import Stated

    accepts = (signed.sheet.wares.licence.sha256,) if accept_licence else ()
    return Stated(purpose, jurisdiction, accepts, tuple(_credential(each) for each in credentials))


def _credential(path: Path) -> dict[str, Any]:
    from counterfoil.market.terms import Credential

    return dict(Credential.read(read_named(path)).signed)

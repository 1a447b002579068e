"""The options by which a buyer says what a seller's terms ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.errors import InvalidInput

if TYPE_CHECKING:
    from counterfoil.market.buying.purchases import Stated
    from counterfoil.market.sheets.sheet import SignedSheet

__all__ = ["stated_of", "stating"]

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

    try:
        return dict(Credential.read(path.read_bytes()).signed)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", hint="check the file's name") from error

"""`counterfoil demo`: a bank, an applicant and an auditor, from the first decision to the last check."""

from __future__ import annotations

import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.errors import InvalidInput

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["demo"]

PATH: Final = click.Path(path_type=Path)
FOLDER: Final = "counterfoil-demo"


@click.command()
@click.option("--folder", type=PATH, metavar="FOLDER", help=f"New folder for its files; ./{FOLDER} by default.")
@click.pass_obj
def demo(session: Session, folder: Path | None) -> int:
    """See everything once, on real data, in a minute.

    An invented bank trains a model on the German credit data and decides on 300
    applicants. One gets a receipt, an auditor gets a file; both check what they hold.
    Then somebody tampers, and somebody is erased. All files stay in a new folder.

    Exit code 0: every check came out as told; 1: one did not.
    """
    from counterfoil.cli.demo.model import require_packages
    from counterfoil.cli.demo.narrator import Narrator
    from counterfoil.cli.demo.story import Story

    require_packages()
    began = clock.monotonic()
    narrator = Narrator(is_silent=session.as_json)
    story = Story(_new_folder(folder), narrator, session)
    story.tell()
    narrator.gap()
    held = sum(held for _, held in narrator.claims)
    narrator.say(f"{held} of {len(narrator.claims)} claims held. It took {clock.monotonic() - began:.0f} seconds.")
    if session.as_json:
        claims = [{"claim": what, "held": held} for what, held in narrator.claims]
        session.emit({"claims": claims, "folder": str(story.folder), "held": narrator.all_held}, ())
    return 0 if narrator.all_held else 1


def _new_folder(folder: Path | None) -> Path:
    """Makes the folder: the one named, else the next free one here.

    Raises:
        InvalidInput: When the one named holds something, or none can be made.
    """
    candidates = [folder] if folder else [Path(FOLDER), *(Path(f"{FOLDER}-{number}") for number in range(2, 1000))]
    for path in candidates:
        if folder is None and path.exists():
            continue
        try:
            path.mkdir(parents=folder is not None, exist_ok=folder is not None)
            is_empty = not any(path.iterdir())
        except OSError as error:
            hint = "name another with --folder"
            raise InvalidInput(f"the folder {path} cannot be made: {error.strerror}", hint=hint) from error
        if not is_empty:
            raise InvalidInput(f"the folder {path} is not empty", hint="name a new one; nothing is ever overwritten")
        return path
    raise InvalidInput(f"there are too many folders named {FOLDER} here", hint="remove some")

"""A picture as a file of its own: SVG with its style inside, light or dark as whoever looks prefers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import counterfoil.web
from counterfoil.errors import INSTALL_NODE, NotSetUp

if TYPE_CHECKING:
    from counterfoil.provenance.lineage.picture.picture import Picture

__all__ = ["picture_file"]

_TEMPLATES: Final = Path(__file__).parent / "templates"
_STATIC: Final = Path(counterfoil.web.__file__).parent / "static"
_AFTER_COLOURS: Final = "\n*, "
"""What follows the colours in the console's style."""
_PAPER: Final = "svg { background: var(--paper); }\n"


def picture_file(picture: Picture) -> bytes:
    """Returns a picture as an SVG file.

    Raises:
        NotSetUp: Without Jinja, which the node's packages bring.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise NotSetUp("a picture is drawn with a package that is missing: jinja2", hint=INSTALL_NODE) from error
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    colours = (_STATIC / "console.css").read_text(encoding="utf-8").partition(_AFTER_COLOURS)[0]
    style = colours + "\n" + _PAPER + (_STATIC / "lineage.css").read_text(encoding="utf-8")
    draw = environment.get_template("picture.html").module.draw  # type: ignore[attr-defined]  # a macro
    return str(draw(picture, dict.fromkeys((box.id for box in picture.boxes), ""), style)).strip().encode()

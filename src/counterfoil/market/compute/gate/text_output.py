"""Text as an output: readable, in UTF-8, and always for the owner to release."""

from __future__ import annotations

from counterfoil.market.compute.gate.cells import Run, numbers_in_texts, value_cells
from counterfoil.market.compute.gate.checked import Checked
from counterfoil.market.compute.gate.refusal import Refusal

__all__ = ["check_text"]


def check_text(data: bytes) -> Checked:
    """Returns a text as it may leave.

    Raises:
        Refusal: `text` where it is none, or holds what a terminal would obey.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("text", "it is no text in UTF-8") from error
    if not all(character.isprintable() or character in "\n\t" for character in text):
        raise Refusal("text", "it holds control characters")
    return Checked(data, [Run("numbers", numbers_in_texts([text])), Run("words", value_cells(text.split()))])

"""Whether a licence expression names licences that SPDX lists."""

from __future__ import annotations

import re
from typing import Final

from counterfoil.errors import InvalidInput

__all__ = ["require_listed"]

_WORDS: Final = re.compile(r"[A-Za-z0-9.+-]+")
_OPERATORS: Final = frozenset({"AND", "OR"})
_OWN: Final = "LicenseRef-"


def require_listed(expression: str) -> None:
    """Refuses a licence expression with a name that is not on the SPDX list.

    The list comes with the extra `passport`; without it, only the form of the
    expression has been checked.

    Raises:
        InvalidInput: A name is not listed; one's own names start with `LicenseRef-`.
    """
    try:
        from cyclonedx import spdx
    except ImportError:
        return
    words = iter(_WORDS.findall(expression))
    for word in words:
        if word == "WITH":
            next(words, None)  # an exception, which has a list of its own
            continue
        if word in _OPERATORS or word.startswith(_OWN):
            continue
        listed = spdx.fixup_id(word.removesuffix("+")) if word.endswith("+") else spdx.fixup_id(word)
        if listed is None:
            raise InvalidInput(
                f"the passport's licence.expression names {word[:60]!r}, which is not on the SPDX list",
                hint=f"look it up at https://spdx.org/licenses/, or call your own one {_OWN}…",
            )
        if listed != word.removesuffix("+") and listed != word:
            raise InvalidInput(f"the passport's licence.expression names {word!r}", hint=f"SPDX writes it {listed!r}")

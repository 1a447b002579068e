"""The page's script: its modules, in the order in which they need each other, as one text.

Each file of `code/` is an ES module that imports by name from its neighbours. A page that is
opened from a disk cannot load modules, so that each becomes a function here that runs once
and returns what it exports. Lines that are comments stay in the sources; nothing else is changed,
so that whoever reads the page reads the code as it was written.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Final

from counterfoil.core.check_anchor import ANCHORED, KNOWN_CODE

__all__ = ["modules", "script"]

ENTRY: Final = "page"
"""The module that starts the page."""

_IMPORT: Final = re.compile(r'^import \{([^}]+)\} from "\./(\w+)\.js";\n', re.M)
_COMMENTS: Final = re.compile(r"^ *(?://[^\n]*|/\*\*.*?\*/)\n", re.M | re.S)
_EXPORT: Final = re.compile(r"^export (?:async )?(?:function\*?|const|class) (\w+)", re.M)


def modules() -> dict[str, str]:
    """Returns the source of every module by name, each after those it imports from."""
    sources = {
        path.name.removesuffix(".js"): path.read_text("utf-8")
        for path in sorted(files(__package__).joinpath("code").iterdir(), key=lambda path: path.name)
        if path.name.endswith(".js")
    }
    sources["known"] = _known()
    ordered: dict[str, str] = {}
    for name in sources:
        _place(name, sources, ordered)
    return ordered


def script() -> str:
    """Returns the whole script; `counterfoil` names its modules, for whoever wants to try them."""
    wrapped = "\n".join(_wrapped(name, source) for name, source in modules().items())
    return f'"use strict";\nconst modules = {{}};\n{wrapped}\nglobalThis.counterfoil = Object.freeze(modules);\n'


def _place(name: str, sources: dict[str, str], ordered: dict[str, str]) -> None:
    if name not in ordered:
        for _, other in _IMPORT.findall(sources[name]):
            _place(other, sources, ordered)
        ordered[name] = sources[name]


def _wrapped(name: str, source: str) -> str:
    exported = ", ".join(_EXPORT.findall(source))
    body = _IMPORT.sub(lambda found: f"const {{{found[1]}}} = modules.{found[2]};\n", source)
    body = _COMMENTS.sub("", re.sub(r"^export ", "", body, flags=re.M))
    return f"modules.{name} = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();\n"


def _known() -> str:
    """What the core knows of released contracts, so that it is written down once."""
    code = {digest.hex(): slot for digest, slot in KNOWN_CODE.items()}
    return (
        "// Released Evidence contracts: the hash of their code, the slot of their heads, and their event.\n\n"
        f'export const ANCHORED = "{ANCHORED.hex()}";\n'
        f"export const KNOWN_CODE = {json.dumps(code)};\n"
    )

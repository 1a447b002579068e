"""What a signed HTTP request says (RFC 9421): which parts of it are covered, and the text that is signed.

    Signature-Input: cf=("@method" "@path");created=1618884473;keyid="bank.example+1a2b3c4d"
    Signature:       cf=:<base64 of the Ed25519 signature over the base>:

Read strictly: one signature, components without parameters, integers, and strings of
visible ASCII. That is what `write` makes; anything else is refused.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import NotSignedIn

__all__ = ["Covered", "read_covered", "read_signature", "signature_base", "write_signature"]

MOST_HEADER_CHARS: Final = 4_096
_LABEL: Final = re.compile(r"\s*([a-z*][a-z0-9_.*-]{0,63})=(.*)", re.DOTALL)
_INNER: Final = re.compile(r'\(((?:"[a-z0-9@._-]+"(?: (?!\)))?)*)\)((?:;.*)?)', re.DOTALL)
_NAME: Final = re.compile(r'"([a-z0-9@._-]+)"')
_PARAMETER: Final = re.compile(r'; *([a-z*][a-z0-9_.*-]*)=(?:(-?\d{1,15})|"((?:[ !#-\[\]-~]|\\["\\])*)")')
_BYTES: Final = re.compile(r":([A-Za-z0-9+/]+={0,2}):")


@dataclass(frozen=True, slots=True)
class Covered:
    """What a signature covers, and how it says so.

    Attributes:
        label: Its name among others.
        components: `@method`, `@path`, … or names of headers, in order.
        parameters: `created`, `expires`, `nonce`, `keyid`, in order.
    """

    label: str
    components: tuple[str, ...]
    parameters: Mapping[str, int | str]

    def value(self) -> str:
        """Returns the inner list with its parameters (RFC 9421, 2.3), as it stands in Signature-Input."""
        inner = " ".join(f'"{name}"' for name in self.components)
        return f"({inner})" + "".join(f";{name}={_item(value)}" for name, value in self.parameters.items())


def signature_base(covered: Covered, parts: Mapping[str, str]) -> bytes:
    """Returns the text that is signed (RFC 9421, 2.5).

    Args:
        covered: Which parts.
        parts: The value of each.

    Raises:
        NotSignedIn: A part is covered that the request does not have, or has with a line break in it.
    """
    lines = []
    for name in covered.components:
        value = parts.get(name)
        if value is None or "\n" in value or "\r" in value or not value.isascii():
            raise _refused(f"it covers {name}, which this request does not have as a line of ASCII")
        lines.append(f'"{name}": {value}')
    return "\n".join([*lines, f'"@signature-params": {covered.value()}']).encode()


def read_covered(header: str) -> Covered:
    """Reads the one signature that a Signature-Input header describes.

    Raises:
        NotSignedIn: It describes none, several, or in another form than `Covered.value` has.
    """
    found = _LABEL.fullmatch(header[: MOST_HEADER_CHARS + 1])
    inner = _INNER.fullmatch(found[2].strip()) if found and len(header) <= MOST_HEADER_CHARS else None
    if found is None or inner is None:
        raise _refused("Signature-Input cannot be read as one signature")
    components = tuple(_NAME.findall(inner[1]))
    parameters: dict[str, int | str] = {}
    rest = inner[2]
    while rest:
        given = _PARAMETER.match(rest)
        if given is None or given[1] in parameters:
            raise _refused("the parameters in Signature-Input cannot be read, or one is there twice")
        name, number, text = given.groups()
        parameters[name] = re.sub(r"\\(.)", r"\1", text) if number is None else int(number)
        rest = rest[given.end() :]
    if len(set(components)) != len(components):
        raise _refused("it covers a part twice")
    return Covered(found[1], components, parameters)


def read_signature(header: str, label: str) -> bytes:
    """Returns the 64 bytes of the signature.

    Raises:
        NotSignedIn: The Signature header holds anything else than this one.
    """
    found = _LABEL.fullmatch(header[: MOST_HEADER_CHARS + 1])
    value = _BYTES.fullmatch(found[2].strip()) if found and found[1] == label else None
    try:
        signature = b64decode(value[1], validate=True) if value else b""
    except Base64Error:
        signature = b""
    if len(signature) != 64:
        raise _refused("the Signature header does not hold the one Ed25519 signature that Signature-Input describes")
    return signature


def write_signature(signature: bytes, label: str) -> str:
    """Returns the value of the Signature header."""
    return f"{label}=:{b64encode(signature).decode()}:"


def _item(value: int | str) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _refused(why: str) -> NotSignedIn:
    return NotSignedIn(f"the signature of this request is not usable: {why}", hint="docs/reference/node-signatures.md")

"""What a run could depend on: versions, processor, and the list of installed packages."""

from __future__ import annotations

from importlib import metadata

__all__ = ["installed_packages"]


def installed_packages() -> bytes:
    """Returns the names and versions of all installed packages, one a line, as `name==version`, ascending."""
    found = {f"{each.name.lower()}=={each.version}" for each in metadata.distributions() if each.name}
    return "".join(f"{line}\n" for line in sorted(found)).encode()

"""Which dataset on record an event means. What is not on record is not made up.

1. An event that tells a digest (facet `version`, 64 hexadecimal digits) means the content with that digest, or nothing.
2. Otherwise a dataset on record is meant whose name is the event's namespace and name joined by a slash,
   `postgres://db:5432/orders`; the event's own first, then its symlinks. In this home's own namespace,
   `counterfoil://` and the origin, the name alone is enough.
3. Of several versions the one that the event tells; one that is not on record means nothing. Without one, the newest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.lineage.openlineage.event import Named
from counterfoil.provenance.model_register import Model

if TYPE_CHECKING:
    from counterfoil.provenance.provenance import Provenance

__all__ = ["namespace_of", "on_record"]

_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def namespace_of(origin: str) -> str:
    """Returns the namespace of a home's own jobs and datasets."""
    return f"counterfoil://{origin}"


def on_record(provenance: Provenance, named: Named, own: str) -> Dataset | Model | None:
    """Returns what is meant, None where that is not on record.

    Args:
        provenance: What is on record.
        named: What the event says.
        own: This home's own namespace.
    """
    digest = _DIGEST.fullmatch(named.version)
    if digest is not None:
        return provenance.dataset_with(digest[1]) or _model_with(provenance, named, digest[1])
    for name in _names(named, own):
        versions: list[Dataset | Model] = [*provenance.datasets(name)] or [*provenance.models(name)]
        if named.version:
            versions = [each for each in versions if each.record.version == named.version]
        if versions:
            return versions[-1]
    return None


def _names(named: Named, own: str) -> Iterator[str]:
    """Yields the names under which it may be on record."""
    for namespace, name in named.all_names:
        yield Named(namespace, name).whole
        if namespace.rstrip("/") == own:
            yield name


def _model_with(provenance: Provenance, named: Named, sha256: str) -> Model | None:
    models = provenance.models(named.name)
    return next((each for each in reversed(models) if each.record.file_sha256 == sha256), None)

"""One organisation and all it can do."""

from counterfoil.organisation.bundles import Bundles, Written
from counterfoil.organisation.erasures import Erasures
from counterfoil.organisation.organisation import Organisation

__all__ = ["Bundles", "Erasures", "Organisation", "Written"]

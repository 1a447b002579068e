"""Ocean Protocol's asset descriptions (DDO 4.1, 4.3, 4.5, 4.7 and 5.0), in and out; what does not map is listed."""

from counterfoil.market.ocean.exporting import Exported, OceanPlace, export_ddo
from counterfoil.market.ocean.importing import Imported, OfferDraft, import_ddo
from counterfoil.market.ocean.unmapped import Unmapped
from counterfoil.market.ocean.versions import VERSIONS

__all__ = [
    "VERSIONS",
    "Exported",
    "Imported",
    "OceanPlace",
    "OfferDraft",
    "Unmapped",
    "export_ddo",
    "import_ddo",
]

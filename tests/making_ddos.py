"""Descriptions of assets as Ocean has them, written from its specification."""

from __future__ import annotations

from copy import deepcopy
from hashlib import sha256
from typing import Any

NFT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # an example of ERC-55, so its letters are known to be right
TOKEN = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
CHAIN = 137
DIGEST = sha256(f"{NFT}{CHAIN}".encode()).hexdigest()

_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "year",
        "type": "number",
        "label": "Year",
        "required": True,
        "description": "Which year",
        "default": "2024",
    },
    {
        "name": "port",
        "type": "select",
        "label": "Port",
        "required": False,
        "description": "Which port",
        "default": "NO1",
        "options": '[{"NO1": "Oslo"}, {"NO2": "Bergen"}]',
    },
]

_ACCESS: dict[str, Any] = {
    "id": "7f",
    "type": "access",
    "name": "Download",
    "description": "The file as a whole.",
    "files": "0x04ab",
    "datatokenAddress": TOKEN,
    "serviceEndpoint": "https://ocean.harbour.example",
    "timeout": 86_400,
    "consumerParameters": _PARAMETERS,
}

_COMPUTE: dict[str, Any] = {
    "id": "8c",
    "type": "compute",
    "files": "0x04cd",
    "datatokenAddress": TOKEN,
    "serviceEndpoint": "https://ocean.harbour.example",
    "timeout": 0,
    "compute": {
        "allowRawAlgorithm": False,
        "allowNetworkAccess": True,
        "publisherTrustedAlgorithmPublishers": ["0x" + "11" * 20],
        "publisherTrustedAlgorithms": [
            {"did": "did:op:" + "ab" * 32, "filesChecksum": "f1", "containerSectionChecksum": "c1"}
        ],
    },
}

_METADATA: dict[str, Any] = {
    "created": "2024-01-02T03:04:05Z",
    "updated": "2024-02-03T04:05:06Z",
    "type": "dataset",
    "name": "Calls at ports",
    "description": "Every call of a ship at a port.\nOne row each.",
    "author": "Harbour Office",
    "license": "CC-BY-4.0",
    "links": ["https://harbour.example/sample.csv"],
    "tags": ["ships", "ports"],
    "categories": ["transport", "ships"],
    "copyrightHolder": "Harbour Office",
    "contentLanguage": "en",
    "additionalInformation": {"source": {"radar": True}},
}


def ddo_4(version: str = "4.7.0") -> dict[str, Any]:
    """Returns a dataset with both kinds of services, and what an indexer adds to it."""
    made = {
        "@context": ["https://w3id.org/did/v1"],
        "id": f"did:op:{DIGEST}",
        "version": version,
        "chainId": CHAIN,
        "nftAddress": NFT,
        "metadata": _METADATA,
        "services": [_ACCESS, _COMPUTE],
        "credentials": {"allow": [], "deny": [{"type": "address", "values": ["0x" + "22" * 20]}]},
        "nft": {"address": NFT, "name": "n", "state": 0, "owner": "0x" + "33" * 20},
        "datatokens": [{"address": TOKEN, "serviceId": "7f"}],
        "event": {"block": 12},
        "stats": {"orders": 4},
        "purgatory": {"state": False},
    }
    return deepcopy(made)


def ddo_5() -> dict[str, Any]:
    """Returns a dataset in the shape of a verifiable credential."""
    access = _ACCESS | {
        "displayName": {"@value": "Download it", "@language": "en-GB", "@direction": "ltr"},
        "description": {"@value": "The file as a whole.", "@language": "", "@direction": ""},
        "consumerParameters": [
            _PARAMETERS[0] | {"default": 2024},
            _PARAMETERS[1] | {"options": [{"NO1": "Oslo"}, {"NO2": "Bergen"}]},
        ],
        "state": 0,
        "credentials": [],
        "dataSchema": {"name": "schema", "fileType": "json", "sha256": "00" * 32, "mirrors": []},
    }
    metadata = {key: value for key, value in _METADATA.items() if key not in ("author", "contentLanguage", "links")} | {
        "description": {"@value": _METADATA["description"], "@language": "en", "@direction": "ltr"},
        "displayTitle": {"@value": "Calls of ships at ports", "@language": "en", "@direction": "ltr"},
        "providedBy": "Harbour Office",
        "license": {
            "name": "CC-BY-4.0",
            "licenseDocuments": [
                {
                    "name": "CC-BY-4.0",
                    "fileType": "text/plain",
                    "sha256": "AB" * 32,
                    "mirrors": [{"type": "url", "url": "https://harbour.example/licence", "method": "get"}],
                }
            ],
        },
        "links": {"sample": "https://harbour.example/sample.csv"},
        "additionalInformation": {"radar": True},
    }
    return deepcopy(
        {
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "id": f"did:ope:{DIGEST}",
            "type": ["VerifiableCredential"],
            "version": "5.0.0",
            "issuer": "did:web:harbour.example",
            "credentialSubject": {
                "id": f"did:ope:{DIGEST}",
                "metadata": metadata,
                "services": [access],
                "credentials": [],
                "chainId": CHAIN,
                "nftAddress": NFT,
            },
            "proof": {"header": {}, "signature": "x"},
            "additionalDdos": [{"type": "gaiax", "data": "y"}],
        }
    )

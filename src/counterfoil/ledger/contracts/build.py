"""Compiles the contracts: `python -m counterfoil.ledger.contracts.build` writes what the package ships.

Whoever only uses the contracts needs no compiler; whoever wants to know that the shipped
code comes from the shipped sources installs `vyper` in the version each source names and
runs this with `--check`. The same sources give the same bytes anywhere.

The code is for the rules of Cancun (2024). Prague adds no instruction that Vyper 0.4.3
would use, so it would give the same code, and a chain that is not at Prague yet (many
private ones) runs this too. What it takes from Cancun is MCOPY, which copies proofs cheaply.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, Final

import click
import vyper  # type: ignore[import-untyped]
from vyper.compiler import compile_from_file_input  # type: ignore[import-untyped]
from vyper.compiler.input_bundle import JSONInputBundle  # type: ignore[import-untyped]
from vyper.utils import keccak256  # type: ignore[import-untyped]

from counterfoil.ledger.contracts.artefact import FORMAT

__all__ = ["CONTRACTS", "build", "main"]

CONTRACTS: Final = ("Assets", "Credits", "Evidence", "Market")
FOLDER: Final = Path(__file__).parent
_OUTPUTS: Final = ("abi", "bytecode", "bytecode_runtime", "layout", "method_identifiers", "settings_dict", "solc_json")
_USAGE: Final = "usage: python -m counterfoil.ledger.contracts.build [--check] [CONTRACT...]"


def build(contract: str, folder: Path = FOLDER) -> bytes:
    """Returns the artefact of one contract, the bytes of a JSON file.

    Args:
        contract: Name of the source, without `.vy`.
        folder: Where it lies; its modules are in `modules` below.
    """
    # The compiler gets the sources by name, so that no folder's path can get into the code.
    bundle = JSONInputBundle({PurePath(name): {"content": text} for name, text in _texts(folder)}, [PurePath()])
    found = compile_from_file_input(bundle.load_file(f"{contract}.vy"), bundle, output_formats=_OUTPUTS)
    sources = found["solc_json"]["sources"]
    settings = found["settings_dict"]
    artefact = {
        "abi": found["abi"],
        "bytecode": found["bytecode"],
        "compiler": f"vyper {vyper.__version__}",
        "contract": contract,
        "evm_version": settings["evm_version"],
        "format": FORMAT,
        "immutables": {name: entry["offset"] for name, entry in found["layout"].get("code_layout", {}).items()},
        "optimize": settings["optimize"],
        "runtime_code_hash": _hex(keccak256(bytes.fromhex(found["bytecode_runtime"][2:]))),
        "selectors": {name: f"0x{int(value, 16):08x}" for name, value in found["method_identifiers"].items()},
        "sources_sha256": {name: sha256(source["content"].encode()).hexdigest() for name, source in sources.items()},
        "storage_layout": found["layout"]["storage_layout"],
        "topics": {name: _hex(keccak256(name.encode())) for name in _events(found["abi"])},
    }
    return (json.dumps(artefact, indent=1, sort_keys=True) + "\n").encode()


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Writes the artefacts named, or all, or with `--check` only compares them. Returns the exit code."""
    is_checked, named = "--check" in arguments, [each for each in arguments if each != "--check"]
    if not set(named) <= set(CONTRACTS):
        click.echo(_USAGE, err=True)
        return 2
    for contract in named or CONTRACTS:
        path, artefact = folder / f"{contract}.json", build(contract, folder)
        if not is_checked:
            path.write_bytes(artefact)
        elif not path.exists() or path.read_bytes() != artefact:
            click.echo(f"error: {path.name} does not come from these sources", err=True)
            click.echo("hint: run python -m counterfoil.ledger.contracts.build", err=True)
            return 1
    return 0


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields the name and text of every contract and module."""
    for path in folder.rglob("*.vy"):
        yield path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8")


def _events(abi: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields each event as the first topic hashes it: `Kept(bytes32,uint256,bytes32)`."""
    for entry in abi:
        if entry["type"] == "event":
            yield f"{entry['name']}({','.join(each['type'] for each in entry['inputs'])})"


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
